"""Items as JSON: which keys stand in which answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from jfdask.demo.details import movie_details, playlist_details
from jfdask.demo.records import EPOCH, Item, Play, User, lowest_certificate, stable_id
from jfdask.demo.world import World

CONSTANTS: dict[str, Any] = json.loads(
    files("jfdask.demo").joinpath("constants.json").read_text(encoding="utf-8")
)

LIKES_FROM = 6.5  # a rating from here up is a like
_CONTAINER_TYPES = ("BoxSet", "Playlist")
_MEDIA_TYPES = {"Movie": "Video", "Playlist": "Video", "Episode": "Video"}


@dataclass(frozen=True)
class View:
    """What of an item is wanted, and for whom."""

    user: User | None = None
    fields: frozenset[str] = frozenset()  # in lower case
    images: bool = True
    user_data: bool = True
    full: bool = False  # the item's own page: everything

    def wants(self, *names: str) -> bool:
        """Tell if one of these fields is asked for."""
        return self.full or not self.fields.isdisjoint(names)


def iso(date: datetime) -> str:
    """Return a time as Jellyfin writes it: seven fractional digits, Z.

    >>> from datetime import UTC
    >>> iso(datetime(2010, 5, 1, tzinfo=UTC))
    '2010-05-01T00:00:00.0000000Z'
    """
    return date.isoformat(timespec="microseconds").replace("+00:00", "0Z")


def number(value: float | None) -> float | int | None:
    """Return a whole number without its fraction: 6 as well as 6.4."""
    return int(value) if value is not None and float(value).is_integer() else value


def shape_item(world: World, item: Item, view: View) -> dict[str, Any]:
    """Return an item as the server writes it; absent values are left out."""
    wants = view.wants
    is_folder = item.type not in ("Movie", "Episode")
    shape: dict[str, Any] = {
        "Name": item.name,
        "OriginalTitle": item.original_title if wants("originaltitle") else None,
        "ServerId": world.household.server_id,
        "Id": item.item_id,
        "Etag": item.etag if wants("etag") else None,
        "DateCreated": iso(item.created) if wants("datecreated") else None,
        "Container": "mkv" if item.type == "Movie" else None,
        "SortName": item.sort_key if wants("sortname") else None,
        "ForcedSortName": item.forced_sort_name if view.full else None,
        "Path": item.path if wants("path") else None,
        "PremiereDate": item.premiere and iso(item.premiere),
        "CriticRating": number(item.critic_rating),
        "OfficialRating": item.certificate,
        "Overview": item.overview if wants("overview") else None,
        "Taglines": list(item.taglines) if wants("taglines") else None,
        "CommunityRating": number(item.community_rating),
        "RunTimeTicks": item.runtime_ticks,
        "ProductionYear": item.year,
        "ProviderIds": dict(item.provider_ids) if wants("providerids") else None,
        "IsFolder": is_folder,
        "Type": item.type,
        "People": _people(item) if wants("people") else None,
        "Tags": list(item.tags) if wants("tags") else None,
        "VideoType": "VideoFile" if item.type == "Movie" else None,
        "LocationType": "FileSystem",
        "MediaType": _MEDIA_TYPES.get(item.type, "Unknown"),
        "ImageBlurHashes": _blur(item) if view.images else {},
        "CollectionType": "playlists" if item.type == "ManualPlaylistsFolder" else None,
    }
    if view.images:
        shape["ImageTags"] = {"Primary": image_tag(item)} if item.image else {}
        shape["BackdropImageTags"] = []
    if item.type in _CONTAINER_TYPES:
        shape.update(_of_members(world, item, view))
    _genres_and_studios(shape, item.genres, item.studios, view)
    if item.type == "Movie":
        shape.update(movie_details(item, view.full, view.fields, view.user, world.is_12, CONSTANTS))
    if view.user is not None and view.user_data:
        shape["UserData"] = shape_user_data(world, view.user, item, view.full)
    # Absent values are left out, but for this one.
    shape = {k: v for k, v in shape.items() if v is not None} | {"ChannelId": None}
    return _spoilt(shape, item.raw) if item.raw else shape


def _spoilt(shape: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with keys taken out (None) or replaced, as a test has ordered."""
    kept = {k: v for k, v in shape.items() if k not in raw}
    return kept | {k: v for k, v in raw.items() if v is not None}


