"""A stage is done household by household; this is what all stages have in common.

What was done for the same inputs, settings and code is taken over; what fails costs its
household only, which then keeps yesterday's result; the manifest is written last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from distributed import Client

from jfdask.errors import JfdaskError, MissingArtifact
from jfdask.settings import Settings
from jfdask.stages.places import Place
from jfdask.stages.window import Call, Watch, Work, drive, unwatched, values
from jfdask.store.filesystem import Store
from jfdask.store.manifests import (
    Listing,
    Manifest,
    Receipt,
    fingerprint,
    load_unit,
    save_listing,
)
from jfdask.store.reuse import as_done, copy_unit, reuse_unit
from jfdask.store.runs import run_ids
from jfdask.store.units import UnitReader, UnitWriter
from jfdask.store.verify import damages
from jfdask.version import code_version

logger = logging.getLogger(__name__)

T = TypeVar("T")


#: Households that are computed side by side: while one has little to do, another one has more.
FEWEST_AT_ONCE, WORKERS_PER_HOUSEHOLD = 2, 8


class Progress(Protocol):
    """Is told how far the night is."""

    def stage(self, name: str) -> None:
        """Begin a stage."""

    def advance(self, household: str, kind: str, done: int, total: int) -> None:
        """Tell how many pages, movies, people or candidates of a household are done."""

    def say(self, text: str) -> None:
        """Say something that stays."""


@dataclass(frozen=True)
class Selection:
    """For whom a night is, of all that the settings name. What the others have stays."""

    households: tuple[str, ...] = ()  # empty: all
    users: tuple[str, ...] = ()  # names or ids; empty: everybody


@dataclass(frozen=True)
class Night:
    """What every stage of a run is given."""

    settings: Settings
    store: Store
    client: Client
    run_id: str
    previous: str | None  # the run that readers read
    progress: Progress
    selection: Selection = Selection()
    forerunner: str | None = None  # a run that was broken off, whose work is taken over
    watch: Watch = unwatched  # asked again and again: raises if the night is to stop

    def drive(
        self,
        works: Mapping[str, Work[T]],
        in_flight: int,
        windows: Mapping[str, str] | None = None,
        at_once: int | None = None,
    ) -> dict[str, T | JfdaskError]:
        """Run every household's work; see `jfdask.stages.window.drive`."""
        return drive(
            self.client,
            works,
            in_flight,
            self.progress.advance,
            windows,
            at_once=at_once,
            watch=self.watch,
            stall_seconds=self.settings.cluster.stall_seconds,
        )

    def place(self, household: str) -> Place:
        """Return the household's part of this run."""
        return Place(self.store.address, self.run_id, household, self.previous, self.forerunner)


@dataclass(frozen=True)
class Plan:
    """What a stage is about to do for a household: enough to tell whether it is done."""

    stage: str
    inputs: tuple[tuple[str, str], ...]  # (stage, prefix of its files)
    settings: Mapping[str, Any]  # those that matter to the result
    extra: Mapping[str, str] = field(default_factory=dict)  # further checksums


