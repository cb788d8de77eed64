"""`jfdask pool`: one stage alone."""

from __future__ import annotations

import click

from jobs.options import Chosen, cluster_options, household_option, settings_options
from jobs.summary import do_stages


@click.command()
@settings_options
@household_option
@cluster_options
def pool(chosen: Chosen) -> int:
    """Learn what all people of all households have in common, from what featurize stored.

    \b
    Example: jfdask pool
    """
    return do_stages(chosen, ("pool",))
