"""Many households at once, with a bounded number of calls under way to each server.

What is done for a household is a generator: it yields lists of calls and is sent their
results, so that its logic reads from top to bottom. `drive` runs many of them side by side.
The window is held here, by the client that submits, so that no worker waits behind a slow
server and no scheduler holds more than `MAX_LIVE` tasks, but for one computation that has more by
itself, and then is there alone.
"""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from distributed import Client, Future, KilledWorker, as_completed
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm.core import CommClosedError

from jfdask.errors import ClusterError, JfdaskError
from jfdask.stages.stalls import stall_watch

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_LIVE = 5_000
_STALLED = (
    "No worker can work: they stand still at their memory limit, are killed and started again and "
    "again, or are gone, or the scheduler does not answer. Give them more (cluster.memory_limit) "
    "or use fewer (cluster.workers); what was finished is kept."
)


@dataclass(frozen=True)
class Call:
    """One task: a function of jfdask and its small arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kind: str = ""  # what the progress counts: pages, movies, people, …; "": nothing
    n: int = 1  # how many of them
    n_tasks: int = 1  # how many the scheduler gets
    #: A second task, done with what the function returns, on the same worker as a rule. It is
    #: not counted in the window: a server need not wait while its answer is looked through.
    then: Callable[[Any], Any] | None = None

    def submit(self, client: Client) -> Future[Any]:
        """Send it to the cluster."""
        return client.submit(self.function, *self.args, key=_new_key(self.function))


@dataclass(frozen=True)
class Compute:
    """One result of a dask collection or delayed object."""

    collection: Any
    kind: str = ""
    n: int = 1
    what: str = "a computation"  # in the words of an error

    @property
    def n_tasks(self) -> int:
        """How many tasks the scheduler gets, before it fuses some."""
        return len(self.collection.__dask_graph__())

    def submit(self, client: Client) -> Future[Any]:
        """Send its graph to the cluster."""
        return client.compute(self.collection)


#: Yields calls, is sent a result or a `JfdaskError` for each in the same order, returns T.
Work = Generator[Sequence[Call | Compute], list[Any], T]
#: Called with household, kind, how many are done, how many are known of.
Advance = Callable[[str, str, int, int], None]
#: Called between calls; raises if nothing is to be begun any more.
Watch = Callable[[], None]


def unwatched() -> None:
    """Let everything go on."""


@dataclass
class _Running(Generic[T]):
    """A household under way."""

    work: Work[T]
    waiting: deque[tuple[int, Call | Compute]] = field(default_factory=deque)
    results: list[Any] = field(default_factory=list)
    n_live: int = 0
    done: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)

    def begin(self, batch: Sequence[Call | Compute]) -> None:
        self.waiting = deque(enumerate(batch))
        self.results = [None] * len(batch)
        for call in batch:
            self.known[call.kind] = self.known.get(call.kind, 0) + call.n

    def take(self, index: int, call: Call | Compute, result: Any) -> None:
        self.results[index] = result
        self.n_live -= 1
        self.done[call.kind] = self.done.get(call.kind, 0) + call.n


@dataclass
class _Window:
    """Calls that share a bound, and the households that wait for room, in turn."""

    waiting: deque[str] = field(default_factory=deque)
    n_live: int = 0


def drive(
    client: Client,
    works: Mapping[str, Work[T]],
    in_flight: int,
    advance: Advance,
    windows: Mapping[str, str] | None = None,
    *,
    at_once: int | None = None,
    watch: Watch = unwatched,
    stall_seconds: float = 300.0,
) -> dict[str, T | JfdaskError]:
    """Run every household's work; return its result, or the error that ended it.

    Parameters
    ----------
    client
        The cluster.
    works
        Generators by name of household.
    in_flight
        Calls of one window under way at once.
    advance
        Is told of every call that is done.
    windows
        Household → window, such as its server; households of one window take turns. None:
        a window each.
    at_once
        Households under way at once; None: as many as the scheduler has room for.
    watch
        Is asked before every further call; what it raises ends everything.
    stall_seconds
        Longest time without a worker that can work.

    Returns
    -------
    dict
        By name, in the order of ``works``. An exception that is no `JfdaskError` is a
        mistake of ours: its traceback is logged, and it costs its household like any other.

    Raises
    ------
    ClusterError
        The connection to the scheduler is lost, or no worker can work.
    """
    driven = _Drive(client, deque(works.items()), in_flight, advance, windows or {}, watch)
    driven.at_once = at_once or max(1, MAX_LIVE // in_flight)
    driven.stall_seconds = stall_seconds
    try:
        with stall_watch(client, stall_seconds, driven.give_up):
            driven.run()
    except (ClosedClientError, CommClosedError) as error:
        raise ClusterError(
            "The connection to the Dask scheduler is lost. What was finished is kept; look "
            "whether it ran out of memory, and run again."
        ) from error
    finally:
        driven.close()
    return {name: driven.outcomes[name] for name in works}


class _Drive(Generic[T]):
    """Works under way: which calls are at the cluster, and whose they are."""

    def __init__(
        self,
        client: Client,
        queue: deque[tuple[str, Work[T]]],
        in_flight: int,
        advance: Advance,
        window_of: Mapping[str, str],
        watch: Watch,
    ) -> None:
        self.outcomes: dict[str, T | JfdaskError] = {}
        self._client, self._queue, self._advance = client, queue, advance
        self._in_flight, self._window_of, self._watch = in_flight, window_of, watch
        self._running: dict[str, _Running[T]] = {}
        self._windows: dict[str, _Window] = defaultdict(_Window)
        self._held: dict[str, None] = {}  # windows that wait for room on the scheduler
        self._live: dict[Future[Any], tuple[str, int, Call | Compute]] = {}
        self._asking: dict[Future[Any], str] = {}  # first tasks of calls that have a second one
        self._completed = as_completed([])
        self._n_tasks = 0
        self._has_stalled = False
        self.at_once = 1
        self.stall_seconds = 0.0

    def run(self) -> None:
        self._start()
        while self._live or self._asking:
            future = self._next()
            if self._has_stalled:
                raise ClusterError(_STALLED)
            self._watch()
            if future in self._asking:
                window = self._asking.pop(future)
                self._windows[window].n_live -= 1
                self._fill(window)
                continue
            name, index, call = self._live.pop(future)
            self._n_tasks -= call.n_tasks
            if getattr(call, "then", None) is None:
                self._window(name).n_live -= 1
            household = self._running[name]
            result = _result(future, call, self.stall_seconds)
            # Held any longer, it would be computed again should its worker die, on what other
            # tasks have made meanwhile.
            del future
            household.take(index, call, result)
            done, known = household.done[call.kind], household.known[call.kind]
            if call.kind:
                self._advance(name, call.kind, done, known)
            if not household.waiting and household.n_live == 0:
                self._step(name, household.results)
            self._fill(self._window_of.get(name, name))
            for window in list(self._held):
                del self._held[window]
                self._fill(window)
            self._start()

    def _next(self) -> Future[Any]:
        """Return the next task that is done; whether the night is to stop is asked meanwhile."""
        completed = self._completed
        while not completed.has_ready() and not completed.is_empty():
            self._watch()
            with completed.thread_condition:
                completed.thread_condition.wait(timeout=0.1)
        return next(completed)

    def give_up(self) -> None:
        """End what is under way; from another thread."""
        self._has_stalled = True
        self._client.cancel([*self._live, *self._asking], force=True)

    def close(self) -> None:
        # With the connection to the scheduler its tasks are gone, too.
        if self._client.status == "running":
            self._client.cancel([*self._live, *self._asking])
        for household in self._running.values():
            household.work.close()

    def _start(self) -> None:
        """Begin with households while the scheduler has room for all of their calls."""
        while self._queue and len(self._running) < self.at_once and self._n_tasks < MAX_LIVE:
            name, work = self._queue.popleft()
            self._running[name] = _Running(work)
            self._step(name, None)

    def _step(self, name: str, send: list[Any] | None) -> None:
        """Let a household go on to its next calls, or to its end."""
        household = self._running[name]
        try:
            batch = next(household.work) if send is None else household.work.send(send)
            while not batch:
                batch = household.work.send([])
        except StopIteration as stop:
            self.outcomes[name] = stop.value
            del self._running[name]
        except (ClosedClientError, CommClosedError):
            raise
        except Exception as error:
            self.outcomes[name] = _ours(error, f"household {name}")
            del self._running[name]
        else:
            household.begin(batch)
            self._window(name).waiting.append(name)
            self._fill(self._window_of.get(name, name))

    def _window(self, name: str) -> _Window:
        return self._windows[self._window_of.get(name, name)]

    def _fill(self, key: str) -> None:
        """Submit what a window and the scheduler have room for, of each household in turn."""
        window = self._windows[key]
        while window.waiting and window.n_live < self._in_flight:
            name = window.waiting[0]
            household = self._running[name]
            index, call = household.waiting[0]
            if self._live and self._n_tasks + call.n_tasks > MAX_LIVE:
                self._held[key] = None
                return
            window.waiting.popleft()
            household.waiting.popleft()
            if household.waiting:
                window.waiting.append(name)
            future = call.submit(self._client)
            if isinstance(call, Call) and call.then is not None:
                self._asking[future] = key
                self._completed.add(future)
                future = self._client.submit(call.then, future, key=_new_key(call.then))
            household.n_live += 1
            window.n_live += 1
            self._n_tasks += call.n_tasks
            self._live[future] = (name, index, call)
            self._completed.add(future)


def together(works: Sequence[Work[Any]]) -> Work[list[Any]]:
    """Do several works of one household side by side.

    Returns
    -------
    list
        What each returned, or the `JfdaskError` that ended it, in the same order.
    """
    results: list[Any] = [None] * len(works)
    sends: dict[int, list[Any] | None] = dict.fromkeys(range(len(works)))
    while sends:
        batches = {}
        for i, send in sends.items():
            try:
                batches[i] = next(works[i]) if send is None else works[i].send(send)
            except StopIteration as stop:
                results[i] = stop.value
            except JfdaskError as error:
                results[i] = error
        answers = yield [call for batch in batches.values() for call in batch]
        sends = {}
        for i, batch in batches.items():
            sends[i], answers = answers[: len(batch)], answers[len(batch) :]
    return results


def answer_to(call: Call | Compute) -> Work[Any]:
    """Make one call; return its answer, or raise the `JfdaskError` that it ended with."""
    [answer] = yield [call]
    return or_raise(answer)


def or_raise(answer: Any) -> Any:
    """Return the answer to a call, or raise the `JfdaskError` that it ended with."""
    if isinstance(answer, JfdaskError):
        raise answer
    return answer


def values(answers: Sequence[Any]) -> list[Any]:
    """Return the answers to a list of calls; raise the first `JfdaskError` among them."""
    return [or_raise(answer) for answer in answers]


def _new_key(function: Callable[..., Any]) -> str:
    """Return a key that no other task has: it stands in ten messages a task, so it is short."""
    named = getattr(function, "func", function)  # of a partial
    return f"{named.__name__}-{secrets.token_hex(8)}"


def _result(future: Future[Any], call: Call | Compute, seconds: float) -> Any:
    """Return what a task returned, or the JfdaskError it ended with.

    Raises
    ------
    ClusterError
        It is not to be had in so many seconds.
    """
    dropped = ClusterError("The cluster dropped a task; is its scheduler still there?")
    if future.status == "cancelled":
        return dropped
    error = future.exception()
    what = call.what if isinstance(call, Compute) else call.function.__name__
    if error is not None:
        return _ours(error, what)
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        # Of the wait: a task that ended with an error was told above.
        raise ClusterError(_STALLED) from None
    except (ClosedClientError, CommClosedError):
        raise  # the scheduler is lost
    except FutureCancelledError:
        return dropped
    except Exception as lost:
        # It was done, and its worker died before the answer was fetched: what came then.
        return _ours(lost, what)


def _ours(error: BaseException, what: str) -> JfdaskError:
    """Return an error as one of ours, that says what was being done."""
    if isinstance(error, JfdaskError):
        return error
    if isinstance(error, KilledWorker):
        return ClusterError(
            f"Workers died again and again while doing {what}: most likely they ran out of "
            "memory. Give them more (cluster.memory_limit) or use fewer (cluster.workers)."
        )
    logger.error("%s failed", what, exc_info=error)
    return JfdaskError(
        f"{what} failed with {type(error).__name__}. That is a mistake of jfdask: please report "
        "it with the traceback above."
    )
