"""``GET /Items``: filters, orders, pages, and the traps of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jfdask.demo.answers import Answer, Refused, json_answer, processing_error
from jfdask.demo.call import Call, as_id
from jfdask.demo.records import Item, Play, User, stable_id
from jfdask.demo.shapes import LIKES_FROM, View, members_of, shape_item
from jfdask.demo.world import SortSpec, World

KNOWN_TYPES = {
    name.lower(): name
    for name in (
        "AggregateFolder", "Audio", "AudioBook", "Book", "BoxSet", "Channel", "CollectionFolder",
        "Episode", "Folder", "Genre", "ManualPlaylistsFolder", "Movie", "MusicAlbum",
        "MusicArtist", "MusicGenre", "MusicVideo", "Person", "Photo", "PhotoAlbum", "Playlist",
        "PlaylistsFolder", "Season", "Series", "Studio", "Trailer", "UserRootFolder", "UserView",
        "Video", "Year",
    )
}  # fmt: skip
_BY_NAME: SortSpec = (("sortname", False),)
_BY_PREMIERE: SortSpec = (("premieredate", False), ("sortname", False))

#: Filters that need a user. An unknown name is dropped, so that more is answered, not less.
_USER_FILTERS = frozenset(
    {
        "isplayed", "isunplayed", "isfavorite", "likes", "dislikes", "isfavoriteorlikes",
        "isresumable",
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Found:
    items: list[Item | None]  # None: a row that is counted and not shown
    n_uncounted: int = 0  # what 10.11 counts although it belongs to others


def list_items(world: World, call: Call) -> Answer:
    """Answer ``GET /Items``."""
    user = call.acting_user(world.household)
    start, limit = call.integer("startIndex") or 0, call.integer("limit")
    wants_total = call.flag("enableTotalRecordCount") is not False
    found = _find(world, call, user)
    if found is None:
        roots: list[Item | None] = list(root_folders(world))
        # 12 lists the root folders whatever the limit says.
        page = roots if world.is_12 or limit is None else roots[:limit]
        return _answer(world, call, user, page, len(roots), start)
    items = found.items
    first = max(start, 0)
    page = items[first:] if limit is None else items[first : first + max(limit, 0)]
    total = len(items) + found.n_uncounted if wants_total else len(page)
    return _answer(world, call, user, page, total, start)


def _answer(
    world: World, call: Call, user: User | None, page: list[Item | None], total: int, start: int
) -> Answer:
    view = view_of(call, user)
    shown = [shape_item(world, item, view) for item in page if item is not None]
    wants_people = "people" in view.fields
    kind = "user_data" if user is not None else "fields" if view.fields else "plain"
    return json_answer(
        {"Items": shown, "TotalRecordCount": total, "StartIndex": start},
        n_items=len(shown),
        n_people_read=len(shown) if wants_people else 0,
        kind=kind,
    )


def view_of(call: Call, user: User | None) -> View:
    """Return what the parameters ask to be shown; unknown fields are ignored."""
    return View(
        user=user,
        fields=frozenset(call.names("fields")),
        images=call.flag("enableImages") is not False,
        user_data=call.flag("enableUserData") is not False,
    )


def _find(world: World, call: Call, user: User | None) -> _Found | None:
    """Return what matches, in order; None: nothing narrows it, so the root folders."""
    household = world.household
    sort = _sort_of(call)
    types = frozenset(KNOWN_TYPES[t] for t in call.names("includeItemTypes") if t in KNOWN_TYPES)
    ids = [i for i in map(as_id, call.names("ids")) if i]
    parent = household.items.get(call.guid("parentId") or "")
    recursive = call.flag("recursive") is True
    n_uncounted = 0
    items: list[Item | None]
    if ids:
        found = {i.item_id: i for i in world.ordered(types, sort, user)}
        # In the order asked for, if none is given; ids that do not exist are left out.
        wanted = dict.fromkeys([i for i in found if i in set(ids)] if sort else ids)
        items = [found[i] for i in wanted if i in found]
    elif parent is not None and parent.type == "BoxSet":
        members = members_of(world, parent, user) if user is not None else []
        by_premiere = world.ordered(frozenset(), sort or _BY_PREMIERE, user)
        inside = {m.item_id for m in members}
        items = [i for i in by_premiere if i.item_id in inside and (not types or i.type in types)]
    elif recursive or call.guid("parentId"):
        items = list(world.ordered(types, sort or _BY_NAME, user))
        folder_id = call.guid("parentId")
        if any(f.folder_id == folder_id for f in household.folders):
            items = [i for i in items if i is not None and i.folder_id == folder_id]
        if not types:
            items = _everything(world, items)
        if types == {"Playlist"} and user is not None and not world.is_12:
            everybodys: list[Item | None] = list(world.ordered(types, _BY_NAME, None))
            n_uncounted = len(_filter(world, call, user, everybodys))
            n_uncounted -= len(_filter(world, call, user, items))
    else:
        return None
    items = _filter(world, call, user, items)
    return _Found(_collapse(world, call, user, types, sort, items), n_uncounted)


def _sort_of(call: Call) -> SortSpec:
    keys = call.names("sortBy")
    orders = call.names("sortOrder") or ["ascending"]
    return tuple(
        (key, orders[min(i, len(orders) - 1)].startswith("desc")) for i, key in enumerate(keys)
    )


def _everything(world: World, items: list[Item | None]) -> list[Item | None]:
    """Return items of every type, as a type that does not exist lists them.

    Folders are among them, and on 12 rows of another kind, which count and are left out.
    """
    everything = [*root_folders(world), *items]
    if not world.is_12:
        return everything
    unshown = world.household.n_rows_unshown
    mixed: list[Item | None] = []
    for item in everything:
        mixed.append(item)
        if unshown > 0:
            mixed.append(None)
            unshown -= 1
    return mixed + [None] * unshown


def _filter(
    world: World, call: Call, user: User | None, items: list[Item | None]
) -> list[Item | None]:
    tags = call.names("tags")
    term = (call.text("searchTerm") or "").lower()
    # Without a date of its own for plays, 'for this user' is the item's date too.
    since = call.date("minDateLastSaved"), call.date("minDateLastSavedForUser")
    saved = max((d for d in since if d is not None), default=None)
    if tags:
        items = [i for i in items if i and not {t.lower() for t in i.tags}.isdisjoint(tags)]
    if term:
        items = [i for i in items if i and term in i.name.lower()]
    if saved:
        items = [i for i in items if i and i.saved >= saved]
    for name in _user_filters(call):
        if user is None:
            raise Refused(processing_error(500))
        # 12 ignores Dislikes.
        if name == "dislikes" and world.is_12:
            continue
        plays, passes = world.household.plays.get(user.user_id, {}), _PASSES[name]
        items = [i for i in items if i and passes(plays.get(i.item_id, _UNTOUCHED))]
    return items


def _user_filters(call: Call) -> list[str]:
    names = [f for f in call.names("filters") if f in _USER_FILTERS]
    played, favorite = call.flag("isPlayed"), call.flag("isFavorite")
    if played is not None:
        names.append("isplayed" if played else "isunplayed")
    if favorite is not None:
        names.append("isfavorite" if favorite else "isnotfavorite")
    return names


def _likes(play: Play) -> bool:
    return play.rating is not None and play.rating >= LIKES_FROM


_UNTOUCHED = Play()
_PASSES: dict[str, Callable[[Play], bool]] = {
    "isplayed": lambda play: play.played,
    "isunplayed": lambda play: not play.played,
    "isfavorite": lambda play: play.is_favorite,
    "isnotfavorite": lambda play: not play.is_favorite,
    "likes": _likes,
    "dislikes": lambda play: play.rating is not None and not _likes(play),
    "isfavoriteorlikes": lambda play: play.is_favorite,  # Jellyfin forgets the ratings, too
    "isresumable": lambda play: play.position_ticks > 0,
}


def _collapse(
    world: World,
    call: Call,
    user: User | None,
    types: frozenset[str],
    sort: SortSpec,
    items: list[Item | None],
) -> list[Item | None]:
    """Put collections in the place of their movies: what 12 does to a key without a user."""
    asked = call.flag("collapseBoxSetItems")
    by_default = world.is_12 and user is None and types == {"Movie"} and not call.names("ids")
    if not (by_default if asked is None else asked):
        return items
    present = {i.item_id for i in items if i}
    boxes = [
        b for b in world.ordered(frozenset({"BoxSet"}), _BY_NAME, user)
        if not present.isdisjoint(b.members)
    ]  # fmt: skip
    inside = {m for b in boxes for m in b.members}
    kept = {i.item_id for i in items if i and i.item_id not in inside}
    kept |= {b.item_id for b in boxes}
    both = world.ordered(types | {"BoxSet"}, sort or _BY_NAME, user)
    return [i for i in both if i.item_id in kept]


def root_folders(world: World) -> list[Item]:
    """Return the folders at the root: the libraries' directories and that of the playlists."""
    folders = [
        Item(stable_id("Parent", f.folder_id), "Folder", f.root_name)
        for f in world.household.folders
    ]
    folders.append(Item(stable_id("Folder", "playlists"), "ManualPlaylistsFolder", "Playlists"))
    return sorted(folders, key=lambda f: f.sort_key)


def page_of(items: list[Item], call: Call) -> list[Item]:
    """Return the part of a list that ``startIndex`` and ``limit`` ask for."""
    start, limit = max(call.integer("startIndex") or 0, 0), call.integer("limit")
    return items[start:] if limit is None else items[start : start + max(limit, 0)]


def items_answer(world: World, items: list[Item], view: View, **more: Any) -> Answer:
    """Return a list of items as an answer that counts itself."""
    shown = [shape_item(world, i, view) for i in items]
    body = {"Items": shown, "TotalRecordCount": len(shown), "StartIndex": 0, **more}
    return json_answer(body, n_items=len(shown))
