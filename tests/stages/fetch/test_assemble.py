from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from jfdask.stages.fetch.assemble import Collection, movie_of_items, movies_of, plays_of
from jfdask.tables import CREDITS, ITEM_PLAYS, ITEMS

LISTS = ("taglines", "genres", "tags", "studio_ids", "studio_names")


def items(*rows):
    empty = {c.name: [] if c.name in LISTS else None for c in ITEMS.columns}
    return ITEMS.frame([{**empty, **row} for row in rows])


def plays(*rows):
    empty = {"played": False, "play_count": 0.0, "is_favorite": False, "position_fraction": 0.0}
    blank = dict.fromkeys(c.name for c in ITEM_PLAYS.columns)
    return ITEM_PLAYS.frame([{**blank, **empty, **row} for row in rows])


COPIES = items(
    {"item_id": "b", "name": "Heat", "tmdb_id": "949", "imdb_id": "tt1"},
    {"item_id": "a", "name": "Heat (remux)", "tmdb_id": "949"},
    {"item_id": "c", "name": "Other", "imdb_id": "tt2"},
    {"item_id": "d", "name": "Unknown"},
    {"item_id": "e", "name": "Unknown"},
)


def test_copies_of_a_film_are_one_and_the_smallest_id_speaks():
    movies = movies_of(COPIES, CREDITS.frame([]), [], "s").set_index("movie_id")
    assert list(movies.index) == ["a", "c", "d", "e"]
    assert movies.loc["a", "name"] == "Heat (remux)"
    assert list(movies["film_id"]) == ["tmdb:949", "imdb:tt2", "item:s:d", "item:s:e"]
    assert movie_of_items(COPIES) == {"a": "a", "b": "a", "c": "c", "d": "d", "e": "e"}

    other_site = items({"item_id": "f", "name": "Heat", "imdb_id": "tt1"})
    copies = pd.concat([COPIES, other_site], ignore_index=True)
    assert movie_of_items(copies)["f"] == "a"
    assert movie_of_items(other_site) == {"f": "f"}


def test_played_if_any_copy_is_and_the_copy_is_one_the_person_sees():
    seen = plays(
        {"item_id": "b", "played": True, "play_count": 1.0, "rating": 7.0},
        {"item_id": "a", "is_favorite": True, "play_count": 1.0},
        {"item_id": "gone", "played": True},
    )
    [row] = plays_of(seen, movie_of_items(COPIES), None).to_dict("records")
    assert (row["movie_id"], row["item_id"]) == ("a", "a")
    assert row["played"]
    assert row["is_favorite"]
    assert (row["play_count"], row["rating"]) == (1.0, 7.0)
    [row] = plays_of(seen[seen["item_id"] == "b"], movie_of_items(COPIES), None).to_dict("records")
    assert (row["movie_id"], row["item_id"]) == ("a", "b")


@pytest.mark.parametrize("zone", [None, UTC])
def test_what_was_left_in_the_middle_a_month_ago_is_given_up(zone):
    tonight = datetime(2026, 3, 31, tzinfo=zone)
    old, new = datetime(2026, 2, 1), datetime(2026, 3, 20)  # tables are UTC
    seen = plays(
        {"item_id": "a", "position_fraction": 0.5, "last_played": old},
        {"item_id": "b", "position_fraction": 0.1, "last_played": old},
        {"item_id": "c", "position_fraction": 0.5, "last_played": new},
        {"item_id": "d", "position_fraction": 0.04, "last_played": old},
        {"item_id": "e", "position_fraction": 0.5, "last_played": None},
    )
    given_up = plays_of(seen, movie_of_items(COPIES), tonight).set_index("movie_id")["abandoned"]
    assert given_up.to_dict() == {"a": True, "c": False, "d": False, "e": False}
    assert not plays_of(seen, movie_of_items(COPIES), None)["abandoned"].any()
    # In the other copy it was played to its end, or begun again.
    for more in ({"played": True}, {"last_played": new}):
        rows = seen.assign(**{k: seen[k].where(seen["item_id"] != "b", v) for k, v in more.items()})
        assert not plays_of(rows, movie_of_items(COPIES), tonight)["abandoned"].any()


def test_a_copy_begun_nobody_knows_how_far_is_begun():
    for other, wanted in ((0.0, np.nan), (0.5, 0.5), (np.nan, np.nan)):
        seen = plays(
            {"item_id": "a", "position_fraction": np.nan},
            {"item_id": "b", "position_fraction": other},
            {"item_id": "c"},
        )
        found = plays_of(seen, movie_of_items(COPIES), None)["position_fraction"]
        np.testing.assert_array_equal(found, [wanted, 0.0])


def test_nobody_without_movies():
    assert len(plays_of(plays(), {}, None)) == 0
    assert len(movies_of(items(), CREDITS.frame([]), [Collection("x", "X", ("a",))], "s")) == 0


def test_people_are_joined_and_missing_ones_are_no_people():
    crew = CREDITS.frame(
        [{"item_id": "a", "etag": "1", "person_ids": ["p", "p"], "person_names": ["P", "P"],
          "person_types": ["Actor", "Director"]}]
    )  # fmt: skip
    movies = movies_of(COPIES, crew, [], "s").set_index("movie_id")
    assert list(movies.loc["a", "person_types"]) == ["Actor", "Director"]
    assert list(movies.loc["c", "person_ids"]) == []


