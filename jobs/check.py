"""`jfdask check`: whether everything is there that a night needs."""

from __future__ import annotations

import click

from jfdask.errors import SettingsError
from jobs.options import Chosen, cluster_options, household_option, settings_options


@click.command()
@settings_options
@household_option
@cluster_options
@click.option(
    "--offline", is_flag=True, help="Only what can be said without asking a server or a bucket."
)
@click.option(
    "--artifacts", is_flag=True, help="Read every file of the last night, too: is it whole?"
)
def check(chosen: Chosen, offline: bool, artifacts: bool) -> int:
    """Look at settings, servers, keys, users, store and cluster: one line each.

    A settings file with mistakes is told all of them at once.

    \b
    Example: jfdask check --config jfdask.toml
    """
    # Loaded here, as it takes a moment: `jfdask --help` does not need it.
    from jfdask.stages.check import findings, refuse_bad_settings

    if offline and artifacts:
        raise click.UsageError("--artifacts asks the store, --offline asks nobody.")
    if offline:
        refuse_bad_settings(chosen.narrowed)
        click.echo(
            f"{click.style('good', fg='green')}  settings; server, store and cluster were not asked"
        )
        return 0
    all_good = True
    for finding in findings(chosen.narrowed, artifacts=artifacts):
        all_good &= finding.is_good
        mark = click.style("good", fg="green") if finding.is_good else click.style("BAD ", fg="red")
        click.echo(f"{mark}  {finding.what}: {finding.told}")
        if finding.what == "settings" and not finding.is_good:
            # Nothing else can be looked at in earnest, and nothing is written.
            return SettingsError.exit_code
    return 0 if all_good else 1