def _genres_and_studios(
    shape: dict[str, Any], genres: list[str], studios: list[str], view: View
) -> None:
    if view.wants("genres") and "Genres" not in shape:
        shape["Genres"] = list(genres)
        shape["GenreItems"] = [{"Name": g, "Id": stable_id("Genre", g)} for g in genres]
    if view.wants("studios") and "Studios" not in shape:
        shape["Studios"] = [{"Name": s, "Id": stable_id("Studio", s)} for s in studios]


def _people(item: Item) -> list[dict[str, str]]:
    return [
        {"Name": c.name, "Id": stable_id("Person", c.name), "Role": c.role, "Type": c.type}
        for c in item.credits
    ]


def image_tag(item: Item) -> str:
    """Return the tag of an item's cover, new for every picture."""
    return stable_id("image", item.item_id, stable_id((item.image or b"").hex()))


def _blur(item: Item) -> dict[str, Any]:
    if not item.image:
        return {}
    return {"Primary": {image_tag(item): "eZGDU*2FA=]A6hjua|a|jta|fQfQfQfQfQjua|a|jta|fQfQfQfQfQ"}}


def members_of(world: World, item: Item, user: User | None) -> list[Item]:
    """Return the members of a collection or a playlist that a user may see, in order."""
    items = world.household.items
    found = [items[m] for m in item.members if m in items]
    return [m for m in found if user is None or world.household.may_see(user, m)]


def _of_members(world: World, item: Item, view: View) -> dict[str, Any]:
    """Return what a collection or a playlist takes from its members."""
    members = members_of(world, item, view.user)
    shape: dict[str, Any] = {}
    if item.type == "BoxSet":
        shape["OfficialRating"] = lowest_certificate(members)
        dates = [m.premiere for m in members if m.premiere]
        first = min(dates) if dates else None
        shape["PremiereDate"] = first and iso(first)
        shape["ProductionYear"] = first and first.year
        shape["DisplayOrder"] = "PremiereDate"
    else:
        shape["RunTimeTicks"] = sum(m.runtime_ticks or 0 for m in members)
        # A person's listing bears the count unasked, but not a count of none.
        if view.user is not None and (members or view.wants("childcount")):
            shape["ChildCount"] = len(members)
        if view.full:
            shape.update(playlist_details(members, item, world.is_12, iso(item.saved or EPOCH)))
    genres = list(dict.fromkeys(g for m in members for g in m.genres))
    studios = list(dict.fromkeys(s for m in members for s in m.studios))
    _genres_and_studios(shape, genres, studios, view)
    return shape


def shape_user_data(world: World, user: User, item: Item, single: bool) -> dict[str, Any]:
    """Return what a user has to do with an item.

    Parameters
    ----------
    world, user, item
        Whose data.
    single
        Asked for by itself. Then ``Key`` is the provider's id on 12, else the item's own: it
        is no id to rely on.
    """
    play = world.household.play(user.user_id, item.item_id)
    shape: dict[str, Any] = {
        "Rating": number(play.rating),
        "PlayedPercentage": _played_percentage(play, item),
        "PlaybackPositionTicks": play.position_ticks,
        "PlayCount": play.play_count,
        "IsFavorite": play.is_favorite,
        "Likes": None if play.rating is None else play.rating >= LIKES_FROM,
        "LastPlayedDate": play.last_played and iso(play.last_played),
        "Played": play.played,
        "Key": _key(item, single and world.is_12),
        "ItemId": item.item_id,
    }
    if item.type in _CONTAINER_TYPES:
        members = members_of(world, item, user)
        n_played = sum(world.household.play(user.user_id, m.item_id).played for m in members)
        shape["UnplayedItemCount"] = len(members) - n_played
        shape["Played"] = n_played == len(members)
        if members and (world.is_12 or single):
            shape["PlayedPercentage"] = number(100 * n_played / len(members))
    return {k: v for k, v in shape.items() if v is not None}


def _played_percentage(play: Play, item: Item) -> float | None:
    if not play.position_ticks or not item.runtime_ticks:
        return None
    return 100 * play.position_ticks / item.runtime_ticks


def _key(item: Item, by_provider: bool) -> str:
    if by_provider and "Tmdb" in item.provider_ids:
        return item.provider_ids["Tmdb"]
    text = item.item_id
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
