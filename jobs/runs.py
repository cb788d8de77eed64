"""`jfdask runs`: past runs."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path

import click

from jfdask.store.filesystem import address_of, open_store
from jfdask.store.runs import RunInfo, list_runs
from jobs.options import Chosen, settings_options


@click.command()
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def runs(chosen: Chosen, as_json: bool) -> None:
    """List past runs, the newest first, by local time; * is the one that is read.

    \b
    Example: jfdask runs
    """
    store = open_store(address_of(chosen.settings.store))
    found = list_runs(store)
    if as_json:
        rows = [dataclasses.asdict(run) for run in found]
        click.echo(json.dumps(rows, default=datetime.isoformat, indent=2))
        return
    if not found:
        is_missing = store.address.is_folder and not Path(store.url).exists()
        click.echo(f"No run in {store.url}{', which is not there' if is_missing else ' yet'}.")
    for run in found:
        click.echo(_line(run))
        for problem in run.summary.get("problems", ()):
            click.echo(f"      {problem}")


def _line(run: RunInfo) -> str:
    mark = "*" if run.is_latest else " "
    seconds = sum(run.summary.get("seconds", {}).values())
    households = run.summary.get("households", {})
    status = run.status if run.is_finished else "not finished"
    n = f"{len(households)} household{'s' if len(households) != 1 else ''}"
    told = f"{seconds:7.1f} s  {n}" if run.is_finished else ""
    started = run.started.astimezone()
    return f"{mark} {run.run_id}  {started:%Y-%m-%d %H:%M}  {status:<12} {told}".rstrip()
