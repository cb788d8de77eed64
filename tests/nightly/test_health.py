import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from jfdask.nightly.health import ALIVE, NIGHT, Health, judge, read_health, write_health

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Health(
    started=NOW - 100 * HOUR,
    due=NOW + 15 * HOUR,
    begun=NOW - 9 * HOUR,
    ended=NOW - 8 * HOUR,
    exit_code=0,
)


def changed(**changes):
    return Health(**{**vars(GOOD), **changes})


@pytest.mark.parametrize(
    "health",
    [
        GOOD,
        changed(exit_code=3),
        changed(exit_code=75),
        changed(begun=NOW - NIGHT),
        # Just started: its first night is still to come.
        Health(NOW - NIGHT, NOW + HOUR),
        # The first night is under way.
        Health(NOW - HOUR, NOW + HOUR, begun=NOW - HOUR),
        # The clock was put back.
        changed(begun=NOW + 5 * HOUR),
    ],
)
def test_well(health):
    assert health.complaint(NOW - ALIVE, NOW) is None


@pytest.mark.parametrize(
    ("health", "told", "complaint"),
    [
        (GOOD, NOW - ALIVE - HOUR, "not been heard of since 2026-08-01 10:57 UTC"),
        (changed(exit_code=1), NOW, "the night that ended 2026-08-01 04:00 UTC failed .*code 1"),
        (changed(exit_code=2), NOW, "exit code 2"),
        (changed(exit_code=4), NOW, "nothing could be done in the night that ended 2026-08-01"),
        (changed(exit_code=-9), NOW, "exit code -9"),
        # Tried again, not yet with success.
        (changed(exit_code=1, begun=NOW), NOW, "failed"),
        (changed(begun=NOW - NIGHT - HOUR), NOW, "last night began .*more than 26 hours ago"),
        (Health(NOW - NIGHT - HOUR, NOW), NOW, "no night has begun"),
    ],
)
def test_not_well(health, told, complaint):
    found = health.complaint(told, NOW)
    assert found is not None
    assert re.search(complaint, found)


@pytest.mark.parametrize("health", [GOOD, Health(NOW, NOW + HOUR)])
def test_what_is_written_is_read(health, tmp_path):
    path = tmp_path / "nightly.json"
    write_health(path, health)
    assert read_health(path)[0] == health
    assert [p.name for p in tmp_path.iterdir()] == ["nightly.json"]


def test_its_age_is_the_files(tmp_path):
    path = tmp_path / "nightly.json"
    write_health(path, GOOD)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert judge(path, NOW + ALIVE) == (True, "the next night is due 2026-08-02 03:00 UTC")
    is_well, told = judge(path, NOW + ALIVE + HOUR)
    assert not is_well
    assert "not been heard of" in told


def test_no_file(tmp_path):
    is_well, told = judge(tmp_path / "none", NOW)
    assert not is_well
    assert "no service is running" in told


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"started": 3}', "\x00"])
def test_another_file(text, tmp_path):
    path = tmp_path / "nightly.json"
    path.write_text(text)
    is_well, told = judge(path, datetime.now(UTC))
    assert not is_well
    assert "cannot be read" in told


def test_a_file_of_times_that_are_none(tmp_path):
    path = tmp_path / "nightly.json"
    write_health(path, GOOD)
    path.write_text(path.read_text().replace("2026-08-01T03", "yesterday"))
    assert not judge(path, datetime.now(UTC))[0]
