"""All people together: one model of P(favourite) and one of P(played) over everybody's rows.

A row is a movie of a person: her affinities to it, columns of the movie, of the person, and of
the crowd of other people. What the models learn is how these tell what is liked, which is the
same for everybody, known or new. Rows are made out of fold, as for one person alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier

from jfdask.errors import NotEnoughPlays
from jfdask.model.affinity import References, everything, outside_folds
from jfdask.model.boosting import BoostedTrees
from jfdask.model.catalogue import Catalogue
from jfdask.model.crowd import Crowd
from jfdask.model.crowd_columns import (
    CROWD_COLUMNS,
    columns_without,
    crowd_columns,
    is_without,
)
from jfdask.model.forest import clipped
from jfdask.model.history import History
from jfdask.model.holdout import stable_fractions, stable_seed
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.labels import within_classes
from jfdask.model.person_columns import PERSON_COLUMNS, person_columns
from jfdask.model.played import sampled_negatives
from jfdask.model.rows import INNER_FOLDS, contrast_rows, inner_folds, row_columns, scoring_rows

#: Rows that are learned from at most: with so many a worker of a night holds 1.4 GB.
MOST_ROWS = 400_000
#: Plays from which on a person's rows are learned from.
FEWEST_PLAYS = 10
#: Share of a person's movies whose rows are learned from as if the crowd had not heard of them: of
#: new ones it has not, and trees that were never shown one take it for one that nobody wants.
HIDDEN = 0.1
GENRE_FLAG = "tokens__genre:"  # how columns of a household's own genres begin


@dataclass(frozen=True, eq=False)
class PooledRows:
    """Rows of one person, or of several under each other."""

    X: np.ndarray[Any, np.dtype[np.float32]]  # (n_rows, len(columns))
    columns: tuple[str, ...]
    played: Bools  # (n_rows,) or of another label; else a movie she left
    liked: Bools  # (n_rows,)
    weight: Floats | None = None  # (n_rows,) what each label is worth, 0: none; None: all 1
    contrast: Bools | None = None  # (n_rows,) what P(played) is learned from; None: all
    person: Ints | None = None  # (n_rows,) a number for each person; None: not told

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.played)

    def seen_without(self, group: int | None) -> PooledRows:
        """Return the rows as told by crowds that leave out a group besides each person's own.

        None: her own alone, as a rule. The columns of all other crowds are left out.
        """
        where = {name: i for i, name in enumerate(self.columns)}
        names = tuple(name for name in self.columns if not is_without(name))
        if group is not None:
            for name, other in zip(CROWD_COLUMNS, columns_without(group), strict=True):
                if name in where:
                    where[name] = where[other]
        elif len(names) == len(self.columns):
            return self
        return replace(self, X=self.X[:, [where[name] for name in names]], columns=names)

    def taken(self, which: Bools | Ints) -> PooledRows:
        """Return some of the rows: a mask of shape (n_rows,), or positions."""
        return PooledRows(
            self.X[which],
            self.columns,
            self.played[which],
            self.liked[which],
            None if self.weight is None else self.weight[which],
            None if self.contrast is None else self.contrast[which],
            None if self.person is None else self.person[which],
        )


def pooled_columns(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the names of a row's columns."""
    own = (*row_columns(catalogue), *catalogue.completeness_names)
    return (*own, *PERSON_COLUMNS, *CROWD_COLUMNS)


