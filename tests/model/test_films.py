import numpy as np
import pandas as pd
import pytest

from jfdask.model.films import films_of, plain_imdb_id, plain_title, positions_of
from jfdask.tables import FILMS, MOVIES

EMPTY = {
    c.name: [] if str(c.type).startswith("list") else None
    for c in MOVIES.columns
    if str(c.type).startswith(("list", "timestamp"))
}
NOTHING = {"first_in_collection": False, "in_collection": False, **EMPTY}


def movies(*rows):
    return MOVIES.frame(
        [
            {"movie_id": f"m{i}", "film_id": f"item:m{i}", **NOTHING, **row}
            for i, row in enumerate(rows)
        ]
    )


def films(*rows):
    return FILMS.frame(
        [{"film_id": f"movielens:{i}", "in_crowd": True, **row} for i, row in enumerate(rows)]
    )


@pytest.mark.parametrize(
    ("film", "movie"),
    [
        ({"tmdb_id": "862"}, {"tmdb_id": "862"}),
        ({"imdb_id": "0114709"}, {"imdb_id": "tt0114709"}),
        ({"tmdb_id": "862", "imdb_id": "0114709"}, {"imdb_id": "tt0114709"}),
        ({"tmdb_id": "1", "imdb_id": "0114709"}, {"tmdb_id": "2", "imdb_id": "tt0114709"}),
        ({"title": "Toy Story", "year": 1995}, {"name": "Toy story", "production_year": 1995}),
        ({"title": "Matrix, The", "year": 1999}, {"name": "The Matrix", "production_year": 2000}),
        (
            {"title": "Amelie", "other_title": "Fabuleux destin d'Amélie, Le", "year": 2001},
            {"original_title": "Le Fabuleux Destin d'Amélie", "production_year": 2001},
        ),
        (
            {"title": "Toy Story", "year": 1995},
            {"name": "Toy Story", "production_year": 1995, "tmdb_id": "862"},
        ),
    ],
)
def test_a_movie_is_found(film, movie):
    other = {"tmdb_id": "99", "imdb_id": "tt0000099", "title": "Another", "year": 1995}
    assert positions_of(films(other, film), movies(movie)).tolist() == [1]


@pytest.mark.parametrize(
    ("film", "movie"),
    [
        ({"tmdb_id": "862"}, {"tmdb_id": "863"}),
        ({"title": "Dune", "year": 1984}, {"name": "Dune", "production_year": 2021}),
        ({"title": "Dune", "year": 1984}, {"name": "Dune"}),
        ({"title": "Dune"}, {"name": "Dune"}),
        (
            {"title": "Dune", "year": 1984, "tmdb_id": "841"},
            {"name": "Dune", "production_year": 1984, "tmdb_id": "842"},
        ),
        ({"title": "…", "year": 1984}, {"name": "!", "production_year": 1984}),
    ],
)
def test_another_movie_is_not(film, movie):
    assert positions_of(films(film), movies(movie)).tolist() == [-1]


def test_two_films_of_one_title_and_year_are_left_alone():
    same = {"title": "Hero", "year": 2002}
    assert positions_of(films(same, same), movies({"name": "Hero", "production_year": 2002})) == -1


def named(title, year, **more):
    return {"title": title, "year": year, **more}


@pytest.mark.parametrize(
    ("known", "original_title", "found"),
    [
        ([named("Hero", 2002), named("Hero", 2002), named("Hero", 2001)], None, -1),
        ([named("Hero", 2001), named("Hero", 2003)], None, -1),
        ([named("Hero", 2001), named("Hero", 2003), named("Hero", 2002)], None, 2),
        ([named("Hero", 2002), named("Hero", 2002, other_title="Ying xiong")], "Ying xiong", 1),
        ([named("Hero", 2001), named("Hero", 2003, other_title="Ying xiong")], "Ying xiong", 1),
        ([named("Hero", 2002), named("Ying xiong", 2002)], "Ying xiong", -1),
        ([named("Hero", 2002), named("Hero", 2002)], "Ying xiong", -1),
        # The film of the very year has an id that says it is another one.
        ([named("Hero", 2002, tmdb_id="1"), named("Hero", 2003)], None, 1),
    ],
)
def test_the_nearest_year_that_names_a_film_decides(known, original_title, found):
    hero = {"name": "Hero", "original_title": original_title, "production_year": 2002}
    library = movies({**hero, "tmdb_id": "2"})
    assert positions_of(films(*known), library).tolist() == [found]


def test_a_households_movies_are_found_among_their_own_in_the_features_order():
    library = movies({"name": "B"}, {"name": "A", "tmdb_id": "5"}, {"name": "B"})
    known = films_of(pd.concat([library, library]))
    assert len(known) == 3
    found = positions_of(known, library.iloc[::-1])
    np.testing.assert_array_equal(
        known["film_id"].to_numpy()[found], library.sort_values("movie_id")["film_id"]
    )


def test_a_film_that_households_know_by_other_ids_is_one():
    matrix, imdb = {"name": "The Matrix", "production_year": 1999}, {"imdb_id": "tt0133093"}
    both = movies({**matrix, **imdb, "tmdb_id": "603", "film_id": "tmdb:603"})
    households = [
        movies({**matrix, "tmdb_id": "603", "film_id": "tmdb:603"}),
        both,
        movies({**matrix, **imdb, "film_id": "imdb:tt0133093"}),
        # The copy that speaks for both has the Imdb id alone.
        movies({**matrix, "imdb_id": "tt7", "film_id": "tmdb:603"}),
        movies({**matrix, "imdb_id": "tt9", "film_id": "imdb:tt9"}),
    ]
    known = films_of(pd.concat(households, ignore_index=True))
    assert known["film_id"].tolist() == ["imdb:tt9", "tmdb:603"]
    assert [int(positions_of(known, own)[0]) for own in households] == [1, 1, 1, 1, 0]
    alone = films_of(households[3])
    assert positions_of(alone, households[0]).tolist() == [0]


def test_no_films_and_no_movies():
    assert positions_of(films(), movies({"name": "A"})).tolist() == [-1]
    assert positions_of(films({"title": "A"}), MOVIES.frame([])).tolist() == []


def test_plain_forms():
    assert plain_title("The A, The") == "a"
    assert plain_title("The") == "the"
    assert plain_title("Them!") == "them"
    assert plain_title("Dr. Strangelove") == "dr strangelove"
    assert plain_imdb_id("tt12345678") == "tt12345678"


def test_titles_are_compared_without_case_in_any_language():
    known = films({"title": "FUSSBALL", "year": 1999})
    assert positions_of(known, movies({"name": "Fußball", "production_year": 1999})) == [0]


def test_a_title_that_the_pool_lacks_excludes_nothing():
    known = films({"title": "Hero", "year": 2002})
    hero = {"name": "Hero", "original_title": "Ying xiong", "production_year": 2002}
    assert positions_of(known, movies(hero)).tolist() == [0]
