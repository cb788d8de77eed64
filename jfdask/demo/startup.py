"""The minutes after a start: no listener, 503 in several guises, then ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jfdask.demo.answers import Answer, json_answer
from jfdask.demo.system_routes import health, public_info
from jfdask.demo.world import World

RETRY_AFTER = {"Retry-After": "005"}
PAGE = b"<!DOCTYPE html><html><body><h1>Starting</h1></body></html>"
LOADING = b"Jellyfin Server is loading. Please try again shortly."


class Phase(StrEnum):
    """What a server that starts goes through, in this order."""

    REFUSED = "refused"  # nobody listens
    MIGRATING = "migrating"  # 503 with Retry-After everywhere; /health says Degraded
    DEGRADED = "degraded"  # the same, but /System/Info/Public answers, in camelCase
    LOADING = "loading"  # 503 without Retry-After; a call without a token is 401 already
    READY = "ready"


@dataclass(frozen=True)
class StartUp:
    """How long each phase lasts, in seconds; all 0: ready at once."""

    refused_seconds: float = 0.0
    migrating_seconds: float = 0.0
    degraded_seconds: float = 0.0
    loading_seconds: float = 0.0


@dataclass
class Gate:
    """Which phase a request meets: by the clock, or as a test has ordered."""

    startup: StartUp
    clock: Callable[[], float]  # seconds, monotonic
    started: float = 0.0
    ordered: list[tuple[Phase, int]] = field(default_factory=list)  # phase, requests left

    def open(self) -> None:
        """Start the clock: the server listens from now on."""
        self.started = self.clock()

    def order(self, phase: Phase, n_requests: int) -> None:
        """Let the next requests meet a phase, after what was ordered before."""
        self.ordered.append((phase, n_requests))

    def next_phase(self) -> Phase:
        """Return the phase that the next request meets, and count it."""
        while self.ordered:
            phase, left = self.ordered[0]
            if left > 0:
                self.ordered[0] = (phase, left - 1)
                return phase
            self.ordered.pop(0)
        since = self.clock() - self.started
        for phase, seconds in (
            (Phase.MIGRATING, self.startup.migrating_seconds),
            (Phase.DEGRADED, self.startup.degraded_seconds),
            (Phase.LOADING, self.startup.loading_seconds),
        ):
            if since < seconds:
                return phase
            since -= seconds
        return Phase.READY


def starting_answer(world: World, phase: Phase, path: str) -> Answer:
    """Return what a server in a phase before READY answers to an authorised call."""
    path = path.lower()
    if phase is Phase.LOADING:
        return Answer(503, LOADING, "text/html")
    if path == "/health":
        return health("Degraded", {})
    if path == "/system/info/public":
        if phase is Phase.MIGRATING:
            return Answer(503, headers=RETRY_AFTER)
        return _camel_case_info(world)
    return Answer(503, PAGE, "text/html", RETRY_AFTER)


def _camel_case_info(world: World) -> Answer:
    info: dict[str, Any] = {k[0].lower() + k[1:]: v for k, v in public_info(world).items()}
    info["startupWizardCompleted"] = False
    answer = json_answer(info)
    return Answer(200, answer.body, answer.content_type)
