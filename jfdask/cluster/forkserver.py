"""Local workers forked of one process that has loaded everything: a night starts in half the time.

A worker that is spawned loads the libraries anew, some two seconds of a core each. A fork
server (`multiprocessing.forkserver`) loads them once, while the client is still loading its own;
workers are then there at once, share the memory of what was loaded, and start again as quickly
should one die. Imports nothing heavy, so that it can be called first.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

#: What a worker process is started with.
ENVIRONMENT = {
    # A worker's thread is ours alone: a forest or a matrix product that starts threads of its
    # own would fight with the other workers for the same cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # What a worker's start and end log is of no use to a household; warnings of ours are.
    "DASK_LOGGING__DISTRIBUTED": "critical",
    # Memory goes back to the system, but not at once. With distributed's own 64 kB, glibc takes
    # each array of more than 128 kB anew from the kernel, page by page: a tenth of all work.
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    # As distributed has it for workers that it spawns: one text has one hash in all of them.
    "PYTHONHASHSEED": "6640",
}
#: Imported by the fork server before and after all others.
_FIRST, _LAST = "jfdask.cluster.loading", "jfdask.cluster.loaded"
_started = False


def load_for_workers(modules: Sequence[str]) -> None:
    """Begin to load modules in a process of which local workers are going to be forked.

    Returns at once. Where processes cannot be forked (Windows) it does nothing.
    """
    global _started
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    forkserver.set_forkserver_preload([_FIRST, *modules, _LAST])
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        with deaf_children():
            forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    _started = True


def start_method() -> str:
    """Return how worker processes are to be started: spawned, unless there is a fork server."""
    return "forkserver" if _started else "spawn"


@contextmanager
def deaf_children() -> Iterator[None]:
    """Let processes started in the block ignore Ctrl-C, which a terminal sends to all of them.

    They end when we close the cluster; on their own they would die in the middle of a task,
    each with a traceback. A process inherits the signals that are blocked where it was started;
    for us Ctrl-C is put off to the end of the block, or comes at once if other threads take it.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It unblocks the signal when it is started.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
