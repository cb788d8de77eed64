"""A night: which run, under the lock, stage after stage, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.cluster.report import reported
from jfdask.errors import JfdaskError, LockHeld, SettingsError, StoreError, StoreTimeout
from jfdask.jellyfin.connection import server_of
from jfdask.settings import Settings
from jfdask.stages import featurize, fetch, pool, recommend, train
from jfdask.stages.forget import finish_forgetting, forget_who_is_gone
from jfdask.stages.people import People, who_is_there
from jfdask.stages.taking_up import choose_run, release
from jfdask.stages.unit_tasks import UnitReport, check_up_to_date, inherit
from jfdask.stages.units import Night, Progress, Selection
from jfdask.stages.window import Call, answer_to
from jfdask.stages.workers import alike
from jfdask.store.filesystem import Store, address_of, open_store, sha256_of
from jfdask.store.keys import run_key, stage_manifest_key
from jfdask.store.lock import Lock, hold_lock
from jfdask.store.manifests import close_stage, load_unit
from jfdask.store.runs import is_all_kept, prune, seal_run

#: In this order; each stage works on what the one before stored.
STAGES: dict[str, ModuleType] = {
    module.NAME: module for module in (fetch, featurize, pool, train, recommend)
}
FAILED, IN_PART = 1, 3


@dataclass
class Summary:
    """What came of a night, for the person who started it."""

    run_id: str
    store_url: str
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
    reports: dict[str, dict[str, UnitReport]] = field(default_factory=dict)  # stage → household
    is_latest: bool = False  # readers read this run now
    not_removed: list[str] = field(default_factory=list)  # of the store; why, a sentence each

    @property
    def problems(self) -> list[str]:
        """What went wrong, a sentence each, the first stage's first."""
        told: dict[str, None] = {}
        for reports in self.reports.values():
            for report in reports.values():
                for problem in report.problems:
                    told[f"{report.household}: {problem}"] = None
        return [*told, *dict.fromkeys(self.not_removed)]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 nothing came of it, 3 done in part."""
        last = self._last
        if last and all(report.status == "failed" for report in last.values()):
            return FAILED
        # What went wrong on an earlier night was told then; what could not be carried over was not.
        for report in (r for reports in self.reports.values() for r in reports.values()):
            is_well = not report.problems if report.is_carried else report.status == "done"
            if report.status == "failed" or not is_well:
                return IN_PART
        return IN_PART if self.not_removed else 0

    @property
    def is_all_kept(self) -> bool:
        """Whether all households that the night was for have an earlier night's results, if any."""
        return is_all_kept(r.status for r in self._last.values() if not r.is_carried)

    @property
    def _last(self) -> Mapping[str, UnitReport]:
        return list(self.reports.values())[-1] if self.reports else {}


def run_stages(
    settings: Settings,
    stages: Sequence[str],
    progress: Progress,
    *,
    selection: Selection | None = None,
    accept_loss: bool = False,
    performance_report: Path | None = None,
) -> Summary:
    """Do some stages, one after the other, for all households of the settings.

    Beginning with fetch this is a new run, or the one that was broken off; beginning with a
    later stage it goes on from what the stage before it stored last. What households and
    people that are not selected have in the run that readers read is carried over. The
    performance report is a page of Dask's on what the workers did and when.

    Raises
    ------
    SettingsError
        No household, or a grid that cannot be searched.
    LockHeld
        Another night is at work on this store.
    MissingArtifact
        The stage before has not been done.
    ClusterError
        The cluster cannot be reached, or not all of its workers have what a night needs.
    """
    if not settings.households:
        raise SettingsError(
            "No household in the settings: add [[households]] with name and url to jfdask.toml, "
            "or set JFDASK_URL and JFDASK_API_KEY."
        )
    train.check(settings)
    store = open_store(address_of(settings.store))
    command = "run" if tuple(stages) == tuple(STAGES) else " ".join(stages)
    with hold_lock(store, f"jfdask {command}", settings.store.lock_seconds) as lock:
        not_removed = _finish_forgetting(store, lock)
        run = choose_run(settings, store, stages)
        summary = Summary(run.run_id, store.url, not_removed=not_removed)
        # Before anything is written: what nights that never ended have left may fill the store.
        _prune_runs(store, settings, summary, [run.run_id, run.forerunner or ""])

        def watch() -> None:
            if lock.is_lost:
                raise lock.loss(run.run_id)

        try:
            with (
                connect(settings.cluster, is_profiled=performance_report is not None) as client,
                reported(client, performance_report, progress.say),
                _alike(settings, stages, selection or Selection(), store, client, progress),
            ):
                link = client.dashboard_link
                dashboard = f"; dashboard: {link}" if link else ""
                progress.say(f"Run {run.told}{dashboard}")
                night = Night(
                    settings, store, client, run.run_id, run.previous, progress,
                    selection or Selection(), run.forerunner, watch,
                )  # fmt: skip
                reports = _begin(night, stages[0], run.is_new)
                # The first one that knows who is there.
                first_of_people = next((n for n in stages if n != fetch.NAME), None)
                for name in stages:
                    if not lock.still_held():
                        raise lock.loss(run.run_id)
                    if name == first_of_people:
                        _require_somebody(night, reports)
                    progress.stage(name)
                    began = time.monotonic()
                    extra = {"accept_loss": accept_loss} if name == fetch.NAME else {}
                    reports = STAGES[name].run(night, reports, **extra)
                    summary.seconds[name] = time.monotonic() - began
                    summary.reports[name] = reports
            if stages[-1] == recommend.NAME and summary.exit_code != FAILED:
                _seal(store, lock, summary)
                _prune(store, settings, summary)
        except SettingsError:
            # A slip of the keyboard is no night that another one goes on with.
            if run.is_new and lock.still_held():
                store.delete_all(run_key(run.run_id))
            raise
        finally:
            if not summary.is_latest:
                release(store, lock, run)
    return summary


