"""Routes of playlists: what a key may do with them, and what only their owner may."""

from __future__ import annotations

from jfdask.demo.answers import Answer, Refused, empty, json_answer, processing_error
from jfdask.demo.call import Call, as_id
from jfdask.demo.listing import page_of, view_of
from jfdask.demo.records import Item, User, lowest_certificate, stable_id
from jfdask.demo.routing import Route
from jfdask.demo.shapes import members_of, shape_item
from jfdask.demo.world import World

PLAYLISTS_PATH = "/config/data/data/playlists"


def _playlist(world: World, call: Call, user: User | None) -> Item:
    """Return the playlist of the path; 404 where it is not there or not for this user."""
    item = world.household.items.get(as_id(call.path_ids["list"]) or "")
    hidden = user is not None and item is not None and not world.household.may_see(user, item)
    if item is None or item.type != "Playlist" or hidden:
        raise Refused(json_answer("Playlist not found", 404))
    return item


def _own_playlist(world: World, call: Call) -> Item:
    """Return a playlist to its owner's own token; a key is 400, anybody else 403."""
    if call.user is None:
        raise Refused(processing_error(400))
    return _only_owner(_playlist(world, call, call.user), call.user)


def _only_owner(playlist: Item, user: User | None) -> Item:
    if user is not None and playlist.owner_id != user.user_id:
        raise Refused(processing_error(403))
    return playlist


def _existing(world: World, ids: list[str]) -> list[str]:
    """Return the ids of movies that exist; the others are dropped in silence."""
    found = (world.household.items.get(as_id(i) or "") for i in ids)
    return [item.item_id for item in found if item is not None]


def _changed(world: World, playlist: Item) -> Answer:
    playlist.saved = world.clock()
    # Taken from the members whenever they change, and kept while none of them has one.
    rating = lowest_certificate(members_of(world, playlist, None))
    playlist.certificate = rating or playlist.certificate
    world.household.touch()
    return empty(204)


def create_playlist(world: World, call: Call) -> Answer:
    """Make a playlist. An unknown owner is not noticed; public is the default."""
    body = call.json()
    owner = body.get("userid") or (call.user and call.user.user_id)
    if not owner:
        return processing_error(400)
    name = body.get("name") or "Playlist"
    taken = {p.path for p in world.household.of_type("Playlist")}
    path = f"{PLAYLISTS_PATH}/{name}"
    if path in taken:
        path = next(p for i in range(1, len(taken) + 2) if (p := f"{path}{i}") not in taken)
    now = world.clock().replace(microsecond=0)
    playlist = Item(
        # The id comes from name and place: made anew, the list has the same id again.
        item_id=stable_id("Playlist", path),
        type="Playlist",
        name=name,
        created=now,
        saved=now,
        path=path,
        members=_existing(world, body.get("ids") or []),
        owner_id=as_id(owner),
        is_public=body.get("ispublic") is not False,
    )
    world.household.add([playlist])
    return json_answer({"Id": playlist.item_id})


def list_entries(world: World, call: Call) -> Answer:
    """Answer the movies of a playlist that the user may see, in the order stored."""
    user = call.needed_user(world.household)
    members = members_of(world, _playlist(world, call, user), user)
    page = page_of(members, call)
    view = view_of(call, user)
    shown = [{**shape_item(world, m, view), "PlaylistItemId": m.item_id} for m in page]
    start = call.integer("startIndex") or 0
    return json_answer({"Items": shown, "TotalRecordCount": len(members), "StartIndex": start})


def append_entries(world: World, call: Call) -> Answer:
    """Append movies. 12 adds again what is there, 10.11 does not."""
    user = call.needed_user(world.household)
    playlist = _only_owner(_playlist(world, call, user), user)
    for item_id in _existing(world, call.names("ids")):
        if world.is_12 or item_id not in playlist.members:
            playlist.members.append(item_id)
    return _changed(world, playlist)


def remove_entries(world: World, call: Call) -> Answer:
    """Remove movies: every copy of each id."""
    playlist = _only_owner(_playlist(world, call, call.user), call.user)
    gone = {as_id(i) for i in call.names("entryIds")}
    playlist.members = [m for m in playlist.members if m not in gone]
    return _changed(world, playlist)


def replace_playlist(world: World, call: Call) -> Answer:
    """Replace entries or name; the owner's own token only."""
    playlist = _own_playlist(world, call)
    body = call.json()
    playlist.name = body.get("name") or playlist.name
    if body.get("ids") is not None:
        playlist.members = _existing(world, body["ids"])
    return _changed(world, playlist)


def read_playlist(world: World, call: Call) -> Answer:
    """Answer how a playlist is shared; the owner's own token only."""
    playlist = _own_playlist(world, call)
    body = {"OpenAccess": playlist.is_public, "Shares": [], "ItemIds": playlist.members}
    return json_answer(body)


def list_playlist_users(world: World, call: Call) -> Answer:
    """Answer whom a playlist is shared with; the owner's own token only."""
    _own_playlist(world, call)
    return json_answer([])


def move_entry(world: World, call: Call) -> Answer:
    """Move an entry; the owner's own token only."""
    playlist = _own_playlist(world, call)
    item_id = as_id(call.path_ids["entry"])
    if item_id in playlist.members and call.path_ids["index"].isdigit():
        playlist.members.remove(item_id)
        playlist.members.insert(int(call.path_ids["index"]), item_id)
    return _changed(world, playlist)


ROUTES = (
    Route("POST", "/Playlists", create_playlist),
    Route("GET", "/Playlists/{list}", read_playlist),
    Route("POST", "/Playlists/{list}", replace_playlist),
    Route("GET", "/Playlists/{list}/Users", list_playlist_users),
    Route("GET", "/Playlists/{list}/Items", list_entries),
    Route("POST", "/Playlists/{list}/Items", append_entries),
    Route("DELETE", "/Playlists/{list}/Items", remove_entries),
    Route("POST", "/Playlists/{list}/Items/{entry}/Move/{index}", move_entry),
)
