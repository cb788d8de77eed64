"""Runs: their ids, which have ended, which one readers read, which are removed."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact
from jfdask.store.documents import read_json, write_json
from jfdask.store.filesystem import Store
from jfdask.store.keys import LATEST, RUNS, released_key, run_key, run_manifest_key
from jfdask.store.lock import Lock
from jfdask.store.manifests import Listing, load_run, save_listing

_log = logging.getLogger(__name__)
_TIME = "%Y%m%dT%H%M%SZ"
_CLOCKS_DIFFER = timedelta(minutes=10)
_RUN_ID = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True)
class RunInfo:
    """A run, as a list of runs shows it."""

    run_id: str
    is_finished: bool  # its manifest is there
    is_latest: bool  # readers read it
    started: datetime  # UTC, to the second
    finished: str = ""  # ISO 8601, UTC
    status: str = ""  # of the run's manifest
    stages: tuple[str, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Released:
    """A run that was broken off, and that nobody works in any more."""

    run_id: str
    forerunner: str | None  # the run whose work it had taken over itself
    is_night: bool = True  # a whole night began it; else one stage alone did


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time: UTC and six random hex digits.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> new_run_id(datetime(2026, 8, 1, 3, tzinfo=timezone.utc))[:17]
    '20260801T030000Z-'
    """
    return f"{now.astimezone(UTC).strftime(_TIME)}-{secrets.token_hex(3)}"


def started_at(run_id: str) -> datetime:
    """Return the time in a run's id, UTC; ValueError if it is no run's id."""
    match = _RUN_ID.fullmatch(run_id)
    if not match:
        raise ValueError(f"{run_id!r} is no run's id, such as 20260801T030000Z-0a1b2c.")
    return datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)


def run_ids(store: Store) -> list[str]:
    """Return the ids of all runs, ended or not, newest first; one call."""
    names = store.children(RUNS)
    return sorted((name for name in names if _RUN_ID.fullmatch(name)), reverse=True)


def latest_run(store: Store) -> str | None:
    """Return the id of the run that readers read; None before the first night has ended.

    If what names it is damaged, it is the newest one that has ended: the next night writes it anew.
    """
    try:
        document = read_json(store, LATEST)
    except MissingArtifact:
        return None
    except DamagedArtifact:
        document = None
    run_id = document.get("run_id") if isinstance(document, dict) else None
    if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id):
        return run_id
    ended = (run for run in run_ids(store) if store.exists(run_manifest_key(run)))
    newest = next(ended, None)
    _log.warning("%r in the store %s names no run; taken is %s.", LATEST, store.url, newest)
    return newest


def list_runs(store: Store) -> list[RunInfo]:
    """Return all runs, newest first; one read a run."""
    latest = latest_run(store)

    def look(run_id: str) -> RunInfo:
        started = started_at(run_id)
        try:
            run = load_run(store, run_id)
        except MissingArtifact:
            return RunInfo(run_id, False, run_id == latest, started)
        except (DamagedArtifact, NewerArtifact) as error:
            return RunInfo(
                run_id, False, run_id == latest, started, "", "damaged", (), {"error": str(error)}
            )
        return RunInfo(
            run_id,
            True,
            run_id == latest,
            started,
            run.finished,
            run.status,
            tuple(run.members),
            run.summary,
        )

    return store.together(look, run_ids(store))


def unfinished_run(store: Store, now: datetime, within: timedelta) -> str | None:
    """Return the newest run, if it was broken off and began no longer ago than ``within``.

    A run that is older than one that has ended is not gone on with, nor is one of the future.
    """
    newest = next((r for r in run_ids(store) if not _lies_ahead(r, now)), None)
    if newest is None or started_at(newest) < (now - within).replace(microsecond=0):
        return None
    return None if store.exists(run_manifest_key(newest)) else newest


def release_run(
    store: Store,
    run_id: str,
    now: datetime,
    forerunner: str | None = None,
    *,
    is_night: bool = True,
) -> None:
    """Say that nobody works in a run that was not sealed, so that a later night may go on in it.

    A night that was killed cannot say so, nor can one that was only suspended: in a run without
    this word somebody may still be at work.
    """
    said = {"released": now.isoformat(), "forerunner": forerunner, "is_night": is_night}
    write_json(store, released_key(run_id), said)