@dataclass(frozen=True)
class UnitReport:
    """What became of a household in a stage."""

    household: str
    status: str  # done, part, kept, failed
    sha256: str = ""  # of the unit's manifest; "" if there is none
    problems: tuple[str, ...] = ()
    reused: bool = False
    is_carried: bool = False  # not selected tonight: as the run before has it
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A unit whose files are written and whose manifest is not."""

    receipts: Sequence[Receipt]
    summary: Mapping[str, Any]
    problems: tuple[str, ...] = ()


def run_units(
    night: Night,
    stage: str,
    earlier: Mapping[str, UnitReport],
    plan: Callable[[Place], Work[Plan]],
    work: Callable[[Place, Plan], Work[Draft]],
    in_flight: int,
    find: Callable[[Place, Plan], UnitReport | None] | None = None,
    windows: Mapping[str, str] | None = None,
    *,
    waits: bool = False,
    is_begun: bool = False,
    absent: Callable[[Place, str], UnitReport] | None = None,
) -> dict[str, UnitReport]:
    """Do a stage for every household that the stage before has a result of.

    Parameters
    ----------
    plan, work
        What is about to be done for a household, and doing it; both may call workers.
    earlier
        What became of each household in the stage before. One that kept yesterday's result
        keeps it here, too; one that failed is failed.
    in_flight
        Tasks of one household, or of those that share a window, under way at once.
    find
        The task that looks whether it is done; None: `take_over`.
    windows
        Household → what it shares its bound with; None: every household has its own.
    waits
        Its tasks wait for servers rather than compute, so all households go side by side.
        Otherwise few do: a worker keeps the tables and features of two only.
    is_begun
        The stage has done something for all households together before, and was announced.
    absent
        The task that makes up, with a status, for what a run from before there was this stage
        has not; MissingArtifact if that run has nothing of the household at all.
    """
    if not is_begun:
        night.progress.stage(stage)
    works = {
        name: _unit(night, report, stage, plan, work, find or take_over, absent)
        for name, report in earlier.items()
        if report.status != "failed"
    }
    at_once = None
    if not waits:
        n_workers = len(night.client.scheduler_info(n_workers=-1)["workers"])
        at_once = max(FEWEST_AT_ONCE, n_workers // WORKERS_PER_HOUSEHOLD)
    outcomes = night.drive(works, in_flight, windows, at_once)
    reports = {
        name: outcome
        if isinstance(outcome, UnitReport)
        else UnitReport(name, "failed", problems=(str(outcome),))
        for name, outcome in outcomes.items()
        if outcome is not None
    }
    reports |= {name: report for name, report in earlier.items() if report.status == "failed"}
    close(night, stage, reports)
    return reports


def close(night: Night, stage: str, reports: Mapping[str, UnitReport]) -> None:
    """Write the stage's manifest over its units."""
    members = {r.household: r.sha256 for r in reports.values() if r.sha256}
    statuses = {r.household: r.status for r in reports.values()}
    finished = datetime.now(UTC).isoformat()
    summary = {"households": statuses}
    save_listing(night.store, Listing(night.run_id, members, finished, stage, summary=summary))


def _unit(
    night: Night,
    earlier: UnitReport,
    stage: str,
    plan: Callable[[Place], Work[Plan]],
    work: Callable[[Place, Plan], Work[Draft]],
    find: Callable[[Place, Plan], UnitReport | None],
    absent: Callable[[Place, str], UnitReport] | None,
) -> Work[UnitReport | None]:
    place = night.place(earlier.household)
    if earlier.is_carried:
        [carried] = values((yield [Call(carry_over, (place, stage), "")]))
        if carried is None and absent is not None:
            [made_up] = yield [Call(absent, (place, "done"), "")]
            if isinstance(made_up, UnitReport):
                return replace(made_up, is_carried=True)
        return carried
    if earlier.status == "kept":
        kept = yield from keep(place, stage, earlier.problems)
        if kept.status == "failed" and absent is not None:
            [made_up] = yield [Call(absent, (place, "kept"), "")]
            if isinstance(made_up, UnitReport):
                return replace(made_up, problems=earlier.problems)
        return kept
    started = datetime.now(UTC)
    try:
        planned = yield from plan(place)
        [report] = values((yield [Call(find, (place, planned), "")]))
        if report is None:
            draft = yield from work(place, planned)
            ended = Call(finish, (place, planned, draft, started), "")
            [report] = values((yield [ended]))
    except JfdaskError as error:
        return (yield from keep(place, stage, (str(error),)))
    return report


def keep(place: Place, stage: str, problems: tuple[str, ...]) -> Work[UnitReport]:
    """Let yesterday's result stand in for tonight's; failed if there is none."""
    if place.previous is not None:
        [kept] = yield [Call(take_yesterdays, (place, stage, problems), "")]
        if isinstance(kept, UnitReport):
            return kept
        if not isinstance(kept, MissingArtifact):
            problems = (*problems, str(kept))
    return UnitReport(place.household, "failed", problems=problems)


# -- tasks ---------------------------------------------------------------------------------


def take_over(place: Place, plan: Plan) -> UnitReport | None:
    """Look for a unit that did the same work and have it in this run."""
    wanted = fingerprint(_inputs(place, plan), plan.settings, code_version())
    newest_first = run_ids(place.store)
    unit = reuse_unit(place.store, plan.stage, place.household, wanted, place.run_id, newest_first)
    return None if unit is None else report_of(unit, reused=True)


