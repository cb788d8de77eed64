"""Loading what a command computes with, in a fifth less time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_loading() -> Iterator[None]:
    """Look for no garbage while modules are loaded in the block, and in them never.

    Hardly anything that modules bring is garbage, and they are there to the end of the process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
