"""`jfdask fetch`: one stage alone."""

from __future__ import annotations

import click

from jobs.options import Chosen, cluster_options, household_option, settings_options
from jobs.summary import do_stages


@click.command()
@settings_options
@household_option
@cluster_options
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Take over a library of which much is missing since last night.",
)
def fetch(chosen: Chosen, accept_loss: bool) -> int:
    """Read the movies, collections and histories of every household.

    \b
    Example: jfdask fetch --household home
    """
    return do_stages(chosen, ("fetch",), accept_loss=accept_loss)
