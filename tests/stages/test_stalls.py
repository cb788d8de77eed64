"""When a cluster counts as standing still, by what its scheduler says."""

import threading
import time

import pytest

from jfdask.stages.stalls import LOOKS, able_workers, stall_watch

RUNNING = {"status": "running", "metrics": {}}
PAUSED = {"status": "paused", "metrics": {"task_counts": {"executing": 0}}}


class Scheduler:
    """Says at each look what it is told to; then the same for ever."""

    def __init__(self, *looks):
        self.looks, self.n = list(looks), 0

    @property
    def scheduler(self):
        return self

    def sync(self, ask, *, callback_timeout, **asked):
        assert callback_timeout > 0
        return ask(**asked)

    def identity(self, n_workers):
        assert n_workers == -1
        self.n += 1
        found = self.looks[min(self.n, len(self.looks)) - 1]
        if isinstance(found, Exception):
            raise found
        return {"workers": found}


def stalls(*looks, n=3 * LOOKS):
    """Tell whether it is called a stall before so many looks."""
    scheduler, stalled = Scheduler(*looks), threading.Event()
    with stall_watch(scheduler, 0.02 * LOOKS, stalled.set):
        end = time.monotonic() + 30
        while scheduler.n < n and not stalled.is_set() and time.monotonic() < end:
            time.sleep(0.005)
    return stalled.is_set()


@pytest.mark.parametrize(
    "looks",
    [
        [{"a": PAUSED, "b": PAUSED}],
        [{}],
        # Killed and started anew, each time as another one.
        [{f"a{i}": RUNNING} for i in range(3 * LOOKS)],
        [{"a": RUNNING}, {"a": RUNNING}, {"a": PAUSED}],
        [{"a": RUNNING}, TimeoutError()],
    ],
    ids=["paused", "gone", "killed again and again", "later", "the scheduler hangs"],
)
def test_a_stall(looks):
    assert stalls(*looks)


@pytest.mark.parametrize(
    "looks",
    [
        [{"a": PAUSED, "b": RUNNING}],
        [{"a": {**PAUSED, "metrics": {"task_counts": {"executing": 1}}}}],
        [look for _ in range(LOOKS) for look in ({"a": PAUSED}, {"a": RUNNING})],
        [look for _ in range(LOOKS) for look in (TimeoutError(), {"a": RUNNING}, {"a": RUNNING})],
        [OSError("the scheduler is gone")],
    ],
    ids=["one works", "at work above its limit", "now and then", "slow", "nobody to ask"],
)
def test_no_stall(looks):
    assert not stalls(*looks, n=1 if isinstance(looks[0], Exception) else 3 * LOOKS)


def test_a_worker_must_have_been_there_before():
    assert able_workers({}, {"a": RUNNING}) == []
    assert able_workers({"a": PAUSED}, {"a": RUNNING}) == ["a"]
