"""Routes of what a user has to do with an item: played, favourite, rating, position."""

from __future__ import annotations

from jfdask.demo.answers import Answer, json_answer
from jfdask.demo.call import Call
from jfdask.demo.item_routes import visible_item
from jfdask.demo.records import Item, Play, User
from jfdask.demo.routing import Route
from jfdask.demo.shapes import shape_user_data
from jfdask.demo.world import World

LIKE, DISLIKE = 10.0, 1.0  # what a thumb is worth


def _target(world: World, call: Call) -> tuple[User, Item, Play]:
    user = call.needed_user(world.household)
    item = visible_item(world, call, user)
    plays = world.household.plays.setdefault(user.user_id, {})
    return user, item, plays.setdefault(item.item_id, Play())


def _answer(world: World, user: User, item: Item) -> Answer:
    return json_answer(shape_user_data(world, user, item, single=True))


def read_play(world: World, call: Call) -> Answer:
    """Answer what a user has to do with an item."""
    user, item, _ = _target(world, call)
    return _answer(world, user, item)


def write_play(world: World, call: Call) -> Answer:
    """Overwrite what the body names."""
    user, item, play = _target(world, call)
    body = {k: v for k, v in call.json().items() if v is not None}
    play.rating = body.get("rating", play.rating)
    if "likes" in body:
        play.rating = LIKE if body["likes"] else DISLIKE
    play.play_count = body.get("playcount", play.play_count)
    play.position_ticks = body.get("playbackpositionticks", play.position_ticks)
    play.is_favorite = body.get("isfavorite", play.is_favorite)
    play.played = body.get("played", play.played)
    return _answer(world, user, item)


def mark_played(world: World, call: Call) -> Answer:
    """Count one more play."""
    user, item, play = _target(world, call)
    play.played, play.position_ticks = True, 0
    play.play_count += 1
    play.last_played = call.date("datePlayed") or world.clock()
    return _answer(world, user, item)


def mark_unplayed(world: World, call: Call) -> Answer:
    """Forget all plays of an item; its favourite and rating stay."""
    user, item, play = _target(world, call)
    play.played, play.position_ticks, play.play_count, play.last_played = False, 0, 0, None
    return _answer(world, user, item)


def mark_favorite(world: World, call: Call) -> Answer:
    """Set the heart, or take it away."""
    user, item, play = _target(world, call)
    play.is_favorite = call.method == "POST"
    return _answer(world, user, item)


def rate(world: World, call: Call) -> Answer:
    """Set a thumb up or down, or take it away."""
    user, item, play = _target(world, call)
    play.rating = None
    if call.method == "POST":
        play.rating = LIKE if call.flag("likes") else DISLIKE
    return _answer(world, user, item)


ROUTES = (
    Route("GET", "/UserItems/{item}/UserData", read_play),
    Route("POST", "/UserItems/{item}/UserData", write_play),
    Route("POST", "/UserPlayedItems/{item}", mark_played),
    Route("DELETE", "/UserPlayedItems/{item}", mark_unplayed),
    Route("POST", "/UserFavoriteItems/{item}", mark_favorite),
    Route("DELETE", "/UserFavoriteItems/{item}", mark_favorite),
    Route("POST", "/UserItems/{item}/Rating", rate),
    Route("DELETE", "/UserItems/{item}/Rating", rate),
)
