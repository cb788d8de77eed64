from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jfdask.errors import DamagedArtifact, LockHeld, MissingArtifact, StoreError
from jfdask.store.filesystem import Store
from jfdask.store.lock import hold_lock
from jfdask.store.manifests import load_run
from jfdask.store.runs import (
    Released,
    latest_run,
    list_runs,
    look_at_run,
    new_run_id,
    prune,
    release_run,
    run_ids,
    seal_run,
    started_at,
    take_up_run,
    unfinished_run,
)
from jfdask.store.verify import verify_run

NOW = datetime(2026, 8, 1, 3, tzinfo=UTC)
LATER = NOW + timedelta(days=9)
HOUR = timedelta(hours=1)
ALWAYS = timedelta(days=99)
WriteRun = Callable[..., None]


def name(day: int) -> str:
    return f"202608{day:02}T030000Z-00000{day % 10}"


def test_run_ids_sort_by_time() -> None:
    later = NOW + timedelta(seconds=1)
    assert new_run_id(NOW) < new_run_id(later)
    assert new_run_id(NOW) != new_run_id(NOW)
    assert started_at(new_run_id(later)) == later
    elsewhere = NOW.astimezone(tz=None)
    assert started_at(new_run_id(elsewhere)) == NOW
    with pytest.raises(ValueError, match="no run's id"):
        started_at("latest")


def test_before_the_first_night(store: Store) -> None:
    assert latest_run(store) is None
    assert list_runs(store) == []
    assert prune(store, 1, LATER, ALWAYS) == []
    with pytest.raises(MissingArtifact):
        load_run(store, name(1))


def test_the_first_night(store: Store, write_run: WriteRun) -> None:
    write_run(store, name(1))
    write_run(store, name(2), seal=False)
    assert latest_run(store) == name(1)
    second, first = list_runs(store)
    assert (first.run_id, first.is_finished, first.is_latest) == (name(1), True, True)
    assert (first.stages, first.status) == (("train",), "done")
    assert (second.is_finished, second.is_latest) == (False, False)
    assert verify_run(store, name(1)) == []


def test_verify_goes_down_the_chain(folder: Store, write_run: WriteRun) -> None:
    write_run(folder, name(1))
    good = {key: folder.read(key) for key in folder.list("runs")}
    for key in good:
        if key.count("/") == 2:
            continue  # the run's own manifest: nothing stands above it
        folder.write(key, good[key] + b" ")
        problems = verify_run(folder, name(1))
        assert len(problems) == 1, key
        assert key in problems[0]
        folder.write(key, good[key])
    folder.write(f"runs/{name(1)}/manifest.json", b"{}")
    with pytest.raises(DamagedArtifact):
        verify_run(folder, name(1))


def test_latest_moves_only_while_the_lock_is_held(folder: Store, write_run: WriteRun) -> None:
    write_run(folder, name(1))
    with hold_lock(folder, "a", 60) as lock:
        folder.write("lock", folder.read("lock").replace(lock.token.encode(), b"0" * 32))
        with pytest.raises(LockHeld, match="lost the lock"):
            seal_run(folder, name(2), {}, lock, NOW)
    assert latest_run(folder) == name(1)
    assert run_ids(folder) == [name(1)]


def test_a_lock_lost_between_the_two_writes(
    folder: Store, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun
) -> None:
    write_run(folder, name(1))
    with hold_lock(folder, "a", 60) as lock:
        answers = iter([True, False])
        monkeypatch.setattr(lock, "still_held", lambda: next(answers))
        with pytest.raises(LockHeld):
            seal_run(folder, name(2), {}, lock, NOW)
    assert latest_run(folder) == name(1)


@pytest.mark.parametrize("damaged", [b'{"run_id": "../x"}', b"{", b"[]"])
def test_a_latest_that_names_no_run_is_the_newest_that_has_ended(
    folder: Store, write_run: WriteRun, damaged: bytes
) -> None:
    folder.write("latest", damaged)
    assert latest_run(folder) is None
    for number in (1, 2):
        write_run(folder, name(number))
        folder.write("latest", damaged)
    assert latest_run(folder) == name(2)


