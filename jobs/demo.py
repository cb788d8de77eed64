"""`jfdask demo`: everything, on a Jellyfin server of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from jfdask.settings import Settings
from jfdask.stages.files import STAGE_NAMES
from jfdask.stages.lists import figures_of, lists_of_run
from jfdask.store.filesystem import address_of, open_store
from jobs.listing import print_list
from jobs.options import cluster_options
from jobs.progress import NightProgress
from jobs.summary import print_summary

LISTED = 10


class _Demo(click.Group):
    """The night, and `serve`, which is loaded only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return ["serve"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name != "serve":
            return None
        from jfdask.demo.serve import command

        return command


@click.group(cls=_Demo, invoke_without_command=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("jfdask-demo"),
    show_default=True,
    help="Where the demo keeps its key and its store.",
)
@cluster_options
@click.pass_context
def demo(context: click.Context, folder: Path, cluster: str | None, workers: int | None) -> int:
    """Do a whole night against a demo server and show everybody's list.

    The server is a process of its own on this machine; nothing leaves it.

    \b
    Example: jfdask demo
             jfdask demo serve --port 8097     (and point anything at it)
    """
    if context.invoked_subcommand is not None:
        return 0
    # Loaded here, as it takes a moment: `jfdask --help` does not need it.
    from jfdask.demo.process import start_demo
    from jfdask.demo.serve import ensure_key_file
    from jfdask.stages.night import run_stages

    key_file = ensure_key_file(folder / "api-key")
    with start_demo(api_key=key_file.read_text(encoding="ascii").strip()) as server:
        settings = _settings(folder, server.url, key_file, cluster, workers)
        with NightProgress() as progress:
            progress.say(f"The demo server runs at {server.url}")
            summary = run_stages(settings, STAGE_NAMES, progress)
    print_summary(summary)
    store = open_store(address_of(settings.store))
    names = []
    for one in lists_of_run(store, summary.run_id):
        print_list(one, LISTED, figures_of(store, one))
        names.append(one.name)
    _say_what_next(folder, summary.run_id, names)
    return summary.exit_code


def _settings(
    folder: Path, url: str, key_file: Path, cluster: str | None, workers: int | None
) -> Settings:
    return Settings.model_validate(
        {
            "store": {"url": str(folder / "store")},
            "households": [{"name": "demo", "url": url, "api_key_file": str(key_file)}],
            "cluster": {"address": cluster or "local", "workers": workers or 0},
        }
    )


def _say_what_next(folder: Path, run_id: str, names: list[str]) -> None:
    command = shlex.quote(os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "jfdask")
    store = shlex.quote(str(folder / "store"))
    click.echo(f"\nThe artifacts of this night lie in {folder / 'store' / 'runs' / run_id}")
    if names:
        click.echo(f"Next, try: {command} show {names[0]} --store {store} -n 30")
    click.echo("A server of your own: see README.md, or `jfdask check --help`")
