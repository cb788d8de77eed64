"""Which run a night works in: a new one, or one that was broken off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact, StoreError
from jfdask.settings import Settings
from jfdask.stages.files import FETCH, STAGE_NAMES
from jfdask.store.filesystem import Store
from jfdask.store.keys import run_key, stage_manifest_key
from jfdask.store.lock import Lock
from jfdask.store.manifests import load_stage
from jfdask.store.runs import (
    latest_run,
    look_at_run,
    new_run_id,
    release_run,
    take_up_run,
    unfinished_run,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChosenRun:
    """The run to work in."""

    run_id: str
    previous: str | None  # the one that readers read
    is_new: bool
    forerunner: str | None = None  # the one that was broken off, whose work is taken over
    is_night: bool = True  # a whole night began it; else one stage alone did

    @property
    def told(self) -> str:
        """The run, for the person who watches."""
        if not self.is_new:
            return f"{self.run_id}, begun before"
        taken = "" if self.forerunner is None else f", with what {self.forerunner} had done"
        return f"{self.run_id}{taken}"


def choose_run(settings: Settings, store: Store, stages: Sequence[str]) -> ChosenRun:
    """Choose a new run, or one that was broken off.

    A night that was killed may as well have been suspended, and wake up: its run is not worked
    in, and what it had done is taken over into a new one. A whole night does not go on with what
    `jfdask fetch` alone has read: it reads what people have watched since.
    """
    now, is_night = datetime.now(UTC), stages[0] == FETCH and len(stages) > 1
    latest = latest_run(store)
    begun = unfinished_run(store, now, timedelta(hours=settings.run.resume_hours))
    if begun is None or not _can_go_on(store, stages, begun):
        return ChosenRun(new_run_id(now), latest, True, is_night=is_night)
    released = look_at_run(store, begun)
    if released is None:
        return ChosenRun(new_run_id(now), latest, True, begun, is_night)
    if is_night and not released.is_night:
        return ChosenRun(new_run_id(now), latest, True)
    take_up_run(store, begun)
    return ChosenRun(begun, latest, False, released.forerunner, released.is_night)


def release(store: Store, lock: Lock, run: ChosenRun) -> None:
    """Let a later night go on in the run; not if the lock is another's, or nothing was done."""
    try:
        if store.children(run_key(run.run_id)) and lock.still_held():
            now = datetime.now(UTC)
            release_run(store, run.run_id, now, run.forerunner, is_night=run.is_night)
    except StoreError as error:
        # A later night then takes over what was done. What ended this one matters more.
        _log.warning("Run %s could not be released: %s", run.run_id, error)


def _can_go_on(store: Store, stages: Sequence[str], run_id: str) -> bool:
    """Tell whether a run that was broken off is one to go on with."""
    first = stages[0]
    if first == FETCH:
        # Who asks for fetch alone wants the server read anew, not a reading of before.
        return len(stages) > 1 or not store.exists(stage_manifest_key(run_id, first))
    # Broken off within the stage before, it lacks households, and what would make it whole.
    return _has_stage(store, run_id, STAGE_NAMES[STAGE_NAMES.index(first) - 1])


def _has_stage(store: Store, run_id: str, stage: str) -> bool:
    try:
        load_stage(store, run_id, stage)
    except MissingArtifact:
        return False
    except (DamagedArtifact, NewerArtifact) as error:
        _log.warning("Not gone on with: %s", error)
        return False
    return True
