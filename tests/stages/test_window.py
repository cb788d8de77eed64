import os
import signal
import time
from functools import partial
from itertools import pairwise

import dask
import pytest
from distributed import KilledWorker
from distributed.client import FutureCancelledError

from jfdask.cluster.connect import connect
from jfdask.errors import ClusterError, DataError, JfdaskError, LockHeld
from jfdask.settings import ClusterSettings
from jfdask.stages import window
from jfdask.stages.window import Call, drive, together, values

pytestmark = pytest.mark.cluster


def add(a, b):
    return a + b


def fail(text):
    raise DataError(text)


def break_(_):
    raise ZeroDivisionError


def die():
    os._exit(1)


def nap(seconds):
    began = time.time()
    time.sleep(seconds)
    return began, time.time()


def quiet(*_):
    pass


def count_to(path):
    """Return how often it was called, by a file that all workers see."""
    with path.open("a") as file:
        file.write("x")
    return len(path.read_text())


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_a_work_is_sent_results_in_the_order_of_its_calls(client):
    def work():
        sums = yield [Call(add, (i, 1), "sums") for i in range(7)]
        nothing = yield []
        [total] = yield [Call(add, (sum(sums), 0), "sums")]
        return sums, nothing, total

    assert drive(client, {"a": work()}, 2, quiet) == {"a": ([1, 2, 3, 4, 5, 6, 7], [], 28)}


def test_an_error_is_an_answer_and_costs_its_work_only(client):
    def careful():
        [answer] = yield [Call(fail, ("no page",), "pages")]
        return str(answer)

    def careless():
        values((yield [Call(fail, ("no page",), "pages")]))

    outcomes = drive(client, {"a": careful(), "b": careless()}, 2, quiet)
    assert outcomes["a"] == "no page"
    assert isinstance(outcomes["b"], DataError)


def test_a_mistake_of_ours_is_logged_and_costs_its_household_only(client, caplog):
    def in_a_task():
        values((yield [Call(break_, (0,), "x")]))

    def in_the_client():
        yield [Call(add, (1, 1), "x")]
        raise KeyError("x")

    def good():
        return (yield [Call(add, (1, 1), "x")])

    works = {"a": in_a_task(), "b": in_the_client(), "c": good()}
    outcomes = drive(client, works, 2, quiet)
    assert "break_ failed with ZeroDivisionError" in str(outcomes["a"])
    assert "household b failed with KeyError" in str(outcomes["b"])
    assert outcomes["c"] == [2]
    assert "Traceback" in caplog.text


def test_a_scheduler_that_is_gone_is_told():
    with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:

        def work():
            yield [Call(add, (1, 1), "x")]
            own.close()
            yield [Call(add, (1, 1), "x")]

        with pytest.raises(ClusterError, match="connection to the Dask scheduler is lost"):
            drive(own, {"a": work()}, 1, quiet)


def test_a_scheduler_that_is_gone_while_others_wait_for_it_is_told():
    with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:

        def work():
            yield [Call(add, (1, 1), "x")]
            own.close()
            yield [Call(add, (1, 1), "x")]

        others = {name: one_batch([Call(nap, (30,), "naps")]) for name in ("b", "c")}
        with pytest.raises(ClusterError, match="connection to the Dask scheduler is lost"):
            drive(own, {"a": work(), **others}, 1, quiet)


def test_no_more_than_the_window_is_under_way(client):
    def work():
        return (yield [Call(nap, (0.1,), "naps") for _ in range(4)])

    spans = sorted(drive(client, {"a": work()}, 1, quiet)["a"])
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def most_at_once(spans):
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


@pytest.mark.parametrize(("in_flight", "windows", "most"), [(1, {"a": "s", "b": "s"}, 1),
                                                            (2, {"a": "s", "b": "s"}, 2),
                                                            (1, None, 2)])  # fmt: skip
def test_works_of_one_window_share_its_bound(client, in_flight, windows, most):
    def work():
        first = yield [Call(nap, (0.15,), "naps") for _ in range(3)]
        return first + (yield [Call(nap, (0.15,), "naps")])

    done = drive(client, {"a": work(), "b": work()}, in_flight, quiet, windows)
    assert [len(spans) for spans in done.values()] == [4, 4]
    assert most_at_once(done["a"] + done["b"]) == most


def test_no_more_works_than_wanted_are_under_way(client):
    def work():
        first = yield [Call(nap, (0.05,), "naps")]
        return first + (yield [Call(nap, (0.05,), "naps")])

    done = drive(client, {name: work() for name in "abc"}, 4, quiet, at_once=1)
    (a, b), (c, d), (e, f) = done.values()
    assert a[0] < b[1] <= c[0] < d[1] <= e[0] < f[1]


def test_works_of_one_window_take_turns(client):
    ended = []

    def work():
        yield [Call(nap, (0.02,), "naps") for _ in range(3)]

    works = {name: work() for name in "ab"}
    drive(client, works, 1, lambda name, *_: ended.append(name), dict.fromkeys("ab", "s"))
    assert sorted(ended) == ["a"] * 3 + ["b"] * 3
    assert "aaa" not in "".join(ended)


def test_the_scheduler_gets_no_more_tasks_than_it_may_hold(client, monkeypatch):
    monkeypatch.setattr(window, "MAX_LIVE", 5)

    def work(n):
        return (yield [Call(nap, (0.1,), "naps", n_tasks=3) for _ in range(n)])

    done = drive(client, {"a": work(3), "b": work(2)}, 2, quiet)
    assert most_at_once(done["a"] + done["b"]) == 1
    # One that is too large for the bound is sent alone.
    [alone] = drive(client, {"a": one(Call(add, (1, 1), "x", n_tasks=9))}, 2, quiet)["a"]
    assert alone == 2


