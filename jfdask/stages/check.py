"""Looking at everything a night needs, before the night does."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from jfdask.cluster.connect import connect as connect_cluster
from jfdask.cluster.connect import memory_limit_of, n_local_workers
from jfdask.cluster.kubernetes import KUBERNETES
from jfdask.cluster.kubernetes_spec import read_spec
from jfdask.cluster.remote import SCHEMES, security_of
from jfdask.errors import DamagedArtifact, JfdaskError, SettingsError, StoreError
from jfdask.jellyfin.connection import connect, server_of
from jfdask.jellyfin.reading import read_plays_page, read_users
from jfdask.settings import Household, Settings, at_home
from jfdask.stages import train
from jfdask.stages.featurize.text_model import read_model_file
from jfdask.stages.fetch.reading import chosen_people, missing_people
from jfdask.stages.workers import look_at_workers
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.keys import run_manifest_key
from jfdask.store.lock import lock_owner
from jfdask.store.runs import RunInfo, latest_run, list_runs, look_at_run, started_at
from jfdask.store.verify import verify_run

_AGAIN = "Its log tells why; mended since? Run: jfdask run."
#: A night that is older was not started since, or has failed.
LATE = timedelta(days=2)
_ADDRESS = re.compile(r"local|kubernetes|(tcp|tls)://\S+")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    told: str  # what was found, or what to do


def findings(settings: Settings, *, artifacts: bool = False) -> Iterator[Finding]:
    """Look at settings, servers, keys, users, store and cluster; yield one finding each.

    Parameters
    ----------
    artifacts
        Look at the checksum of every file of the run that readers read, too.
    """
    yield _look("settings", lambda: _settings(settings))
    for household in settings.households:
        yield from _household(settings, household)
    found = _look(f"store {settings.store.url}", lambda: _store(settings))
    yield found
    if found.is_good:
        yield _look("last night", lambda: _last_night(settings))
    if artifacts:
        yield _look("artifacts", lambda: _artifacts(settings))
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
    keys = [partial(_key, household, settings) for household in settings.households]
    _all_of(*_looks_at(settings), partial(_local_store, settings), *keys)


def _looks_at(settings: Settings) -> list[Callable[[], object]]:
    """Return what looks at the settings alone."""
    return [
        partial(train.check, settings),
        partial(_some_household, settings),
        partial(address_of, settings.store),
        partial(_cluster_address, settings),
        partial(memory_limit_of, settings.cluster),
    ]


def _all_of(*looks: Callable[[], object]) -> None:
    """Look at several things; raise SettingsError with all that is wrong, each once."""
    problems: dict[str, None] = {}
    for look in looks:
        try:
            look()
        except JfdaskError as error:
            problems[str(error)] = None
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
    if address.startswith(SCHEMES):
        security_of(settings.cluster)
    if address == KUBERNETES:
        read_spec(settings.cluster.kubernetes_spec)


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except JfdaskError as error:
        return Finding(what, False, str(error))


def _settings(settings: Settings) -> str:
    _all_of(*_looks_at(settings))
    return ", ".join(h.name for h in settings.households)


def _some_household(settings: Settings) -> None:
    if not settings.households:
        raise JfdaskError("no household: add [[households]] with name and url, or set JFDASK_URL.")


def _household(settings: Settings, household: Household) -> Iterator[Finding]:
    """Ask a server who it is, with the key, and what the people may see."""
    what = f"household {household.name}"
    try:
        client = connect(server_of(household, settings.fetch))
    except JfdaskError as error:
        yield Finding(f"{what}: key", False, str(error))
        return
    if household.api_key_file and _is_for_everybody(household.api_key_file):
        told = f"anybody on this machine can read {household.api_key_file}: chmod 600."
        yield Finding(f"{what}: key", False, told)
    with client:
        try:
            server = client.wait_until_ready(0)
        except JfdaskError as error:
            yield Finding(f"{what}: server", False, str(error))
            return
        yield Finding(f"{what}: server", True, f"Jellyfin {server.version} at {client.url}")
        try:
            users = read_users(client)
            people, missing = chosen_people(users, household), missing_people(users, household)
            seen = {p.name: read_plays_page(client, p.user_id, 0, 1).total for p in people}
        except JfdaskError as error:
            yield Finding(f"{what}: users", False, str(error))
            return
        told = ", ".join(f"{name} sees {n} movies" for name, n in seen.items())
        yield Finding(f"{what}: users", not missing, "; ".join([told, *missing]))


def _is_for_everybody(path: Path) -> bool:
    """Tell whether anybody on this machine may read a file; a container's secrets are its own."""
    place = at_home(path)
    mode = place.stat().st_mode
    # Where all files can be executed modes mean nothing: Windows' disks.
    has_mode = not mode & stat.S_IXUSR and "/run/secrets" not in str(place)
    return has_mode and bool(mode & stat.S_IROTH)