def training_rows_of(
    catalogue: Catalogue,
    crowd: Crowd | None,
    history: History,
    random_state: int,
    apart: Mapping[int, Floats] = MappingProxyType({}),
) -> PooledRows:
    """Return the rows of a person's plays, of movies that she left, and of what she thinks.

    Her taste is learned from labels: not all plays have one, and other movies have (given up, a
    favourite not played). They have rows of their own, which are compared with the other labels
    as movies to be scored are; if all plays are labelled, and nothing else is, the plays' do.

    Parameters
    ----------
    crowd
        Of other people, over the same catalogue; None: there is none.
    history
        Hers. Held-out plays must be among those not played.
    apart
        By group of people, the ``label_columns`` of the crowd that neither they nor hers are in:
        they stand beside, see ``PooledRows.seen_without``. NaN in rows without a label.
    """
    positions, liked = history.played, history.liked
    seed = _seed(history, random_state)
    negatives, negative_folds = sampled_negatives(catalogue, history.left, len(positions), seed)
    folds = inner_folds(catalogue, positions, 0, seed)
    base = contrast_rows(catalogue, positions, liked, folds, negatives, negative_folds)
    references = outside_folds(positions, liked, folds, INNER_FOLDS)
    query, group = np.r_[positions, negatives], np.r_[folds, negative_folds]
    unknown = _unknown(history.user_id, catalogue, query)
    X = _beside(base, catalogue, crowd, query, group, references, unknown)
    is_played = np.arange(len(query)) < len(positions)
    is_liked = np.zeros(len(query), dtype=np.bool_)
    is_liked[: len(positions)] = liked
    taste, weight = history.taste, np.zeros(len(query))
    n_labels = len(taste.positions)
    beside = np.hstack([np.empty((n_labels, 0)), *apart.values()]).astype(np.float32)
    nothing = np.full((len(query), beside.shape[1]), np.nan, dtype=np.float32)
    columns = (*pooled_columns(catalogue), *(c for group in apart for c in columns_without(group)))
    if np.array_equal(taste.positions, positions) and np.array_equal(taste.liked, liked):
        weight[: len(positions)] = taste.weight
        nothing[:n_labels] = beside
        return PooledRows(np.hstack([X, nothing]), columns, is_played, is_liked, weight)
    of_labels = np.hstack([_rows_of_labels(catalogue, crowd, history, seed), beside])
    return PooledRows(
        np.concatenate([np.hstack([X, nothing]), of_labels]),
        columns,
        np.r_[is_played, np.ones(n_labels, dtype=np.bool_)],
        np.r_[is_liked, taste.liked],
        np.r_[weight, taste.weight],
        np.r_[np.ones(len(query), dtype=np.bool_), np.zeros(n_labels, dtype=np.bool_)],
    )


def of_any_household(rows: PooledRows) -> PooledRows:
    """Leave out the flags of genres: households call them by their own names."""
    kept = [i for i, name in enumerate(rows.columns) if not name.startswith(GENRE_FLAG)]
    return replace(rows, X=rows.X[:, kept], columns=tuple(rows.columns[i] for i in kept))


def label_columns(
    catalogue: Catalogue, crowd: Crowd | None, history: History, random_state: int
) -> Floats:
    """Return what a crowd tells of a person's labels, shape (n_labels, len(CROWD_COLUMNS)).

    As in the rows of ``training_rows_of``.
    """
    positions, seed = history.taste.positions, _seed(history, random_state)
    folds, references, unknown = _folds_of_labels(catalogue, history, seed)
    return crowd_columns(catalogue, crowd, positions, folds, references, unknown)


