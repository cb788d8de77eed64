"""`jfdask show`: a person's list."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from jfdask.stages.lists import figures_of, list_of
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.runs import latest_run, started_at
from jobs.listing import print_list
from jobs.options import Chosen, household_option, settings_options


@click.command()
@click.argument("user")
@settings_options
@household_option
@click.option(
    "-n", "--number", type=click.IntRange(1), default=10, show_default=True, help="How many movies."
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def show(chosen: Chosen, user: str, number: int, as_json: bool) -> None:
    """Show the list of USER (name or id) in the terminal.

    \b
    Example: jfdask show anna
             jfdask show anna --json -n 50
    """
    store = open_store(address_of(chosen.settings.store))
    found = list_of(store, user, chosen.households)
    is_latest = found.run_id == latest_run(store)
    if not is_latest:
        click.echo(
            f"The last night has no list of {found.name}: this is an older one. `jfdask forget "
            f"{found.user_id}` erases it.",
            err=True,
        )
    elif (days := (datetime.now(UTC) - started_at(found.run_id)).days) >= 2:
        click.echo(
            f"The last night that ended was {days} days ago: see jfdask check, and what the job "
            "logs.",
            err=True,
        )
    if as_json:
        document = {
            "run_id": found.run_id,
            "is_latest": is_latest,
            "kept_from": found.kept_from or None,
            **found.document,
            "recommendations": found.document["recommendations"][:number],
        }
        click.echo(json.dumps(document, indent=2))
        return
    print_list(found, number, figures_of(store, found))
