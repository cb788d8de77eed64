"""Reading what nights have made: a person's list, her figures, who there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jfdask.errors import MissingArtifact, SettingsError
from jfdask.stages.files import METRICS, RECOMMEND, TRAIN
from jfdask.stages.files import RECOMMENDATIONS as DOCUMENT
from jfdask.store.filesystem import Store
from jfdask.store.keys import PEOPLE, person
from jfdask.store.manifests import load_run, load_stage, load_unit
from jfdask.store.runs import latest_run, list_runs
from jfdask.store.units import UnitReader


@dataclass(frozen=True)
class PersonalList:
    """A person's list, and the run it is of."""

    run_id: str
    household: str
    user_id: str
    name: str
    document: dict[str, Any]  # recommendations.json


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


def lists_of_run(
    store: Store, run_id: str, households: Sequence[str] = ()
) -> Iterator[PersonalList]:
    """Yield everybody's list of a run, by household and name.

    Parameters
    ----------
    households
        Only these; empty: all.
    """
    stages = load_run(store, run_id).members
    if RECOMMEND not in stages:
        return
    members = load_stage(store, run_id, RECOMMEND, stages[RECOMMEND]).members
    for household in sorted(members):
        if households and household not in households:
            continue
        unit = finished_unit(store, run_id, RECOMMEND, household)
        found = []
        for name in unit.names(f"{PEOPLE}/"):
            if name.endswith(f"/{DOCUMENT}"):
                document = unit.json(name)
                found.append(
                    PersonalList(run_id, household, document["user_id"], document["name"], document)
                )
        yield from sorted(found, key=lambda one: (one.name.casefold(), one.user_id))


def list_of(store: Store, user: str, households: Sequence[str] = ()) -> PersonalList:
    """Return a person's newest list.

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
    """
    names: dict[str, None] = {}
    runs = finished_runs(store)
    if not runs:
        raise MissingArtifact(f"No night has ended in the store {store.url}. Run: jfdask run.")
    for run_id in runs:
        everybody = list(lists_of_run(store, run_id, households))
        found = [one for one in everybody if matches(user, one.user_id, one.name)]
        if len(found) > 1:
            where = ", ".join(f"{one.household} ({one.user_id})" for one in found)
            raise SettingsError(
                f"There are several people named {user!r}: {where}. Add --household, or give "
                "the id."
            )
        if found:
            return found[0]
        names |= dict.fromkeys(one.name for one in everybody)
    raise SettingsError(f"There is no list of {user!r}; there are lists of: {_or_none(names)}.")


def figures_of(store: Store, one: PersonalList) -> dict[str, Any]:
    """Return how good the model behind a list is, as metrics.json has it."""
    unit = finished_unit(store, one.run_id, TRAIN, one.household)
    figures: dict[str, Any] = unit.json(person(one.user_id, METRICS))
    return figures


def matches(user: str, user_id: str, name: str) -> bool:
    """Tell whether a name or id that somebody typed is this person's."""
    return user == user_id or user.casefold() == name.casefold()


def _or_none(names: dict[str, None]) -> str:
    return ", ".join(sorted(names)) or "nobody"
