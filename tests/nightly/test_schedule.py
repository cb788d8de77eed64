from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jfdask.errors import SettingsError
from jfdask.nightly.schedule import due_on, next_night, time_of_day

BERLIN = ZoneInfo("Europe/Berlin")
#: Both hemispheres, half an hour of summer time, none, a change at midnight, a day left out.
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "America/New_York",
        "America/Santiago",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Asia/Kolkata",
        "Pacific/Apia",
        "UTC",
    )
]


def nights(first: datetime, at: time, zone: ZoneInfo, n: int) -> list[datetime]:
    found = []
    for _ in range(n):
        first = next_night(first, at, zone)
        found.append(first)
    return found


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [("03:30", 3, 30), ("3:30", 3, 30), ("00:00", 0, 0), ("23:59", 23, 59), (" 04:05 ", 4, 5)],
)
def test_a_time_of_day(text, hour, minute):
    assert time_of_day(text) == time(hour, minute)


@pytest.mark.parametrize("text", ["", "24:00", "3:60", "3", "3:5", "03:30:00", "٣:30", "-1:00"])
def test_what_is_no_time_of_day(text):
    with pytest.raises(SettingsError, match="expected HH:MM"):
        time_of_day(text)


def test_an_ordinary_day():
    now = datetime(2026, 1, 10, 12, tzinfo=UTC)
    assert next_night(now, time(3, 30), BERLIN) == datetime(2026, 1, 11, 2, 30, tzinfo=UTC)
    assert next_night(now, time(13, 30), BERLIN) == datetime(2026, 1, 10, 12, 30, tzinfo=UTC)


def test_it_is_later_than_now_even_on_the_second():
    due = datetime(2026, 1, 10, 2, 30, tzinfo=UTC)
    assert next_night(due, time(3, 30), BERLIN) == due + timedelta(days=1)
    assert next_night(due - timedelta(microseconds=1), time(3, 30), BERLIN) == due


def test_now_may_be_of_any_zone():
    tokyo = datetime(2026, 1, 10, 21, tzinfo=timezone(timedelta(hours=9)))
    found = next_night(tokyo, time(3, 30), BERLIN)
    assert found == datetime(2026, 1, 11, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "at", "utc"),
    [
        # Left out: 02:00 to 03:00 in Berlin, half an hour on Lord Howe, midnight in Santiago.
        ("Europe/Berlin", date(2026, 3, 29), time(2, 0), "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(2, 59), "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(3, 0), "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(3, 30), "2026-03-29T01:30:00+00:00"),
        ("Australia/Lord_Howe", date(2025, 10, 5), time(2, 15), "2025-10-04T15:30:00+00:00"),
        ("America/Santiago", date(2025, 9, 7), time(0, 30), "2025-09-07T04:00:00+00:00"),
        # Twice: the first of the two.
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "2026-10-25T00:30:00+00:00"),
        ("America/New_York", date(2026, 11, 1), time(1, 30), "2026-11-01T05:30:00+00:00"),
        # The 30th of December 2011 was left out as a whole.
        ("Pacific/Apia", date(2011, 12, 30), time(3, 30), "2011-12-30T10:00:00+00:00"),
    ],
)
def test_when_clocks_are_changed(zone, day, at, utc):
    assert due_on(day, at, ZoneInfo(zone)).isoformat() == utc


def test_a_time_that_happens_twice_is_one_night():
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45, the first one
    found = next_night(between, time(2, 30), BERLIN)
    assert found.astimezone(BERLIN).isoformat() == "2026-10-26T02:30:00+01:00"


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=st.times(timezones=st.none()).map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
    start=st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_every_day_has_one_night_and_no_more(zone, at, start):
    found = nights(start, at, zone, 370)
    assert found[0] > start
    days = [due.astimezone(zone).date() for due in found]
    gaps = [b - a for a, b in pairwise(found)]
    assert min(gaps) > timedelta(0)
    assert max(gaps) <= timedelta(hours=26)
    for due, day in zip(found, days, strict=True):
        if day == date(2011, 12, 31) and zone.key == "Pacific/Apia":
            continue  # its own night, and that of the day which was left out
        assert days.count(day) == 1
        wanted = datetime.combine(day, at)
        before, shown = (
            moment.astimezone(zone).replace(tzinfo=None)
            for moment in (due - timedelta(seconds=1), due)
        )
        # Exactly at that time, or as soon as it is over.
        assert shown == wanted or before < wanted < shown


@given(
    at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    back=st.timedeltas(timedelta(0), timedelta(hours=23)),
)
def test_a_clock_that_is_put_back_repeats_no_night(at, start, back):
    served = next_night(start, at, BERLIN)
    following = next_night(served, at, BERLIN)
    assert next_night(served - back, at, BERLIN, served=served) == following


def test_a_clock_that_was_years_ahead_is_no_reason_to_wait_for_years():
    served = datetime(2036, 1, 1, 3, 30, tzinfo=UTC)
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    found = next_night(now, time(3, 30), UTC, served=served)
    assert found == datetime(2026, 1, 2, 3, 30, tzinfo=UTC)