def test_the_second_task_of_a_call_is_not_in_the_window(client):
    began = time.time()
    calls = [Call(nap, (0.1,), "naps", n_tasks=2, then=partial(after_a_nap, 0.3)) for _ in range(2)]
    spans = drive(client, {"a": one_batch(calls)}, 1, quiet)["a"]
    (first, first_end), (second, _) = sorted(asked for asked, _ in spans)
    assert first_end <= second
    # While the second one was asked for, what follows the first one was being done.
    [_, follows] = min(spans)
    assert second < follows[1]
    assert began < first


def test_what_fails_in_either_task_is_the_answer(client):
    def work():
        refused = Call(fail, ("no page",), "x", then=str)
        broken = Call(add, (1, 1), "x", then=fail)
        good = Call(add, (1, 1), "x", then=str)
        return (yield [refused, broken, good])

    first, second, third = drive(client, {"a": work()}, 1, quiet)["a"]
    assert (str(first), third) == ("no page", "2")
    assert isinstance(second, DataError)


def after_a_nap(seconds, asked):
    return asked, nap(seconds)


def one_batch(calls):
    return (yield calls)


def one(call):
    return (yield [call])


def test_works_side_by_side(client):
    def sums(n):
        total = 0
        for i in range(n):
            [total] = yield [Call(add, (total, i), "sums")]
        return total

    def failing():
        values((yield [Call(fail, ("gone",), "x")]))

    def work():
        return (yield from together([sums(3), failing(), sums(1)]))

    first, error, last = drive(client, {"a": work()}, 4, quiet)["a"]
    assert (first, str(error), last) == (3, "gone", 0)


def test_progress_counts_what_is_done_and_known(client):
    told = []

    def work():
        yield [Call(add, (1, 1), "movies", 50), Call(add, (1, 1), "movies", 20)]
        yield [Call(add, (1, 1), "movies", 5)]

    drive(client, {"a": work()}, 1, lambda *args: told.append(args))
    assert told == [("a", "movies", 50, 70), ("a", "movies", 70, 70), ("a", "movies", 75, 75)]


def test_workers_that_die_again_and_again_are_told(client):
    def work():
        [answer] = yield [Call(die, (), "x")]
        return answer

    outcome = drive(client, {"a": work()}, 1, quiet)["a"]
    assert isinstance(outcome, ClusterError)
    assert "died again and again while doing die" in str(outcome)
    client.wait_for_workers(2, timeout=60)


def test_what_is_done_is_not_done_again_when_its_worker_dies(tmp_path):
    calls = tmp_path / "calls"

    def work():
        [n, pid] = yield [Call(count_to, (calls,), "x"), Call(os.getpid, (), "x")]
        kill(pid)
        yield [Call(nap, (0.2,), "x") for _ in range(4)]
        return n

    with connect(ClusterSettings(workers=1, dashboard_port=0)) as client:
        assert drive(client, {"a": work()}, 4, quiet) == {"a": 1}
    assert calls.read_text() == "x"


def test_nothing_is_begun_any_more_once_the_watch_says_so(client):
    began = []

    def work():
        for i in range(9):
            began.append(i)
            yield [Call(add, (i, 1), "x")]

    def watch():
        if len(began) == 3:
            raise LockHeld("another night")

    with pytest.raises(LockHeld, match="another night"):
        drive(client, {"a": work()}, 1, quiet, watch=watch)
    assert began == [0, 1, 2]


def test_a_cluster_that_stands_still_is_told():
    # Over this share of its memory, which any process is, Dask gives a worker no task.
    still = {"distributed.worker.memory.pause": 0.001, "distributed.worker.memory.terminate": False}
    with (
        dask.config.set(still),
        connect(ClusterSettings(workers=1, dashboard_port=0, memory_limit="4GB")) as client,
    ):
        # Whatever came before it was noticed is done.
        def work():
            while True:
                yield [Call(nap, (0.05,), "x")]

        began = time.monotonic()
        with pytest.raises(ClusterError, match=r"No worker can work.*memory_limit"):
            drive(client, {"a": work()}, 1, quiet, stall_seconds=3.0)
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("status", "raised", "told"),
    [
        ("finished", KilledWorker("add", None, 3), "Give them more (cluster.memory_limit)"),
        ("cancelled", FutureCancelledError("add", "lost-dependencies"), "dropped a task"),
        ("finished", ZeroDivisionError(), "add failed with ZeroDivisionError"),
    ],
)
def test_an_answer_that_is_lost_before_it_was_fetched(status, raised, told):
    """The task was done, its worker died, and so did those that did it again."""

    class Lost:
        status = "finished"

        def exception(self):
            return None

        def result(self, timeout):
            self.status = status
            raise raised

    error = window._result(Lost(), Call(add, (1, 2), ""), 1.0)
    assert isinstance(error, JfdaskError)
    assert told in str(error)


def test_an_answer_that_a_scheduler_that_hangs_does_not_hand_over():
    class Held:
        status = "finished"

        def exception(self):
            return None

        def result(self, timeout):
            assert timeout == 0.5
            raise TimeoutError

    with pytest.raises(ClusterError, match="the scheduler does not answer"):
        window._result(Held(), Call(add, (1, 2), ""), 0.5)
