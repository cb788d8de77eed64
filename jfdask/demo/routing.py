"""Which handler answers a path: paths ignore case and a slash at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from jfdask.demo.answers import Answer, Refused, empty
from jfdask.demo.call import Call
from jfdask.demo.world import World

Handler = Callable[[World, Call], Answer]


@dataclass(frozen=True)
class Route:
    """A method, a path with ``{names}`` and the handler behind them."""

    method: str
    path: str
    handler: Handler
    is_open: bool = False  # answers without a token

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as an expression over lower case."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path.lower()))


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the first route for a path, with what its names stand for.

    Raises
    ------
    Refused
        404 for a path that nobody answers, 405 for a method that it does not take.
    """
    lowered = path.lower().rstrip("/")
    other_method = False
    for route in routes:
        match = route.pattern.fullmatch(lowered)
        if match and route.method == method:
            return route, match.groupdict()
        other_method |= match is not None
    raise Refused(empty(405 if other_method else 404))