def done_tonight(place: Place, plan: Plan) -> UnitReport | None:
    """Look whether this run, or the one that was broken off before it, has done it already."""
    wanted = fingerprint(_inputs(place, plan), plan.settings, code_version())
    for run_id in filter(None, (place.run_id, place.forerunner)):
        try:
            unit = load_unit(place.store, run_id, plan.stage, place.household)
        except MissingArtifact:
            continue
        if unit.copied_from and unit.copied_from != place.forerunner:
            # A stage alone began with what an earlier run had read: no reading of tonight.
            continue
        if unit.fingerprint != wanted or unit.status not in ("done", "part"):
            continue
        if problems := damages(place.store, unit):
            logger.warning("%s is done again: %s", plan.stage, problems[0])
            continue
        if run_id != place.run_id:
            unit = copy_unit(place.store, unit, place.run_id, check=False)
        return report_of(unit, reused=True)
    return None


def carry_over(place: Place, stage: str) -> UnitReport | None:
    """Have in this run what the run before has of a household that is not selected tonight."""
    if place.previous is None:
        return None
    try:
        unit = load_unit(place.store, place.previous, stage, place.household)
    except MissingArtifact:
        return None
    carried = copy_unit(place.store, unit, place.run_id)
    return replace(report_of(carried, reused=True), problems=(), is_carried=True)


def inherit(place: Place, stages: Sequence[str]) -> UnitReport:
    """Have in this run what was done before of some stages; report on the last of them.

    That is what the run that was broken off has, if it has all of them, else the run that
    readers read.

    Raises
    ------
    MissingArtifact
        One of them was never done for the household.
    """
    if place.forerunner is not None and (units := _units(place, place.forerunner, stages)):
        for unit in units:
            copy_unit(place.store, unit, place.run_id)
        return check_up_to_date(place, stages)
    report = None
    for stage in stages:
        try:
            unit = load_unit(place.store, place.previous or "", stage, place.household)
        except (MissingArtifact, ValueError):
            missing = _first_missing(place, stages) or stage
            raise MissingArtifact(
                f"Nothing to work on for household {place.household!r}: stage {missing} has not "
                f"been done. Run: jfdask {missing}, or the whole night: jfdask run."
            ) from None
        # What was kept for a night is taken for what it is: an earlier night's result.
        report = report_of(copy_unit(place.store, as_done(unit), place.run_id), reused=True)
    if report is None:
        raise ValueError("No stage to inherit.")
    return replace(report, problems=())


def _first_missing(place: Place, stages: Sequence[str]) -> str | None:
    """Return the first stage that no run in the store has of the household."""
    runs = run_ids(place.store)
    return next((s for s in stages if not any(_units(place, run, [s]) for run in runs)), None)


def _units(place: Place, run_id: str, stages: Sequence[str]) -> list[Manifest]:
    """Return the household's units of a run; none if one of them is missing."""
    try:
        return [load_unit(place.store, run_id, stage, place.household) for stage in stages]
    except MissingArtifact:
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
    """Copy the household's unit of the previous run."""
    if place.previous is None:
        raise MissingArtifact("There is no earlier run.")
    unit = load_unit(place.store, place.previous, stage, place.household)
    summary = {**unit.summary, "problems": list(problems)}
    kept = copy_unit(place.store, unit, place.run_id, status="kept", summary=summary)
    return report_of(kept, reused=True)


def finish(place: Place, plan: Plan, draft: Draft, started: datetime) -> UnitReport:
    """Write the manifest of a unit."""
    writer = UnitWriter(place.store, place.run_id, plan.stage, place.household)
    unit = writer.close(
        receipts=draft.receipts,
        inputs=_inputs(place, plan),
        settings=plan.settings,
        code_version=code_version(),
        started=started,
        finished=datetime.now(UTC),
        status="part" if draft.problems else "done",
        summary={**draft.summary, "problems": list(draft.problems)},
    )
    return report_of(unit)


def reader(place: Place, stage: str) -> UnitReader:
    """Return what reads the household's files of an earlier stage of this run."""
    return UnitReader(place.store, load_unit(place.store, place.run_id, stage, place.household))


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
