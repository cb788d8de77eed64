"""The group of commands: `jfdask` on the command line, also `python -m jobs`."""

from __future__ import annotations

import io
import signal
import sys
import threading
from importlib import import_module
from types import FrameType

import click

from jfdask.errors import JfdaskError, SettingsError
from jfdask.stages.files import STAGE_NAMES
from jfdask.version import code_version

#: In the order of the help. Each is a module of this package.
COMMANDS = (
    "run",
    "serve-nightly",
    "pretrain",
    "fetch",
    "featurize",
    "pool",
    "train",
    "recommend",
    "show",
    "runs",
    "check",
    "demo",
    "forget",
)

#: Those that go on where they were stopped.
KEEPING = frozenset({"run", "serve-nightly", "pretrain", "forget", *STAGE_NAMES})

#: What a shell expects of a process ended by a signal.
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


class _Commands(click.Group):
    """Loads a command when it is asked for: none needs all that the others bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*COMMANDS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"jobs.{name}"), name)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(code_version(), prog_name="jfdask")
def jfdask() -> None:
    """Recommend films to the people of a Jellyfin server, every night, on Dask.

    \b
    Try it:            jfdask demo
    A server of yours: jfdask check, then jfdask run (settings in jfdask.toml)
    Look at a list:    jfdask show anna

    Exit codes: 0 all well, 1 failed, 2 wrong usage or settings, 3 done in part (what failed is
    named on stderr and in the run's summary), 75 another night holds the lock, 130 and 143 stopped
    by Ctrl-C or SIGTERM.
    """


def main(argv: list[str] | None = None) -> None:
    """Run a command and exit with its code; what went wrong is a sentence, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # of titles that a terminal cannot show
    sys.exit(_main(argv))


def _main(argv: list[str] | None) -> int:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)
        # A shell lets what it starts in the background ignore Ctrl-C: that stays so.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _stop)
    try:
        result = jfdask.main(argv, standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return SettingsError.exit_code
    except JfdaskError as error:
        click.echo(f"jfdask: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, _Terminated) as stop:
        kept = not KEEPING.isdisjoint(sys.argv[1:] if argv is None else argv)
        told = " What was finished is kept: the same command goes on from there." if kept else ""
        click.echo(f"\njfdask: stopped.{told}", err=True)
        return TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
    except OSError as error:
        click.echo(f"jfdask: {error}", err=True)  # a full disk, an address that is taken
        return JfdaskError.exit_code
    return result if isinstance(result, int) else 0


class _Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt it passes every ``except Exception``."""


def _stop(number: int, _frame: FrameType | None) -> None:
    # Only the first one: stopping takes a moment, and must not be interrupted itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated if number == signal.SIGTERM else KeyboardInterrupt


if __name__ == "__main__":
    main()
