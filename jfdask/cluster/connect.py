"""A Dask client for the length of a night."""

from __future__ import annotations

import logging
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from dask.utils import parse_bytes
from distributed import Client, LocalCluster, Security, WorkerPlugin

from jfdask.cluster.forkserver import ENVIRONMENT, deaf_children, start_method
from jfdask.cluster.kubernetes import KUBERNETES, kubernetes_cluster
from jfdask.cluster.remote import SCHEMES, connect_remote
from jfdask.errors import ClusterError, SettingsError
from jfdask.logs import begin_logging
from jfdask.settings import ClusterSettings

LOOPBACK = "127.0.0.1"
LEAST_MEMORY = 128 * 2**20

logger = logging.getLogger(__name__)

_PROFILED = "distributed.worker.profile.enabled"
_PROFILE_VARIABLE = "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"
_CONFIG = {
    **{f"distributed.nanny.pre-spawn-environ.{k}": v for k, v in ENVIRONMENT.items()},
    # A search sends its candidates as one graph of small tasks; that is meant.
    "distributed.admin.large-graph-warning-threshold": "50MB",
    "distributed.comm.timeouts.connect": "30s",
}


@contextmanager
def connect(settings: ClusterSettings, *, is_profiled: bool = False) -> Iterator[Client]:
    """Yield a client; a local cluster is started before and gone after.

    The workers of a cluster that is started here keep a profile if ``is_profiled``.

    A local cluster has worker processes of one thread each, listens on loopback only, and
    leaves nothing behind when the block is left, also by an exception.

    Raises
    ------
    SettingsError
        The address is none that is known, or its certificates cannot be used.
    ClusterError
        Nothing answers at the address, or there are no workers.
    """
    address = settings.address
    # What goes wrong reaches us as exceptions; distributed also logs every connection that
    # ends while a cluster is closed, with a traceback.
    for name in ("distributed", "bokeh", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    method = {"distributed.worker.multiprocessing-method": start_method()}
    # Workers note every hundredth of a second what they are at, and keep an hour of it: hundreds
    # of MB on a long night. ``DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=True`` has it back.
    profiled = is_profiled or os.environ.get(_PROFILE_VARIABLE, "").lower() == "true"
    with dask.config.set(_CONFIG | method | {_PROFILED: profiled}):
        if address == "local":
            with deaf_children():
                cluster = _started(settings)
            # What tasks return need not pass through the scheduler: the workers are at hand.
            with _closing(cluster), Client(cluster, direct_to_workers=True) as client:
                level = logging.getLogger().level
                if level < logging.WARNING:
                    client.register_plugin(_Logging(level))
                yield client
        elif address.startswith(SCHEMES):
            with connect_remote(settings) as client:
                yield client
        elif address == KUBERNETES:
            with kubernetes_cluster(settings) as client:
                yield client
        else:
            raise SettingsError(
                f"cluster.address: {address!r} is no cluster; expected local, kubernetes, "
                "tcp://host:port or tls://host:port."
            )


@contextmanager
def _closing(cluster: LocalCluster) -> Iterator[None]:
    """Close a cluster at the end of the block, whatever its workers are at."""
    try:
        yield
    finally:
        try:
            cluster.close()
        except AssertionError as error:
            # A worker that died is being started anew this moment, and has no process yet that
            # could be waited for. It ends with us.
            logger.info("The cluster was not closed in order: %s", error)


def _started(settings: ClusterSettings) -> LocalCluster:
    try:
        return _local(settings)
    except (RuntimeError, OSError) as error:
        raise ClusterError(
            f"No cluster could be started on this machine: {str(error).rstrip('.')}. Look at its "
            "memory, and whether you may write into the folder for what does not fit into it "
            "(DASK_TEMPORARY_DIRECTORY)."
        ) from None


class _Logging(WorkerPlugin):
    """Has workers log as much as the process that was asked to."""

    name = "jfdask-logging"

    def __init__(self, level: int) -> None:
        self._level = level

    def setup(self, worker: object) -> None:  # noqa: ARG002
        begin_logging(self._level)


def _own_folder() -> str:
    """Return a folder for workers' files that nobody else of this machine could have made.

    Dask's own has one name for everybody, and is taken whoever made it: what a worker reads from
    it, texts, models and pickles, could be another one's.

    Raises
    ------
    ClusterError
        What bears its name is somebody else's, or open to others.
    """
    base = dask.config.get("temporary-directory", None) or tempfile.gettempdir()
    path = Path(base, f"jfdask-{os.getuid()}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ClusterError(
            f"{path} is no folder of yours alone, and workers' files cannot lie there. Remove it, "
            "or name another place in DASK_TEMPORARY_DIRECTORY."
        )
    return str(path)


def _local(settings: ClusterSettings) -> LocalCluster:
    return LocalCluster(
        local_directory=_own_folder(),
        n_workers=n_local_workers(settings),
        threads_per_worker=1,
        processes=True,
        host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:{_free_port(settings.dashboard_port)}",
        memory_limit=memory_limit_of(settings),
        # Everybody with an account on this machine reaches the loopback, and a scheduler runs
        # what it is sent: certificates of this night alone keep others out.
        security=Security.temporary(),
        # A fork server knows the variables of when it was started; keys may have been set since.
        env={**os.environ, **ENVIRONMENT},
        # It would raise the level of the root logger's handlers, and our own warnings be lost.
        silence_logs=False,
    )


def memory_limit_of(settings: ClusterSettings) -> str:
    """Return the limit of a local worker; SettingsError if it is no size, or cannot be enough."""
    limit = settings.memory_limit
    try:
        n_bytes = parse_bytes("0" if limit == "auto" else limit)
    except ValueError:
        raise SettingsError(
            f"cluster.memory_limit: {limit!r} is no size; expected auto, or one such as 2GiB."
        ) from None
    # 0: no limit. With less a worker waits for memory as soon as it has loaded its libraries.
    if 0 < n_bytes < LEAST_MEMORY:
        raise SettingsError(
            f"cluster.memory_limit: {limit} is less than a worker needs; give it 512MiB at least, "
            "better 2GiB."
        )
    return limit


def n_local_workers(settings: ClusterSettings) -> int:
    """Return how many workers a local cluster gets: as set, else a worker a core.

    Containers are often given fewer cores than the machine has, or a share of their time.
    """
    return settings.workers or CPU_COUNT


def _free_port(wanted: int) -> int:
    """Return the port, or 0 (any) if it is taken: two nights on one machine are no mistake."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            return 0
    return wanted
