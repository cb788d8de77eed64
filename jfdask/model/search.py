"""A household's people as one estimator, so that one search serves all of them.

X is row positions in a table of all people's rows, ordered so that ``row % n_folds`` is a
fold, stratified within each person. Labels never travel with the task graph: the estimator
and the scorer find them where they run, through ``source``. With dask-ml::

    search = GridSearchCV(
        HouseholdClassifier(source, AffinityClassifier()),
        plan.prefixed("inner__"),
        cv=RowFolds(n_folds), scoring=score_people,
        refit=False, iid=False, return_train_score=False, cache_cv=False, error_score=-1.0,
    )
    search.fit(dask.array.arange(n_rows, chunks=n_rows))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import check_is_fitted

from jfdask.model.history import History
from jfdask.model.holdout import is_held_out, stable_fractions
from jfdask.model.inputs import Bools, Floats, InMemory, Ints, Texts
from jfdask.model.likelier import LikelierClass
from jfdask.model.metrics import area_under_curve
from jfdask.model.positions import plain_positions


@dataclass(frozen=True, eq=False)
class SearchRows:
    """All labels that a household's search may see. Held-out plays are not among them."""

    person: Ints  # (n_rows,) code of the person
    movie: Ints  # (n_rows,) position in the catalogue
    liked: Bools  # (n_rows,)
    weight: Floats  # (n_rows,) what each label is worth
    features: Any  # what the searched estimator's features load

    def __len__(self) -> int:
        return len(self.person)


class RowSource(Protocol):
    """Something small that finds the rows where it arrives."""

    def load(self) -> SearchRows:
        """Return the rows; the same object each time."""
        ...


def search_rows(
    histories: Sequence[History],
    movie_ids: Texts,
    features: Any,
    *,
    held_out: float,
    min_favorites: float,
) -> SearchRows:
    """Return the labels of all people who have enough of either class.

    Parameters
    ----------
    histories
        In any order.
    movie_ids
        The catalogue's ids, sorted.
    features
        What the searched estimator's features load.
    held_out
        Share of each person's plays that no search sees.
    min_favorites
        Liked movies, and others, that a person needs to take part.
    """
    people, movies, likes, weights = [], [], [], []
    for code, history in enumerate(sorted(histories, key=lambda h: h.user_id)):
        taste = history.thinned(movie_ids).taste
        ids = movie_ids[taste.positions]
        seen = ~is_held_out(history.user_id, ids, held_out)
        liked, positions, ids = taste.liked[seen], taste.positions[seen], ids[seen]
        if min(liked.sum(), (~liked).sum()) < max(min_favorites, 2):
            continue
        # Liked ones first, each kind in the order of a hash: any stride is a stratified fold.
        hashes = stable_fractions(f"search rows of {history.user_id}", ids)
        order = np.lexsort((ids, hashes, ~liked))
        people.append(np.full(len(positions), code, dtype=np.int64))
        movies.append(positions[order])
        likes.append(liked[order])
        weights.append(taste.weight[seen][order])
    if not people:
        nothing = np.empty(0, dtype=np.int64)
        return SearchRows(nothing, nothing, np.empty(0, dtype=np.bool_), np.empty(0), features)
    return SearchRows(
        np.concatenate(people),
        np.concatenate(movies),
        np.concatenate(likes),
        np.concatenate(weights),
        features,
    )


class RowFolds(BaseCrossValidator):
    """Folds by ``row % n_folds``: needs to know neither people nor labels."""

    def __init__(self, n_folds: int) -> None:
        self.n_folds = n_folds

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of folds."""
        return self.n_folds

    def _iter_test_indices(
        self,
        X: Any = None,
        y: Any = None,  # noqa: ARG002
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[Ints]:
        for fold in range(self.n_folds):
            yield np.arange(fold, len(X), self.n_folds, dtype=np.int64)


class HouseholdClassifier(LikelierClass, BaseEstimator):
    """One inner classifier a person, fitted on her rows among X.

    To be cheap, a search fits fewer trees, one repetition of the training rows, and weighs
    classes once a forest instead of once a tree: which settings are better shows all the
    same, as it is so for all candidates.

    Parameters
    ----------
    source
        Loads the rows.
    inner
        The estimator that is searched; its ``features`` are those of the rows.
    max_trees
        Trees of a forest during the search at most; None: as many as ``inner`` says, weighed
        as it says, to be slow and exact.
    """

    def __init__(
        self, source: RowSource | None = None, inner: Any = None, *, max_trees: int | None = 20
    ) -> None:
        self.source = source
        self.inner = inner
        self.max_trees = max_trees

    def fit(self, X: ArrayLike, y: object = None) -> HouseholdClassifier:  # noqa: ARG002
        """Fit each person's classifier.

        Parameters
        ----------
        X
            Positions of rows, shape (n,) or (n, 1).
        y
            Ignored: labels are the rows' own.
        """
        rows = self._rows()
        chosen = plain_positions(X, len(rows))
        self.classes_ = np.array([0, 1])
        self.fitted_: dict[int, Any] = {}
        for code in np.unique(rows.person[chosen]):
            own = chosen[rows.person[chosen] == code]
            liked = rows.liked[own]
            # With one class there is nothing to learn but the share.
            self.fitted_[int(code)] = (
                float(liked.mean())
                if liked.all() or not liked.any()
                else self._inner(rows).fit(rows.movie[own], liked, sample_weight=rows.weight[own])
            )
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of rows, shape (n, 2); a person not fitted has ½."""
        check_is_fitted(self, "fitted_")
        rows = self._rows()
        chosen = plain_positions(X, len(rows))
        liked = np.full(len(chosen), 0.5)
        for code in np.unique(rows.person[chosen]):
            own = rows.person[chosen] == code
            model = self.fitted_.get(int(code), 0.5)
            if isinstance(model, float):
                liked[own] = model
            else:
                liked[own] = model.predict_proba(rows.movie[chosen[own]])[:, 1]
        return np.column_stack([1 - liked, liked])

    def _inner(self, rows: SearchRows) -> Any:
        inner = clone(self.inner).set_params(features=InMemory(rows.features))
        if self.max_trees is not None:
            inner.set_params(n_estimators=min(inner.n_estimators, self.max_trees))
            if inner.class_weight == "balanced_subsample":
                inner.set_params(class_weight="balanced")
        if "repetitions" in inner.get_params():
            inner.set_params(repetitions=1)
        return inner

    def _rows(self) -> SearchRows:
        if self.source is None:
            raise ValueError("HouseholdClassifier has no source of rows.")
        return self.source.load()


class _OverPeople(Protocol):
    """An estimator over positions of people's rows."""

    def predict_proba(self, X: ArrayLike) -> Floats: ...

    def _rows(self) -> Any: ...  # with ``person`` and ``liked``


def score_people(
    estimator: _OverPeople,
    X: ArrayLike,
    y: object = None,  # noqa: ARG001
) -> float:
    """Return the mean over people of the AUC on rows X; ½ if nobody has both classes there.

    Labels are the rows' own; ``y`` is ignored.
    """
    rows = estimator._rows()
    chosen = plain_positions(X, len(rows))
    scores = estimator.predict_proba(chosen)[:, 1]
    areas = []
    for code in np.unique(rows.person[chosen]):
        own = rows.person[chosen] == code
        area = area_under_curve(rows.liked[chosen[own]], scores[own])
        if area is not None:
            areas.append(area)
    return float(np.mean(areas)) if areas else 0.5
