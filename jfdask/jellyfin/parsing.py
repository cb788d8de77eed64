"""A server's items as rows of our tables.

Nothing here raises because of what a server says: what is broken costs its field, or at most
its item, and is counted by reason. The counters are filled in place, one for a whole page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jfdask.jellyfin.fields import (
    MAX_LIST,
    MAX_TEXT,
    TICKS_PER_HOUR,
    Fields,
    item_id,
)

Row = dict[str, Any]
MAX_HOURS = 100.0  # a film longer than this is a mistake of its file
MAX_TICKS = MAX_HOURS * TICKS_PER_HOUR
MAX_PLAYS = 1_000_000

_TMDB = re.compile(r"[0-9]{1,12}")
_IMDB = re.compile(r"tt[0-9]{1,12}")


def parse_item(raw: object, broken: Counter[str]) -> Row | None:
    """Return a movie as a row of ITEMS, or None if it is none.

    Parameters
    ----------
    raw
        An entry of ``Items``: an object with at least an ``Id``. Ratings of 0 mean 'not
        rated', a length of 0 'not known'.
    broken
        Reason → count; what cannot be used is added.

    Examples
    --------
    >>> broken = Counter()
    >>> row = parse_item({"Id": "1" * 32, "Name": "Alien", "RunTimeTicks": 70200000000}, broken)
    >>> row["name"], row["runtime_hours"], row["community_rating"], len(broken)
    ('Alien', 1.95, None, 0)
    >>> parse_item({"Name": "Alien"}, broken), dict(broken)
    (None, {'item without an Id': 1})
    """
    identified = _identified(raw, broken)
    if identified is None:
        return None
    key, fields = identified
    ticks = fields.positive("RunTimeTicks", MAX_TICKS)
    studios = _studios(fields)
    return {
        "item_id": key,
        "etag": fields.line("Etag"),
        "name": fields.line("Name"),
        "original_title": fields.line("OriginalTitle"),
        "overview": fields.text("Overview", MAX_TEXT),
        "taglines": fields.texts("Taglines"),
        "genres": fields.texts("Genres"),
        "tags": fields.texts("Tags"),
        "studio_ids": [studio for studio, _ in studios],
        "studio_names": [name for _, name in studios],
        "production_year": fields.number("ProductionYear", 1870, 2200),
        "premiere_date": fields.time("PremiereDate"),
        "date_created": fields.time("DateCreated"),
        "official_rating": fields.line("OfficialRating"),
        "community_rating": fields.positive("CommunityRating", 10),
        "critic_rating": fields.positive("CriticRating", 100),
        "runtime_hours": None if ticks is None else ticks / TICKS_PER_HOUR,
        **_provider_ids(fields),
    }


def parse_id(raw: object, broken: Counter[str]) -> Row | None:
    """Return an item's id and Etag as a row of ITEM_IDS, or None if it has no id."""
    identified = _identified(raw, broken)
    if identified is None:
        return None
    key, fields = identified
    return {"item_id": key, "etag": fields.line("Etag")}


def parse_credits(raw: object, broken: Counter[str]) -> Row | None:
    """Return who made a movie as a row of CREDITS, or None if the item has no id.

    Order and repetitions are the server's. Of each type the first `MAX_LIST` are kept: actors
    come first, and a long cast must not push out the director. A person without id or name is
    left out; a type that is none of the usual ones is kept as it is.

    Examples
    --------
    >>> broken = Counter()
    >>> people = [{"Name": "Ann", "Id": "2" * 32, "Type": "Actor"}, {"Name": "Bo", "Type": "Actor"}]
    >>> row = parse_credits({"Id": "1" * 32, "People": people}, broken)
    >>> row["person_names"], row["person_types"], dict(broken)
    (['Ann'], ['Actor'], {'People entry without an Id': 1})
    """
    identified = _identified(raw, broken)
    if identified is None:
        return None
    key, fields = identified
    people: list[tuple[str, str, str]] = []
    n_of_type: Counter[str] = Counter()
    for entry in fields.entries("People"):
        named = _named(fields, "People", entry)
        if named is None:
            continue
        person_type = Fields(entry, broken).line("Type") or "Unknown"
        n_of_type[person_type] += 1
        if n_of_type[person_type] <= MAX_LIST:
            people.append((*named, person_type))
    if any(n > MAX_LIST for n in n_of_type.values()):
        broken[f"People has more than {MAX_LIST} entries of a type"] += 1
    return {
        "item_id": key,
        "etag": fields.line("Etag"),
        "person_ids": [person for person, _, _ in people],
        "person_names": [name for _, name, _ in people],
        "person_types": [person_type for _, _, person_type in people],
    }


