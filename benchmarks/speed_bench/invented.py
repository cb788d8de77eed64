"""The tables of an invented household, as its demo server and stage `fetch` would give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from jfdask.demo.household import grown_household
from jfdask.demo.records import DemoHousehold
from jfdask.demo.shapes import View, shape_item
from jfdask.demo.world import World
from jfdask.jellyfin.parsing import parse_credits, parse_item
from jfdask.jellyfin.reading import ITEM_FIELDS
from jfdask.stages.fetch.assemble import Collection, movies_of
from jfdask.tables import CREDITS, ITEMS

_VIEW = View(
    fields=frozenset(f"{ITEM_FIELDS},People".lower().split(",")), images=False, user_data=False
)


def invented_movies(n_movies: int, seed: int = 0) -> pd.DataFrame:
    """Return MOVIES of an invented library."""
    household = grown_household(n_movies, 1, seed, plays=1)
    broken: Counter[str] = Counter()
    raw = list(_answers(household))
    items = ITEMS.frame([row for one in raw if (row := parse_item(one, broken))])
    credits = CREDITS.frame([row for one in raw if (row := parse_credits(one, broken))])
    boxes = [Collection(b.item_id, b.name, tuple(b.members)) for b in household.of_type("BoxSet")]
    return movies_of(items, credits, boxes, "invented")


def _answers(household: DemoHousehold) -> Iterator[dict[str, object]]:
    world = World(household, "12.0", "http://invented")
    return (shape_item(world, movie, _VIEW) for movie in household.movies)
