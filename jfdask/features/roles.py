"""How many people of each trade a movie lists (block of the method `seed`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.incidence import dense_rows, entries_of
from jfdask.features.stateless import Stateless

# Jellyfin's word for the trade → what it is called in a feature's name.
_ROLES = {"Actor": "actors", "Director": "directors", "Writer": "writers", "Producer": "producers"}


class RoleCounts(Stateless):
    """Counts of actors, directors, writers and producers; none is 0.

    Examples
    --------
    >>> movies = pd.DataFrame({"person_types": [["Actor", "Actor", "Director"], []]})
    >>> RoleCounts().fit(movies).transform(movies).toarray()
    array([[2., 1., 0., 0.],
           [0., 0., 0., 0.]])
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 4) float64 counts."""
        entries = entries_of(movies["person_types"])
        counts = [
            np.bincount(entries.movies[entries.tokens == role], minlength=len(movies))
            for role in _ROLES
        ]
        return dense_rows(counts, len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``roles__actors`` to ``roles__producers``."""
        return np.array([f"roles__{name}" for name in _ROLES.values()], dtype=object)
