"""What she was told last, and what she says of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jfdask.stages.fetch import tasks
from jfdask.stages.fetch.listing import TOLD, Listing
from jfdask.store.keys import person
from jfdask.store.tables import read_table
from jfdask.store.units import UnitWriter
from jfdask.tables import ITEM_PLAYS, PLAYS, RECOMMENDATIONS

from .test_assemble import plays

FAY = "f" * 32
LISTS = ("reasons", "reason_kinds")


@pytest.fixture
def tonight(place):
    """A night after one of which fay has a list of 120 films, and has rated three down."""
    now = datetime(2026, 8, 1, tzinfo=UTC)
    blank = {c.name: [] if c.name in LISTS else None for c in RECOMMENDATIONS.columns}
    told = [
        {**blank, "rank": i + 1, "movie_id": f"m{i:03}", "item_id": f"i{i:03}"} for i in range(120)
    ]
    blank = dict.fromkeys(c.name for c in PLAYS.columns)
    seen = [
        {**blank, "movie_id": m, "item_id": m, "played": m == "b", "play_count": 0.0,
         "is_favorite": False, "position_fraction": 0.0, "abandoned": False, "rating": rating}
        for m, rating in (("a", 1.0), ("b", 1.0), ("c", 6.5), ("d", 6.4), ("e", None))
    ]  # fmt: skip
    for stage, name, table, rows in (
        ("recommend", "recommendations.parquet", RECOMMENDATIONS, told),
        ("fetch", "plays.parquet", PLAYS, seen),
    ):
        writer = UnitWriter(place.store, place.run_id, stage, "home")
        writer.table(person(FAY, name), table, table.frame(rows))
        writer.close(inputs={}, settings={}, code_version="", started=now, finished=now)
    return replace(place, run_id="20260802T030000Z-0a1b2c", previous=place.run_id)


def test_the_first_hundred_and_what_she_rated_down_are_asked_for(tonight):
    listed, down = tasks._told(tonight, FAY)
    assert listed == [f"i{i:03}" for i in range(100)]
    assert down["item_id"].tolist() == ["a", "d"]


def test_a_damaged_list_is_survived(tonight, place):
    for stage, name in (("recommend", "recommendations.parquet"), ("fetch", "plays.parquet")):
        place.store.write(place.key(stage, person(FAY, name)), b"damaged")
    listed, down = tasks._told(tonight, FAY)
    assert (listed, len(down)) == ([], 0)


def test_what_she_says_now_holds(tonight, monkeypatch):
    listing = Listing("plays", FAY, only=TOLD)
    monkeypatch.setattr(tasks, "asked", lambda server, ask: plays({"item_id": "a", "rating": 9.0}))
    assert tasks._read_told(tonight, "1", None, listing, 500) == (True, ())
    rows = read_table(tonight.store, listing.key(tonight, "1"), ITEM_PLAYS).set_index("item_id")
    assert rows["rating"].to_dict() == {"a": 9.0, "d": 6.4}
