"""Routes of items: lists, an item's own page, its cover, edits, deletion, collections."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

from jfdask.demo.answers import Answer, Refused, empty, json_answer, problem, processing_error
from jfdask.demo.call import Call, as_id, parse_date
from jfdask.demo.films import collection_of
from jfdask.demo.listing import items_answer, list_items, view_of
from jfdask.demo.records import Credit, Item, User, stable_id
from jfdask.demo.routing import Route
from jfdask.demo.shapes import View, image_tag, shape_item
from jfdask.demo.views import shape_ancestors
from jfdask.demo.world import World

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def visible_item(world: World, call: Call, user: User | None) -> Item:
    """Return the item that the path names; 404 if it is not there or not for this user."""
    item = world.household.items.get(as_id(call.path_ids["item"]) or "")
    if item is None or (user is not None and not world.household.may_see(user, item)):
        raise Refused(problem(404))
    return item


def read_item(world: World, call: Call) -> Answer:
    """Answer an item's own page; a key has to name a user."""
    user = call.needed_user(world.household)
    item = visible_item(world, call, user)
    return json_answer(shape_item(world, item, View(user=user, full=True)), n_items=1)


def edit_item(world: World, call: Call) -> Answer:
    """Overwrite an item's metadata: what the body leaves out is gone."""
    call.needs_admin()
    item = visible_item(world, call, None)
    _overwrite(item, call.json())
    item.saved = world.clock()
    world.household.touch()
    return empty(204)


def _overwrite(item: Item, body: dict[str, Any]) -> None:
    item.name = body.get("name") or item.name
    item.original_title = body.get("originaltitle")
    item.overview = body.get("overview")
    item.forced_sort_name = body.get("forcedsortname") or None
    item.taglines = list(body.get("taglines") or [])
    item.genres = list(body.get("genres") or [])
    item.tags = list(body.get("tags") or [])
    item.studios = [s["Name"] for s in body.get("studios") or []]
    item.provider_ids = {k: v for k, v in (body.get("providerids") or {}).items() if v}
    item.premiere = parse_date(body["premieredate"]) if body.get("premieredate") else None
    item.year = body.get("productionyear")
    item.certificate = body.get("officialrating") or None
    item.community_rating = body.get("communityrating")
    item.critic_rating = body.get("criticrating")
    if "people" in body:
        item.credits = [
            Credit(p["Name"], p.get("Type", "Unknown"), p.get("Role") or "")
            for p in body["people"] or []
        ]


def delete_item(world: World, call: Call) -> Answer:
    """Delete an item, playlists and movies alike."""
    item = visible_item(world, call, call.user)
    if call.user is not None and not (call.user.is_admin or item.owner_id == call.user.user_id):
        return empty(401)
    del world.household.items[item.item_id]
    world.household.touch()
    return empty(204)


def write_image(world: World, call: Call) -> Answer:
    """Set an item's cover: the body is base64; raw bytes are the server's own error."""
    call.needs_admin()
    item = visible_item(world, call, None)
    try:
        picture = base64.b64decode(call.body, validate=True)
    except binascii.Error:
        return processing_error(500)
    if not picture.startswith(PNG_MAGIC):
        return processing_error(500)
    item.image = picture
    return empty(204)


def delete_image(world: World, call: Call) -> Answer:
    """Take an item's cover away."""
    call.needs_admin()
    visible_item(world, call, None).image = None
    return empty(204)


def list_images(world: World, call: Call) -> Answer:
    """Answer what pictures an item has."""
    item = visible_item(world, call, None)
    if item.image is None:
        return json_answer([])
    width, height = struct.unpack(">II", item.image[16:24])
    return json_answer(
        [
            {
                "ImageType": "Primary",
                "ImageTag": image_tag(item),
                "Path": f"{item.path}/folder.png",
                "BlurHash": "eZGDU*2FA=]A6hjua|a|jta|fQfQfQfQfQjua|a|jta|fQfQfQfQfQ",
                "Height": height,
                "Width": width,
                "Size": 0,
            }
        ]
    )


def suggest_items(world: World, call: Call) -> Answer:
    """Answer Jellyfin's own suggestions: movies at random."""
    user = call.needed_user(world.household)
    movies = world.ordered(frozenset({"Movie"}), (("random", False),), user)
    return items_answer(world, movies[: call.integer("limit") or None], View(user=user, full=True))


def collections_of_item(world: World, call: Call) -> Answer:
    """Answer the collections an item is in; 10.11 does not know this route."""
    if not world.is_12:
        return empty(404)
    user = call.needed_user(world.household)
    item = visible_item(world, call, user)
    boxes = world.ordered(frozenset({"BoxSet"}), (("sortname", False),), user)
    found = [b for b in boxes if item.item_id in b.members]
    return items_answer(world, found, view_of(call, user))


def read_ancestors(world: World, call: Call) -> Answer:
    """Answer the library an item lies in, and the root."""
    user = call.needed_user(world.household)
    return json_answer(shape_ancestors(world, visible_item(world, call, user), user))


def create_collection(world: World, call: Call) -> Answer:
    """Make a collection by hand."""
    call.needs_admin()
    household = world.household
    folder = next((f for f in household.folders if f.kind == "boxsets"), household.folders[-1])
    ids = [i for i in map(as_id, call.names("ids")) if i]
    movies = [household.items[i] for i in ids if i in household.items]
    box = collection_of(call.text("name") or "Collection", movies, folder)
    box.item_id = stable_id("BoxSet", box.path, len(household.items))
    box.created = box.saved = world.clock()
    household.add([box])
    return json_answer({"Id": box.item_id})


ROUTES = (
    Route("GET", "/Items", list_items),
    Route("GET", "/Users/{user}/Items", list_items),
    Route("GET", "/Items/Suggestions", suggest_items),
    Route("GET", "/Items/{item}", read_item),
    Route("POST", "/Items/{item}", edit_item),
    Route("DELETE", "/Items/{item}", delete_item),
    Route("GET", "/Items/{item}/Images", list_images),
    Route("POST", "/Items/{item}/Images/Primary", write_image),
    Route("DELETE", "/Items/{item}/Images/Primary", delete_image),
    Route("GET", "/Items/{item}/Collections", collections_of_item),
    Route("GET", "/Items/{item}/Ancestors", read_ancestors),
    Route("POST", "/Collections", create_collection),
)
