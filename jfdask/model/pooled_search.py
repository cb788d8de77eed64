"""Settings of the pooled trees as a search tries them, and how a candidate is judged.

As in ``jfdask.model.search``, X is row positions: the estimator finds plays and labels where it
runs. A fold is a group of people: a candidate is judged by people that it was not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator, ParameterSampler
from sklearn.utils.validation import check_is_fitted

from jfdask.model.inputs import Floats, Ints
from jfdask.model.likelier import LikelierClass
from jfdask.model.pooled import FAVORITE_DEFAULTS, PooledModel, PooledRows
from jfdask.model.positions import plain_positions

#: Round the defaults, which were chosen on public data.
POOLED_GRID = {
    "learning_rate": [0.015, 0.03, 0.06],
    "max_leaf_nodes": [7, 15, 31],
    "min_samples_leaf": [20, 60, 180],
    "l2_regularization": [1.0, 10.0, 100.0],
    "max_features": [0.15, 0.3, 0.6],
}

#: What is set differently from the defaults; None: nothing.
Candidate = dict[str, Any] | None
#: Groups of people in ascending order, and how many plays there are of each, beside each other.
Sizes = Sequence[tuple[int, int]]


def pooled_candidates(n_candidates: int, random_state: int) -> list[Candidate]:
    """Return the defaults and other candidates, drawn at random.

    Examples
    --------
    >>> pooled_candidates(1, 42)
    [None]
    """
    drawn = ParameterSampler(POOLED_GRID, n_candidates, random_state=random_state)
    others = [dict(sorted(c.items())) for c in drawn if not c.items() <= FAVORITE_DEFAULTS.items()]
    return [None, *others[: n_candidates - 1]]


class SampleSource(Protocol):
    """Something small that finds the plays where it arrives."""

    def load(self) -> PooledRows:
        """Return the plays, those of a group beside each other; the same object each time."""
        ...


class GroupFolds(BaseCrossValidator):
    """One fold a group of people.

    Parameters
    ----------
    sizes
        The groups.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of groups."""
        return len(self.sizes)

    def _iter_test_indices(
        self,
        X: Any = None,  # noqa: ARG002
        y: Any = None,  # noqa: ARG002
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[Ints]:
        group_at = _group_at(self.sizes)
        for group, _ in self.sizes:
            yield np.flatnonzero(group_at == group)


def _group_at(sizes: Sizes) -> Ints:
    """Return the group of each play."""
    groups, n_plays = zip(*sizes, strict=True)
    return np.repeat(np.array(groups, dtype=np.int64), n_plays)


class PooledClassifier(LikelierClass, BaseEstimator):
    """The pooled trees of P(favourite), fitted on some of the plays.

    Parameters
    ----------
    source
        Loads the plays.
    sizes
        Their groups. A group that no play is of that it is fitted on is in no crowd of these
        plays, either.
    favorite_params, random_state
        Of the ``PooledModel``.
    """

    def __init__(
        self,
        source: SampleSource | None = None,
        sizes: Sizes = (),
        favorite_params: Candidate = None,
        random_state: int = 42,
    ) -> None:
        self.source = source
        self.sizes = sizes
        self.favorite_params = favorite_params
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> PooledClassifier:  # noqa: ARG002
        """Fit the trees.

        Parameters
        ----------
        X
            Positions of plays, shape (n,) or (n, 1).
        y
            Ignored: labels are the plays' own.
        """
        self.classes_ = np.array([0, 1])
        unfitted = PooledModel(self.favorite_params, random_state=self.random_state)
        rows, group_at = self._taken(X)
        without = next((g for g, _ in self.sizes if g not in group_at), None)
        self.model_ = unfitted.fit_favorite([rows.seen_without(without)])
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of plays, shape (n, 2); ½ if nothing was learned."""
        check_is_fitted(self, "model_")
        rows = self._taken(X)[0].seen_without(None)
        liked = self.model_.favorite(rows)
        if liked is None:
            liked = np.full(len(rows.liked), 0.5)
        return np.column_stack([1 - liked, liked])

    def _taken(self, X: ArrayLike) -> tuple[PooledRows, Ints]:
        rows = self._rows()
        positions = plain_positions(X, len(rows))
        return rows.taken(positions), _group_at(self.sizes)[positions]

    def _rows(self) -> PooledRows:
        if self.source is None or not self.sizes:
            raise ValueError("PooledClassifier has no source of plays, or no groups of them.")
        return self.source.load()