def take_up_run(store: Store, run_id: str) -> Released | None:
    """Take up a run that was released; None if somebody may still work in it.

    Call it with the lock held.
    """
    released = look_at_run(store, run_id)
    if released is not None:
        # Should this night be killed, nobody is to take the run for free.
        store.delete(released_key(run_id))
    return released


def look_at_run(store: Store, run_id: str) -> Released | None:
    """Return what was said when a run was released; None if somebody may still work in it."""
    try:
        document = read_json(store, released_key(run_id))
    except (MissingArtifact, DamagedArtifact):
        return None
    document = document if isinstance(document, dict) else {}
    forerunner = document.get("forerunner")
    return Released(
        run_id,
        forerunner if isinstance(forerunner, str) else None,
        document.get("is_night") is not False,
    )


def seal_run(
    store: Store,
    run_id: str,
    stages: Mapping[str, str],
    lock: Lock,
    finished: datetime,
    *,
    status: str = "done",
    summary: Mapping[str, Any] | None = None,
) -> None:
    """Write a run's manifest and let readers read the run.

    Parameters
    ----------
    stages
        Stage: checksum of its manifest, as ``close_stage`` returns it.
    lock
        The lock that this night holds; it is looked at before each of the two writes.
    status
        "done", or "part" if something failed that the summary names.

    Raises
    ------
    LockHeld
        The lock was lost: another night has taken over. ``latest`` stays as it is.
    StoreError
        The lock is gone, and with it, most likely, the whole store.
    """
    _require(lock, run_id)
    listing = Listing(
        run_id, dict(stages), finished.isoformat(), status=status, summary=summary or {}
    )
    save_listing(store, listing)
    _require(lock, run_id)
    write_json(store, LATEST, {"run_id": run_id, "moved": finished.isoformat()})


def prune(
    store: Store,
    keep: int,
    now: datetime,
    resume: timedelta,
    in_use: Collection[str] | None = None,
) -> list[str]:
    """Remove old runs; return their ids. Call it with the lock held.

    The newest ``keep`` runs that have ended stay, and the latest one; those do not count, and do
    not stay, that have nothing but an earlier run's results. Runs broken off stay if they are newer
    than the newest that has ended and began no longer ago than ``resume``; the newest of them stays
    whenever it began, as what was done in it is not done again. Those of the future do not stay. A
    run's manifest goes first: broken off, this leaves a run that counts as unfinished, and the
    next call removes the rest.

    Parameters
    ----------
    in_use
        Of a night that begins: the runs it works with, which stay. So do those of the future: its
        own clock may be the wrong one. None: a night has ended.
    """
    if keep < 1:
        raise ValueError("At least one run must be kept.")
    runs = list_runs(store)
    # A manifest that cannot be read is somebody's to look at, not ours to remove.
    runs = [run for run in runs if run.status != "damaged"]
    ahead = {run.run_id for run in runs if _lies_ahead(run.run_id, now)}
    finished = [run.run_id for run in runs if run.is_finished and run.run_id not in ahead]
    newest = finished[0] if finished else ""
    own = [
        run.run_id
        for run in runs
        if run.is_finished and not is_all_kept(run.summary.get("households", {}).values())
    ]
    left = (r.run_id for r in runs if not r.is_finished and r.run_id not in ahead)
    broken_off = next(left, "")
    removed = []
    for run in runs:
        if run.is_latest or run.run_id in own[:keep]:
            continue
        if in_use is not None and (run.run_id in in_use or run.run_id in ahead):
            continue
        may_go_on = run.run_id not in ahead and (
            run.started >= now - resume or run.run_id == broken_off
        )
        if run.run_id >= newest and (run.is_finished or may_go_on):
            continue
        store.delete(run_manifest_key(run.run_id))
        store.delete_all(run_key(run.run_id))
        removed.append(run.run_id)
    return removed


def is_all_kept(statuses: Iterable[str]) -> bool:
    """Tell whether households of these statuses have nothing but an earlier run's results."""
    found = set(statuses)
    return "kept" in found and found <= {"kept", "failed"}


def _lies_ahead(run_id: str, now: datetime) -> bool:
    """Tell whether a run began with a clock that was wrong: no reading of its is tonight's."""
    return started_at(run_id) > now + _CLOCKS_DIFFER


def _require(lock: Lock, run_id: str) -> None:
    if not lock.still_held():
        raise lock.loss(run_id)
