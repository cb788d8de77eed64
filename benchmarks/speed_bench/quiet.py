"""A night's parts without its command: somewhere to work, and nobody who is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.settings import ClusterSettings, Settings
from jfdask.stages.night import Night
from jfdask.stages.window import Work, drive
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.manifests import Receipt
from jfdask.store.runs import new_run_id
from jfdask.store.units import UnitWriter

N_WORKERS = 2
_IN_FLIGHT = 64


class Quiet:
    """Progress that nobody looks at."""

    def stage(self, name: str) -> None:
        """Do nothing."""

    def advance(self, household: str, kind: str, done: int, total: int) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""


@contextmanager
def two_workers() -> Iterator[Client]:
    """Yield a client of the cluster that a night starts, of two one-thread workers."""
    with connect(ClusterSettings(workers=N_WORKERS, dashboard_port=0)) as client:
        yield client


def night_in(folder: Path, client: Client, **sections: dict[str, Any]) -> Night:
    """Return a new night on a store of its own."""
    settings = Settings.model_validate({"store": {"url": str(folder / "store")}, **sections})
    store = open_store(address_of(settings.store))
    return Night(settings, store, client, new_run_id(datetime.now(UTC)), None, Quiet())


def done(night: Night, work: Work[Any], in_flight: int = _IN_FLIGHT) -> Any:
    """Do one household's work as a stage does it; raise what it ended with."""
    [outcome] = drive(night.client, {"home": work}, in_flight, night.progress.advance).values()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def close_unit(
    night: Night, stage: str, household: str, receipt: Receipt, summary: dict[str, Any]
) -> None:
    """Write the manifest of a unit whose files are there, as the end of its stage does."""
    now = datetime.now(UTC)
    UnitWriter(night.store, night.run_id, stage, household).close(
        receipts=[receipt],
        inputs={},
        settings={},
        code_version="benchmark",
        started=now,
        finished=now,
        summary=summary,
    )
