"""`jfdask recommend`: one stage alone."""

from __future__ import annotations

import click

from jobs.options import Chosen, cluster_options, household_option, settings_options, user_option
from jobs.summary import do_stages


@click.command()
@settings_options
@household_option
@user_option
@cluster_options
def recommend(chosen: Chosen) -> int:
    """Rank what each person has not watched, and let readers read it.

    \b
    Example: jfdask recommend
    """
    return do_stages(chosen, ("recommend",))
