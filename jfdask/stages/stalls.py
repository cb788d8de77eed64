"""Whether any worker can work: a cluster that stands still does not say so by itself.

Dask gives no task to a worker that is over a share of its memory, and waits; a worker that is
over its limit is killed and started anew, again and again; of a remote cluster all workers may
be gone, or the scheduler hang. In each case a night would wait for ever.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from distributed import Client

_log = logging.getLogger(__name__)

#: How often it is looked, within the time that may pass.
LOOKS = 10
_LEAVE_SECONDS = 1.0

Workers = Mapping[str, Mapping[str, Any]]


def able_workers(before: Workers, now: Workers) -> list[str]:
    """Return which workers can work, or are at work: there at both looks, and not idle by force.

    Parameters
    ----------
    before, now
        What the scheduler told of its workers at two looks; nothing if it is silent.

    Examples
    --------
    >>> paused = {"status": "paused", "metrics": {"task_counts": {"executing": 0}}}
    >>> busy = {"status": "paused", "metrics": {"task_counts": {"executing": 1}}}
    >>> able_workers({"a": paused, "b": busy}, {"a": paused, "b": busy, "c": {"status": "running"}})
    ['b']
    """
    return [
        address
        for address, worker in now.items()
        if address in before and (worker["status"] == "running" or _n_executing(worker) > 0)
    ]


@contextmanager
def stall_watch(client: Client, seconds: float, on_stall: Callable[[], None]) -> Iterator[None]:
    """Look from a thread of its own, while the block runs, whether any worker can work.

    Parameters
    ----------
    seconds
        How long there may be none.
    on_stall
        Called once, in that thread, when there was none for so long.
    """
    ended = threading.Event()
    thread = threading.Thread(
        target=_look, args=(client, seconds, on_stall, ended), name="stalls", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # A scheduler that hangs may hold it for a while yet, and must not hold us.
        thread.join(_LEAVE_SECONDS)


def _look(
    client: Client, seconds: float, on_stall: Callable[[], None], ended: threading.Event
) -> None:
    before: Workers = {}
    n_idle = 0
    interval = pause = seconds / LOOKS
    untyped: Any = client
    while not ended.wait(pause):
        pause = interval
        try:
            # With a deadline: `scheduler_info` waits for a scheduler that hangs for ever.
            ask = untyped.scheduler.identity
            now: Workers = untyped.sync(ask, n_workers=-1, callback_timeout=interval)["workers"]
        except TimeoutError:
            now, pause = {}, 0.0  # it was waited for already
        except Exception as error:
            # A scheduler that is gone is noticed by those who wait for its answers.
            _log.debug("The workers cannot be looked at: %s", error)
            return
        n_idle = 0 if able_workers(before, now) or (not before and now) else n_idle + 1
        before = now
        if n_idle >= LOOKS:
            on_stall()
            return


def _n_executing(worker: Mapping[str, Any]) -> int:
    counts = worker.get("metrics", {}).get("task_counts", {})
    # A task that waits for a server has left its thread, and is none the less at work.
    return int(counts.get("executing", 0)) + int(counts.get("long-running", 0))
