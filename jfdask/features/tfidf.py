"""What a movie is about, by the words of its title, taglines and overview."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import (
    Entries,
    counts,
    entries_of,
    inverse_document_frequency,
    vocabulary_of,
    weighted_rows,
)
from jfdask.features.text import movie_words

_SHORTEST_WORD, _LONGEST_WORD = 2, 40


class TfidfText(TransformerMixin, BaseEstimator):
    """(1 + log count) · idf of words of 2 to 40 letters, rows of length one.

    The same as scikit-learn's ``TfidfVectorizer(sublinear_tf=True, min_df=3, max_df=0.2)``. In
    a catalogue so small that no word is within these limits, every word has a column.

    Parameters
    ----------
    min_movies
        Movies a word has to stand in.
    max_share
        Share of the movies that a word may stand in.

    Attributes
    ----------
    vocabulary_
        (n_words,) sorted str.
    idf_
        (n_words,) float64.
    """

    def __init__(self, min_movies: int = 3, max_share: float = 0.2) -> None:
        self.min_movies = min_movies
        self.max_share = max_share

    def fit(self, movies: pd.DataFrame, y: object = None) -> TfidfText:  # noqa: ARG002
        """Learn the words and how rare they are."""
        words, n_movies = vocabulary_of(_words(movies))
        kept = (n_movies >= self.min_movies) & (n_movies <= self.max_share * len(movies))
        if not kept.any():
            kept[:] = True
        self.vocabulary_ = words[kept]
        self.idf_ = inverse_document_frequency(len(movies), n_movies[kept])
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_words) float64."""
        check_is_fitted(self)
        X = counts(_words(movies), self.vocabulary_)
        X.data = 1.0 + np.log(X.data)
        return weighted_rows(X, self.idf_)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``tfidf__murder`` and so on."""
        check_is_fitted(self)
        return np.array([f"tfidf__{word}" for word in self.vocabulary_], dtype=object)


def _words(movies: pd.DataFrame) -> Entries:
    entries = entries_of(pd.Series(movie_words(movies), dtype=object))
    lengths = np.fromiter(map(len, entries.tokens), dtype=np.int64, count=len(entries.tokens))
    return entries.where((lengths >= _SHORTEST_WORD) & (lengths <= _LONGEST_WORD))
