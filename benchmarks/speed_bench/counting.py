"""What the scheduler of a local cluster has to do: tasks that end, bytes that come and go.

Scheduler, client and nannies of a local cluster share a process, so only what passes over the
scheduler's own end of a connection is counted: each message once. Dask loads this module into
the scheduler (``dask_setup``).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import dask
import psutil
from distributed import Scheduler, SchedulerPlugin
from distributed.comm import tcp
from distributed.utils import key_split, nbytes

#: What goes on by the clock, whatever there is to do, and what the answers to it hold.
_HEARTBEATS = {"heartbeat_worker", "heartbeat-client", "identity", "set_metadata"}
_REPLIES = {"heartbeat-interval", "total_threads"}


class Counts:
    """What was counted of one cluster."""

    def __init__(self) -> None:
        self.tasks: Counter[str] = Counter()  # by what they do
        self.bytes = 0
        self.heartbeat_bytes = 0
        self.worker_peak = 0  # bytes

    def message(self, message: Any, n_bytes: int) -> None:
        """Count a message that the scheduler got or sent."""
        if isinstance(message, dict) and (
            message.get("op") in _HEARTBEATS or _REPLIES & message.keys()
        ):
            self.heartbeat_bytes += n_bytes
        else:
            self.bytes += n_bytes


_counts = Counts()
_scheduler_address = ""
_is_scheduler: ContextVar[bool] = ContextVar("is_scheduler", default=False)


@contextmanager
def counted() -> Iterator[Counts]:
    """Count what the scheduler of the cluster that is started in the block does."""
    global _counts
    _counts = counts = Counts()
    read, write, from_frames = tcp.TCP.read, tcp.TCP.write, tcp.from_frames

    async def counted_write(self: Any, message: Any, *args: Any, **kwargs: Any) -> int:
        n_bytes: int = await write(self, message, *args, **kwargs)
        if self.local_address == _scheduler_address:
            counts.message(message, n_bytes)
        return n_bytes

    async def counted_read(self: Any, *args: Any, **kwargs: Any) -> Any:
        _is_scheduler.set(self.local_address == _scheduler_address)
        return await read(self, *args, **kwargs)

    async def counted_frames(frames: Any, *args: Any, **kwargs: Any) -> Any:
        message = await from_frames(frames, *args, **kwargs)
        if _is_scheduler.get():
            counts.message(message, sum(nbytes(frame) for frame in frames))
        return message

    tcp.TCP.read, tcp.TCP.write, tcp.from_frames = counted_read, counted_write, counted_frames
    ended = threading.Event()
    watcher = threading.Thread(target=_watch_workers, args=(counts, ended), daemon=True)
    watcher.start()
    try:
        with dask.config.set({"distributed.scheduler.preload": [__name__]}):
            yield counts
    finally:
        ended.set()
        watcher.join()
        tcp.TCP.read, tcp.TCP.write, tcp.from_frames = read, write, from_frames


def dask_setup(scheduler: Scheduler) -> None:
    """Begin to count; distributed calls this when the scheduler starts."""
    scheduler.add_plugin(_TaskCounter(scheduler))


class _TaskCounter(SchedulerPlugin):
    """Counts tasks that a worker has ended, well or not, again if it was done again."""

    name = "task-counter"

    def __init__(self, scheduler: Scheduler) -> None:
        self._counts = _counts
        self._scheduler = scheduler

    def add_client(self, *_: Any, **__: Any) -> None:
        global _scheduler_address
        _scheduler_address = self._scheduler.address

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        if start == "processing" and finish in ("memory", "erred"):
            self._counts.tasks[key_split(key)] += 1


def _watch_workers(counts: Counts, ended: threading.Event) -> None:
    """Look each second for the most memory that a worker, a child of this process, ever held."""
    own = psutil.Process()
    while not ended.wait(1.0):
        for child in own.children():
            try:
                with open(f"/proc/{child.pid}/status", encoding="ascii") as status:  # noqa: PTH123
                    peaks = [line for line in status if line.startswith("VmHWM:")]
            except OSError:
                continue
            counts.worker_peak = max(
                [counts.worker_peak, *(1024 * int(p.split()[1]) for p in peaks)]
            )