def _rows_of_labels(
    catalogue: Catalogue, crowd: Crowd | None, history: History, seed: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a row of each label, compared with those of other folds."""
    taste, nothing = history.taste, np.empty(0, dtype=np.int64)
    folds, references, unknown = _folds_of_labels(catalogue, history, seed)
    base = contrast_rows(catalogue, taste.positions, taste.liked, folds, nothing, nothing)
    return _beside(base, catalogue, crowd, taste.positions, folds, references, unknown)


def _folds_of_labels(
    catalogue: Catalogue, history: History, seed: int
) -> tuple[Ints, References, Bools]:
    """Return each label's fold, what is known outside of the folds, and what to hide."""
    taste = history.taste
    folds = inner_folds(catalogue, taste.positions, 0, seed)
    references = outside_folds(taste.positions, taste.liked, folds, INNER_FOLDS)
    return folds, references, _unknown(history.user_id, catalogue, taste.positions)


def _seed(history: History, random_state: int) -> int:
    return stable_seed(f"pooled rows of {history.user_id}", random_state)


def _unknown(user_id: str, catalogue: Catalogue, query: Ints) -> Bools:
    """Tell for which movies a person's rows are made as if the crowd had not heard of them."""
    drawn = stable_fractions(f"unknown to {user_id}", catalogue.movie_ids[query])
    return np.asarray(drawn < HIDDEN)


def scoring_rows_of(
    catalogue: Catalogue, crowd: Crowd | None, positions: Ints, liked: Bools, query: Ints
) -> PooledRows:
    """Return the rows of movies to be scored for a person.

    Parameters
    ----------
    positions, liked
        What is known of her, shape (n_known,), positions ascending.
    query
        Other movies, shape (n,).
    """
    rows = scoring_rows(catalogue, query, positions, liked)
    base = np.hstack([rows, catalogue.completeness[query]])
    group = np.zeros(len(query), dtype=np.int64)
    X = _beside(base, catalogue, crowd, query, group, everything(positions, liked))
    nothing = np.zeros(len(query), dtype=np.bool_)
    return PooledRows(X, pooled_columns(catalogue), nothing, nothing)


def _beside(
    base: Floats,
    catalogue: Catalogue,
    crowd: Crowd | None,
    query: Ints,
    group: Ints,
    references: References,
    unknown: Bools | None = None,
) -> np.ndarray[Any, np.dtype[np.float32]]:
    person = person_columns(catalogue, group, references)
    others = crowd_columns(catalogue, crowd, query, group, references, unknown)
    return np.hstack([base, person, others]).astype(np.float32)


class PooledModel(BaseEstimator):
    """Gradient-boosted trees over the rows of many people.

    Parameters
    ----------
    favorite_params, played_params
        Of the two HistGradientBoostingClassifiers, over the defaults of this module.
    random_state
        Seed of the trees, and of the sample of rows above ``MOST_ROWS``.

    Attributes
    ----------
    columns_ : tuple of str
        The columns it knows; a row's others are left out, missing ones count as unknown.
    favorite_, played_ : BoostedTrees
        ``favorite_`` is None where all plays are favourites, or none.
    """

    def __init__(
        self,
        favorite_params: dict[str, Any] | None = None,
        played_params: dict[str, Any] | None = None,
        random_state: int = 42,
    ) -> None:
        self.favorite_params = favorite_params
        self.played_params = played_params
        self.random_state = random_state

    def fit(self, people: Sequence[PooledRows]) -> PooledModel:
        """Learn from people's rows.

        Parameters
        ----------
        people
            Each one's, in any order that stays the same; households may have other columns.
            Gone through more than once, one by one, so that they may be read as they are asked
            for: the rows of all of them need not be in memory beside those that are learned from.

        Raises
        ------
        NotEnoughPlays
            There are no rows, or none of movies left.
        """
        return self.fit_favorite(people).fit_played(people)

    def fit_favorite(self, people: Sequence[PooledRows]) -> PooledModel:
        """Learn P(favourite) alone, of what has a label; NotEnoughPlays if there are no rows."""
        self.columns_, labels = _looked_through(people)
        known = [np.flatnonzero(rows.played & (_weight(rows) > 0)) for rows in labels]
        known = _sampled(known, self.random_state)
        liked = np.concatenate([r.liked[k] for r, k in zip(labels, known, strict=True)])
        weight = np.concatenate([_weight(r)[k] for r, k in zip(labels, known, strict=True)])
        self.favorite_ = None
        if liked.any() and not liked.all():
            X = _gathered(people, known, self.columns_)
            worth = within_classes(liked, weight)
            self.favorite_ = self._trees(_FAVORITE_TREES, self.favorite_params, X, liked, worth)
        return self

    def fit_played(self, people: Sequence[PooledRows]) -> PooledModel:
        """Learn P(played) alone; NotEnoughPlays if everything was played, or nothing."""
        self.columns_, labels = _looked_through(people)
        kept = [
            np.arange(len(r.played)) if r.contrast is None else np.flatnonzero(r.contrast)
            for r in labels
        ]
        kept = _sampled(kept, self.random_state)
        played = np.concatenate([r.played[k] for r, k in zip(labels, kept, strict=True)])
        if played.all() or not played.any():
            raise NotEnoughPlays("Everything was played, or nothing: P(played) needs both.")
        X = _gathered(people, kept, self.columns_)
        self.played_ = self._trees(_PLAYED_TREES, self.played_params, X, played)
        return self

    def favorite(self, rows: PooledRows) -> Floats | None:
        """Return P(favourite) of rows, shape (n_rows,); None if that was not learned."""
        return None if self.favorite_ is None else self._scores(self.favorite_, rows)

    def played(self, rows: PooledRows) -> Floats:
        """Return P(played) of rows, shape (n_rows,), relative to the sample of movies left."""
        return self._scores(self.played_, rows)

    def _scores(self, trees: BoostedTrees, rows: PooledRows) -> Floats:
        return clipped(trees.probability(aligned_columns(rows.X, rows.columns, self.columns_)))

    def _trees(
        self,
        settings: dict[str, Any],
        params: dict[str, Any] | None,
        X: Floats,
        y: Bools,
        weight: Floats | None = None,
    ) -> BoostedTrees:
        given = {**_TREES, **settings, **(params or {})}
        # scikit-learn cannot bin a column without any value; a constant is never split at.
        X[:, ~np.isfinite(X).any(axis=0)] = 0.0
        boosting = HistGradientBoostingClassifier(**given, random_state=self.random_state)
        return BoostedTrees(boosting.fit(X, y, sample_weight=weight))


_TREES: dict[str, Any] = {
    "min_samples_leaf": 60,
    "l2_regularization": 10.0,
    "max_features": 0.3,
    "max_bins": 127,
    "early_stopping": False,
}
_FAVORITE_TREES: dict[str, Any] = {
    "learning_rate": 0.03,
    "max_iter": 300,
    "max_leaf_nodes": 15,
}
#: The settings of the trees of P(favourite) that ``favorite_params`` changes.
FAVORITE_DEFAULTS: dict[str, Any] = {**_TREES, **_FAVORITE_TREES}
_PLAYED_TREES: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_iter": 600,
    "max_leaf_nodes": 15,
}


