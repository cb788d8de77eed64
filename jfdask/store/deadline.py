"""A deadline round any call, whatever the call itself knows of time-outs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")
_Answers = SimpleQueue[tuple[Any, BaseException | None]]
_Calls = SimpleQueue[tuple[Callable[[], Any], _Answers]]

# Threads that wait for a call: a night makes thousands, and to start a thread takes longer than
# to read a file. They do not come along into a process that is forked.
_idle: list[_Calls] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)


def within(seconds: float, function: Callable[[], _T]) -> _T:
    """Return what the function returns; TimeoutError if it takes longer.

    A file system's own time-outs do not cover everything (a PUT to a silent server, a network
    folder that hangs). The call goes on in a thread that holds up nobody's exit; what becomes
    of it is not known.

    Examples
    --------
    >>> within(5.0, lambda: 2 + 2)
    4
    """
    answers: _Answers = SimpleQueue()
    try:
        calls = _idle.pop()
    except IndexError:
        calls = SimpleQueue()
        threading.Thread(target=_serve, args=(calls,), name="store-call", daemon=True).start()
    calls.put((function, answers))
    try:
        value, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    result: _T = value
    return result


def _serve(calls: _Calls) -> None:
    while True:
        _answer(*calls.get(), calls)


def _answer(function: Callable[[], Any], answers: _Answers, calls: _Calls) -> None:
    value: Any = None
    failed: BaseException | None = None
    try:
        value = function()
    except BaseException as error:
        failed = error  # raised again by the thread that waits
    _idle.append(calls)
    answers.put((value, failed))
