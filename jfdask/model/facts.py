"""What can be told of the movies of a catalogue: titles, years, ratings, collections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jfdask.errors import DataError
from jfdask.model.inputs import Floats, Texts


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts by position: the movies' order is the features'."""

    movie_ids: Texts  # (n,)
    titles: npt.NDArray[np.object_]  # (n,) str
    years: Floats  # (n,) NaN: unknown
    community_rating: Floats  # (n,) 0 to 10; NaN: unknown
    critic_rating: Floats  # (n,) 0 to 100; NaN: unknown
    collection_ids: npt.NDArray[np.object_]  # (n,) str; "": none
    collection_order: Floats  # (n,) 1, 2, ...; NaN: none
    name_of: Mapping[str, str]  # people, studios and collections by id

    @cached_property
    def median_rating(self) -> float:
        """The median CommunityRating; NaN if no movie has one."""
        known = self.community_rating[np.isfinite(self.community_rating)]
        return float(np.median(known)) if len(known) else float("nan")


def facts_of(movies: pd.DataFrame, movie_ids: Texts, name_of: Mapping[str, str]) -> Facts:
    """Return the facts of a MOVIES frame.

    Parameters
    ----------
    movies
        MOVIES, in any order.
    movie_ids
        Ids of the features, sorted.
    name_of
        What people, studios and collections are called, by id.

    Raises
    ------
    DataError
        The frame's movies are not those of the features.
    """
    ordered = movies.sort_values("movie_id")
    if not np.array_equal(ordered["movie_id"].to_numpy(dtype=str), movie_ids):
        raise DataError(
            f"{len(ordered)} movies, but features of {len(movie_ids)} others: both must come "
            "from the same run. Run featurize again."
        )
    return Facts(
        movie_ids=movie_ids,
        titles=_texts(ordered["name"], "an untitled movie"),
        years=_numbers(ordered["production_year"]),
        community_rating=_numbers(ordered["community_rating"]),
        critic_rating=_numbers(ordered["critic_rating"]),
        collection_ids=_texts(ordered["collection_id"], ""),
        collection_order=_numbers(ordered["collection_order"]),
        name_of=name_of,
    )


def _texts(column: Any, missing: str) -> npt.NDArray[np.object_]:
    values = [v if isinstance(v, str) and v else missing for v in column]
    return np.array(values, dtype=np.object_)


def _numbers(column: Any) -> Floats:
    return np.asarray(pd.to_numeric(column), dtype=np.float64)
