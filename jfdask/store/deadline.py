"""A deadline round any call, whatever the call itself knows of time-outs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


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
    results: list[_T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)  # raised again by the thread that waits

    thread = threading.Thread(target=work, name="store-call", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
