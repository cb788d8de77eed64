"""Do stages with progress, and say what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jfdask.cluster.forkserver import load_for_workers
from jobs.loading import quick_loading
from jobs.options import Chosen
from jobs.progress import NightProgress

if TYPE_CHECKING:
    from jfdask.stages.night import Summary

#: Modules that a night's tasks use; what they import comes with them.
# skops first: it looks for the home of some 800 functions in every module that is loaded already.
# httpx loads httpcore with the first client.
WORKERS_NEED = (
    "skops.io", "jfdask.stages.night", "dask.array", "dask_ml.model_selection", "httpcore",
)  # fmt: skip


def do_stages(
    chosen: Chosen,
    stages: Sequence[str],
    *,
    accept_loss: bool = False,
    performance_report: Path | None = None,
    code_if_kept: int | None = None,
) -> int:
    """Do some stages and print their summary to stderr; return the exit code.

    For who goes on by it, one in which nothing but earlier nights' results was to be had may
    have a code of its own, ``code_if_kept``.
    """
    if chosen.settings.cluster.address == "local":
        load_for_workers(WORKERS_NEED)
    # What computes is loaded when it is needed: `jfdask --help` and `jfdask show` are quick.
    with quick_loading():
        from jfdask.stages.night import run_stages
        from jfdask.stages.units import Selection

    with NightProgress() as progress:
        selection = Selection(chosen.households, chosen.users)
        summary = run_stages(
            chosen.settings,
            stages,
            progress,
            selection=selection,
            accept_loss=accept_loss,
            performance_report=performance_report,
        )
    print_summary(summary)
    if summary.is_latest:
        click.echo("lists: jfdask show NAME", err=True)
    if code_if_kept is not None and summary.is_all_kept:
        return code_if_kept
    return summary.exit_code


def print_summary(summary: Summary) -> None:
    """Say how long each stage took, what was taken over, and what went wrong."""
    for stage, reports in summary.reports.items():
        n = len(reports)
        counts = {
            "as before": sum(r.reused and r.status != "kept" for r in reports.values()),
            "kept from an earlier night": sum(r.status == "kept" for r in reports.values()),
            "failed": sum(r.status == "failed" for r in reports.values()),
        }
        told = "".join(f", {count} {what}" for what, count in counts.items() if count)
        seconds = summary.seconds.get(stage, 0.0)
        households = f"{n} household{'s' if n != 1 else ''}"
        click.echo(f"{stage:<10} {seconds:7.1f} s  {households}{told}", err=True)
        if counts["failed"] == n:
            break  # nobody is left for the stages after it: what follows is why
    click.echo(f"{'total':<10} {sum(summary.seconds.values()):7.1f} s", err=True)
    for problem in summary.problems:
        click.echo(f"problem: {problem}", err=True)
    where = f"{summary.store_url}/runs/{summary.run_id}"
    read_now = "" if summary.is_latest else " (not the run that is read)"
    click.echo(f"artifacts: {where}{read_now}", err=True)
