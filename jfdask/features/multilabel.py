"""One column a genre, person and studio, each 0 or 1 (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import entries_of, incidence, vocabulary_of

# Kind → its column of MOVIES and how many from the front of each list.
_KINDS = {"genre": ("genres", 5), "person": ("person_ids", 10), "studio": ("studio_ids", 5)}


class MultiLabel(TransformerMixin, BaseEstimator):
    """The first 5 genres, 10 people and 5 studios; people and studios by id.

    Attributes
    ----------
    vocabulary_
        Kind (``genre``, ``person``, ``studio``) → sorted tokens.

    Examples
    --------
    >>> movies = pd.DataFrame(
    ...     {"genres": [["War", "Drama"]], "person_ids": [["p1", "p1"]], "studio_ids": [[]]}
    ... )
    >>> MultiLabel().fit(movies).transform(movies).toarray()
    array([[1., 1., 1.]])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> MultiLabel:  # noqa: ARG002
        """Learn the tokens."""
        self.vocabulary_ = {
            kind: vocabulary_of(entries_of(movies[column], first))[0]
            for kind, (column, first) in _KINDS.items()
        }
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_genres + n_people + n_studios) float64."""
        check_is_fitted(self)
        blocks = [
            incidence(entries_of(movies[column], first), self.vocabulary_[kind])
            for kind, (column, first) in _KINDS.items()
        ]
        return csr_matrix(hstack(blocks, format="csr"))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``multilabel__genre:Drama``, ``multilabel__person:<id>``, …."""
        check_is_fitted(self)
        vocabulary = self.vocabulary_
        names = [f"multilabel__{kind}:{t}" for kind, tokens in vocabulary.items() for t in tokens]
        return np.array(names, dtype=object)
