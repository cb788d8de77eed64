"""The group of commands: `jfdask` on the command line, also `python -m jobs`."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

import click

from jfdask.errors import JfdaskError, SettingsError
from jfdask.version import code_version
from jobs.check import check
from jobs.demo import demo
from jobs.featurize import featurize
from jobs.fetch import fetch
from jobs.forget import forget
from jobs.recommend import recommend
from jobs.run import run
from jobs.runs import runs
from jobs.serve_nightly import serve_nightly
from jobs.show import show
from jobs.train import train

#: What a shell expects of a process ended by a signal.
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


for command in (
    run,
    serve_nightly,
    fetch,
    featurize,
    train,
    recommend,
    show,
    runs,
    check,
    demo,
    forget,
):
    jfdask.add_command(command)


def main(argv: list[str] | None = None) -> None:
    """Run a command and exit with its code; what went wrong is a sentence, not a traceback."""
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
        click.echo(
            "\njfdask: stopped. What was finished is kept: the same command goes on from there.",
            err=True,
        )
        return TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
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
