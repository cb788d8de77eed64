"""`jfdask serve-nightly`: the whole night, every day, for machines without cron."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from jfdask.errors import SettingsError
from jfdask.nightly.health import KEPT, Health, judge, write_health
from jfdask.nightly.process import NightProcess
from jfdask.nightly.schedule import time_of_day
from jfdask.nightly.service import Plan, Service, Surroundings
from jfdask.nightly.zone import local_zone
from jobs.check import check
from jobs.options import Chosen, cluster_options, household_option, settings_options, user_option
from jobs.run import run


def _time(_context: click.Context, _parameter: click.Parameter, text: str) -> time:
    return time_of_day(text)


def _tell_health(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Look at a service's file, say how it is, and end."""
    if path is None or context.resilient_parsing:
        return
    is_well, told = judge(path, datetime.now(UTC))
    click.echo(f"{'good' if is_well else 'BAD '}  {told}")
    context.exit(0 if is_well else 1)


@click.command("serve-nightly")
@settings_options
@household_option
@user_option
@cluster_options
@click.option(
    "--at",
    required=True,
    metavar="HH:MM",
    callback=_time,
    help="When the night is due, by the clocks of the time zone TZ (not set: the machine's).",
)
@click.option("--now", "at_once", is_flag=True, help="Do a night at once, too.")
@click.option(
    "--retry-minutes",
    type=click.IntRange(1, 24 * 60),
    help="Try a failed night again after so long.  [default: when the next is due]",
)
@click.option(
    "--health-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep a file that tells how the service is.",
)
@click.option(
    "--healthy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_tell_health,
    help="Serve nothing; look at such a file: exit code 0 if the service is well, else 1.",
)
@click.pass_context
def serve_nightly(
    context: click.Context,
    chosen: Chosen,  # noqa: ARG001  (each night reads it anew)
    at: time,
    at_once: bool,
    retry_minutes: int | None,
    health_file: Path | None,
) -> int:
    """Keep running and do `jfdask run` every day at a time, in a process of its own.

    Settings are looked at now, and read anew by each night. A night that fails is logged with
    its exit code; the next one comes nevertheless. One that takes longer than a day lets the
    next be left out. SIGTERM and Ctrl-C end the night under way, then the service.

    \b
    Example: jfdask serve-nightly --at 03:30
             jfdask serve-nightly --at 03:30 --health-file /tmp/nightly.json
             jfdask serve-nightly --healthy /tmp/nightly.json
    """
    zone = local_zone(os.environ)
    # In a process of its own, too: what it loads would stay with the service all day.
    looked = subprocess.run(
        _command(context, check, "--offline"), stdout=subprocess.DEVNULL, check=False
    )
    if looked.returncode:
        return looked.returncode
    told = _HealthFile(health_file)
    service = Service(
        Plan(at, zone, at_once, timedelta(minutes=retry_minutes) if retry_minutes else None),
        Surroundings(
            begin=partial(NightProcess, _command(context, run, f"--code-if-kept={KEPT}")),
            tell=told.write,
            say=partial(click.echo, err=True),
            clock=partial(datetime.now, UTC),
        ),
    )
    try:
        return service.run()
    finally:
        told.remove()


def _command(context: click.Context, command: click.Command, *more: str) -> list[str]:
    """Return how to start another command with those of its options that were given to this one."""
    words = [command.name or "", *more]
    for option in command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(option, click.Option) and option.count:
            words += [option.opts[0]] * value
            continue
        words += [f"{option.opts[-1]}={one}" for one in (value if option.multiple else [value])]
    # -P: the current folder is somebody's data, and no place to look for code.
    return [sys.executable, "-P", "-m", "jobs", *words]


class _HealthFile:
    """The file, if one is wanted: it must be possible at first, and is only missed later."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_written = False

    def write(self, health: Health) -> None:
        if self._path is None:
            return
        try:
            write_health(self._path, health)
        except OSError as error:
            told = f"--health-file: {self._path} cannot be written: {error.strerror}."
            if not self._is_written:
                raise SettingsError(told) from None
            click.echo(told, err=True)
        else:
            self._is_written = True

    def remove(self) -> None:
        if self._path is not None and self._is_written:
            with contextlib.suppress(OSError):
                self._path.unlink()
