from datetime import UTC, datetime

import pytest

from jfdask.errors import ServerFault
from jfdask.jellyfin.startup import ServerInfo
from jfdask.stages.fetch import making, tasks
from jfdask.stages.fetch.listing import Listing
from jfdask.stages.fetch.making import Assembly
from jfdask.store.state import write_state_table
from jfdask.store.tables import read_table, write_table
from jfdask.tables import CREDITS, ITEM_PLAYS, ITEMS, MOVIES

LISTS = ("taglines", "genres", "tags", "studio_ids", "studio_names")
ITEM_LIST, PLAYS_LIST = Listing("items"), Listing("plays", "f" * 32)
PAGES = ((ITEM_LIST, ("1",)), (PLAYS_LIST, ("1",)))
REQUEST = Assembly(
    server=ServerInfo("12.0", "s", "Home"),
    names={"f" * 32: "Fay"},
    pages=PAGES,
    collections=(),
    largest_loss=0.3,
    began=datetime(2026, 8, 1, tzinfo=UTC),
)


def items(**etags):
    empty = {c.name: [] if c.name in LISTS else None for c in ITEMS.columns}
    return ITEMS.frame([{**empty, "item_id": i, "etag": e, "name": e} for i, e in etags.items()])


def credits(**etags):
    row = {"person_ids": ["p"], "person_types": ["Actor"]}
    return CREDITS.frame(
        [{**row, "item_id": i, "etag": e, "person_names": [e]} for i, e in etags.items()]
    )


def plays(*ids):
    blank = dict.fromkeys(c.name for c in ITEM_PLAYS.columns)
    empty = {"played": False, "play_count": 0.0, "is_favorite": False, "position_fraction": 0.0}
    return ITEM_PLAYS.frame([{**blank, **empty, "item_id": i} for i in ids])


def put(place, listed, seen):
    write_table(place.store, ITEM_LIST.key(place, "1"), ITEMS, listed)
    write_table(place.store, PLAYS_LIST.key(place, "1"), ITEM_PLAYS, seen)


@pytest.fixture
def says(monkeypatch):
    """Let a request return what it is told, whatever server it is for."""
    monkeypatch.setattr(tasks, "asked", lambda server, ask: ask(None))

    def tell(name, answer):
        monkeypatch.setattr(tasks, name, lambda client, ids, broken: answer(ids))

    return tell


def movies_of(place):
    receipt, _ = making.assemble(place, REQUEST)
    key = place.key("fetch", "movies.parquet")
    assert set(receipt) == {"movies.parquet", *(f"people/{'f' * 32}/{n}" for n in
                            ("plays.parquet", "user.json"))}  # fmt: skip
    return read_table(place.store, key, MOVIES).set_index("movie_id")


def test_what_was_read_for_other_ids_before_the_night_was_broken_off_is_not_used(place, says):
    says("read_items", lambda ids: items(**dict.fromkeys(ids, "old")))
    put(place, items(a="1"), plays("a", "x"))
    assert making.plan(place, PAGES, 1).items == (1,)
    tasks.read_missing(place, None, 0)
    # The night goes on; x is gone, y is there, and cannot be read.
    put(place, items(a="1"), plays("a", "y"))
    assert making.plan(place, PAGES, 1).items == (1,)
    assert list(movies_of(place).index) == ["a"]
    says("read_items", lambda ids: items(**dict.fromkeys(ids, "new")))
    tasks.read_missing(place, None, 0)
    assert list(movies_of(place)["name"]) == ["1", "new"]


@pytest.mark.parametrize("first", ["a", "ab", "ac", "ad", "ae"])
def test_people_are_those_of_the_etag_that_is_listed(place, says, first):
    # Files are named by what was asked, so either may come first.
    write_state_table(place.store, "home", "credits.parquet", CREDITS, credits(a="1"), version=1)
    for etag, listed in (("2", first), ("3", "a")):
        put(place, items(**dict.fromkeys(listed, etag)), plays())
        says("read_credits", lambda ids, etag=etag: credits(**dict.fromkeys(ids, etag)))
        making.plan(place, PAGES, 2)
        tasks.read_people(place, None, 0)
    assert making.plan(place, PAGES, 2).credits == ()
    assert list(movies_of(place).loc["a", "person_names"]) == ["3"]


def test_people_known_from_an_earlier_night_are_not_read_again(place, says):
    write_state_table(place.store, "home", "credits.parquet", CREDITS, credits(a="1"), version=1)
    says("read_credits", lambda ids: credits(**dict.fromkeys(ids, "2")))
    put(place, items(a="2"), plays())
    making.plan(place, PAGES, 2)
    tasks.read_people(place, None, 0)
    # The night goes on, and the movie is again as it was.
    put(place, items(a="1"), plays())
    assert making.plan(place, PAGES, 2).credits == ()
    assert list(movies_of(place).loc["a", "person_names"]) == ["1"]


def test_people_of_another_etag_are_better_than_none(place):
    write_state_table(place.store, "home", "credits.parquet", CREDITS, credits(a="1"), version=1)
    put(place, items(a="2"), plays())
    assert making.plan(place, PAGES, 2).credits == (1,)
    assert list(movies_of(place).loc["a", "person_names"]) == ["1"]


def test_tables_can_be_made_twice_and_then_what_was_read_is_removed(place):
    put(place, items(a="1"), plays("a"))
    making.plan(place, PAGES, 2)
    once = making.assemble(place, REQUEST)
    assert making.assemble(place, REQUEST) == once
    making.clear(place, ["f" * 32])
    assert not [key for key in place.store.list() if "/reading/" in key]
    assert [key for key in place.store.list() if key.endswith("movies.parquet")]


def test_a_movie_that_cannot_be_given_is_counted_as_what_was_asked_of_it(place, says):
    def not_b(make):
        def answer(ids):
            if "b" in ids:
                raise ServerFault("500")
            return make(**dict.fromkeys(ids, "1"))

        return answer

    says("read_items", not_b(items))
    says("read_credits", not_b(credits))
    put(place, items(), plays("a", "b", "c"))
    making.plan(place, PAGES, 3)
    assert tasks.read_missing(place, None, 0) == {tasks.NOT_GIVEN: 1}
    assert tasks.read_people(place, None, 0) == {tasks.PEOPLE_NOT_GIVEN: 1}
    assert list(movies_of(place).index) == ["a", "c"]
