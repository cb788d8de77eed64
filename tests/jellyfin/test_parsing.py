from collections import Counter
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jfdask.jellyfin.fields import MAX_LIST, item_id
from jfdask.jellyfin.parsing import parse_credits, parse_id, parse_item, parse_plays
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS

ID, OTHER = "12bc08031f233723c0903896a1ebc592", "a2b1178be9da602556e52b1cf50dd024"

GOOD = {
    "Id": ID,
    "Type": "Movie",
    "Etag": "e6e2a21bc140d18e2bd445450ebb4998",
    "Name": "The Glass Detective",
    "OriginalTitle": "THE GLASS DETECTIVE",
    "Overview": "In an abandoned observatory.",
    "Taglines": ["Nobody leaves."],
    "Genres": ["Thriller", "Drama"],
    "Tags": ["heist"],
    "Studios": [{"Name": "Lantern Pictures", "Id": OTHER}],
    "ProductionYear": 1990,
    "PremiereDate": "1990-06-01T00:00:00.0000000Z",
    "DateCreated": "2018-01-01T00:15:00.0000000Z",
    "OfficialRating": "PG",
    "CommunityRating": 6,
    "CriticRating": 55,
    "RunTimeTicks": 46_800_000_000,
    "ProviderIds": {"Imdb": "tt90000000", "Tmdb": "90000000"},
}
GOOD_PLAYS = {
    "Id": ID,
    "RunTimeTicks": 36_000_000_000,
    "UserData": {
        "Played": True,
        "PlayCount": 3,
        "IsFavorite": True,
        "Rating": 10,
        "Likes": True,
        "LastPlayedDate": "2026-02-02T03:04:05.0000000Z",
        "PlaybackPositionTicks": 9_000_000_000,
        "Key": "anything",
        "ItemId": ID,
    },
}


def parse(raw, parser=parse_item):
    broken = Counter()
    return parser(raw, broken), dict(broken)


def test_a_whole_movie():
    row, broken = parse(GOOD)
    assert not broken
    assert row == {
        "item_id": ID,
        "etag": "e6e2a21bc140d18e2bd445450ebb4998",
        "name": "The Glass Detective",
        "original_title": "THE GLASS DETECTIVE",
        "overview": "In an abandoned observatory.",
        "taglines": ["Nobody leaves."],
        "genres": ["Thriller", "Drama"],
        "tags": ["heist"],
        "studio_ids": [OTHER],
        "studio_names": ["Lantern Pictures"],
        "production_year": 1990.0,
        "premiere_date": datetime(1990, 6, 1),
        "date_created": datetime(2018, 1, 1, 0, 15),
        "official_rating": "PG",
        "community_rating": 6.0,
        "critic_rating": 55.0,
        "runtime_hours": 1.3,
        "tmdb_id": "90000000",
        "imdb_id": "tt90000000",
    }


def test_a_movie_of_which_nothing_is_known():
    row, broken = parse({"Id": ID, "ChannelId": None})
    assert not broken
    frame = ITEMS.frame([row])
    assert np.isnan(frame.loc[0, "community_rating"])
    assert len(frame.loc[0, "genres"]) == 0


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"Name": "x"}, "item without an Id"),
        ({"Id": None}, "item without an Id"),
        ({"Id": "12bc0803-1f23-3723-c090-3896a1ebc592"}, "item with a malformed Id"),
        ({"Id": 7}, "item with a malformed Id"),
        ({"Id": "0" * 32}, "item with a malformed Id"),
        (None, "item that is not an object"),
        ("movie", "item that is not an object"),
    ],
)
@pytest.mark.parametrize("parser", [parse_item, parse_id, parse_credits, parse_plays])
def test_an_item_without_an_id_costs_itself(parser, raw, reason):
    assert parse(raw, parser) == (None, {reason: 1})


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"CommunityRating": "high"}, "community_rating", "CommunityRating is not a number"),
        ({"CommunityRating": 11}, "community_rating", "CommunityRating is out of range"),
        ({"CriticRating": float("nan")}, "critic_rating", "CriticRating is out of range"),
        ({"RunTimeTicks": -1}, "runtime_hours", "RunTimeTicks is out of range"),
        ({"RunTimeTicks": "1h"}, "runtime_hours", "RunTimeTicks is not a number"),
        ({"ProductionYear": 3}, "production_year", "ProductionYear is out of range"),
        ({"PremiereDate": "1896-01-01T00:00:00Z"}, "premiere_date", "PremiereDate is before 1900"),
        ({"PremiereDate": "never"}, "premiere_date", "PremiereDate is not a date"),
        ({"Name": 12}, "name", "Name is not a text"),
        ({"ProviderIds": {"Tmdb": "abc"}}, "tmdb_id", "Tmdb id is malformed"),
        ({"ProviderIds": {"Imdb": "90000000"}}, "imdb_id", "Imdb id is malformed"),
    ],
)
def test_a_broken_field_costs_just_that_field(change, column, reason):
    whole, _ = parse(GOOD)
    row, broken = parse(GOOD | change)
    assert broken == {reason: 1}
    assert row[column] is None
    others = {"tmdb_id", "imdb_id"} if column in ("tmdb_id", "imdb_id") else {column}
    assert {k: v for k, v in row.items() if k not in others} == {
        k: v for k, v in whole.items() if k not in others
    }