def test_a_collection_is_ordered_by_date_then_year_then_id():
    films = items(
        {"item_id": "a", "premiere_date": pd.Timestamp("1999-05-01"), "production_year": 1999.0},
        {"item_id": "b", "production_year": 1995.0},
        {"item_id": "c"},
        {"item_id": "d", "premiere_date": pd.Timestamp("1979-05-25"), "production_year": 1979.0},
        {"item_id": "z"},
    ).assign(name=[f"The Alien and the {word}" for word in ("Sea", "Sky", "Fire", "Ice", "End")])
    box = Collection("box", "Trilogy", ("a", "b", "c", "d", "not-in-the-library"))
    movies = movies_of(films, CREDITS.frame([]), [box], "s").set_index("movie_id")
    assert list(movies.loc[["d", "b", "a", "c"], "collection_order"]) == [1, 2, 3, 4]
    assert list(movies["in_collection"]) == [True, True, True, True, False]
    assert list(movies["first_in_collection"]) == [False, False, False, True, False]
    assert set(movies.loc[["a", "b", "c", "d"], "collection_size"]) == {4.0}
    assert np.isnan(movies.loc["z", "collection_size"])
    assert movies.loc["a", "collection_age_years"].round(1) == 19.9
    assert movies.loc["b", "years_since_previous"].round(1) == 16.1
    assert np.isnan(movies.loc["d", "years_since_previous"])
    assert np.isnan(movies.loc["c", "years_since_previous"])
    assert movies.loc["a", "collection_name"] == "Trilogy"


def test_of_several_collections_the_smallest_counts():
    films = items(*({"item_id": i} for i in "abc"))
    boxes = [Collection("1", "Universe", ("a", "b", "c")), Collection("2", "Series", ("a", "b"))]
    movies = movies_of(films, CREDITS.frame([]), boxes, "s")
    assert list(movies["collection_name"]) == ["Series", "Series", "Universe"]
    # A box that somebody filled takes no part out of its series.
    people = CREDITS.frame(
        [
            {"item_id": i, "etag": None, "person_ids": ["p"], "person_names": ["P"],
             "person_types": ["Actor"]}
            for i in "abc"
        ]
    )  # fmt: skip
    boxes += [Collection("3", "Best", ("c", "d"))]
    films = items(*({"item_id": i} for i in "abcd"))
    found = movies_of(films, people, boxes, "s")
    assert list(found["collection_name"]) == ["Series", "Series", "Universe", "Best"]
    assert found["collection_order"].notna().tolist() == [True, True, True, False]
    films = items(*({"item_id": i} for i in "abc"))
    boxes = boxes[:2]
    # Whatever order the server lists them in.
    pd.testing.assert_frame_equal(movies, movies_of(films, CREDITS.frame([]), boxes[::-1], "s"))


@pytest.mark.parametrize(
    ("names", "casts", "is_series"),
    [
        (["Dr. No", "Goldfinger", "Thunderball"], [["q"], ["m", "q"], ["m"]], True),
        (["Cube", "The Cube Two", "Cube Zero"], [["a"], ["b"], ["c"]], True),
        (["Heat", "Heat 2", "Cold"], [[], [], []], True),  # one of two is enough
        (["The Part of the Year", "The Part of the Day"], [["a"], ["b"]], False),
        (["Last Christmas", "A Christmas Carol", "Black Christmas"], [["a"], ["b"], []], False),
        (["The Lego Movie", "Scary Movie", "Bee Movie"], [[], [], []], False),
        (["Alone"], [["a"]], True),
        ([None, None], [[], []], False),
    ],
)
def test_parts_have_an_order_where_a_collection_is_a_series(names, casts, is_series):
    ids = [f"{i:02}" for i in range(len(names))]
    films = items(
        *(
            {"item_id": i, "name": name, "production_year": 1990.0 + int(i)}
            for i, name in zip(ids, names, strict=True)
        )
    )
    crew = CREDITS.frame(
        [
            {"item_id": i, "etag": None, "person_ids": cast, "person_names": cast,
             "person_types": ["Actor"] * len(cast)}
            for i, cast in zip(ids, casts, strict=True)
        ]
    )  # fmt: skip
    movies = movies_of(films, crew, [Collection("box", "Box", tuple(ids))], "s")
    assert movies["in_collection"].all()
    assert set(movies["collection_size"]) == {float(len(ids))}
    assert movies["collection_order"].notna().all() == is_series
    assert movies["first_in_collection"].any() == is_series
    assert movies["years_since_previous"].notna().sum() == (len(ids) - 1 if is_series else 0)


@pytest.mark.parametrize("unknown", ["a", "b", "c"])
def test_a_part_without_a_year_is_the_last(unknown):
    years = {"a": 1999.0, "b": 1995.0, "c": 1990.0, unknown: None}
    films = items(
        *({"item_id": i, "name": f"Alien {i}", "production_year": y} for i, y in years.items())
    )
    movies = movies_of(films, CREDITS.frame([]), [Collection("x", "X", ("a", "b", "c"))], "s")
    order = movies.sort_values("collection_order")["movie_id"].tolist()
    assert order == [*(i for i in "cba" if i != unknown), unknown]


@pytest.mark.parametrize(
    ("left_at", "expected"),
    [(0.04, False), (0.05, True), (0.9, True), (0.91, False), (0.97, False)],
)
def test_where_a_film_was_left_tells_whether_it_was_given_up(left_at, expected):
    seen = plays(
        {"item_id": "c", "position_fraction": left_at, "last_played": datetime(2026, 2, 1)}
    )
    [row] = plays_of(seen, movie_of_items(COPIES), datetime(2026, 3, 31)).to_dict("records")
    assert row["abandoned"] is expected


def test_copies_are_one_part():
    box = Collection("box", "Box", ("a", "b", "c"))
    movies = movies_of(COPIES, CREDITS.frame([]), [box], "s").set_index("movie_id")
    assert movies.loc[["a", "c"], "collection_size"].tolist() == [2.0, 2.0]
