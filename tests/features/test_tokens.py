import numpy as np
import pytest

from jfdask.features.tokens import KINDS, Tokens


def _people(*people):
    return {
        "person_ids": [person for person, _ in people],
        "person_names": ["" for _ in people],
        "person_types": [trade for _, trade in people],
    }


def _cells(block, movies):
    names = block.get_feature_names_out()
    rows = block.transform(movies).toarray()
    return [{name: row[i] for i, name in enumerate(names) if row[i]} for row in rows]


def test_a_row_by_hand(movies_of):
    movies = movies_of({"genres": ["War", "Drama"]}, {"genres": ["Drama"]}, {})
    war, drama = np.log(4 / 2) + 1, np.log(4 / 3) + 1
    first, second, third = _cells(Tokens().fit(movies), movies)
    assert first == {
        "tokens__genre:War": pytest.approx(war / np.hypot(war, drama)),
        "tokens__genre:Drama": pytest.approx(drama / np.hypot(war, drama)),
    }
    assert second == {"tokens__genre:Drama": pytest.approx(1)}
    assert third == {}


def test_each_kind_of_a_row_has_length_one(movies_of):
    full = {
        "genres": ["War", "Drama"],
        "studio_ids": ["s1", "s2"],
        "collection_id": "c1",
        **_people(
            ("a", "Actor"), ("b", "Actor"), ("d", "Director"), ("w", "Writer"), ("x", "Producer")
        ),
    }
    movies = movies_of(full, full)
    block = Tokens().fit(movies)
    names, X = block.get_feature_names_out(), block.transform(movies).toarray()
    for kind in KINDS:
        columns = [name.startswith(f"tokens__{kind}:") for name in names]
        np.testing.assert_allclose(np.linalg.norm(X[:, columns], axis=1), 1)


def test_an_actor_weighs_less_the_later_she_is_billed(movies_of):
    cast = [(f"a{i:02}", "Actor") for i in range(20)]
    # The director stands between the actors without taking a place of theirs.
    movies = movies_of(_people(*cast[:1], ("d", "Director"), *cast[1:]), _people(*cast))
    cells = _cells(Tokens().fit(movies), movies)[0]
    weights = [cells[f"tokens__actor:a{i:02}"] / cells["tokens__actor:a00"] for i in range(20)]
    expected = [max(0.3, 1 - 0.06 * i) for i in range(20)]
    np.testing.assert_allclose(weights, expected)


def test_two_parts_of_one_actor_count_once_with_the_greater_weight(movies_of):
    twice = _people(("a", "Actor"), ("b", "Actor"), ("a", "Actor"))
    once = _people(("a", "Actor"), ("b", "Actor"))
    movies = movies_of(twice, once)
    first, second = _cells(Tokens().fit(movies), movies)
    assert first == second


def test_a_person_of_two_trades_is_two_tokens(movies_of):
    both = _people(("p", "Actor"), ("p", "Director"))
    movies = movies_of(both, both)
    assert set(_cells(Tokens().fit(movies), movies)[0]) == {
        "tokens__actor:p",
        "tokens__director:p",
    }


def test_people_and_studios_of_one_movie_have_no_column(movies_of):
    movies = movies_of(
        {"genres": ["War"], "studio_ids": ["s"], "collection_id": "c", **_people(("p", "Writer"))},
        {},
    )
    assert Tokens().fit(movies).get_feature_names_out().tolist() == [
        "tokens__genre:War",
        "tokens__collection:c",
    ]


def test_unseen_tokens_do_not_shorten_the_row(movies_of):
    block = Tokens().fit(movies_of({"genres": ["War"]}))
    assert _cells(block, movies_of({"genres": ["Western", "War"]})) == [{"tokens__genre:War": 1}]


def test_no_movies(movies_of):
    block = Tokens().fit(movies_of())
    assert block.transform(movies_of({"genres": ["War"]})).shape == (1, 0)
    assert Tokens().fit(movies_of({"genres": ["War"]})).transform(movies_of()).shape == (0, 1)
