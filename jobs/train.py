"""`jfdask train`: one stage alone."""

from __future__ import annotations

import click

from jobs.options import Chosen, cluster_options, household_option, settings_options, user_option
from jobs.summary import do_stages


@click.command()
@settings_options
@household_option
@user_option
@cluster_options
def train(chosen: Chosen) -> int:
    """Learn what each person likes, from what featurize stored.

    \b
    Example: jfdask train --workers 4
    """
    return do_stages(chosen, ("train",))
