"""`jfdask run`: the whole night."""

from __future__ import annotations

import click

from jfdask.stages.files import STAGE_NAMES
from jobs.options import Chosen, cluster_options, settings_options, user_option
from jobs.summary import do_stages


@click.command()
@settings_options
@user_option
@cluster_options
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Learn from a library of which much is missing since last night.",
)
def run(chosen: Chosen, accept_loss: bool) -> int:
    """Do the whole night: fetch, featurize, pool, train, recommend.

    A night that was broken off goes on where it was; what has not changed since the last one
    is not computed again.

    \b
    Example: jfdask run --config jfdask.toml
    """
    return do_stages(chosen, STAGE_NAMES, accept_loss=accept_loss)
