import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from jfdask.errors import LockHeld, StoreError
from jfdask.store.documents import read_json, write_json
from jfdask.store.filesystem import Store, open_store
from jfdask.store.keys import LOCK, LOCK_CLAIM
from jfdask.store.lock import Lock, hold_lock, utc_now


def test_only_one_holds_it(store: Store, clock: Callable) -> None:
    with hold_lock(store, "jfdask run", 120, clock) as lock:
        assert lock.still_held()
        clock.advance(60)
        with (
            pytest.raises(LockHeld) as caught,
            hold_lock(store, "jfdask train", 120, clock),
        ):
            pass
        message = str(caught.value)
        for part in ("jfdask run", f"process {os.getpid()}", "03:00:00 UTC", "03:02:00 UTC"):
            assert part in message
        assert caught.value.exit_code == 75
        assert lock.still_held()
    assert store.list() == []
    assert not lock.still_held()
    with hold_lock(store, "jfdask train", 120, clock):
        pass


def test_it_is_released_when_the_block_fails(folder: Store) -> None:
    with pytest.raises(KeyError), hold_lock(folder, "a", 60):
        raise KeyError
    assert folder.list() == []


def test_an_expired_one_is_taken_over_and_said(
    store: Store, clock: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with hold_lock(store, "the dead", 120, clock) as old:
        clock.advance(119)
        with pytest.raises(LockHeld), hold_lock(store, "new", 120, clock):
            pass
        clock.advance(2)
        with (
            caplog.at_level(logging.WARNING),
            hold_lock(store, "new", 120, clock) as new,
        ):
            assert "Took over the lock of the dead" in caplog.text
            assert new.still_held()
            assert not old.still_held()
            assert not old.renew()
            assert read_json(store, "lock")["owner"] == "new"
            assert store.list() == ["lock"]
    assert store.list() == []


def test_the_old_holder_does_not_remove_the_new_one_s(folder: Store, clock: Callable) -> None:
    old = Lock(folder, "old", 120, clock)
    old.acquire()
    clock.advance(130)
    with hold_lock(folder, "new", 120, clock) as new:
        old.release()
        assert new.still_held()


def test_renewing(store: Store, clock: Callable) -> None:
    with hold_lock(store, "a", 120, clock) as lock:
        for _ in range(5):
            clock.advance(100)
            assert lock.renew()
            assert lock.still_held()
        assert store.list() == ["lock"]


def test_a_machine_that_slept_gets_it_back_if_nobody_took_it(
    folder: Store, clock: Callable
) -> None:
    with hold_lock(folder, "a", 120, clock) as lock:
        clock.advance(1000)
        assert lock.still_held()
        with pytest.raises(LockHeld), hold_lock(folder, "b", 120, clock):
            pass


def test_an_expired_one_is_released_too(folder: Store, clock: Callable) -> None:
    with hold_lock(folder, "a", 120, clock):
        clock.advance(1000)
    assert folder.list() == []


def test_the_heartbeat_keeps_it(folder: Store) -> None:
    with hold_lock(folder, "a", 0.9) as lock:
        first = read_json(folder, "lock")
        time.sleep(1.5)
        assert lock.still_held()
        now = read_json(folder, "lock")
        assert now["expires"] > first["expires"]
        assert now["since"] == first["since"]
    time.sleep(0.4)
    assert folder.list() == []


def test_the_heartbeat_outlives_a_failure(
    folder: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), hold_lock(folder, "a", 0.9) as lock:
        write = Store.write
        failures = iter([True, True])

        def fail(self: Store, key: str, data: bytes) -> None:
            if next(failures, False):
                raise StoreError("away for a moment")
            write(self, key, data)

        monkeypatch.setattr(Store, "write", fail)
        time.sleep(1.4)
        assert lock.still_held()
    assert caplog.text.count("away for a moment") == 2


def test_a_heartbeat_that_lost_it_says_so(folder: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), hold_lock(folder, "a", 0.6) as lock:
        write_json(folder, "lock", {**read_json(folder, "lock"), "token": "another's"})
        time.sleep(0.5)
        assert "was lost" in caplog.text
        assert lock.is_lost
        assert isinstance(lock.loss("a-run"), LockHeld)
        assert "another night (a on " in str(lock.loss("a-run"))
    assert read_json(folder, "lock")["token"] == "another's"


def test_of_many_who_want_it_one_gets_it(folder: Store, clock: Callable) -> None:
    dead = Lock(folder, "dead", 60, clock)
    dead.acquire()
    for expired in (True, False):
        if expired:
            clock.advance(100)
        else:
            folder.delete("lock")
        held: list[Lock] = []
        ready = threading.Barrier(8)

        def contend(ready: threading.Barrier = ready, held: list[Lock] = held) -> None:
            lock = Lock(folder, "one of many", 60, clock)
            ready.wait()
            try:
                lock.acquire()
            except LockHeld:
                return
            held.append(lock)

        threads = [threading.Thread(target=contend) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(held) == 1
        assert held[0].still_held()
        assert folder.list() == ["lock"]


def test_another_process_is_kept_out(store: Store) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        from jfdask.errors import LockHeld
        from jfdask.store.filesystem import StoreAddress, open_store
        from jfdask.store.lock import hold_lock
        try:
            with hold_lock(open_store({store.address!r}), "other", 60):
                print("got it")
        except LockHeld as error:
            print(error)
            sys.exit(error.exit_code)
        """
    )

    def other() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    with hold_lock(store, "this one", 60):
        held = other()
        assert held.returncode == 75, held.stderr
        assert "this one" in held.stdout
    free = other()
    assert (free.returncode, free.stdout) == (0, "got it\n"), free.stderr


def test_a_claim_left_by_a_crash_is_cleared(folder: Store, clock: Callable) -> None:
    Lock(folder, "dead", 60, clock).acquire()
    dead_claim = {**read_json(folder, "lock"), "token": "claimed and died"}
    clock.advance(100)
    write_json(folder, "lock.claim", dead_claim)
    with hold_lock(folder, "new", 60, clock) as lock:
        assert lock.still_held()
        assert folder.list() == ["lock"]


def test_a_claim_under_way_is_respected(folder: Store, clock: Callable) -> None:
    Lock(folder, "dead", 60, clock).acquire()
    clock.advance(100)
    other = Lock(folder, "other", 60, clock)
    write_json(folder, "lock.claim", other._renewed().__dict__)
    with pytest.raises(LockHeld, match="at this moment"), hold_lock(folder, "new", 60, clock):
        pass
    assert read_json(folder, "lock")["owner"] == "dead"


def test_who_renews_in_the_last_quarter_respects_a_claim(folder: Store, clock: Callable) -> None:
    other = Lock(folder, "other", 120, clock)
    with hold_lock(folder, "a", 120, clock) as lock:
        for seconds, is_late in ((89, False), (91, True)):
            clock.advance(seconds)
            write_json(folder, "lock.claim", other._renewed().__dict__)
            if is_late:
                with pytest.raises(StoreError, match="Others are at the lock"):
                    lock.renew()
            else:
                assert lock.renew()
            folder.delete("lock.claim")


def test_one_that_is_renewed_at_the_last_moment_is_not_taken_over(
    folder: Store, clock: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lock(folder, "slept", 120, clock) as old:
        clock.advance(121)
        new = Lock(folder, "new", 120, clock)
        create = new._create

        def create_late(key, lease):
            if key == LOCK_CLAIM:
                assert old.renew()
            return create(key, lease)

        monkeypatch.setattr(new, "_create", create_late)
        with pytest.raises(LockHeld, match="slept"):
            new.acquire()
        assert old.still_held()
        assert folder.list() == [LOCK]


def test_a_claim_that_is_gone_when_it_is_read_is_tried_for_again(
    folder: Store, clock: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lock(folder, "slept", 120, clock) as old:
        clock.advance(121)
        new = Lock(folder, "new", 120, clock)
        create, refused = new._create, []

        def refused_once(key, lease):
            if key == LOCK_CLAIM and not refused:
                refused.append(key)
                return False
            return create(key, lease)

        monkeypatch.setattr(new, "_create", refused_once)
        new.acquire()
        assert refused
        assert new.still_held()
        assert not old.still_held()
        new.release()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"token": 1}'])
def test_an_unreadable_lock_is_taken_over(folder: Store, data: bytes) -> None:
    folder.write("lock", data)
    with hold_lock(folder, "new", 60) as lock:
        assert lock.still_held()


def test_a_create_that_was_answered_twice(folder: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock(folder, "a", 60, utc_now)
    create = Store.create

    def lose_the_answer(self: Store, key: str, data: bytes) -> None:
        create(self, key, data)
        raise FileExistsError(key)

    monkeypatch.setattr(Store, "create", lose_the_answer)
    lock.acquire()
    assert lock.still_held()


def test_a_store_without_exclusive_create(
    folder: Store, monkeypatch: pytest.MonkeyPatch, clock: Callable
) -> None:
    monkeypatch.setattr(Store, "create", Store.write)
    with (
        pytest.raises(StoreError, match="single_writer"),
        hold_lock(open_store(folder.address), "a", 60, clock),
    ):
        pass
    promised = open_store(replace(folder.address, single_writer=True))
    with hold_lock(promised, "a", 60, clock) as lock:
        assert lock.still_held()
        with pytest.raises(LockHeld), hold_lock(promised, "b", 60, clock):
            pass
        clock.advance(61)
        with hold_lock(promised, "b", 60, clock) as taken:
            assert taken.still_held()
    assert folder.list() == []


def test_a_release_that_fails_does_not_hide_what_happened(
    folder: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Store, key: str) -> None:
        raise StoreError("gone")

    def work() -> None:
        with hold_lock(folder, "a", 60):
            monkeypatch.setattr(Store, "delete", fail)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert "could not be released: gone" in caplog.text
