"""Two ways of doing the same, timed in turns, and what is printed of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any


def in_turns(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each way.

    They take turns, and who begins changes, so that what else the machine does in the meantime
    weighs on all of them alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats):
        names = list(ways) if repeat % 2 == 0 else list(ways)[::-1]
        for name in names:
            began = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - began)
    return {name: median(taken) for name, taken in seconds.items()}


def tell(result: dict[str, Any], out: Path | None) -> None:
    """Print a result as JSON, and write it to a file if one is wanted."""
    text = json.dumps(rounded(result), indent=2)
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Return a result with its numbers as short as they mean anything."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return round(value, 3) if isinstance(value, float) else value