@pytest.mark.parametrize("key", ["CommunityRating", "CriticRating", "RunTimeTicks"])
def test_zero_is_not_known_and_not_broken(key):
    column = {
        "CommunityRating": "community_rating",
        "CriticRating": "critic_rating",
        "RunTimeTicks": "runtime_hours",
    }
    row, broken = parse(GOOD | {key: 0})
    assert row[column[key]] is None
    assert not broken


@pytest.mark.parametrize("key", ["Genres", "Studios", "Tags", "Taglines"])
@pytest.mark.parametrize("value", [None, 7, "Drama", {}])
def test_a_broken_list_is_empty(key, value):
    row, broken = parse(GOOD | {key: value})
    assert sum(broken.values()) == 1
    assert row["studio_ids" if key == "Studios" else key.lower()] == []


def test_studios_keep_ids_and_names_in_step():
    studios = [{"Name": "A"}, {"Name": "B", "Id": OTHER}, "C", {"Name": "", "Id": ID}]
    row, broken = parse(GOOD | {"Studios": studios})
    assert (row["studio_ids"], row["studio_names"]) == ([OTHER], ["B"])
    assert sum(broken.values()) == 3


@pytest.mark.parametrize(
    ("ids", "tmdb", "imdb"),
    [
        ({"TMDB": "7", "imdb": "TT0133093"}, "7", "tt0133093"),
        ({"tmdb": 603}, "603", None),
        ({"Tmdb": "0", "Imdb": ""}, None, None),
        ({"Tmdb": "00603"}, "603", None),
        ({"TmdbCollection": "5"}, None, None),
    ],
)
def test_provider_ids_ignore_case(ids, tmdb, imdb):
    row, broken = parse(GOOD | {"ProviderIds": ids})
    assert (row["tmdb_id"], row["imdb_id"]) == (tmdb, imdb)
    assert not broken


def person(name, type_="Actor", id_=OTHER):
    return {"Name": name, "Id": id_, "Role": "", "Type": type_}


def test_people_keep_order_repetitions_and_unknown_types():
    people = [
        person("Odd", "Actor"),
        person("Odd", "Director"),
        person("New", "Drone Pilot"),
        {"Name": "Nobody", "Type": "Actor"},
        {"Name": "Typeless", "Id": ID},
    ]
    row, broken = parse({"Id": ID, "Etag": "e", "People": people}, parse_credits)
    assert row["person_names"] == ["Odd", "Odd", "New", "Typeless"]
    assert row["person_types"] == ["Actor", "Director", "Drone Pilot", "Unknown"]
    assert row["person_ids"] == [OTHER, OTHER, OTHER, ID]
    assert broken == {"People entry without an Id": 1}


def test_a_long_cast_does_not_push_out_the_director():
    people = [person(f"Extra {n}") for n in range(5_000)] + [person("Boss", "Director")]
    row, broken = parse({"Id": ID, "People": people}, parse_credits)
    assert len(row["person_ids"]) == 201
    assert row["person_names"][-1] == "Boss"
    assert sum(broken.values()) == 1


def test_plays():
    row, broken = parse(GOOD_PLAYS, parse_plays)
    assert not broken
    assert row == {
        "item_id": ID,
        "played": True,
        "play_count": 3.0,
        "is_favorite": True,
        "rating": 10.0,
        "position_fraction": 0.25,
        "last_played": datetime(2026, 2, 2, 3, 4, 5),
    }


@pytest.mark.parametrize(
    ("item", "data", "fraction"),
    [
        ({}, {"PlaybackPositionTicks": 0}, 0.0),
        ({}, {}, 0.0),
        ({}, {"PlaybackPositionTicks": 72_000_000_000}, 1.0),
        ({"RunTimeTicks": None}, {"PlaybackPositionTicks": 5, "PlayedPercentage": 40}, 0.4),
        ({"RunTimeTicks": None}, {"PlaybackPositionTicks": 5}, None),
        ({}, {"PlaybackPositionTicks": -5}, 0.0),
    ],
)
def test_where_it_was_left(item, data, fraction):
    raw = GOOD_PLAYS | item | {"UserData": data}
    assert parse(raw, parse_plays)[0]["position_fraction"] == fraction


