"""Yes or no, as 1 or 0 (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.date import premiere_dates
from jfdask.features.incidence import dense_rows
from jfdask.features.stateless import Stateless

_FLAGS = ("first_in_collection", "weekend", "in_collection")


class BinaryFlags(Stateless):
    """First of its collection, first shown on a weekend, in a collection; unknown is 0.

    Examples
    --------
    >>> movies = pd.DataFrame({
    ...     "first_in_collection": [True, None],
    ...     "premiere_date": pd.to_datetime(["2010-05-01", None]),
    ...     "in_collection": [True, False],
    ... })
    >>> BinaryFlags().fit(movies).transform(movies).toarray()
    array([[1., 1., 1.],
           [0., 0., 0.]])
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 3) float64."""
        flags = {
            "first_in_collection": _flag(movies["first_in_collection"]),
            "weekend": _flag(premiere_dates(movies).dt.day_of_week >= 5),
            "in_collection": _flag(movies["in_collection"]),
        }
        return dense_rows([flags[name] for name in _FLAGS], len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``binary__first_in_collection``, ``…weekend``, ``…in_collection``."""
        return np.array([f"binary__{name}" for name in _FLAGS], dtype=object)


def _flag(values: pd.Series) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = values.astype("boolean").fillna(False).to_numpy(dtype=bool)
    return flags