def test_prune_keeps_the_newest_the_latest_and_what_is_under_way(
    store: Store, write_run: WriteRun
) -> None:
    for day in (1, 2, 4, 5):
        write_run(store, name(day))
    write_run(store, name(3), seal=False)
    write_run(store, name(6), seal=False)
    store.write("state/home/playlists.json", b"{}")
    store.write("latest", f'{{"run_id": "{name(1)}"}}'.encode())
    assert prune(store, 2, LATER, ALWAYS) == [name(3), name(2)]
    assert run_ids(store) == [name(6), name(5), name(4), name(1)]
    assert store.exists("state/home/playlists.json")
    assert prune(store, 2, LATER, ALWAYS) == []
    assert prune(store, 1, LATER, ALWAYS) == [name(4)]
    with pytest.raises(ValueError, match="At least one"):
        prune(store, 0, LATER, ALWAYS)


def test_prune_counts_no_run_that_has_only_an_earlier_ones_results(
    folder: Store, write_run: WriteRun
) -> None:
    part, kept = {"home": "part", "away": "kept"}, {"home": "kept", "away": "failed"}
    for day, households in enumerate((part, part, part, kept, kept, kept), 1):
        write_run(folder, name(day), households=households)
    assert prune(folder, 2, LATER, ALWAYS) == [name(5), name(4), name(1)]
    assert run_ids(folder) == [name(6), name(3), name(2)]


def test_without_a_finished_run_nothing_is_pruned(folder: Store, write_run: WriteRun) -> None:
    for day in (1, 2):
        write_run(folder, name(day), seal=False)
    assert prune(folder, 1, LATER, ALWAYS) == []


def test_runs_that_nothing_goes_on_with_are_pruned(folder: Store, write_run: WriteRun) -> None:
    """A night that fails every day leaves no more than the store has room for."""
    write_run(folder, name(1))
    for day in (2, 3, 4, 5):
        write_run(folder, name(day), seal=False)
    now = NOW + timedelta(days=4)
    assert prune(folder, 2, now, 25 * HOUR, [name(2)]) == [name(3)]
    assert run_ids(folder) == [name(5), name(4), name(2), name(1)]
    # What was done in the newest of them is not done again, however long ago it began.
    assert prune(folder, 2, now + timedelta(days=9), 25 * HOUR, []) == [name(4), name(2)]
    # As a night begins it may be its own clock that is wrong.
    write_run(folder, name(9), seal=False)
    assert prune(folder, 2, now, 25 * HOUR, []) == []
    assert prune(folder, 2, now, 25 * HOUR) == [name(9)]


