import numpy as np
import pytest

from jfdask.features.scalar import Scalars

NAMES = Scalars().get_feature_names_out().tolist()


def _column(block, movies, name):
    return block.transform(movies).toarray()[:, NAMES.index(f"scalar__{name}")].tolist()


def test_scaled_between_smallest_and_largest_and_missing_outside(movies_of):
    movies = movies_of(
        {"community_rating": 4.0, "runtime_hours": 2.0, "years_since_previous": 0.0},
        {"community_rating": 8.0, "runtime_hours": 2.0},
        {"community_rating": 5.0},
        {},
    )
    block = Scalars().fit(movies)
    assert _column(block, movies, "community_rating") == [0, 1, 0.25, -7]
    assert _column(block, movies, "runtime_hours") == [0, 0, -7, -7]  # one value only
    assert _column(block, movies, "years_since_previous") == [0, -7, -7, -7]
    assert _column(block, movies, "critic_rating") == [-7] * 4  # nobody has one


def test_ranges_are_those_of_the_whole_catalogue(movies_of):
    block = Scalars().fit(movies_of({"critic_rating": 0.0}, {"critic_rating": 50.0}))
    assert _column(block, movies_of({"critic_rating": 100.0}), "critic_rating") == [2]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_no_number(movies_of, value):
    movies = movies_of({"runtime_hours": value}, {"runtime_hours": 1.0}, {"runtime_hours": 3.0})
    block = Scalars().fit(movies)
    assert _column(block, movies, "runtime_hours") == [-7, 0, 1]


def test_no_movies(movies_of):
    block = Scalars().fit(movies_of())
    assert block.transform(movies_of()).shape == (0, 7)
    assert np.isfinite(block.transform(movies_of({"critic_rating": 3.0})).toarray()).all()
