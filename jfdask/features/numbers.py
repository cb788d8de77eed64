"""The numbers of a movie as they are, NaN where unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.date import premiere_dates
from jfdask.features.decade import years
from jfdask.features.incidence import dense_rows, entries_of
from jfdask.features.stateless import Stateless

_NAMES = (
    "community_rating",
    "critic_rating",
    "year",
    "runtime_hours",
    "month",
    "collection_size",
    "collection_order",
    "log_people",
    "log_genres",
    "log_studios",
    "log_overview_characters",
)


class Numbers(Stateless):
    """Ratings (0..10, 0..100), year, length (hours), month, collection, completeness.

    Nothing is scaled. What is unknown is NaN, and stands in the sparse matrix as an entry of
    its own; the columns ``log_…`` are log(1 + count) and never NaN: they tell how complete
    the metadata is, which is a hint of how well-known a movie is.

    Examples
    --------
    >>> unknown = dict.fromkeys((
    ...     "community_rating", "critic_rating", "production_year", "runtime_hours",
    ...     "premiere_date", "collection_size", "collection_order", "person_ids", "genres",
    ...     "studio_ids", "overview",
    ... ))
    >>> movies = pd.DataFrame([{**unknown, "critic_rating": 0.0, "genres": ["War"]}])
    >>> Numbers().fit(movies).transform(movies).toarray()[0, [0, 1, 2, 7, 8]].round(3)
    array([  nan, 0.   ,   nan, 0.   , 0.693])
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 11) float64 with NaN."""
        columns = {
            "community_rating": _known(movies["community_rating"]),
            "critic_rating": _known(movies["critic_rating"]),
            "year": years(movies),
            "runtime_hours": _known(movies["runtime_hours"]),
            "month": premiere_dates(movies).dt.month.to_numpy(dtype=float),
            "collection_size": _known(movies["collection_size"]),
            "collection_order": _known(movies["collection_order"]),
            "log_people": _log_count(movies["person_ids"]),
            "log_genres": _log_count(movies["genres"]),
            "log_studios": _log_count(movies["studio_ids"]),
            "log_overview_characters": _log_length(movies["overview"]),
        }
        return dense_rows([columns[name] for name in _NAMES], len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``numbers__community_rating`` and so on."""
        return np.array([f"numbers__{name}" for name in _NAMES], dtype=object)


def _known(values: pd.Series) -> NDArray[np.float64]:
    numbers = values.to_numpy(dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _log_count(lists: pd.Series) -> NDArray[np.float64]:
    counts = np.bincount(entries_of(lists).movies, minlength=len(lists))
    logs: NDArray[np.float64] = np.log1p(counts.astype(np.float64))
    return logs


def _log_length(texts: pd.Series) -> NDArray[np.float64]:
    lengths = [len(text) if isinstance(text, str) else 0 for text in texts]
    logs: NDArray[np.float64] = np.log1p(np.asarray(lengths, dtype=np.float64))
    return logs
