"""How a nightly service is: a small file that it writes again and again while it is alive.

Well is a service that is alive, whose last night has not failed, and that has begun a night
(or itself) within the last 26 hours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jfdask.errors import LockHeld

ALIVE = timedelta(minutes=3)  # a file that is older: nobody writes it any more
#: A day, the hour that a day has more when clocks are put back, and an hour for being late.
NIGHT = timedelta(hours=26)

LOCKED = LockHeld.exit_code  # another night is at work, or its lock was left behind
#: What a night ends with, for the service alone, that could do nothing for anybody: the lists
#: of earlier nights stay. For everybody else that is 3, a night done in part.
KEPT = 4
#: What a night ends with that has not failed: all well, done in part, another one at work.
WELL = frozenset({0, 3, LOCKED})


@dataclass(frozen=True)
class Health:
    """What a service tells of itself; times are in UTC."""

    started: datetime
    due: datetime  # the next night
    begun: datetime | None = None  # the last night
    ended: datetime | None = None  # the last that has ended
    exit_code: int | None = None  # of the last that has ended; negative: killed by that signal

    @property
    def has_failed(self) -> bool:
        """Whether the last night that has ended failed; one that finds its lock is none."""
        return self.exit_code is not None and self.exit_code not in WELL

    def complaint(self, told: datetime, now: datetime) -> str | None:
        """Say what is wrong with the service; None if it is well.

        Parameters
        ----------
        told
            When it wrote this.
        now
            What time it is.
        """
        if now - told > ALIVE:
            return f"the service has not been heard of since {_stamp(told)}"
        if self.exit_code == KEPT:
            return f"nothing could be done in the night that ended {_stamp(self.ended)}"
        if self.has_failed:
            return f"the night that ended {_stamp(self.ended)} failed (exit code {self.exit_code})"
        last = self.begun or self.started
        if now - last > NIGHT:
            what = "night began" if self.begun else "service was started, and no night has begun"
            return f"the last {what} {_stamp(last)}, more than {NIGHT // _HOUR} hours ago"
        return None


_HOUR = timedelta(hours=1)


def _stamp(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "at an unknown time"


def write_health(path: Path, health: Health) -> None:
    """Replace the file; OSError if that cannot be done."""
    document = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in _items(health)}
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_health(path: Path) -> tuple[Health, datetime]:
    """Return what a service tells of itself, and when it did.

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    ValueError
        It is something else.
    """
    told = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        times = {
            name: document[name] and datetime.fromisoformat(document[name])
            for name in ("started", "due", "begun", "ended")
        }
        return Health(**times, exit_code=document["exit_code"]), told
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no health file") from error


def judge(path: Path, now: datetime) -> tuple[bool, str]:
    """Tell whether the service that writes a file is well, and how it is in a sentence."""
    try:
        health, told = read_health(path)
    except FileNotFoundError:
        return False, f"no service is running that writes {path}"
    except (OSError, ValueError) as error:
        return False, f"{path} cannot be read ({error})"
    complaint = health.complaint(told, now)
    if complaint:
        return False, complaint
    return True, f"the next night is due {_stamp(health.due)}"


def _items(health: Health) -> list[tuple[str, object]]:
    return list(asdict(health).items())
