"""What workers do with a unit, a household in a stage: find it done, have it, write its manifest.

Each of `take_over`, `done_tonight`, `carry_over`, `inherit`, `check_up_to_date`,
`take_yesterdays` and `finish` is one Dask task.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact, StoreError
from jfdask.stages.places import Place
from jfdask.store.keys import run_manifest_key
from jfdask.store.manifests import Manifest, Receipt, fingerprint, load_unit
from jfdask.store.reuse import as_done, copy_unit, reuse_unit
from jfdask.store.runs import run_ids
from jfdask.store.units import UnitReader, UnitWriter
from jfdask.store.verify import damages
from jfdask.version import code_version

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a stage is about to do for a household: enough to tell whether it is done."""

    stage: str
    inputs: tuple[tuple[str, str], ...]  # (stage, prefix of its files)
    settings: Mapping[str, Any]  # those that matter to the result
    extra: Mapping[str, str] = field(default_factory=dict)  # further checksums
    problems: tuple[str, ...] = ()  # what it has to do without


@dataclass(frozen=True)
class UnitReport:
    """What became of a household in a stage."""

    household: str
    status: str  # done, part, kept, failed
    sha256: str = ""  # of the unit's manifest; "" if there is none
    problems: tuple[str, ...] = ()
    reused: bool = False
    is_carried: bool = False  # not selected tonight: as the run before has it
    taken_from: str = ""  # the earlier run that it was kept or carried over from
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A unit whose files are written and whose manifest is not."""

    receipts: Sequence[Receipt]
    summary: Mapping[str, Any]
    problems: tuple[str, ...] = ()


def take_over(place: Place, plan: Plan) -> UnitReport | None:
    """Look for a unit that did the same work and have it in this run."""
    wanted = fingerprint(_inputs(place, plan), plan.settings, code_version())
    unit = reuse_unit(place.store, plan.stage, place.household, wanted, place.run_id)
    return None if unit is None else report_of(unit, reused=True)


def done_tonight(place: Place, plan: Plan) -> UnitReport | None:
    """Look whether this run, or the one that was broken off before it, has done it already."""
    wanted = fingerprint(_inputs(place, plan), plan.settings, code_version())
    runs = filter(None, (place.run_id, place.forerunner))
    for unit in (u for run_id in runs for u in _units(place, run_id, [plan.stage])):
        if unit.copied_from and unit.copied_from != place.forerunner:
            # A stage alone began with what an earlier run had read: no reading of tonight.
            continue
        if unit.fingerprint != wanted or unit.status not in ("done", "part"):
            continue
        if problems := damages(place.store, unit):
            logger.warning("%s is done again: %s", plan.stage, problems[0])
            continue
        if unit.run_id != place.run_id:
            return report_of(copy_unit(place.store, unit, place.run_id, check=False), reused=True)
        return report_of(unit, reused=True)
    return None


def earlier_units(place: Place, stage: str) -> Iterator[Manifest]:
    """Yield what runs that have ended have of the household: the one that readers read, older ones.

    A night in which something failed may have published a run without it.
    """
    for run_id in _ended_runs(place):
        yield from _units(place, run_id, [stage])


def _ended_runs(place: Place) -> Iterator[str]:
    if place.previous is None:
        return
    yield place.previous
    for run_id in run_ids(place.store):
        if run_id < place.previous and place.store.exists(run_manifest_key(run_id)):
            yield run_id


def carry_over(place: Place, stage: str) -> UnitReport | None:
    """Have in this run what the run before has of a household that is not selected tonight.

    If that is damaged, an older one that is whole; the report tells. If none is, it stays as it
    is: nobody asked for it tonight, and a night for all makes it anew.
    """
    first: Manifest | None = None
    problems: tuple[str, ...] = ()
    for unit in earlier_units(place, stage):
        first = first or unit
        try:
            return _carried(copy_unit(place.store, unit, place.run_id), unit, problems)
        except (MissingArtifact, DamagedArtifact) as error:
            problems = problems or (str(error),)
    if first is None:
        return None
    copied = copy_unit(place.store, first, place.run_id, check=False)
    return _carried(copied, first, problems)


def _carried(copied: Manifest, unit: Manifest, problems: tuple[str, ...]) -> UnitReport:
    report = report_of(copied, reused=True)
    return replace(report, problems=problems, is_carried=True, taken_from=unit.run_id)


def inherit(place: Place, stages: Sequence[str]) -> UnitReport:
    """Have in this run what was done before of some stages; report on the last of them.

    That is what the run that was broken off has, if it has all of them, else the newest that
    has ended.

    Raises
    ------
    MissingArtifact
        One of them was never done for the household.
    """
    if place.forerunner is not None and (units := _units(place, place.forerunner, stages)):
        for unit in units:
            copy_unit(place.store, unit, place.run_id)
        return check_up_to_date(place, stages)
    units = next(filter(None, (_units(place, run, stages) for run in _ended_runs(place))), [])
    if not units:
        missing = _first_missing(place, stages)
        why = f"stage {missing} has not been done"
        if missing is None:
            missing = stages[0]
            why = (
                f"stage {stages[-1]} was done in no run that has ended, and the one in which it "
                "was is not gone on with: it began more than run.resume_hours ago, or was broken "
                "off within that stage"
            )
        raise MissingArtifact(
            f"Nothing to work on for household {place.household!r}: {why}. Run: jfdask {missing}, "
            "or the whole night: jfdask run."
        )
    # What was kept for a night is taken for what it is: an earlier night's result.
    copies = [copy_unit(place.store, as_done(unit), place.run_id) for unit in units]
    report = report_of(copies[-1], reused=True)
    return replace(report, problems=(), taken_from=units[-1].run_id)


def _first_missing(place: Place, stages: Sequence[str]) -> str | None:
    """Return the first stage that no run in the store has of the household."""
    runs = run_ids(place.store)
    return next((s for s in stages if not any(_units(place, run, [s]) for run in runs)), None)


def _units(place: Place, run_id: str, stages: Sequence[str]) -> list[Manifest]:
    """Return the household's units of a run; none if one of them is missing or cannot be read."""
    try:
        return [load_unit(place.store, run_id, stage, place.household) for stage in stages]
    except MissingArtifact:
        return []
    except (DamagedArtifact, NewerArtifact) as error:
        logger.warning("%s", error)
        return []


