"""Plain numbers scaled to 0..1 (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.features.date import MISSING
from jfdask.features.incidence import dense_rows

_COLUMNS = (
    "critic_rating",
    "community_rating",
    "runtime_hours",
    "production_year",
    "collection_size",
    "collection_age_years",
    "years_since_previous",
)


class Scalars(TransformerMixin, BaseEstimator):
    """Ratings, length, year and the collection's numbers, min-max scaled; missing is -7.

    The -7 is put in after the scaling, so that it lies outside of the range of what is
    known. A value beyond what was seen when fitting lies outside of 0..1.

    Attributes
    ----------
    lowest_, range_
        (7,) float64 smallest value of each column, and largest minus smallest; a column
        without a value, or with one only, has the range 1.

    Examples
    --------
    >>> movies = pd.DataFrame({c: [1.0, 3.0, None] for c in _COLUMNS})
    >>> Scalars().fit(movies).transform(movies).toarray()[:, 0]
    array([ 0.,  1., -7.])
    """

    def fit(self, movies: pd.DataFrame, y: object = None) -> Scalars:  # noqa: ARG002
        """Learn every column's range."""
        values = _values(movies)
        known = ~np.isnan(values)
        any_known = known.any(axis=0)
        lowest = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
        highest = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
        self.lowest_ = np.where(any_known, lowest, 0.0)
        span = np.where(any_known, highest, 0.0) - self.lowest_
        self.range_ = np.where(span > 0, span, 1.0)
        return self

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 7) float64."""
        check_is_fitted(self)
        scaled = (_values(movies) - self.lowest_) / self.range_
        return dense_rows(list(np.where(np.isnan(scaled), MISSING, scaled).T), len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``scalar__critic_rating`` and so on."""
        return np.array([f"scalar__{column}" for column in _COLUMNS], dtype=object)


def _values(movies: pd.DataFrame) -> NDArray[np.float64]:
    values = np.column_stack([movies[c].to_numpy(dtype=float) for c in _COLUMNS])
    values[np.isinf(values)] = np.nan
    return values