def _looked_through(people: Sequence[PooledRows]) -> tuple[tuple[str, ...], list[PooledRows]]:
    """Return the columns, and everybody's labels without X."""
    labels = [replace(rows, X=np.empty((len(rows.X), 0), np.float32)) for rows in people]
    if not any(len(rows.played) for rows in labels):
        raise NotEnoughPlays("There are no plays to learn from, of anybody.")
    return tuple(dict.fromkeys(c for rows in labels for c in rows.columns)), labels


def _sampled(rows: Sequence[Ints], random_state: int) -> list[Ints]:
    """Return which of each one's rows are kept: all, or a sample of each above the cap."""
    share = MOST_ROWS / max(sum(map(len, rows)), 1)
    if share >= 1:
        return list(rows)
    salt = f"pooled sample {random_state}"
    return [
        own[stable_fractions(f"{salt} {number}", map(str, own)) < share]
        for number, own in enumerate(rows)
    ]


def _gathered(
    people: Sequence[PooledRows], kept: Sequence[Ints], columns: tuple[str, ...]
) -> Floats:
    """Return the kept rows under each other; float64, or scikit-learn would copy them."""
    X = np.empty((sum(map(len, kept)), len(columns)))
    start = 0
    for rows, k in zip(people, kept, strict=True):
        X[start : start + len(k)] = aligned_columns(rows.X[k], rows.columns, columns)
        start += len(k)
    return X


def _weight(rows: PooledRows) -> Floats:
    return np.ones(len(rows.played)) if rows.weight is None else rows.weight


def aligned_columns(
    X: np.ndarray[Any, np.dtype[np.float32]], columns: tuple[str, ...], wanted: tuple[str, ...]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the wanted columns. A genre that a household does not have is 0, else unknown."""
    if columns == wanted:
        return X
    where = {name: i for i, name in enumerate(columns)}
    aligned = np.full((len(X), len(wanted)), np.nan, dtype=np.float32)
    for i, name in enumerate(wanted):
        if name in where:
            aligned[:, i] = X[:, where[name]]
        elif name.startswith(GENRE_FLAG):
            aligned[:, i] = 0.0
    return aligned
