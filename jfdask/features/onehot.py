"""One column a certificate and one a collection (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.incidence import Entries, incidence, single_entries, vocabulary_of

# Column of MOVIES → what it is called in a feature's name.
_COLUMNS = {"official_rating": "rating", "collection_id": "collection"}
_NONE = "none"


class OneHot(TransformerMixin, BaseEstimator):
    """OfficialRating as the server spells it, and the collection, by id.

    A movie without one has the token ``none``, the same when fitting and transforming; a
    token that was not there when fitting has no column.

    Attributes
    ----------
    vocabulary_
        Kind (``rating``, ``collection``) → sorted tokens.

    Examples
    --------
    >>> movies = pd.DataFrame({"official_rating": ["PG", None], "collection_id": ["7", None]})
    >>> block = OneHot().fit(movies)
    >>> [str(name) for name in block.get_feature_names_out()]
    ['onehot__rating:PG', 'onehot__rating:none', 'onehot__collection:7', 'onehot__collection:none']
    >>> block.transform(movies[1:]).toarray()
    array([[0., 1., 0., 1.]])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> OneHot:  # noqa: ARG002
        """Learn the tokens."""
        self.vocabulary_ = {
            kind: vocabulary_of(_entries(movies[column]))[0] for column, kind in _COLUMNS.items()
        }
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_ratings + n_collections) float64."""
        check_is_fitted(self)
        blocks = [
            incidence(_entries(movies[column]), self.vocabulary_[kind])
            for column, kind in _COLUMNS.items()
        ]
        return csr_matrix(hstack(blocks, format="csr"))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``onehot__rating:…`` and ``onehot__collection:<id>``."""
        check_is_fitted(self)
        names = [f"onehot__{kind}:{t}" for kind, tokens in self.vocabulary_.items() for t in tokens]
        return np.array(names, dtype=object)


def _entries(values: pd.Series) -> Entries:
    return single_entries(values.astype(object).where(values.notna() & (values != ""), _NONE))