def check_up_to_date(place: Place, stages: Sequence[str]) -> UnitReport:
    """Look whether each stage was done on what the ones before it now hold; report on the last.

    Raises
    ------
    MissingArtifact
        One of them was not done, or on other inputs: it has to be done first.
    """
    files: dict[str, str] = {}
    report = None
    for stage in stages:
        unit = load_unit(place.store, place.run_id, stage, place.household)
        stale = [n for n, sha in unit.inputs.items() if "/" in n and files.get(n) != sha]
        if stale and unit.status != "kept":
            raise MissingArtifact(
                f"Stage {stage} of household {place.household!r} was done on another "
                f"{stale[0]} than there is now. Run first: jfdask {stage}."
            )
        files |= unit.checksums()
        report = report_of(unit, reused=True)
    if report is None:
        raise ValueError("No stage to look at.")
    return report


def take_yesterdays(place: Place, stage: str, problems: tuple[str, ...]) -> UnitReport:
    """Copy the household's unit of the newest run that has ended and has it whole."""
    damage: StoreError | None = None
    for unit in earlier_units(place, stage):
        summary = {**unit.summary, "problems": list(problems)}
        try:
            kept = copy_unit(place.store, unit, place.run_id, status="kept", summary=summary)
        except (MissingArtifact, DamagedArtifact) as error:
            logger.warning("An older one is looked for: %s", error)
            damage = damage or error
            continue
        return replace(report_of(kept, reused=True), taken_from=unit.run_id)
    raise damage or MissingArtifact("There is no earlier run.")


def finish(
    place: Place, plan: Plan, draft: Draft, started: datetime, finished: datetime
) -> UnitReport:
    """Write the manifest of a unit: the same one, should Dask do it again."""
    unit = unit_writer(place, plan.stage).close(
        receipts=draft.receipts,
        inputs=_inputs(place, plan),
        settings=plan.settings,
        code_version=code_version(),
        started=started,
        finished=finished,
        status="part" if draft.problems else "done",
        summary={**draft.summary, "problems": list(draft.problems)},
    )
    return report_of(unit)


def reader(place: Place, stage: str) -> UnitReader:
    """Return what reads the household's files of an earlier stage of this run."""
    return UnitReader(place.store, load_unit(place.store, place.run_id, stage, place.household))


def unit_writer(place: Place, stage: str) -> UnitWriter:
    """Return what writes the household's files of a stage of this run."""
    return UnitWriter(place.store, place.run_id, stage, place.household)


def report_of(unit: Manifest, *, reused: bool = False) -> UnitReport:
    """Return the report on a unit that is in the store."""
    return UnitReport(
        household=unit.household,
        status=unit.status,
        sha256=unit.sha256,
        problems=tuple(unit.summary.get("problems", ())),
        reused=reused,
        summary={k: v for k, v in unit.summary.items() if k not in ("people", "problems")},
    )


def _inputs(place: Place, plan: Plan) -> dict[str, str]:
    inputs = dict(plan.extra)
    for stage, prefix in plan.inputs:
        unit = load_unit(place.store, place.run_id, stage, place.household)
        inputs |= unit.checksums(prefix)
    return inputs
