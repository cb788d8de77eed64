"""A night: which run, under the lock, stage after stage, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.errors import JfdaskError, LockHeld, MissingArtifact, SettingsError
from jfdask.jellyfin.connection import server_of
from jfdask.settings import Settings
from jfdask.stages import featurize, fetch, recommend, train
from jfdask.stages.units import (
    Night,
    Progress,
    Selection,
    UnitReport,
    check_up_to_date,
    inherit,
)
from jfdask.stages.window import Call, Work, drive, values
from jfdask.stages.workers import alike
from jfdask.store.filesystem import Store, address_of, open_store, sha256_of
from jfdask.store.keys import stage_manifest_key
from jfdask.store.lock import Lock, hold_lock
from jfdask.store.manifests import close_stage, load_stage, load_unit
from jfdask.store.runs import latest_run, new_run_id, prune, seal_run, unfinished_run

#: In this order; each stage works on what the one before stored.
STAGES: dict[str, ModuleType] = {
    module.NAME: module for module in (fetch, featurize, train, recommend)
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
    pruned: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """What went wrong, a sentence each, the first stage's first."""
        told: dict[str, None] = {}
        for reports in self.reports.values():
            for report in reports.values():
                for problem in report.problems:
                    told[f"{report.household}: {problem}"] = None
        return list(told)

    @property
    def exit_code(self) -> int:
        """0 all well, 1 nothing came of it, 3 done in part."""
        last = list(self.reports.values())[-1] if self.reports else {}
        if last and all(report.status == "failed" for report in last.values()):
            return FAILED
        whole = all(r.status == "done" for rs in self.reports.values() for r in rs.values())
        return 0 if whole else IN_PART


def run_stages(
    settings: Settings,
    stages: Sequence[str],
    progress: Progress,
    *,
    selection: Selection | None = None,
    accept_loss: bool = False,
) -> Summary:
    """Do some stages, one after the other, for all households of the settings.

    Beginning with fetch this is a new run, or the one that was broken off; beginning with a
    later stage it goes on from what the stage before it stored last. What households and
    people that are not selected have in the run that readers read is carried over.

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
    with hold_lock(store, f"jfdask {' '.join(stages)}", settings.store.lock_seconds) as lock:
        run_id, previous, is_new = _choose_run(settings, store, stages)
        summary = Summary(run_id, store.url)
        with (
            connect(settings.cluster) as client,
            _alike(settings, stages, selection or Selection(), store, client, progress),
        ):
            goes_on = "" if is_new else ", begun before"
            link = client.dashboard_link
            dashboard = f"; dashboard: {link}" if link else ""
            progress.say(f"Run {run_id}{goes_on}{dashboard}")
            night = Night(
                settings, store, client, run_id, previous, progress, selection or Selection()
            )
            reports = _begin(night, stages[0], is_new)
            for name in stages:
                if not lock.still_held():
                    raise LockHeld(f"Run {run_id} lost the lock to another night; it stops here.")
                began = time.monotonic()
                extra = {"accept_loss": accept_loss} if name == fetch.NAME else {}
                reports = STAGES[name].run(night, reports, **extra)
                summary.seconds[name] = time.monotonic() - began
                summary.reports[name] = reports
        if stages[-1] == recommend.NAME and summary.exit_code != FAILED:
            _seal(store, lock, summary)
            summary.pruned = tuple(prune(store, settings.store.keep))
    return summary


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


def _choose_run(
    settings: Settings, store: Store, stages: Sequence[str]
) -> tuple[str, str | None, bool]:
    """Return the run to work in, the one that readers read, and whether the first is new."""
    now = datetime.now(UTC)
    latest = latest_run(store)
    begun = unfinished_run(store, now - timedelta(hours=settings.run.resume_hours))
    if begun is not None and _can_go_on(settings, store, stages, begun):
        return begun, latest, False
    return new_run_id(now), latest, True


def _can_go_on(settings: Settings, store: Store, stages: Sequence[str], run_id: str) -> bool:
    """Tell whether a run that was broken off is one to go on with."""
    first = stages[0]
    if first == fetch.NAME:
        # Who asks for fetch alone wants the server read anew, not a reading of before.
        return len(stages) > 1 or not _has_stage(store, run_id, first)
    before = _stage_before(first)
    return any(_has_unit(store, run_id, before, h.name) for h in settings.households)


def _has_stage(store: Store, run_id: str, stage: str) -> bool:
    try:
        load_stage(store, run_id, stage)
    except MissingArtifact:
        return False
    return True


def _stage_before(stage: str) -> str:
    names = list(STAGES)
    return names[names.index(stage) - 1]


def _has_unit(store: Store, run_id: str, stage: str, household: str) -> bool:
    try:
        load_unit(store, run_id, stage, household)
    except MissingArtifact:
        return False
    return True


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
    works = {name: _one(Call(task, (night.place(name), before), "")) for name in names}
    outcomes = drive(night.client, works, 1, night.progress.advance)
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


def _one(call: Call) -> Work[UnitReport]:
    [answer] = values((yield [call]))
    return answer


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
