"""The night itself is stopped, killed or suspended, and taken up again; two nights at once."""

import json
import signal
from datetime import UTC, datetime

import pytest

from jfdask.store.keys import LOCK
from jfdask.store.runs import list_runs

from .nights import BEGUN, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]

SLOW = {"latency_seconds": 0.2}
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}


def people_asked_for(server):
    """The movies whose people were asked for, as often as they were."""
    asked = server.order("log?requests=true", method="GET")["requests"]
    return [
        movie
        for request in asked
        if "People" in request["query"].get("fields", "")
        for movie in request["query"]["ids"].split(",")
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_stopped_in_every_stage_and_taken_up_again(first_night, server, undisturbed, number):
    house = first_night
    server.order("log", method="DELETE")
    runs = []
    for stage in BEGUN:
        server.order("faults", **(SLOW if stage == "fetch" else {}))
        with house.night() as night:
            runs.append(night.run_id())
            night.suspend_in(stage, house)
            if number != signal.SIGKILL:
                night.process.send_signal(signal.SIGCONT)
            night.send(number)
            assert night.end() == CODES[number], night.told
            assert night.leaves_nobody()
            assert "Traceback" not in night.told
        assert house.latest() is None
        if number == signal.SIGKILL:
            house.expire_lock()
        assert house.store.exists(LOCK) == (number == signal.SIGKILL)
    server.order("faults")
    last = house.run()
    assert last.code == 0, last.told
    assert house.result() == undisturbed
    assert house.damages() == []
    # Nothing that was read is read again, but for the calls that were under way.
    asked = people_asked_for(server)
    assert 45 <= len(asked) <= 45 + 2 * 5
    # A run that was released is gone on with; in that of a killed night nobody works again.
    assert len({*runs, last.run_id()}) == (5 if number == signal.SIGKILL else 1)
    assert [run.run_id for run in list_runs(house.store)] == [last.run_id()]


def test_a_night_that_was_only_suspended(first_night, server, undisturbed):
    house = first_night
    with house.but(JFDASK_STORE__LOCK_SECONDS="6").night() as first:
        first.suspend_in("train", house)
        lease = json.loads(house.store.read(LOCK))
        end = datetime.fromisoformat(lease["expires"])
        until(lambda: datetime.now(UTC) > end, "the end of the lease")
        with house.night() as second:
            second.begins("featurize")
            first.process.send_signal(signal.SIGCONT)
            assert first.end() == 75, first.told
            assert "lost the lock to another night" in first.told
            assert second.end() == 0, second.told
    assert "Took over the lock" in second.told
    assert house.latest() == second.run_id() != first.run_id()
    assert house.result() == undisturbed
    assert house.damages() == []
    assert not house.store.exists(LOCK)


def test_a_crashed_nights_lock(next_night, undisturbed):
    house, before = next_night, next_night.latest()
    with house.night() as crashed:
        crashed.suspend_in("featurize", house)
        crashed.send(signal.SIGKILL)
        crashed.end()
    lease = json.loads(house.store.read(LOCK))
    refused = house.run()
    assert refused.code == 75
    assert f"process {lease['pid']}" in refused.told
    assert "if it was killed, the lock is free after that" in refused.told
    assert (house.latest(), house.damages()) == (before, [])
    house.expire_lock()
    after = house.run()
    assert after.code == 0, after.told
    assert f"with what {crashed.run_id()} had done" in after.told
    assert house.result() == undisturbed
    assert house.damages() == []


def test_two_nights_at_once(first_night, server, undisturbed):
    house = first_night
    # Reading takes so long that both are there at the same time.
    server.order("faults", latency_seconds=1.0)
    with house.night() as one, house.night() as other:
        nights = [one, other]
        until(lambda: any(n.process.poll() is not None for n in nights), "one that gives way")
        server.order("faults")
        assert sorted(night.end() for night in nights) == [0, 75], [n.told for n in nights]
    [gave_way] = [night for night in nights if night.code == 75]
    [worked] = [night for night in nights if night.code == 0]
    assert f"process {worked.process.pid}" in gave_way.told
    assert house.latest() == worked.run_id()
    assert house.result() == undisturbed
    assert house.damages() == []
