"""Who and what a movie is made of: idf-weighted multi-hot rows, one kind beside the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import (
    Entries,
    entries_of,
    incidence,
    inverse_document_frequency,
    paired_entries,
    single_entries,
    vocabulary_of,
    weighted_rows,
)

#: Kinds of tokens, in the order of their columns.
KINDS = ("genre", "director", "actor", "writer", "producer", "studio", "collection")

# A person or studio of one movie says nothing of any other movie.
_MIN_MOVIES = {"director": 2, "actor": 2, "writer": 2, "producer": 2, "studio": 2}


class Tokens(TransformerMixin, BaseEstimator):
    """Genres, people by trade, studios and the collection, everything but genres by id.

    A cell is weight · idf, idf = log((1 + n)/(1 + n_movies of the token)) + 1, and each
    kind's part of a row is then made of length one, over the tokens that have a column.
    The weight is 1, for actors max(.3, 1 - .06 · place), place 0 being the first billed. A
    person who stands twice in one trade counts once, with the greater weight. People and
    studios of one movie only have no column.

    Attributes
    ----------
    vocabulary_
        Kind → (n_tokens,) sorted str.
    idf_
        Kind → (n_tokens,) float64.

    Examples
    --------
    >>> movies = pd.DataFrame({
    ...     "genres": [["War"], ["War"]], "studio_ids": [["s"], []],
    ...     "person_ids": [["p", "q"], ["p"]], "collection_id": [None, None],
    ...     "person_types": [["Director", "Actor"], ["Director"]],
    ... })
    >>> block = Tokens().fit(movies)
    >>> [str(name) for name in block.get_feature_names_out()]
    ['tokens__genre:War', 'tokens__director:p']
    >>> block.transform(movies).toarray()
    array([[1., 1.],
           [1., 1.]])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> Tokens:  # noqa: ARG002
        """Learn the tokens and how rare they are."""
        self.vocabulary_: dict[str, NDArray[np.str_]] = {}
        self.idf_: dict[str, NDArray[np.float64]] = {}
        for kind, (entries, _) in _entries_by_kind(movies).items():
            vocabulary, counts = vocabulary_of(entries, _MIN_MOVIES.get(kind, 1))
            self.vocabulary_[kind] = vocabulary
            self.idf_[kind] = inverse_document_frequency(len(movies), counts)
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_tokens of all kinds) float64."""
        check_is_fitted(self)
        blocks = [
            weighted_rows(incidence(entries, self.vocabulary_[kind], weights), self.idf_[kind])
            for kind, (entries, weights) in _entries_by_kind(movies).items()
        ]
        return csr_matrix(hstack(blocks, format="csr"))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``tokens__genre:Drama``, ``tokens__director:<person_id>``, …."""
        check_is_fitted(self)
        names = [f"tokens__{kind}:{token}" for kind in KINDS for token in self.vocabulary_[kind]]
        return np.array(names, dtype=object)


def _entries_by_kind(
    movies: pd.DataFrame,
) -> dict[str, tuple[Entries, NDArray[np.float64] | None]]:
    """Return each kind's entries and their weights (None: 1), in the order of ``KINDS``."""
    people, types = paired_entries(movies["person_ids"], movies["person_types"])
    actors = people.where(types == "Actor").ranked()
    return {
        "genre": (entries_of(movies["genres"]), None),
        "director": (people.where(types == "Director"), None),
        "actor": (actors, np.maximum(0.3, 1.0 - 0.06 * actors.places)),
        "writer": (people.where(types == "Writer"), None),
        "producer": (people.where(types == "Producer"), None),
        "studio": (entries_of(movies["studio_ids"]), None),
        "collection": (single_entries(movies["collection_id"]), None),
    }
