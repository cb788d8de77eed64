"""Whether a cluster has what a night needs: every worker is asked before the night begins.

Workers that somebody else started may run other code, lack a key, or call another folder by the
store's name. Nothing starts before all of them are alike. A worker that joins later is looked at
before it computes anything (`jfdask.stages.gate`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from distributed import Client

from jfdask.cluster.versions import differences, versions_here
from jfdask.errors import ClusterError, JfdaskError
from jfdask.jellyfin.connection import Server
from jfdask.stages.gate import gate
from jfdask.stages.surroundings import Needs, Surroundings, look_around, why_no_key
from jfdask.store.filesystem import Store, sha256_of

logger = logging.getLogger(__name__)

#: Longest wait for an answer, the store's deadline beside it: a worker loads its code first.
LOOK_SECONDS = 120.0


@contextmanager
def alike(
    client: Client, store: Store, servers: Sequence[Server], say: Callable[[str], None]
) -> Iterator[None]:
    """Hold the workers to what a night needs, for as long as the block lasts.

    Parameters
    ----------
    client
        Of a cluster that is not this machine's own.
    store
        Of the night. A file is written to it, which every worker has to find.
    servers
        Whose keys the workers need. A key that is nowhere, not even here, is left to its
        household, which fails alone.
    say
        Is told of every worker that comes later and is turned away.

    Raises
    ------
    ClusterError
        Names every worker that differs, and all that is different there.
    """
    with _probe(store, servers) as needs:
        found = _ask(client, needs)
        needed = _keys_that_exist(servers, found)
        problems = _problems(client, servers, found, needed)
        if problems:
            raise ClusterError(
                "Nothing was begun, as not all of the cluster has what a night needs:\n"
                + "\n".join(f"  {problem}" for problem in problems)
            )
        needs = replace(needs, servers=needed)
        with gate(client, needs, frozenset(one.server_id for one in found.values()), say):
            yield


def look_at_workers(client: Client, store: Store, servers: Sequence[Server]) -> str:
    """Ask every worker as before a night, and for every key; return what they have in common.

    Raises
    ------
    ClusterError
        As `alike`, in one line.
    """
    with _probe(store, servers) as needs:
        found = _ask(client, needs)
    problems = _problems(client, servers, found, servers)
    if problems:
        raise ClusterError("; ".join(problems))
    return f"{len(found)} of one thread; all with the store, every key, this code and its packages"


@contextmanager
def _probe(store: Store, servers: Sequence[Server]) -> Iterator[Needs]:
    """Write a file of random content to the store, for as long as the block lasts."""
    key, content = f"check-{secrets.token_hex(8)}", secrets.token_bytes(32)
    store.write(key, content)
    try:
        yield Needs(store.address, key, sha256_of(content), tuple(servers), versions_here())
    finally:
        try:
            store.delete(key)
        except JfdaskError as error:
            # The night has ended, well or not: that is what is to be told.
            logger.warning("%s stays in the store: %s", key, error)


def _ask(client: Client, needs: Needs) -> dict[str, Surroundings]:
    """Let every worker look around; return what each found, sorted by address."""
    seconds = LOOK_SECONDS + needs.address.timeout_seconds
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])

    async def one(worker: str) -> Surroundings:
        try:
            told = await asyncio.wait_for(
                client.run(look_around, needs, workers=[worker], on_error="return"), seconds
            )
        except TimeoutError:
            return Surroundings("", (f"it does not answer within {seconds:g} s",))
        answer = told.get(worker)
        return answer if isinstance(answer, Surroundings) else Surroundings("", (_blind(answer),))

    async def everyone() -> list[Surroundings]:
        return await asyncio.gather(*(one(worker) for worker in workers))

    return dict(zip(workers, client.sync(everyone), strict=True))


def _blind(answer: object) -> str:
    # Of an error only its kind: its message may quote what it was handed.
    return f"it cannot look ({type(answer).__name__}): install this version of jfdask there"


def _problems(
    client: Client,
    servers: Sequence[Server],
    found: Mapping[str, Surroundings],
    needed: Sequence[Server],
) -> list[str]:
    """Return what is different where: a line for the scheduler and for each worker."""
    lines = []
    # It unpacks every graph, and must know what is in it.
    if there := _of_the_scheduler(client):
        lines.append(
            f"scheduler {client.scheduler_info(n_workers=0)['address']}: {'; '.join(there)}"
        )
    for worker, one in found.items():
        keyless = [k for s, k in zip(servers, one.keyless, strict=False) if k and s in needed]
        if one.problems or keyless:
            lines.append(f"worker {worker}: {'; '.join([*one.problems, *keyless])}")
    return lines


def _of_the_scheduler(client: Client) -> list[str]:
    async def ask() -> list[str]:
        told = await asyncio.wait_for(client.run_on_scheduler(versions_here), LOOK_SECONDS)
        return differences(told, versions_here())

    try:
        return client.sync(ask)
    except Exception as error:
        return [_blind(error)]


def _keys_that_exist(
    servers: Sequence[Server], found: Mapping[str, Surroundings]
) -> tuple[Server, ...]:
    """Return the servers whose key is here, or with at least one worker."""
    looks = [one.keyless for one in found.values() if one.keyless]
    return tuple(
        server
        for i, server in enumerate(servers)
        if not why_no_key(server) or any(not keyless[i] for keyless in looks)
    )
