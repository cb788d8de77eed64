"""The time zone of this process: the variable TZ, else the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from jfdask.errors import SettingsError

MACHINE = Path("/etc/localtime")


def local_zone(environ: Mapping[str, str], machine: Path = MACHINE) -> tzinfo:
    """Return the zone that TZ names; TZ not set: the machine's; none known: UTC.

    The C library takes UTC for a name that it does not know and says nothing: here it is an
    error, as every night would be at the wrong time.

    Parameters
    ----------
    environ
        The environment.
    machine
        File of the machine's own zone.

    Raises
    ------
    SettingsError
        TZ is no name of a zone.
    """
    name = environ.get("TZ")
    if name is None:
        return _from_file(machine) or UTC
    # As the C library has it: empty is UTC, and a colon may stand in front.
    name = name.strip().removeprefix(":")
    if not name:
        return UTC
    if name.startswith("/"):
        zone = _from_file(Path(name))
        if zone is not None:
            return zone
    else:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            pass  # not there, a folder, not one of those that may be read
    raise SettingsError(
        f"environment: TZ: {name!r} is no time zone that is known here; expected a name such as "
        "Europe/Berlin."
    )


def _from_file(path: Path) -> tzinfo | None:
    _, found, name = str(path.resolve()).partition("/zoneinfo/")
    try:
        with path.open("rb") as file:
            return ZoneInfo.from_file(file, key=name if found else None)
    except (OSError, ValueError):
        return None
