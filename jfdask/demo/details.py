"""The many keys of an item's own page that no listing bears unasked."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from jfdask.demo.records import Item, User, stable_id

_LINKS = (
    ("Imdb", "IMDb", "https://www.imdb.com/title/"),
    ("Tmdb", "TMDB", "https://www.themoviedb.org/movie/"),
)


def movie_details(
    item: Item,
    full: bool,
    fields: frozenset[str],
    user: User | None,
    is_12: bool,
    constants: dict[str, Any],
) -> dict[str, Any]:
    """Return the keys that ``fields`` asks for, or all of them for the movie's own page."""
    if not full and fields.isdisjoint(_DETAIL_FIELDS):
        return {}
    source = _source(item, is_12, constants)
    details: dict[str, Any] = {
        "CanDelete": user is None or user.is_admin,
        "CanDownload": True,
        "ExternalUrls": [
            {"Name": site, "Url": base + item.provider_ids[key]}
            for key, site, base in _LINKS
            if key in item.provider_ids
        ],
        "MediaSources": [source],
        "MediaStreams": source["MediaStreams"],
        "ProductionLocations": [],
        "EnableMediaSourceDisplay": True,
        "PlayAccess": "Full" if user is not None else None,
        "RemoteTrailers": [],
        "ParentId": stable_id("Parent", item.folder_id),
        "LocalTrailerCount": 0,
        "SpecialFeatureCount": 0,
        "DisplayPreferencesId": stable_id("DisplayPreferences", "Movie"),
        "Chapters": [],
        "Trickplay": {},
        "Width": source["MediaStreams"][0]["Width"],
        "Height": source["MediaStreams"][0]["Height"],
    }
    if not full:
        details = {k: v for k, v in details.items() if k.lower() in fields}
    if full or "settings" in fields:
        details |= {"LockedFields": [], "LockData": False}
    return details


def playlist_details(members: list[Item], item: Item, is_12: bool, saved: str) -> dict[str, Any]:
    """Return the keys of a playlist's own page."""
    ticks = sum(m.runtime_ticks or 0 for m in members)
    details: dict[str, Any] = {
        "DateLastMediaAdded": saved,
        "CanDelete": True,
        "CanDownload": False,
        "ExternalUrls": [],
        "EnableMediaSourceDisplay": True,
        "CumulativeRunTimeTicks": ticks,
        "PlayAccess": "Full",
        "RemoteTrailers": [],
        "ParentId": stable_id("Folder", "playlists"),
        "LocalTrailerCount": 0,
        "RecursiveItemCount": len(members),
        "ChildCount": len(members),
        "SpecialFeatureCount": 0,
        "DisplayPreferencesId": stable_id("DisplayPreferences", item.type),
        "LockedFields": [],
        "LockData": False,
    }
    if is_12:
        details["Chapters"] = []
    return details


_DETAIL_FIELDS = frozenset(
    {
        "candelete", "candownload", "externalurls", "mediasources", "mediastreams",
        "productionlocations", "enablemediasourcedisplay", "remotetrailers", "parentid",
        "localtrailercount", "specialfeaturecount", "displaypreferencesid", "chapters",
        "trickplay", "width", "height", "settings", "playaccess",
    }
)  # fmt: skip


def _source(item: Item, is_12: bool, constants: dict[str, Any]) -> dict[str, Any]:
    """Return the one file behind a movie."""
    stream = dict(constants["media_stream"])
    if not is_12:
        del stream["IsOriginal"]
    return {
        **constants["media_source"],
        "Id": item.item_id,
        "Path": item.path,
        "Name": PurePosixPath(item.path).stem,
        "ETag": stable_id("file", item.path),
        "RunTimeTicks": item.runtime_ticks,
        "MediaStreams": [stream],
    }
