"""Looking at everything a night needs, before the night does."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from dask.utils import parse_bytes
from distributed import Client, Worker

from jfdask.cluster.connect import connect as connect_cluster
from jfdask.cluster.connect import n_local_workers
from jfdask.errors import JfdaskError, SettingsError, StoreError
from jfdask.jellyfin.connection import Server, connect, server_of
from jfdask.jellyfin.reading import read_plays_page, read_users
from jfdask.settings import Household, Settings
from jfdask.stages import train
from jfdask.stages.fetch.reading import chosen_people, missing_people
from jfdask.store.filesystem import StoreAddress, address_of, open_store
from jfdask.version import code_version

_ADDRESS = re.compile(r"local|kubernetes|(tcp|tls)://\S+")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    told: str  # what was found, or what to do


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at settings, servers, keys, users, store and cluster; yield one finding each."""
    yield _look("settings", lambda: _settings(settings))
    for household in settings.households:
        yield from _household(settings, household)
    yield _look(f"store {settings.store.url}", lambda: _store(settings))
    yield from _cluster(settings)


def refuse_bad_settings(settings: Settings) -> None:
    """Look at what can be said of the settings without asking anybody else.

    A server or a bucket that does not answer now may do so when the night comes; a setting
    that cannot be used now cannot be used then.

    Raises
    ------
    SettingsError
        Names all that is wrong: no household, a grid that cannot be searched, a key or a
        certificate that is not there, a cluster that is none, a folder that cannot be written.
    """
    looks: list[Callable[[], object]] = [
        partial(_settings, settings),
        partial(_local_store, settings),
        partial(_cluster_address, settings),
        partial(_memory_limit, settings),
    ]
    looks += [partial(_key, household, settings) for household in settings.households]
    problems = []
    for look in looks:
        try:
            look()
        except JfdaskError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))


def _key(household: Household, settings: Settings) -> None:
    connect(server_of(household, settings.fetch)).close()


def _local_store(settings: Settings) -> None:
    store = open_store(address_of(settings.store))
    if store.address.is_folder:
        try:
            store.check()
        except StoreError as error:
            raise SettingsError(f"store.url: {error}") from None


def _cluster_address(settings: Settings) -> None:
    address = settings.cluster.address
    if not _ADDRESS.fullmatch(address):
        raise SettingsError(
            f"cluster.address: {address!r} is no cluster; expected local, kubernetes, "
            "tcp://host:port or tls://host:port."
        )


def _memory_limit(settings: Settings) -> None:
    limit = settings.cluster.memory_limit
    try:
        parse_bytes("0" if limit == "auto" else limit)
    except ValueError:
        raise SettingsError(
            f"cluster.memory_limit: {limit!r} is no size; expected auto, or one such as 2GiB."
        ) from None


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except JfdaskError as error:
        return Finding(what, False, str(error))


def _settings(settings: Settings) -> str:
    train.check(settings)
    if not settings.households:
        raise JfdaskError("no household: add [[households]] with name and url, or set JFDASK_URL.")
    return ", ".join(h.name for h in settings.households)


def _household(settings: Settings, household: Household) -> Iterator[Finding]:
    """Ask a server who it is, with the key, and what the people may see."""
    what = f"household {household.name}"
    try:
        client = connect(server_of(household, settings.fetch))
    except JfdaskError as error:
        yield Finding(f"{what}: key", False, str(error))
        return
    with client:
        try:
            server = client.wait_until_ready(0)
        except JfdaskError as error:
            yield Finding(f"{what}: server", False, str(error))
            return
        yield Finding(f"{what}: server", True, f"Jellyfin {server.version} at {household.url}")
        try:
            users = read_users(client)
            people, missing = chosen_people(users, household), missing_people(users, household)
            seen = {p.name: read_plays_page(client, p.user_id, 0, 1).total for p in people}
        except JfdaskError as error:
            yield Finding(f"{what}: users", False, str(error))
            return
        told = ", ".join(f"{name} sees {n} movies" for name, n in seen.items())
        yield Finding(f"{what}: users", not missing, "; ".join([told, *missing]))


def _store(settings: Settings) -> str:
    store = open_store(address_of(settings.store))
    store.check()
    return "reads, writes, creates exclusively"


def _cluster(settings: Settings) -> Iterator[Finding]:
    what = f"cluster {settings.cluster.address}"
    if settings.cluster.address == "local":
        # Its workers are this machine's, and have what the lines above have looked at.
        n = n_local_workers(settings.cluster)
        yield Finding(what, True, f"{n} worker processes on this machine")
        return
    try:
        with connect_cluster(settings.cluster) as client:
            n = len(client.scheduler_info(n_workers=-1)["workers"])
            yield Finding(what, True, f"{n} workers")
            yield _look("workers", lambda: _workers(client, settings))
    except JfdaskError as error:
        yield Finding(what, False, str(error))


def _workers(client: Client, settings: Settings) -> str:
    """Let every worker look at what it needs; JfdaskError says what is wrong on which."""
    store = open_store(address_of(settings.store))
    servers = [server_of(household, settings.fetch) for household in settings.households]
    mark = f"check-{secrets.token_hex(8)}"
    store.write(mark, b"here")
    try:
        told = client.run(look_around, store.address, mark, servers, on_error="return")
    finally:
        store.delete(mark)
    problems = {worker: _problems(found) for worker, found in sorted(told.items())}
    if any(problems.values()):
        by_worker = (f"{worker}: {' '.join(some)}" for worker, some in problems.items() if some)
        raise JfdaskError("; ".join(by_worker))
    threads = Counter(found.n_threads for found in told.values())
    alike = ", ".join(f"{n} of {each} threads" for each, n in sorted(threads.items()))
    return f"{alike}; all with the store, every key and this code"


@dataclass(frozen=True)
class Surroundings:
    """What a worker finds where it is."""

    problems: tuple[str, ...]  # with the store and the keys
    code_version: str
    n_threads: int


def look_around(
    address: StoreAddress, mark: str, servers: list[Server], dask_worker: Worker
) -> Surroundings:
    """Look, on a worker, whether the store and the households' keys are there.

    Parameters
    ----------
    mark
        A key that was written to the store from elsewhere.
    servers
        Their keys are read, and nothing is asked of them.
    dask_worker
        The worker; the cluster hands it in.
    """
    looks = [partial(_look_at_store, address, mark), *(partial(_look_at_key, s) for s in servers)]
    problems = []
    for look in looks:
        try:
            look()
        except JfdaskError as error:
            problems.append(str(error))
    return Surroundings(tuple(problems), code_version(), dask_worker.state.nthreads)


def _look_at_store(address: StoreAddress, mark: str) -> None:
    store = open_store(address)
    store.check()
    if not store.exists(mark):
        raise JfdaskError(
            f"{address.url} is another folder there than here: share one, or set store.url to S3."
        )


def _look_at_key(server: Server) -> None:
    connect(server).close()


def _problems(found: Surroundings | Exception) -> list[str]:
    """Return what is wrong with a worker, a sentence each."""
    if isinstance(found, Exception):
        return [f"It cannot look ({type(found).__name__}): install this version of jfdask there."]
    problems = list(found.problems)
    if found.code_version != code_version():
        problems.append(
            f"It runs jfdask {found.code_version}, here is {code_version()}: install the same."
        )
    return problems
