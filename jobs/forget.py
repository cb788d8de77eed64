"""`jfdask forget`: erase a person."""

from __future__ import annotations

import click

from jfdask.stages.forget import forget_user, look_for
from jfdask.store.address import address_of
from jobs.options import Chosen, household_option, settings_options


@click.command()
@click.argument("user")
@settings_options
@household_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(chosen: Chosen, user: str, yes: bool) -> int:
    """Erase all that is stored of USER (name or id): history, models, lists, in every run.

    The next night reads this person again unless the settings leave her out (exclude_users).

    \b
    Example: jfdask forget anna
    """
    look_for(chosen.settings, user, chosen.households)
    if not yes and not _is_sure(user, address_of(chosen.settings.store).url):
        click.echo("Nothing erased. With --yes nobody is asked.", err=True)
        return 1
    forgotten = forget_user(chosen.settings, user, chosen.households)
    told = (
        f"Erased {forgotten.n_files} files of {user}, and every mention of {user} in the "
        f"{forgotten.n_manifests} manifests that list them."
    )
    excluded = {u for h in chosen.settings.households for u in h.exclude_users}
    if not excluded & {user, forgotten.user_id}:
        # By the id, which may stay there when there is nobody of that name any more.
        told += (
            f" To keep the next night from reading {user} again, add "
            f'exclude_users = ["{forgotten.user_id}"] to the household.'
        )
    click.echo(told)
    return 0


def _is_sure(user: str, store_url: str) -> bool:
    try:
        return click.confirm(f"Erase everything of {user} in {store_url}?")
    except click.Abort:
        return False  # Ctrl-C, or nobody there to answer
