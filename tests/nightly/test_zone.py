from datetime import UTC, datetime

import pytest

from jfdask.errors import SettingsError
from jfdask.nightly.zone import local_zone

SUMMER = datetime(2026, 7, 1, tzinfo=UTC)
BERLIN = "/usr/share/zoneinfo/Europe/Berlin"


def hours(zone):
    return SUMMER.astimezone(zone).utcoffset().total_seconds() / 3600


@pytest.mark.parametrize("name", ["Europe/Berlin", ":Europe/Berlin", " Europe/Berlin", BERLIN])
def test_the_variable_names_it(name, tmp_path):
    assert hours(local_zone({"TZ": name}, tmp_path / "none")) == 2


def test_empty_is_utc():
    assert local_zone({"TZ": ""}) is UTC


def test_without_the_variable_it_is_the_machines(tmp_path):
    machine = tmp_path / "localtime"
    machine.symlink_to(BERLIN)
    zone = local_zone({}, machine)
    assert (hours(zone), str(zone)) == (2, "Europe/Berlin")
    copy = tmp_path / "copy"
    copy.write_bytes(machine.read_bytes())
    assert hours(local_zone({}, copy)) == 2


def test_a_machine_without_one_has_utc(tmp_path):
    assert local_zone({}, tmp_path / "none") is UTC


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlim", "Europe", "../etc/passwd", "CET-1CEST,M3.5.0,M10.5.0/3", "/etc/passwd"],
)
def test_a_name_that_is_not_known_is_refused(name):
    with pytest.raises(SettingsError, match=r"environment: TZ: .*Europe/Berlin"):
        local_zone({"TZ": name})
