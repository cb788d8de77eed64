"""What a worker finds where it is: its code, its threads, the store, the keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module

from distributed import Worker
from threadpoolctl import threadpool_info

from jfdask.cluster.versions import Versions, differences, versions_here
from jfdask.errors import JfdaskError, MissingArtifact
from jfdask.jellyfin.connection import Server, connect
from jfdask.store.filesystem import StoreAddress, open_store, sha256_of


@dataclass(frozen=True)
class Needs:
    """What a worker is asked for. It travels, and holds no secret."""

    address: StoreAddress
    probe: str  # a key that was written to the store from elsewhere
    probe_sha256: str  # of what lies there
    servers: tuple[Server, ...]  # whose keys are read; nothing is asked of them
    versions: Versions  # of who asks


@dataclass(frozen=True)
class Surroundings:
    """What a worker finds, compared with what it needs."""

    server_id: str  # the worker's own; "": it could not look
    problems: tuple[str, ...] = ()  # a clause each
    keyless: tuple[str, ...] = ()  # for each server: why there is no key, else ""


async def look_around(needs: Needs, dask_worker: Worker) -> Surroundings:
    """Look, on a worker, for everything a night needs there.

    Parameters
    ----------
    needs
        What to look for.
    dask_worker
        The worker; the cluster hands it in.
    """
    # In a thread: a store that does not answer must not keep the worker from its heartbeats.
    return await asyncio.to_thread(_look, needs, dask_worker.id, dask_worker.state.nthreads)


def _look(needs: Needs, server_id: str, n_threads: int) -> Surroundings:
    problems = [*_code(needs.versions), *_threads(n_threads), *_store(needs)]
    return Surroundings(server_id, tuple(problems), tuple(why_no_key(s) for s in needs.servers))


def _code(wanted: Versions) -> list[str]:
    problems = differences(versions_here(), wanted)
    try:
        # All of it now: what is loaded is what was looked at, whatever is installed over it.
        import_module("jfdask.stages.night")
    except ImportError as error:
        problems.append(f"it cannot load jfdask: {error.name or 'a module'} is missing")
    return problems


def _threads(n_threads: int) -> list[str]:
    problems = []
    if n_threads != 1:
        problems.append(f"{n_threads} threads, expected 1: start it with --nthreads 1")
    inner = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    if inner != 1:
        problems.append(
            f"{inner} threads in its numerical libraries, expected 1: start it with "
            "OMP_NUM_THREADS=1, OPENBLAS_NUM_THREADS=1 and MKL_NUM_THREADS=1, or with a nanny"
        )
    return problems


def _store(needs: Needs) -> list[str]:
    try:
        store = open_store(needs.address)
        # Before anything is written: what is another folder here stays as it is.
        if sha256_of(store.read(needs.probe)) == needs.probe_sha256:
            store.check()
            return []
    except MissingArtifact:
        pass
    except JfdaskError as error:
        return [_clause(error)]
    if needs.address.is_folder:
        return [
            f"{needs.address.url} is another folder there than here: share one between all "
            "machines, or set store.url to S3"
        ]
    return [f"{needs.address.url} is another store there than here: look at its endpoint_url"]


def why_no_key(server: Server) -> str:
    """Return why a server's key cannot be read in this process; "" if it can."""
    try:
        connect(server).close()
    except JfdaskError as error:
        return _clause(error)
    return ""


def _clause(error: JfdaskError) -> str:
    return str(error).removesuffix(".")
