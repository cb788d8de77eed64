"""Reading what nights have made: a person's list, her figures, who there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact, SettingsError, StoreError
from jfdask.stages.files import FETCH, METRICS, RECOMMEND, TRAIN, USER
from jfdask.stages.files import RECOMMENDATIONS as DOCUMENT
from jfdask.store.filesystem import Store
from jfdask.store.keys import person
from jfdask.store.manifests import load_run, load_stage, load_unit
from jfdask.store.runs import latest_run, list_runs
from jfdask.store.units import UnitReader

_log = logging.getLogger(__name__)

#: What is wrong with one file or unit, and says nothing about the others.
_UNREADABLE = (DamagedArtifact, MissingArtifact, NewerArtifact)


@dataclass(frozen=True)
class PersonalList:
    """A person's list, and the run it is of."""

    run_id: str
    household: str
    user_id: str
    name: str
    document: dict[str, Any]  # recommendations.json
    kept_from: str = ""  # the run it was made in, if a later one failed and kept it


def finished_unit(store: Store, run_id: str, stage: str, household: str) -> UnitReader:
    """Return what reads a household's files of a finished run; every checksum is looked at."""
    stages = load_run(store, run_id).members
    if stage not in stages:
        raise MissingArtifact(f"Run {run_id} has no stage {stage}.")
    units = load_stage(store, run_id, stage, stages[stage]).members
    if household not in units:
        raise MissingArtifact(f"Run {run_id} has nothing of household {household!r}.")
    return UnitReader(store, load_unit(store, run_id, stage, household, units[household]))


def finished_runs(store: Store) -> list[str]:
    """Return the runs that can be read, the one that readers read first, then newest first."""
    latest = latest_run(store)
    finished = [run.run_id for run in list_runs(store) if run.is_finished]
    return sorted(finished, key=lambda run_id: run_id != latest)


def lists_of_run(store: Store, run_id: str) -> Iterator[PersonalList]:
    """Yield everybody's list of a run, by household and name; none if it is not to be read."""
    return (one.load() for one in _listed(store, run_id))


def list_of(store: Store, user: str, households: Sequence[str] = ()) -> PersonalList:
    """Return a person's newest list; nobody else's is read.

    What is damaged is passed over, with a warning.

    Parameters
    ----------
    user
        Name or id.
    households
        Where to look; empty: everywhere.

    Raises
    ------
    SettingsError
        There is nobody of that name, or several; the message says who there is.
    MissingArtifact
        No night has ended yet.
    StoreError
        There are lists of that person, and none can be read.
    """
    names: dict[str, None] = {}
    unreadable: StoreError | None = None
    newest: list[_Listed] = []
    runs = finished_runs(store)
    if not runs:
        told = f"No night has ended in the store {store.url}. Run: jfdask run."
        if store.address.is_folder:
            told += " (A relative store.url counts from the folder that jfdask is started in.)"
        raise MissingArtifact(told)
    for run_id in runs:
        everybody = _listed(store, run_id, households)
        newest = newest or everybody
        found = [one for one in everybody if matches(user, one.user_id, one.name)]
        if len(found) > 1:
            where = ", ".join(f"{one.household} ({one.user_id})" for one in found)
            raise SettingsError(
                f"There are several people named {user!r}: {where}. Add --household, or give "
                "the id."
            )
        if found:
            if not unreadable:
                # Renamed since, she has a newer list under another name.
                who = found[0].household, found[0].user_id
                found = [one for one in newest if (one.household, one.user_id) == who] or found
            try:
                return found[0].load()
            except _UNREADABLE as error:
                _log.warning("An older list is looked for: %s", error)
                unreadable = unreadable or error
        names |= dict.fromkeys(one.name or one.user_id for one in everybody)
    if unreadable:
        raise unreadable
    raise SettingsError(f"There is no list of {user!r}; there are lists of: {_or_none(names)}.")


def figures_of(store: Store, one: PersonalList) -> dict[str, Any]:
    """Return how good the model behind a list is, as metrics.json has it.

    No figures, and a warning, if they cannot be read: the list is good without them.
    """
    try:
        unit = finished_unit(store, one.run_id, TRAIN, one.household)
        figures: dict[str, Any] = unit.json(person(one.user_id, METRICS))
    except _UNREADABLE as error:
        _log.warning("The list is shown without figures: %s", error)
        return {"metrics": {}}
    return figures


def matches(user: str, user_id: str, name: str) -> bool:
    """Tell whether a name or id that somebody typed is this person's."""
    return user == user_id or user.casefold() == name.casefold()


@dataclass(frozen=True)
class _Listed:
    """Somebody who has a list that is not read yet."""

    unit: UnitReader  # the stage recommend of her household
    user_id: str
    name: str  # "" if it cannot be read

    @property
    def household(self) -> str:
        return self.unit.manifest.household

    def load(self) -> PersonalList:
        document = self.unit.json(person(self.user_id, DOCUMENT))
        who = self.user_id, document["name"]
        run_id = self.unit.manifest.run_id
        return PersonalList(run_id, self.household, *who, document, _kept_from(self.unit))


def _kept_from(unit: UnitReader) -> str:
    manifest = unit.manifest
    return manifest.copied_from if manifest.status == "kept" else ""


def _listed(store: Store, run_id: str, households: Sequence[str] = ()) -> list[_Listed]:
    """Return who has a list in a run, by household and name; no list is read for that."""
    try:
        stages = load_run(store, run_id).members
        if RECOMMEND not in stages:
            return []
        members = load_stage(store, run_id, RECOMMEND, stages[RECOMMEND]).members
    except _UNREADABLE as error:
        _log.warning("Run %s is passed over: %s", run_id, error)
        return []
    found = []
    for household in sorted(members):
        if households and household not in households:
            continue
        unit = _unit_if_readable(store, run_id, RECOMMEND, household)
        if unit is None:
            continue
        user_ids = unit.user_ids(DOCUMENT)
        fetched = _unit_if_readable(store, run_id, FETCH, household)
        people = zip(
            user_ids, store.together(partial(_name_of, unit, fetched), user_ids), strict=True
        )
        some = [_Listed(unit, user_id, name) for user_id, name in people]
        found += sorted(some, key=lambda one: (one.name.casefold(), one.user_id))
    return found


def _unit_if_readable(store: Store, run_id: str, stage: str, household: str) -> UnitReader | None:
    try:
        return finished_unit(store, run_id, stage, household)
    except _UNREADABLE as error:
        _log.warning("%s of %r in run %s is passed over: %s", stage, household, run_id, error)
        return None


def _name_of(unit: UnitReader, fetched: UnitReader | None, user_id: str) -> str:
    """Return a person's name as it was fetched; as her list has it, if it was not."""
    who = person(user_id, USER)
    try:
        if fetched is not None and who in fetched.manifest.files:
            return str(fetched.json(who)["name"])
    except _UNREADABLE as error:
        _log.warning("The name is taken from the list: %s", error)
    # A list that was kept may be somebody's who was not fetched that night.
    try:
        return str(unit.json(person(user_id, DOCUMENT))["name"])
    except _UNREADABLE as error:
        _log.warning("Somebody is known by id only: %s", error)
        return ""


def _or_none(names: dict[str, None]) -> str:
    return ", ".join(sorted(names)) or "nobody"
