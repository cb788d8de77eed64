"""Which two genres meet in a movie: a comedy that is a war film is neither of the two."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import (
    Entries,
    entries_of,
    incidence,
    inverse_document_frequency,
    vocabulary_of,
    weighted_rows,
)

# Pairs grow with the square: a movie tagged with hundreds of genres must not cost a night.
_MOST_GENRES = 20


class GenrePairs(TransformerMixin, BaseEstimator):
    """Unordered pairs of a movie's genres (the first 20), idf-weighted, rows of length one.

    Attributes
    ----------
    vocabulary_
        (n_pairs,) sorted str, ``Comedy + War``.
    idf_
        (n_pairs,) float64.

    Examples
    --------
    >>> movies = pd.DataFrame({"genres": [["War", "Comedy"], ["Comedy", "War"], ["War"]]})
    >>> block = GenrePairs().fit(movies)
    >>> [str(name) for name in block.get_feature_names_out()]
    ['genre_pairs__Comedy + War']
    >>> block.transform(movies).toarray().ravel()
    array([1., 1., 0.])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> GenrePairs:  # noqa: ARG002
        """Learn the pairs and how rare they are."""
        self.vocabulary_, counts = vocabulary_of(_pairs(movies["genres"]))
        self.idf_ = inverse_document_frequency(len(movies), counts)
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_pairs) float64."""
        check_is_fitted(self)
        return weighted_rows(incidence(_pairs(movies["genres"]), self.vocabulary_), self.idf_)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``genre_pairs__Comedy + War`` and so on."""
        check_is_fitted(self)
        return np.array([f"genre_pairs__{pair}" for pair in self.vocabulary_], dtype=object)


def _pairs(genres: pd.Series) -> Entries:
    entries = entries_of(genres, _MOST_GENRES)
    counts = np.bincount(entries.movies, minlength=entries.n_movies)
    of_movie = np.split(entries.tokens, np.cumsum(counts)[:-1]) if len(counts) else []
    # Few combinations of genres make up a library: each is taken apart once.
    known: dict[tuple[str, ...], list[str]] = {}
    cells = []
    for tokens in of_movie:
        key = tuple(sorted(set(tokens)))
        if key not in known:
            # Both halves are cut: a pair has to fit into one token.
            known[key] = [f"{a[:48]} + {b[:48]}" for a, b in combinations(key, 2)]
        cells.append(known[key])
    return entries_of(pd.Series(cells, dtype=object))
