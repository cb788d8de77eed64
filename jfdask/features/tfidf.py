"""What a movie is about, by the words of its title, taglines and overview."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import inverse_document_frequency, weighted_rows
from jfdask.features.text import movie_texts

_SHORTEST_WORD, _LONGEST_WORD = 2, 40


class TfidfText(BaseEstimator, TransformerMixin):
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

    def fit(self, movies: pd.DataFrame) -> TfidfText:
        """Learn the words and how rare they are."""
        in_texts = Counter(chain.from_iterable(set(text.split()) for text in movie_texts(movies)))
        n_movies = {word: n for word, n in in_texts.items() if _is_counted(word)}
        most = self.max_share * len(movies)
        kept = sorted(word for word, n in n_movies.items() if self.min_movies <= n <= most)
        kept = kept or sorted(n_movies)
        self.vocabulary_ = np.array(kept, dtype=str)
        counts = np.array([n_movies[word] for word in kept], dtype=np.int64)
        self.idf_ = inverse_document_frequency(len(movies), counts)
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_words) float64."""
        check_is_fitted(self)
        if not len(self.vocabulary_) or not len(movies):
            return csr_matrix((len(movies), len(self.vocabulary_)), dtype=np.float64)
        # What is too short or too long is not in the vocabulary.
        counter = CountVectorizer(analyzer=str.split, vocabulary=self.vocabulary_, dtype=np.float64)
        counts = counter.transform(movie_texts(movies))
        counts.data = 1.0 + np.log(counts.data)
        return weighted_rows(counts, self.idf_)

    def get_feature_names_out(self) -> NDArray[np.object_]:
        """Return the names ``tfidf__murder`` and so on."""
        check_is_fitted(self)
        return np.array([f"tfidf__{word}" for word in self.vocabulary_], dtype=object)


def _is_counted(word: str) -> bool:
    return _SHORTEST_WORD <= len(word) <= _LONGEST_WORD