def _store(settings: Settings) -> str:
    store = open_store(address_of(settings.store))
    store.check()
    where = f"{store.url}: " if store.address.is_folder else ""
    return f"{where}reads, writes, creates exclusively"


def _last_night(settings: Settings) -> str:
    store = open_store(address_of(settings.store))
    runs = list_runs(store)
    if not runs:
        return "there was none yet"
    if (owner := _at_work(store)) is not None:
        return f"one is under way: {owner}"
    run = next((run for run in runs if run.is_finished or _has_failed(store, run)), None)
    if run is None:
        return "there was none yet"
    told = f"run {run.run_id}, {run.status or 'not ended'}"
    if run.status == "damaged":
        raise JfdaskError(str(run.summary["error"]))
    if not run.is_finished:
        if _at_work(store) is not None or store.exists(run_manifest_key(run.run_id)):
            return _last_night(settings)  # begun, or ended, since the runs were looked at
        raise JfdaskError(f"{told}: it failed, or was stopped. {_AGAIN}")
    age = datetime.now(UTC) - started_at(run.run_id)
    if age > LATE:
        raise JfdaskError(f"{told}, {age.days} days ago. See jfdask runs, and what the job logs.")
    if run.status == "part":
        problem = next(iter(run.summary.get("problems", [])), "some of it failed.")
        raise JfdaskError(f"{told}: {problem} {_AGAIN}")
    return told


def _at_work(store: Store) -> str | None:
    """Return what is at work on the store; None: nothing that makes lists."""
    owner = lock_owner(store)
    makes_none = owner in ("jfdask pretrain", "jfdask forget")
    return None if makes_none else owner


def _has_failed(store: Store, run: RunInfo) -> bool:
    """Tell whether a run that has not ended, and nobody works in, is a night's."""
    released = look_at_run(store, run.run_id)
    return released is None or released.is_night


def _local_cluster(settings: Settings) -> str:
    memory_limit_of(settings.cluster)
    n = n_local_workers(settings.cluster)
    return f"{n} worker {'process' if n == 1 else 'processes'} on this machine"


def _text_model(settings: Settings) -> str:
    path = str(settings.features.text_model)
    read_model_file(path)
    return f"{path} is one"


def _artifacts(settings: Settings) -> str:
    store = open_store(address_of(settings.store))
    run_id = latest_run(store)
    if run_id is None:
        return "no night has been finished yet"
    if problems := verify_run(store, run_id):
        n = len(problems)
        raise DamagedArtifact(
            f"{n} {'file' if n == 1 else 'files'} of run {run_id} gone or changed; the next night "
            f"makes such files anew. The first: {problems[0]}"
        )
    return f"all files of run {run_id} are as they were written"


def _cluster(settings: Settings) -> Iterator[Finding]:
    what = f"cluster {settings.cluster.address}"
    if settings.cluster.address == "local":
        # Its workers are this machine's, and have what the lines above have looked at.
        yield _look(what, lambda: _local_cluster(settings))
        if settings.features.text_model:
            yield _look("text model", lambda: _text_model(settings))
        return
    try:
        with connect_cluster(settings.cluster) as client:
            n = len(client.nthreads())
            yield Finding(what, True, f"{n} worker{'' if n == 1 else 's'}")
            store = open_store(address_of(settings.store))
            servers = [server_of(one, settings.fetch) for one in settings.households]
            yield _look("workers", lambda: look_at_workers(client, store, servers))
    except JfdaskError as error:
        yield Finding(what, False, str(error))
