"""Which part of its collection a movie is (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.incidence import dense_rows
from jfdask.features.stateless import Stateless

_WITHOUT = -1.0


class CollectionOrder(Stateless):
    """1, 2, … by year within the collection; -1 without one.

    Examples
    --------
    >>> movies = pd.DataFrame({"collection_order": [2.0, None]})
    >>> CollectionOrder().fit(movies).transform(movies).toarray().ravel()
    array([ 2., -1.])
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 1) float64."""
        order = movies["collection_order"].to_numpy(dtype=float)
        return dense_rows([np.where(np.isfinite(order), order, _WITHOUT)], len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the name ``ordinal__collection_order``."""
        return np.array(["ordinal__collection_order"], dtype=object)
