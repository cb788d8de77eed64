import numpy as np
import pytest

from jfdask.features.genre_pairs import GenrePairs


def test_all_unordered_pairs(movies_of):
    movies = movies_of({"genres": ["War", "Comedy", "Drama", "War"]}, {"genres": ["Drama", "War"]})
    block = GenrePairs().fit(movies)
    assert block.get_feature_names_out().tolist() == [
        "genre_pairs__Comedy + Drama",
        "genre_pairs__Comedy + War",
        "genre_pairs__Drama + War",
    ]
    X = block.transform(movies).toarray()
    rare, common = np.log(3 / 2) + 1, 1.0
    assert X[0, 0] / X[0, 2] == pytest.approx(rare / common)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1)


def test_one_genre_makes_no_pair(movies_of):
    movies = movies_of({"genres": ["War"]}, {"genres": ["War", "War"]}, {})
    assert GenrePairs().fit(movies).transform(movies).shape == (3, 0)


def test_pairs_do_not_explode(movies_of):
    movies = movies_of({"genres": [f"g{i:04}" for i in range(1000)]})
    assert GenrePairs().fit(movies).transform(movies).shape == (1, 190)


def test_long_names_stay_apart(movies_of):
    long = "x" * 300
    movies = movies_of({"genres": [long, "y1"]}, {"genres": [long, "y2"]})
    assert GenrePairs().fit(movies).transform(movies).toarray().tolist() == [[1, 0], [0, 1]]


def test_no_movies(movies_of):
    assert GenrePairs().fit(movies_of()).transform(movies_of()).shape == (0, 0)
