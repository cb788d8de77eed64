"""The service: waits for the time, does the night, tells how it went, and waits again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol

from jfdask.nightly.health import KEPT, LOCKED, WELL, Health
from jfdask.nightly.schedule import next_night
from jfdask.nightly.signals import Signals

#: The clock is looked at so often: it may be put forward or back, and machines are suspended.
STEP_SECONDS = 30.0
#: From then on a night is told to be late.
LATE = timedelta(minutes=2)

_TOLD = {
    0: "The night is done, all well",
    3: "The night is done in part; what failed is named above",
    KEPT: "Nothing could be done: the lists of an earlier night stay; the reason stands above",
    LOCKED: "Another night holds the lock; nothing was done",
}


class NightUnderWay(Protocol):
    """A night that has been begun."""

    def poll(self) -> int | None:
        """Return its exit code, None while it is under way."""

    def stop(self) -> int:
        """End it, wait until it has, and return its exit code."""


@dataclass(frozen=True)
class Plan:
    """When nights are done."""

    at: time  # of the day
    zone: tzinfo
    at_once: bool = False  # do one as soon as the service runs, too
    retry: timedelta | None = None  # after a failed night; None: not before the next is due


@dataclass(frozen=True)
class Surroundings:
    """What the service does not do itself."""

    begin: Callable[[], NightUnderWay]  # begin a night
    tell: Callable[[Health], None]  # be told how the service is, again and again
    say: Callable[[str], None]  # a sentence for the log
    clock: Callable[[], datetime]  # what time it is, with a zone


class Service:
    """Does a night every day, one at a time, until it is told to stop."""

    def __init__(self, plan: Plan, surroundings: Surroundings) -> None:
        self._plan = plan
        self._around = surroundings
        self._started = self._now()
        self._due = self._started if plan.at_once else self._next(self._started)
        self._served: datetime | None = None  # when the last night was due
        self._retry_at: datetime | None = None
        self._night: NightUnderWay | None = None
        self._begun: datetime | None = None
        self._ended: datetime | None = None
        self._exit_code: int | None = None

    def run(self) -> int:
        """Serve until SIGTERM or Ctrl-C; return the exit code a shell expects after them."""
        self._around.tell(self.health)
        self._say(f"A night every day at {self._plan.at:%H:%M}; {self._what_next()}")
        with Signals() as signals:
            try:
                while True:
                    number = signals.wait(self.tick())
                    if number is not None:
                        return 128 + number
            finally:
                self._stop()

    def tick(self) -> float:
        """Do what is due now; return in how many seconds to look again, at most."""
        now = self._now()
        if self._night is not None:
            self._look_at_night(self._night, now)
        self._mind_the_clock(now)
        if now >= self._due:
            self._serve(now)
        elif self._night is None and self._retry_at is not None and now >= self._retry_at:
            self._begin(now)
        self._around.tell(self.health)
        upcoming = min(self._due, self._retry_at or self._due)
        return min(STEP_SECONDS, max((upcoming - now).total_seconds(), 0.0))

    @property
    def health(self) -> Health:
        """How the service is."""
        return Health(self._started, self._due, self._begun, self._ended, self._exit_code)

    def _mind_the_clock(self, now: datetime) -> None:
        """Let nothing wait longer than it should when the clock has been put back."""
        if now < self._due:
            self._due = min(self._due, self._next(now, served=self._served))
        if self._retry_at is not None and self._plan.retry is not None:
            self._retry_at = min(self._retry_at, now + self._plan.retry)

    def _serve(self, now: datetime) -> None:
        late = now - self._due
        self._served, self._due = self._due, self._next(now, served=self._due)
        if self._night is not None:
            self._say(
                f"The night before is still under way: the one of now is left out; "
                f"{self._what_next()}"
            )
            return
        if late > LATE:
            self._say(f"The night is {_length(late)} late: nothing ran here when it was due")
        self._begin(now)

    def _begin(self, now: datetime) -> None:
        self._retry_at = None
        self._say("The night begins")
        self._begun = now
        try:
            self._night = self._around.begin()
        except OSError as error:
            # No memory or no process to be had: a failed night like any other.
            self._end(1, now, f"it could not be started: {error}")

    def _look_at_night(self, night: NightUnderWay, now: datetime) -> None:
        code = night.poll()
        if code is not None:
            self._night = None
            self._end(code, now)

    def _end(self, code: int, now: datetime, why: str = "the reason stands above") -> None:
        # A night that was killed leaves its lock until the lease ends: it is still the failed one.
        has_failed = code not in WELL or (code == LOCKED and self.health.has_failed)
        if code != LOCKED or not has_failed:
            self._ended, self._exit_code = now, code
        if code < 0:
            why = f"killed by {_signal_name(code)}"
        if code == -signal.SIGKILL:
            why += ", as the kernel does when memory runs out"
        if has_failed and self._plan.retry is not None:
            self._retry_at = now + self._plan.retry
        told = _TOLD.get(code, f"The night failed, {why}")
        took = _length(now - (self._begun or now))
        self._say(f"{told} (exit code {code}, {took}); {self._what_next()}")

    def _stop(self) -> None:
        if self._night is None:
            self._say("Stopped")
            return
        self._say("Stopping the night")
        code = self._night.stop()
        self._night = None
        self._say(f"Stopped in the middle of a night, which goes on when it is done again ({code})")

    def _next(self, now: datetime, *, served: datetime | None = None) -> datetime:
        return next_night(now, self._plan.at, self._plan.zone, served=served)

    def _now(self) -> datetime:
        return self._around.clock().astimezone(UTC)

    def _what_next(self) -> str:
        what, when = "next", self._due
        if self._retry_at is not None and self._retry_at < self._due:
            what, when = "tried again", self._retry_at
        return f"{what}: {when.astimezone(self._plan.zone):%a %Y-%m-%d %H:%M %Z}"

    def _say(self, sentence: str) -> None:
        now = self._now().astimezone(self._plan.zone)
        self._around.say(f"{now:%Y-%m-%d %H:%M:%S} {sentence}.")


def _length(duration: timedelta) -> str:
    seconds = max(round(duration.total_seconds()), 0)  # the clock may have been put back
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _signal_name(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
