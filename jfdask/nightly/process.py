"""A night as a process of its own: what it leaves behind in memory ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence

#: How long a night may take to end once it is told to; then it is killed.
STOP_SECONDS = 90.0
#: The same for workers whose night could not end them.
GROUP_SECONDS = 5.0


class NightProcess:
    """A night that is under way."""

    def __init__(self, command: Sequence[str]) -> None:
        # In a session of its own: a terminal's Ctrl-C reaches the service alone, which passes
        # it on once, and what a killed night leaves running can be ended as a group.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def poll(self) -> int | None:
        """Return the exit code, negative if a signal killed it; None while it is under way."""
        code = self._process.poll()
        if code is not None:
            self._end_group()
        return code

    def stop(self) -> int:
        """Tell the night to end, wait until it has, and return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end_group()
        return self._process.returncode

    def _end_group(self) -> None:
        """End the workers of a night that could not do it itself; mostly there are none left.

        Asked first: who cleans up behind a crash does not hear SIGTERM and ends by itself.
        """
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            number = int(signal_number)
            deadline = time.monotonic() + GROUP_SECONDS
            while time.monotonic() < deadline:
                try:
                    os.killpg(self._process.pid, number)
                except (ProcessLookupError, PermissionError):
                    return  # nobody is left; macOS says it so of those that have just ended
                number = 0  # only look from now on
                time.sleep(0.05)
