"""`jfdask pretrain`: a crowd for households that have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jfdask.cluster.forkserver import load_for_workers
from jobs.loading import quick_loading
from jobs.options import Chosen, cluster_options, household_option, settings_options
from jobs.progress import NightProgress

if TYPE_CHECKING:
    from jfdask.stages.pretrain import Pretrained

#: Modules that its tasks use; what they import comes with them.
WORKERS_NEED = ("jfdask.stages.pretrain", "skops.io", "sklearn.utils.extmath")


@click.command()
@settings_options
@household_option
@cluster_options
@click.option(
    "--ratings",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder or zip file of MovieLens, as it was downloaded.",
)
def pretrain(chosen: Chosen, ratings: Path) -> int:
    """Learn a prior from public ratings, which every night from then on uses.

    It replaces the one before. A run that was broken off goes on where it was.

    \b
    Example: jfdask pretrain --ratings ml-latest.zip
    """
    if chosen.settings.cluster.address == "local":
        load_for_workers(WORKERS_NEED)
    # Loaded here, as it takes a moment: `jfdask --help` does not need it.
    with quick_loading():
        from jfdask.stages.pretrain import pretrain as make_prior

    with NightProgress() as progress:
        made = make_prior(chosen.settings, ratings, progress, chosen.households)
    print_summary(made)
    return 0


def print_summary(made: Pretrained) -> None:
    """Say what the prior was made of."""
    summary = made.summary
    lines = [
        f"{summary['n_ratings']:,} ratings of {summary['n_people']:,} people, "
        f"{summary['n_taken']:,} of them taken",
        f"{summary['n_films']:,} films",
        *(f"household {name}: {n:,} of its films are in it" for name, n in made.common.items()),
        f"model learned of {summary['n_trained']} people on household {made.home}",
        f"{made.seconds:.1f} s" + (": the prior was there already" if made.is_as_before else ""),
        f"prior: {made.store_url}/prior",
    ]
    for line in lines:
        click.echo(line, err=True)