def parse_plays(raw: object, broken: Counter[str]) -> Row | None:
    """Return what a person has to do with a movie as a row of ITEM_PLAYS, or None.

    An item without UserData gives no row: to take it as unplayed would recommend what was
    seen. ``Likes`` is only another way to say ``Rating`` (true from 6.5 on) and is not read.

    Examples
    --------
    >>> data = {"Played": False, "PlayCount": 0, "PlaybackPositionTicks": 9000000000}
    >>> item = {"Id": "1" * 32, "RunTimeTicks": 36000000000, "UserData": data}
    >>> row = parse_plays(item, Counter())
    >>> row["played"], row["position_fraction"], row["rating"]
    (False, 0.25, None)
    """
    identified = _identified(raw, broken)
    if identified is None:
        return None
    key, fields = identified
    user_data = fields.raw.get("UserData")
    if not isinstance(user_data, Mapping):
        broken["item without UserData"] += 1
        return None
    data = Fields(user_data, broken)
    if item_id(user_data.get("ItemId") or key) != key:
        broken["UserData of another item"] += 1
        return None
    return {
        "item_id": key,
        "played": data.flag("Played"),
        "play_count": data.number("PlayCount", 0, MAX_PLAYS) or 0.0,
        "is_favorite": data.flag("IsFavorite"),
        "rating": data.number("Rating", 0, 10),
        "position_fraction": _position(fields, data),
        "last_played": data.time("LastPlayedDate"),
    }


def _identified(raw: object, broken: Counter[str]) -> tuple[str, Fields] | None:
    if not isinstance(raw, Mapping):
        broken["item that is not an object"] += 1
        return None
    key = item_id(raw.get("Id"))
    if key is None:
        broken["item with a malformed Id" if raw.get("Id") else "item without an Id"] += 1
        return None
    return key, Fields(raw, broken)


def _named(fields: Fields, key: str, entry: object) -> tuple[str, str] | None:
    """Return id and name of a studio or a person."""
    if not isinstance(entry, Mapping):
        fields.broken[f"{key} entry is not an object"] += 1
        return None
    entry_id = item_id(entry.get("Id"))
    if entry_id is None:
        fields.broken[f"{key} entry without an Id"] += 1
        return None
    name = Fields(entry, fields.broken).line("Name")
    if name is None:
        fields.broken[f"{key} entry without a Name"] += 1
        return None
    return entry_id, name


def _studios(fields: Fields) -> list[tuple[str, str]]:
    named = (_named(fields, "Studios", entry) for entry in fields.entries("Studios"))
    return fields.cut("Studios", [studio for studio in named if studio])


def _provider_ids(fields: Fields) -> Row:
    """Return the film's ids elsewhere; the case of the providers' names differs."""
    raw = fields.raw.get("ProviderIds", {})
    if not isinstance(raw, Mapping):
        fields.broken[f"ProviderIds is {'null' if raw is None else 'not an object'}"] += 1
        raw = {}
    values = {str(k).lower(): raw[k] for k in sorted(raw, key=str)}
    tmdb = _provider_id(fields, "Tmdb", values.get("tmdb"), _TMDB)
    imdb = _provider_id(fields, "Imdb", values.get("imdb"), _IMDB)
    return {
        # 0 stands for 'looked for and not found'.
        "tmdb_id": None if tmdb is None else tmdb.lstrip("0") or None,
        "imdb_id": None if imdb is None or not imdb.strip("t0") else imdb,
    }


def _provider_id(fields: Fields, name: str, value: object, pattern: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
        value = str(value)
    text = fields.clean(value, f"{name} id")
    if text is None:
        return None
    if not pattern.fullmatch(text.lower()):
        fields.broken[f"{name} id is malformed"] += 1
        return None
    return text.lower()


def _position(fields: Fields, data: Fields) -> float | None:
    """Return where a movie was left, 0 to 1: by time, else by the server's percentage."""
    ticks = data.number("PlaybackPositionTicks", 0, MAX_TICKS)
    length = fields.positive("RunTimeTicks", MAX_TICKS)
    percent = data.number("PlayedPercentage", 0, 100)
    if ticks and length:
        return min(ticks / length, 1.0)
    if percent is not None:
        return percent / 100
    return 0.0 if not ticks else None
