"""Progress: live bars on a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

SECONDS_BETWEEN_LINES = 5.0


class NightProgress:
    """Shows how far each stage is; everything goes to stderr, stdout is for results.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, soft_wrap=True)
        self._stage = ""
        self._bars: dict[tuple[str, str, str], TaskID] = {}
        self._last_line = 0.0
        self._live = Progress(
            TextColumn("{task.description}", justify="left"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            Elapsed(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> NightProgress:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def stage(self, name: str) -> None:
        """Begin a stage."""
        self._stage = name
        if not self.console.is_terminal:
            self.say(f"{name}: begun")

    def advance(self, household: str, kind: str, done: int, total: int) -> None:
        """Tell that so many pages, movies, people or candidates of a household are done."""
        if self.console.is_terminal:
            key = (self._stage, household, kind)
            if key not in self._bars:
                self._bars[key] = self._live.add_task(f"{self._stage} {household}: {kind}")
            self._live.update(self._bars[key], completed=done, total=total)
            return
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self.say(f"{self._stage} {household}: {done} of {total} {kind}")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        stamp = "" if self.console.is_terminal else time.strftime("%H:%M:%S ")
        self.console.print(f"{stamp}{text}", highlight=False, markup=False)
        sys.stderr.flush()
