"""`jfdask featurize`: one stage alone."""

from __future__ import annotations

import click

from jobs.options import Chosen, cluster_options, household_option, settings_options
from jobs.summary import do_stages


@click.command()
@settings_options
@household_option
@cluster_options
def featurize(chosen: Chosen) -> int:
    """Turn the movies that were fetched into features.

    \b
    Example: jfdask featurize
    """
    return do_stages(chosen, ("featurize",))
