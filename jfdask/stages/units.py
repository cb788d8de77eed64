"""A stage is done household by household; this is what all stages have in common.

What was done for the same inputs, settings and code is taken over; what fails costs its
household only, which then keeps yesterday's result; the manifest is written last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from distributed import Client

from jfdask.errors import JfdaskError, MissingArtifact
from jfdask.settings import Settings
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import (
    Draft,
    Plan,
    UnitReport,
    carry_over,
    finish,
    take_over,
    take_yesterdays,
)
from jfdask.stages.window import Call, Watch, Work, answer_to, drive, unwatched
from jfdask.store.filesystem import Store
from jfdask.store.manifests import Listing, save_listing

T = TypeVar("T")

#: Households that are computed side by side: while one has little to do, another one has more.
FEWEST_AT_ONCE, WORKERS_PER_HOUSEHOLD = 2, 2
#: Questions to servers that a worker has under way at most, each in a thread of its own.
MOST_ASKED = 64


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

    @property
    def n_workers(self) -> int:
        """Workers there are, or will be: a cluster of Kubernetes grows with what there is to do."""
        cluster = self.settings.cluster
        most = cluster.kubernetes_maximum if cluster.address == "kubernetes" else 1
        return max(most, len(self.client.nthreads()))

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
        Its tasks wait for servers rather than compute, so many households go side by side.
        Otherwise few do: a worker keeps the tables and features of two only.
    """
    works = {
        name: _unit(night, report, stage, plan, work, find or take_over)
        for name, report in earlier.items()
        if report.status != "failed"
    }
    at_once = max(FEWEST_AT_ONCE, night.n_workers // WORKERS_PER_HOUSEHOLD)
    if waits:
        at_once = max(FEWEST_AT_ONCE, night.n_workers * MOST_ASKED // in_flight)
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
) -> Work[UnitReport | None]:
    place = night.place(earlier.household)
    # All stages of one run: what was computed belongs to what it was computed from.
    place = replace(place, previous=earlier.taken_from or place.previous)
    if earlier.status == "kept" and not earlier.is_carried:
        return (yield from keep(place, stage, earlier.problems))
    started = datetime.now(UTC)
    try:
        if earlier.is_carried:
            return (yield from answer_to(Call(carry_over, (place, stage))))
        planned = yield from plan(place)
        report = yield from answer_to(Call(find, (place, planned)))
        if report is None:
            draft = yield from work(place, planned)
            ended = Call(finish, (place, planned, draft, started, datetime.now(UTC)))
            report = yield from answer_to(ended)
    except JfdaskError as error:
        kept = yield from keep(place, stage, (str(error),))
        return replace(kept, is_carried=earlier.is_carried)
    return report


def keep(place: Place, stage: str, problems: tuple[str, ...]) -> Work[UnitReport]:
    """Let yesterday's result stand in for tonight's; failed if there is none."""
    if place.previous is not None:
        [kept] = yield [Call(take_yesterdays, (place, stage, problems))]
        if isinstance(kept, UnitReport):
            return kept
        if not isinstance(kept, MissingArtifact):
            problems = (*problems, str(kept))
    return UnitReport(place.household, "failed", problems=problems)