def test_a_prune_broken_off_is_harmless(
    folder: Store, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        write_run(folder, name(day))

    def die(self: Store, prefix: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "delete_all", die)
    with pytest.raises(KeyboardInterrupt):
        prune(folder, 1, LATER, ALWAYS)
    monkeypatch.undo()
    second, first = list_runs(folder)
    assert (second.is_finished, first.is_finished) == (True, False)
    assert prune(folder, 1, LATER, ALWAYS) == [name(1)]
    assert run_ids(folder) == [name(2)]
    assert verify_run(folder, name(2)) == []


def test_a_damaged_run_is_listed_and_left_alone(folder: Store, write_run: WriteRun) -> None:
    for day in (1, 2):
        write_run(folder, name(day))
    folder.write(f"runs/{name(1)}/manifest.json", b"{")
    assert [run.status for run in list_runs(folder)] == ["done", "damaged"]
    assert prune(folder, 1, LATER, ALWAYS) == []


def test_what_is_no_run_is_not_listed(folder: Store) -> None:
    folder.write("runs/notes.txt", b"mine")
    assert run_ids(folder) == []


def test_the_unfinished_run_to_go_on_with(folder: Store, write_run: WriteRun) -> None:
    assert unfinished_run(folder, NOW, HOUR) is None
    write_run(folder, name(1), seal=False)
    assert unfinished_run(folder, NOW, HOUR) == name(1)
    assert unfinished_run(folder, NOW + HOUR, HOUR) == name(1)
    assert unfinished_run(folder, NOW + 2 * HOUR, HOUR) is None
    write_run(folder, name(2))
    assert unfinished_run(folder, NOW + timedelta(days=1), 99 * HOUR) is None


@pytest.mark.parametrize("seal", [False, True])
def test_a_run_of_the_future_is_never_gone_on_with(
    folder: Store, write_run: WriteRun, seal: bool
) -> None:
    write_run(folder, name(9), seal=seal)
    assert unfinished_run(folder, NOW, HOUR) is None
    write_run(folder, name(1), seal=False)
    assert unfinished_run(folder, NOW, HOUR) == name(1)
    assert unfinished_run(folder, NOW - timedelta(minutes=9), HOUR) == name(1)  # a clock is slow
    assert unfinished_run(folder, NOW - timedelta(minutes=11), HOUR) is None


def test_a_run_of_the_future_is_pruned_unless_it_has_ended(
    folder: Store, write_run: WriteRun
) -> None:
    for day, seal in ((8, False), (9, True), (1, False), (2, True), (3, False)):
        write_run(folder, name(day), seal=seal)
    assert prune(folder, 2, NOW + timedelta(days=2), ALWAYS) == [name(8), name(1)]
    assert run_ids(folder) == [name(9), name(3), name(2)]


def test_only_a_run_that_was_released_is_taken_up_and_once(
    store: Store, write_run: WriteRun
) -> None:
    write_run(store, name(1), seal=False)
    assert take_up_run(store, name(1)) is None
    release_run(store, name(1), NOW, forerunner=name(2))
    taken = take_up_run(store, name(1))
    assert taken is not None
    assert (taken.run_id, taken.forerunner) == (name(1), name(2))
    # Who took it up may be killed: then nobody is to work in it.
    assert take_up_run(store, name(1)) is None
    assert unfinished_run(store, NOW, HOUR) == name(1)
    release_run(store, name(1), NOW)
    again = take_up_run(store, name(1))
    assert again is not None
    assert again.forerunner is None
    assert [key for key in store.list("runs") if "released" in key] == []


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff"])
def test_a_word_that_cannot_be_read_is_none(folder: Store, damage: bytes) -> None:
    folder.write(f"runs/{name(1)}/released.json", damage)
    assert take_up_run(folder, name(1)) is None


def test_a_store_that_is_gone_is_no_other_night(folder: Store, write_run: WriteRun) -> None:
    with hold_lock(folder, "a", 60) as lock:
        folder.delete("lock")
        with pytest.raises(StoreError, match="The lock is gone") as caught:
            seal_run(folder, name(2), {}, lock, NOW)
    assert caught.value.exit_code == 1
    assert latest_run(folder) is None


def newer(store, key):
    store.write(key, store.read(key).replace(b'"schema":1,', b'"schema":99,'))
    assert b"99" in store.read(key)


def test_a_run_of_a_newer_version_stays(folder, write_run):
    for day in (1, 2):
        write_run(folder, name(day))
    newer(folder, f"runs/{name(1)}/manifest.json")
    assert [run.status for run in list_runs(folder)] == ["done", "damaged"]
    assert prune(folder, 1, LATER, ALWAYS) == []


@pytest.mark.parametrize("said", [b"[]", b"null", b'{"forerunner": 3}'])
def test_an_odd_note_of_who_released_a_run_is_survived(folder, said):
    folder.write(f"runs/{name(1)}/released.json", said)
    assert take_up_run(folder, name(1)) == Released(name(1), None, True)


def test_an_older_note_is_of_a_night(folder):
    folder.write(f"runs/{name(1)}/released.json", b'{"forerunner": null}')
    assert look_at_run(folder, name(1)) == Released(name(1), None, True)
    release_run(folder, name(1), NOW, is_night=False)
    assert look_at_run(folder, name(1)) == Released(name(1), None, False)
