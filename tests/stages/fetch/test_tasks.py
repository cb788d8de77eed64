from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jfdask.errors import ServerFault
from jfdask.jellyfin.startup import ServerInfo
from jfdask.stages.fetch import making, tasks
from jfdask.stages.fetch.listing import STATE_READING, VERSION, Listing
from jfdask.stages.fetch.making import Reader, Reading
from jfdask.store.keys import person
from jfdask.store.state import write_state, write_state_table
from jfdask.store.tables import read_table, write_table
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS, MOVIES

LISTS = ("taglines", "genres", "tags", "studio_ids", "studio_names")
ITEM_LIST, PLAYS_LIST = Listing("items"), Listing("plays", "f" * 32)
PAGES = ((ITEM_LIST, ("1",)), (PLAYS_LIST, ("1",)))
FAY = "f" * 32
READERS = [Reader(FAY, "Fay", PAGES[1:])]
READING = Reading(
    server=ServerInfo("12.0", "s", "Home"),
    pages=PAGES[:1],
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


def ids(**etags):
    return ITEM_IDS.frame([{"item_id": i, "etag": e} for i, e in etags.items()])


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


def movies_of(place, rounds=1):
    receipt, n_movies = making.make_movies(place, replace(READING, rounds=rounds))
    assert set(receipt) == {"movies.parquet"}
    key = place.key("fetch", "movies.parquet")
    movies = read_table(place.store, key, MOVIES).set_index("movie_id")
    assert len(movies) == n_movies
    return movies


def ask_for_what_fay_has(place, per_call):
    """Plan again for movies that only her list has."""
    made = making.make_plays(place, READING, READERS)
    assert made.strangers == (FAY,)
    return making.plan(place, PAGES, per_call, 1, made.strangers)


def test_what_was_read_for_other_ids_before_the_night_was_broken_off_is_not_used(place, says):
    says("read_items", lambda ids: items(**dict.fromkeys(ids, "old")))
    put(place, items(a="1"), plays("a", "x"))
    assert making.plan(place, PAGES, 1).items == ()
    assert ask_for_what_fay_has(place, 1).items == (1,)
    tasks.read_missing(place, None, 1, 0)
    # The night goes on; x is gone, y is there, and cannot be read.
    put(place, items(a="1"), plays("a", "y"))
    assert making.plan(place, PAGES, 1).items == ()
    assert list(movies_of(place).index) == ["a"]
    assert ask_for_what_fay_has(place, 1).items == (1,)
    assert list(movies_of(place, 2).index) == ["a"]
    says("read_items", lambda ids: items(**dict.fromkeys(ids, "new")))
    tasks.read_missing(place, None, 1, 0)
    assert list(movies_of(place, 2)["name"]) == ["1", "new"]
    made = making.make_plays(place, replace(READING, rounds=2), READERS)
    assert made.strangers == ()
    assert made.people[FAY]["n_visible"] == 2


def test_what_was_asked_for_by_id_is_not_asked_for_again(place, says):
    def of(make):
        return lambda ids: make(**{i: "1" for i in ids if i == "a"})

    says("read_items", of(items))
    says("read_credits", of(credits))
    write_table(place.store, Listing("ids").key(place, "1"), ITEM_IDS, ids(a="1", b="1"))
    write_table(place.store, PLAYS_LIST.key(place, "1"), ITEM_PLAYS, plays("a", "b", "c"))
    pages = ((Listing("ids"), ("1",)), (PLAYS_LIST, ("1",)))
    assert making.plan(place, pages, 5) == making.Chunks((2,), (2,))
    tasks.read_missing(place, None, 0, 0)
    tasks.read_people(place, None, 0, 0)
    making.make_plays(place, READING, READERS)
    for _ in range(2):  # a worker that dies does it again
        assert making.plan(place, pages, 5, 1, [FAY]) == making.Chunks((1,), (1,))


@pytest.mark.parametrize("first", ["a", "ab", "ac", "ad", "ae"])
def test_people_are_those_of_the_etag_that_is_listed(place, says, first):
    # Files are named by what was asked, so either may come first.
    write_state_table(place.store, "home", "credits.parquet", CREDITS, credits(a="1"), version=1)
    for etag, listed in (("2", first), ("3", "a")):
        put(place, items(**dict.fromkeys(listed, etag)), plays())
        says("read_credits", lambda ids, etag=etag: credits(**dict.fromkeys(ids, etag)))
        making.plan(place, PAGES, 2)
        tasks.read_people(place, None, 0, 0)
    assert making.plan(place, PAGES, 2).credits == ()
    assert list(movies_of(place).loc["a", "person_names"]) == ["3"]


def test_people_known_from_an_earlier_night_are_not_read_again(place, says):
    write_state_table(place.store, "home", "credits.parquet", CREDITS, credits(a="1"), version=1)
    says("read_credits", lambda ids: credits(**dict.fromkeys(ids, "2")))
    put(place, items(a="2"), plays())
    making.plan(place, PAGES, 2)
    tasks.read_people(place, None, 0, 0)
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
    for make in (
        lambda: making.make_movies(place, READING),
        lambda: making.make_plays(place, READING, READERS),
    ):
        assert make() == make()
    # Somebody who has been left out since.
    write_table(place.store, place.key("fetch", person("e" * 32, "reading/plays")), ITEM_IDS, ids())
    making.clear(place)
    left = [key for key in place.store.list() if "/reading/" in key]
    assert left == []
    made = {key.partition("/home/")[2] for key in place.store.list()}
    assert made == {
        "movies.parquet", *(f"people/{'f' * 32}/{n}" for n in ("plays.parquet", "user.json"))
    }  # fmt: skip


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
    assert ask_for_what_fay_has(place, 3) == making.Chunks((3,), (3,))
    assert tasks.read_missing(place, None, 1, 0) == {tasks.NOT_GIVEN: 1}
    assert tasks.read_people(place, None, 1, 0) == {tasks.PEOPLE_NOT_GIVEN: 1}
    assert list(movies_of(place, 2).index) == ["a", "c"]


def test_whose_list_cannot_be_read_costs_nobody_else(place):
    put(place, items(a="1"), plays("a"))
    making.plan(place, PAGES, 2)
    eve = Reader("e" * 32, "Eve", ((Listing("plays", "e" * 32), ("1",)),))
    made = making.make_plays(place, READING, [eve, *READERS])
    assert list(made.failed) == [eve.user_id]
    assert list(made.people) == [FAY]
    assert all(name.startswith(f"people/{FAY}/") for name in made.receipt)


@pytest.mark.parametrize("name", ["items.parquet", "credits.parquet", "reading.json"])
def test_what_is_remembered_and_damaged_is_read_anew(place, says, name):
    says("read_items", lambda ids: items(**dict.fromkeys(ids, "1")))
    says("read_credits", lambda ids: credits(**dict.fromkeys(ids, "1")))
    put(place, items(a="1"), plays("a"))
    making.plan(place, PAGES, 2)
    tasks.read_people(place, None, 0, 0)
    making.settle(place, READING, {"n_movies": 1, "people": {}})
    place.store.write(f"state/home/{name}", b"damaged")
    making.clear(place)
    put(place, items(a="1"), plays("a"))
    assert tasks.last_reading(place, READING.server) is None or name != "reading.json"
    assert making.plan(place, PAGES, 2).credits == ((1,) if name == "credits.parquet" else ())


def test_of_another_server_all_is_read(place):
    began = {"server_id": "s", "began": "2026-08-01T03:00:00+00:00"}
    write_state(place.store, "home", STATE_READING, began, version=VERSION)
    since = tasks.last_reading(place, ServerInfo("12.0", "s", "Home"))
    assert since == datetime(2026, 8, 1, 2, 50, tzinfo=UTC)
    assert tasks.last_reading(place, ServerInfo("12.0", "another", "Home")) is None


def test_a_movie_with_another_etag_is_asked_for(place):
    write_state_table(place.store, "home", "items.parquet", ITEMS, items(a="1", b="1"), version=1)
    write_table(place.store, Listing("ids").key(place, "1"), ITEM_IDS, ids(a="2", b="1"))
    assert making.plan(place, ((Listing("ids"), ("1",)),), 5).items == (1,)


def test_a_server_that_tells_no_time_is_read_whole_again(place):
    put(place, items(a="1"), plays("a"))
    making.plan(place, PAGES, 2)
    making.settle(place, replace(READING, began=None), {"n_movies": 1, "people": {}})
    assert tasks.last_reading(place, READING.server) is None
    assert place.store.exists("state/home/items.parquet")


def test_people_that_a_killed_night_has_read_are_not_read_again(place, says):
    says("read_credits", lambda ids: credits(**dict.fromkeys(ids, "1")))
    put(place, items(a="1"), plays("a"))
    making.plan(place, PAGES, 2)
    tasks.read_people(place, None, 0, 0)
    later = replace(place, run_id="20260802T030000Z-0a1b2c", forerunner=place.run_id)
    put(later, items(a="1"), plays("a"))
    assert making.plan(later, PAGES, 2).credits == ()
    assert list(movies_of(later).loc["a", "person_names"]) == ["1"]
