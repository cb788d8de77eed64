"""When the next night is due: a time of day, in a time zone with its summer time.

Pure: what time it is comes in as a value.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from jfdask.errors import SettingsError

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def time_of_day(text: str) -> time:
    """Return a time of day written as ``HH:MM``.

    Raises
    ------
    SettingsError
        It is none.

    Examples
    --------
    >>> time_of_day("3:30")
    datetime.time(3, 30)
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f"{text!r} is no time of day: expected HH:MM, 00:00 to 23:59.")
    return time(int(match[1]), int(match[2]))


def due_on(day: date, at: time, zone: tzinfo) -> datetime:
    """Return the moment at which the clocks of a zone show a time on a day.

    Where it is shown twice, as clocks are put back, it is the first of the two; where it is
    left out, as they are put forward, it is the moment they jump.

    Parameters
    ----------
    day, at
        What the clocks show.
    zone
        Whose clocks.

    Returns
    -------
    datetime
        In UTC.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> due_on(date(2026, 3, 29), time(2, 30), berlin).astimezone(berlin).isoformat()
    '2026-03-29T03:00:00+02:00'
    """
    wall = datetime.combine(day, at)
    # In a gap the offset of before leads behind it, and the one of after leads before it.
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if after >= before:
        return before
    return _first_second(after, before, zone)


def _first_second(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """Return the first second of the offset that a zone has at ``high`` and not at ``low``."""
    wanted = high.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + _SECOND * ((high - low) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == wanted:
            high = middle
        else:
            low = middle
    return high


def next_night(
    now: datetime, at: time, zone: tzinfo, *, served: datetime | None = None
) -> datetime:
    """Return when the next night is due.

    Parameters
    ----------
    now
        What time it is, with a zone.
    at, zone
        The time of day at which a night is due, and whose clocks show it.
    served
        When the last night was due that was done or left out. It is not due again if the clock
        is put back by a while. By a day or more: then the clock was wrong before, and counts
        from ``now``.

    Returns
    -------
    datetime
        Later than ``now``, in UTC. There is one for every day.

    Examples
    --------
    >>> next_night(datetime(2026, 8, 1, 3, 30, tzinfo=UTC), time(3, 30), UTC).isoformat()
    '2026-08-02T03:30:00+00:00'
    """
    after = now.astimezone(UTC)
    if served is not None and after < served < after + _DAY:
        after = served
    # A zone may leave out a whole day: its night comes with the first moment of the next.
    day = after.astimezone(zone).date() - _DAY
    while (due := due_on(day, at, zone)) <= after:
        day += _DAY
    return due