def _finish_forgetting(store: Store, lock: Lock) -> list[str]:
    """Erase whom a `jfdask forget` that was broken off left; return why not, if it cannot be."""
    try:
        finish_forgetting(store, lock)
    except (LockHeld, StoreTimeout):
        raise
    except StoreError as error:
        return [f"What an earlier jfdask forget left could not be erased: {error}"]
    return []


def _prune(store: Store, settings: Settings, summary: Summary) -> None:
    """Remove what is old; readers read tonight's run, whatever becomes of that."""
    _prune_runs(store, settings, summary)
    try:
        store.sweep()
        pool.prune(store)
        forget_who_is_gone(store)
    except StoreError as error:
        summary.not_removed.append(f"What is old could not be removed: {error}")


def _prune_runs(
    store: Store, settings: Settings, summary: Summary, in_use: Collection[str] | None = None
) -> None:
    resume = timedelta(hours=settings.run.resume_hours)
    try:
        prune(store, settings.store.keep, datetime.now(UTC), resume, in_use)
    except StoreError as error:
        summary.not_removed.append(f"Old runs could not be removed: {error}")


def _alike(
    settings: Settings,
    stages: Sequence[str],
    selection: Selection,
    store: Store,
    client: Client,
    progress: Progress,
) -> AbstractContextManager[None]:
    """Return what holds the workers to what the stages need; this machine's own have it."""
    if settings.cluster.address == "local":
        return nullcontext()
    servers = [
        server_of(household, settings.fetch)
        for household in settings.households
        if fetch.NAME in stages and household.name in (selection.households or [household.name])
    ]
    return alike(client, store, servers, progress.say)


def _begin(night: Night, first: str, is_new: bool) -> dict[str, UnitReport]:
    """Return what the first stage has to work on.

    Raises
    ------
    MissingArtifact
        There is nothing to work on for any household, or what there is does not fit together.
    """
    names = [household.name for household in night.settings.households]
    chosen = night.selection.households or names
    if first == fetch.NAME:
        return {n: UnitReport(n, "done", is_carried=n not in chosen) for n in names}
    before = list(STAGES)[: list(STAGES).index(first)]
    task = inherit if is_new else check_up_to_date
    works = {name: answer_to(Call(task, (night.place(name), before))) for name in names}
    outcomes = night.drive(works, 1)
    errors = [error for error in outcomes.values() if isinstance(error, JfdaskError)]
    if len(errors) == len(names):
        raise errors[0]
    reports = {
        name: replace(outcome, is_carried=name not in chosen)
        if isinstance(outcome, UnitReport)
        else UnitReport(name, "failed", problems=(str(outcome),))
        for name, outcome in outcomes.items()
    }
    if is_new:
        _close_inherited(night, before, [n for n, r in reports.items() if r.status != "failed"])
    return reports


def _require_somebody(night: Night, reports: Mapping[str, UnitReport]) -> None:
    """Raise SettingsError if the people that are asked for are in none of the households."""
    wanted = night.selection.users
    tonights = [report for report in reports.values() if not report.is_carried]
    if not wanted or not tonights or any(report.status == "failed" for report in tonights):
        return  # she may be where nobody could look
    names = [report.household for report in tonights]
    calls = {n: answer_to(Call(who_is_there, (night.place(n), wanted))) for n in names}
    found = {n: one for n, one in night.drive(calls, 1).items() if isinstance(one, People)}
    if len(found) < len(names) or any(people.chosen for people in found.values()):
        return
    there = "; ".join(f"in {n}: {', '.join(people.names)}" for n, people in found.items())
    raise SettingsError(f"Nobody is called {' or '.join(wanted)}; there are {there or 'none'}.")


def _close_inherited(night: Night, stages: Sequence[str], names: Sequence[str]) -> None:
    for stage in stages:
        units = [load_unit(night.store, night.run_id, stage, name) for name in names]
        close_stage(night.store, stage, units, night.run_id, datetime.now(UTC))


def _seal(store: Store, lock: Lock, summary: Summary) -> None:
    """Write the run's manifest; from then on readers read this run."""
    stages: dict[str, str] = {}
    for stage in STAGES:
        stages[stage] = sha256_of(store.read(stage_manifest_key(summary.run_id, stage)))
    seal_run(
        store,
        summary.run_id,
        stages,
        lock,
        datetime.now(UTC),
        status="part" if summary.exit_code else "done",
        summary={
            "seconds": {stage: round(s, 2) for stage, s in summary.seconds.items()},
            "problems": summary.problems,
            "households": {
                name: report.status for name, report in summary.reports[recommend.NAME].items()
            },
        },
    )
    summary.is_latest = True
