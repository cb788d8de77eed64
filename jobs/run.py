"""`jfdask run`: the whole night."""

from __future__ import annotations

from pathlib import Path

import click

from jfdask.stages.files import STAGE_NAMES
from jobs.options import Chosen, cluster_options, household_option, settings_options, user_option
from jobs.summary import do_stages


def _writable(
    context: click.Context, _parameter: click.Parameter, path: Path | None
) -> Path | None:
    """Refuse a file that cannot be written, before the night rather than after it."""
    if path is None or context.resilient_parsing:
        return path
    was_there = path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be written ({error.strerror}).") from None
    if not was_there:
        path.unlink()
    return path


@click.command()
@settings_options
@household_option
@user_option
@cluster_options
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Learn from a library of which much is missing since last night.",
)
@click.option(
    "--performance-report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    callback=_writable,
    help="Write what the workers did and when: a page of Dask's, for a browser.",
)
@click.option("--code-if-kept", type=int, hidden=True)
def run(
    chosen: Chosen, accept_loss: bool, performance_report: Path | None, code_if_kept: int | None
) -> int:
    """Do the whole night: fetch, featurize, pool, train, recommend.

    A night that was broken off goes on where it was; what has not changed since the last one
    is not computed again.

    \b
    Example: jfdask run --config jfdask.toml
    """
    return do_stages(
        chosen,
        STAGE_NAMES,
        accept_loss=accept_loss,
        performance_report=performance_report,
        code_if_kept=code_if_kept,
    )
