"""Waiting that a signal ends at once, and that no signal can break off in the middle of work."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any

_STOPS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Collects SIGTERM, Ctrl-C and the ends of children, for the length of a ``with`` block.

    A handler that raises could do so between the start of a process and its being known. These
    handlers do nothing; Python writes the number of the signal into a pipe, which `wait` reads.
    Only for the main thread.
    """

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before: dict[signal.Signals, Any] = {}
        for number in (*_STOPS, signal.SIGCHLD):
            # A shell lets what it starts in the background ignore Ctrl-C: that stays so.
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _nothing)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> int | None:
        """Wait until a child has ended, or for some seconds at most.

        Returns
        -------
        int or None
            The number of the signal that asks to stop, as soon as there is one.
        """
        ready, _, _ = select.select([self._reader], [], [], max(seconds, 0.0))
        if not ready:
            return None
        arrived = os.read(self._reader, 1024)
        return next((number for number in arrived if number in _STOPS), None)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Be there: a signal without a handler writes nothing into the pipe."""