def test_likes_without_rating_is_no_rating():
    raw = GOOD_PLAYS | {"UserData": {"Likes": True}}
    assert parse(raw, parse_plays)[0]["rating"] is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "item without UserData"),
        ([], "item without UserData"),
        ({"ItemId": OTHER}, "UserData of another item"),
    ],
)
def test_a_movie_of_which_the_plays_are_unknown_is_left_out(data, reason):
    # As unplayed it would be recommended to somebody who has seen it.
    assert parse(GOOD_PLAYS | {"UserData": data}, parse_plays) == (None, {reason: 1})


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(alphabet=st.characters(exclude_categories=())),
        st.sampled_from([ID, OTHER, "2010-05-01T00:00:00.0000000Z", "0001-01-01T00:00:00Z"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["Id", "Name", "Type", "Tmdb", "Played"]), inner),
    ),
    max_leaves=8,
)


def mangled(good):
    """A good object of which some fields are anything, or missing."""
    kept = {key: st.one_of(st.just(value), JSON) for key, value in good.items() if key != "Id"}
    return st.fixed_dictionaries({"Id": st.just(ID)}, optional=kept)


@settings(max_examples=150, deadline=None)
@given(mangled(GOOD))
def test_whatever_the_fields_are_the_movie_is_a_row(raw):
    for parser, table in ((parse_item, ITEMS), (parse_id, ITEM_IDS)):
        row, _ = parse(raw, parser)
        assert list(table.frame([row])["item_id"]) == [ID]


@settings(max_examples=100, deadline=None)
@given(mangled({"Id": ID, "Etag": "e", "People": [person("Ann"), person("Bo", "Writer")]}))
def test_whatever_the_people_are_the_credits_are_a_row(raw):
    row, _ = parse(raw, parse_credits)
    frame = CREDITS.frame([row])
    assert len(frame.loc[0, "person_ids"]) == len(frame.loc[0, "person_types"])


@settings(max_examples=150, deadline=None)
@given(mangled(GOOD_PLAYS), mangled(GOOD_PLAYS["UserData"]))
def test_whatever_the_user_data_are_the_plays_are_a_row_or_nothing(raw, data):
    for candidate in (raw, GOOD_PLAYS | {"UserData": data}):
        row, broken = parse(candidate, parse_plays)
        if row is None:
            assert broken
        else:
            fraction = ITEM_PLAYS.frame([row]).loc[0, "position_fraction"]
            assert np.isnan(fraction) or 0 <= fraction <= 1


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_anything_at_all_costs_at_most_itself(raw):
    for parser in (parse_item, parse_id, parse_credits, parse_plays):
        row, broken = parse(raw, parser)
        assert broken if row is None else item_id(raw["Id"]) == row["item_id"]


def test_a_rating_of_0_is_one():
    said = {**GOOD_PLAYS["UserData"], "Rating": 0}
    row, broken = parse({**GOOD_PLAYS, "UserData": said}, parse_plays)
    assert row["rating"] == 0.0
    assert not broken


@pytest.mark.parametrize("imdb", ["tt0000000", "tt0"])
def test_an_imdb_id_of_zeros_is_none(imdb):
    row, broken = parse({**GOOD, "ProviderIds": {"Imdb": imdb}})
    assert row["imdb_id"] is None
    assert not broken


def test_of_several_spellings_the_same_one_counts():
    rows = [
        parse({**GOOD, "ProviderIds": dict(ids)})[0]
        for ids in ([("Tmdb", "1"), ("tmdb", "2")], [("tmdb", "2"), ("Tmdb", "1")])
    ]
    assert rows[0]["tmdb_id"] == rows[1]["tmdb_id"] == "2"


@pytest.mark.parametrize("year", [1870, 1888, 2200])
def test_the_first_films_have_a_year(year):
    row, broken = parse({**GOOD, "ProductionYear": year})
    assert row["production_year"] == year
    assert not broken


def test_studios_are_cut_together():
    studios = [{"Name": f"Studio {i}", "Id": f"{i + 1:032x}"} for i in range(MAX_LIST + 1)]
    row, broken = parse({**GOOD, "Studios": studios})
    assert len(row["studio_ids"]) == len(row["studio_names"]) == MAX_LIST
    assert broken == {f"Studios has more than {MAX_LIST} entries": 1}


def test_the_position_goes_before_the_percentage():
    half = {
        **GOOD_PLAYS["UserData"],
        "PlaybackPositionTicks": 18_000_000_000,
        "PlayedPercentage": 7,
    }
    row, _ = parse({**GOOD_PLAYS, "UserData": half}, parse_plays)
    assert row["position_fraction"] == 0.5


def test_a_film_of_more_than_a_hundred_hours_is_broken():
    hour = 36_000_000_000
    for hours, told in ((99, 99.0), (101, None)):
        row, broken = parse({**GOOD, "RunTimeTicks": hours * hour})
        assert row["runtime_hours"] == told
        assert len(broken) == (told is None)
