"""What this room is given: a feature matrix of the catalogue, or something that loads it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]


class Features(Hashable, Protocol):
    """A catalogue's features, as ``jfdask.features`` makes them; movies sorted by id.

    Columns of one prefix lie side by side. Missing numbers are NaN.
    """

    @property
    def movie_ids(self) -> Texts:
        """Ids, shape (n_movies,), sorted."""
        ...

    @property
    def X(self) -> csr_matrix:  # noqa: N802
        """Features, shape (n_movies, n_features)."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, ``<file>__<name>``."""
        ...

    def block(self, prefix: str) -> csr_matrix:
        """Return the columns whose names begin with the prefix."""
        ...

    def block_columns(self, prefix: str) -> tuple[str, ...]:
        """Return the names of those columns."""
        ...


class FeatureSource(Protocol):
    """Something small that travels with a task and finds the features where it arrives.

    ``load`` is called in every fit and every prediction: it returns the same object each time
    (a worker's cache), so that what is derived of the features is derived once.
    """

    def load(self) -> Any:
        """Return the features: ``Features``, or a dense array for the method seed."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """A source that holds what it gives. For one process: never send it over a scheduler."""

    value: Any

    def load(self) -> Any:
        """Return the value."""
        return self.value

    def __deepcopy__(self, memo: dict[int, Any]) -> InMemory:
        # scikit-learn's clone copies parameters; a catalogue is shared, not copied.
        return self

    def __repr__(self) -> str:
        return f"InMemory({type(self.value).__name__})"
