"""The decade a movie is of, one column each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.date import premiere_dates
from jfdask.features.incidence import Entries, incidence, single_entries, vocabulary_of


class Decade(TransformerMixin, BaseEstimator):
    """One-hot decade of the year; without a year, or in a decade not fitted, an empty row.

    Attributes
    ----------
    vocabulary_
        (n_decades,) sorted str, ``1990``.

    Examples
    --------
    >>> movies = pd.DataFrame({
    ...     "production_year": [1994, 2001, None],
    ...     "premiere_date": pd.to_datetime([None, None, "1999-12-31"]),
    ... })
    >>> Decade().fit(movies).transform(movies).toarray()
    array([[1., 0.],
           [0., 1.],
           [1., 0.]])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> Decade:  # noqa: ARG002
        """Learn the decades."""
        self.vocabulary_ = vocabulary_of(_decades(movies))[0]
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_decades) float64."""
        check_is_fitted(self)
        return incidence(_decades(movies), self.vocabulary_)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``decade__1990`` and so on."""
        check_is_fitted(self)
        return np.array([f"decade__{decade}" for decade in self.vocabulary_], dtype=object)


def years(movies: pd.DataFrame) -> NDArray[np.float64]:
    """Return (n_movies,) the year, of the first showing where none is given; NaN without."""
    given = movies["production_year"].to_numpy(dtype=float)
    shown = premiere_dates(movies).dt.year.to_numpy(dtype=float)
    return np.where(np.isfinite(given), given, shown)


def _decades(movies: pd.DataFrame) -> Entries:
    of = years(movies)
    names = [f"{int(year // 10) * 10}" if np.isfinite(year) else None for year in of]
    return single_entries(pd.Series(names, dtype=object))
