"""Values of a server's JSON, one by one: what cannot be used is left out and counted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_TEXT = 20_000  # characters of an overview; the rest says no more about the film
MAX_NAME = 1_000  # characters of a title, a genre, a person's name
MAX_LIST = 200  # entries of a list
TICKS_PER_HOUR = 36_000_000_000  # a tick is 100 ns
FIRST_YEAR, LAST_YEAR = 1900, 2200

_ID = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
# Nothing to be seen, and NUL or ESC do harm further on: in files, in terminals.
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def item_id(value: object) -> str | None:
    """Return an id in the server's spelling, 32 lower-case hex digits, or None if it is none.

    Nothing but zeros is no id either: a server takes it as 'not given'.

    Examples
    --------
    >>> item_id("12BC08031F233723C0903896A1EBC592")
    '12bc08031f233723c0903896a1ebc592'
    >>> item_id("12bc0803-1f23-3723-c090-3896a1ebc592") is None
    True
    """
    if not isinstance(value, str) or not _ID.fullmatch(value.lower()) or not value.strip("0"):
        return None
    return value.lower()


def utc_time(text: str) -> datetime | None:
    """Return a time such as ``2010-05-01T00:00:00.0000000Z`` as naive UTC; None if it is none.

    Digits beyond microseconds are cut off; a time without a zone is taken as UTC.

    Examples
    --------
    >>> utc_time("2026-11-22T16:58:03.7003506Z")
    datetime.datetime(2026, 11, 22, 16, 58, 3, 700350)
    >>> utc_time("2010-05-01T01:00:00+02:00")
    datetime.datetime(2010, 4, 30, 23, 0)
    >>> utc_time("next week") is None
    True
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    microsecond = int((match[7] or "").ljust(6, "0")[:6])
    try:
        time = datetime(year, month, day, hour, minute, second, microsecond, UTC)
        if match[8]:
            offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
            time += offset if match[8] == "-" else -offset
    except (ValueError, OverflowError):
        return None
    return time.replace(tzinfo=None)


@dataclass(frozen=True)
class Fields:
    """A JSON object of a server, read field by field.

    A field that is absent or null is None (or an empty list). One that cannot be used is too,
    and is counted.

    Examples
    --------
    >>> broken = Counter()
    >>> fields = Fields({"Name": "Alien", "CriticRating": "high"}, broken)
    >>> fields.text("Name"), fields.number("CriticRating", 0, 100), dict(broken)
    ('Alien', None, {'CriticRating is not a number': 1})
    """

    raw: Mapping[str, Any]
    broken: Counter[str]  # reason → how often

    def text(self, key: str, longest: int = MAX_NAME) -> str | None:
        """Return a text without control characters, cut at ``longest``; None if empty."""
        value = self.raw.get(key)
        return None if value is None else self.clean(value, key, longest)

    def line(self, key: str) -> str | None:
        """Return a text on one line."""
        return _one_line(self.text(key))

    def number(self, key: str, low: float, high: float) -> float | None:
        """Return a finite number between ``low`` and ``high``, both included."""
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.broken[f"{key} is not a number"] += 1
            return None
        # Compared before converting: an int may be too large for a float; NaN is in no range.
        if not low <= value <= high or not math.isfinite(value):
            self.broken[f"{key} is out of range"] += 1
            return None
        return float(value)

    def positive(self, key: str, high: float) -> float | None:
        """Return a number above 0; 0 stands for 'not known' on a server."""
        return self.number(key, 0, high) or None

    def flag(self, key: str) -> bool:
        """Return true or false; False if absent."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, bool):
            self.broken[f"{key} is neither true nor false"] += 1
            return False
        return bool(value)

    def time(self, key: str) -> datetime | None:
        """Return a time as naive UTC, of 1900 or later."""
        value = self.raw.get(key)
        if value is None:
            return None
        time = utc_time(value) if isinstance(value, str) else None
        if time is None:
            self.broken[f"{key} is not a date"] += 1
            return None
        if time.year < FIRST_YEAR:
            self.broken[f"{key} is before {FIRST_YEAR}"] += 1
            return None
        if time.year > LAST_YEAR:
            self.broken[f"{key} is after {LAST_YEAR}"] += 1
            return None
        return time

    def entries(self, key: str) -> list[Any]:
        """Return a list as it is, uncut; empty if absent."""
        value = self.raw.get(key, [])
        if not isinstance(value, list):
            self.broken[f"{key} is {'null' if value is None else 'not a list'}"] += 1
            return []
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, each on one line, cut at `MAX_LIST` entries."""
        cleaned = (_one_line(self.clean(value, f"{key} entry")) for value in self.entries(key))
        return self.cut(key, [text for text in cleaned if text])

    def cut(self, key: str, values: list[Any], longest: int = MAX_LIST) -> list[Any]:
        """Return the first values of a list, counting that there were more."""
        if len(values) > longest:
            self.broken[f"{key} has more than {longest} entries"] += 1
        return values[:longest]

    def clean(self, value: object, key: str, longest: int = MAX_NAME) -> str | None:
        """Return a value as a text; None if it is empty or none."""
        if not isinstance(value, str):
            self.broken[f"{key} is not a text"] += 1
            return None
        cleaned = value
        if not value.isprintable():  # quick, and true of nearly all texts
            cleaned = _UNUSABLE.sub("", value)
            if cleaned != value:
                self.broken[f"{key} has control characters"] += 1
        cleaned = cleaned.strip()
        if len(cleaned) > longest:
            self.broken[f"{key} has more than {longest:,} characters"] += 1
        return cleaned[:longest].strip() or None


def _one_line(text: str | None) -> str | None:
    return " ".join(text.split()) if text else None
