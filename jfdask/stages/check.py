"""Looking at everything a night needs, before the night does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jfdask.cluster.connect import connect as connect_cluster
from jfdask.cluster.connect import n_local_workers
from jfdask.errors import JfdaskError
from jfdask.jellyfin.connection import connect, server_of
from jfdask.jellyfin.reading import read_plays_page, read_users
from jfdask.settings import Household, Settings
from jfdask.stages import train
from jfdask.stages.fetch.reading import chosen_people
from jfdask.store.filesystem import address_of, open_store


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
    yield _look(f"cluster {settings.cluster.address}", lambda: _cluster(settings))


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
            people = chosen_people(read_users(client), household)
            seen = {p.name: read_plays_page(client, p.user_id, 0, 1).total for p in people}
        except JfdaskError as error:
            yield Finding(f"{what}: users", False, str(error))
            return
        told = ", ".join(f"{name} sees {n} movies" for name, n in seen.items())
        yield Finding(f"{what}: users", bool(people), told or "nobody to recommend to.")


def _store(settings: Settings) -> str:
    store = open_store(address_of(settings.store))
    store.check()
    return "reads, writes, creates exclusively"


def _cluster(settings: Settings) -> str:
    if settings.cluster.address == "local":
        return f"{n_local_workers(settings.cluster)} worker processes on this machine"
    with connect_cluster(settings.cluster) as client:
        return f"{len(client.scheduler_info(n_workers=-1)['workers'])} workers"
