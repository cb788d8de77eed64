"""The day of the first showing, in parts, unscaled (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.incidence import dense_rows
from jfdask.features.stateless import Stateless

#: What stands for a missing number in the method `seed`.
MISSING = -7.0

_PARTS = ("year", "month", "day", "weekend", "week", "day_of_year")


class PremiereDate(Stateless):
    """Year, month, day, weekend or not, week of the year (ISO 8601), day of the year.

    The parts keep their own scales, as in the original method, where years and days
    outweigh all else in the SVD. Without a date every part is ``MISSING``.

    Examples
    --------
    >>> movies = pd.DataFrame({"premiere_date": pd.to_datetime(["2010-05-01", None])})
    >>> PremiereDate().fit(movies).transform(movies).toarray().tolist()
    [[2010.0, 5.0, 1.0, 1.0, 17.0, 121.0], [-7.0, -7.0, -7.0, -7.0, -7.0, -7.0]]
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 6) float64."""
        dates = premiere_dates(movies)
        parts = (
            dates.dt.year,
            dates.dt.month,
            dates.dt.day,
            (dates.dt.day_of_week >= 5).astype(float).where(dates.notna()),
            dates.dt.isocalendar().week,
            dates.dt.day_of_year,
        )
        filled = [part.astype("Float64").fillna(MISSING).to_numpy(dtype=float) for part in parts]
        return dense_rows(filled, len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the six names ``date__year`` to ``date__day_of_year``."""
        return np.array([f"date__{part}" for part in _PARTS], dtype=object)


def premiere_dates(movies: pd.DataFrame) -> pd.Series:
    """Return the column of dates as dates, also when all of them are missing."""
    return pd.to_datetime(movies["premiere_date"])
