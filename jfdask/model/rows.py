"""Rows of numbers for the forests: affinities beside columns of the movie itself."""

from __future__ import annotations

import numpy as np

from jfdask.model.affinity import (
    AFFINITY_COLUMNS,
    References,
    affinities,
    everything,
    outside_folds,
)
from jfdask.model.catalogue import Catalogue
from jfdask.model.holdout import folds_of
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.memo import Memo, digest

INNER_FOLDS = 5

# Affinities depend on no setting of a forest: the candidates of a search share them.
_memo = Memo(max_bytes=128 * 2**20)


def row_columns(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the names of the columns of a row."""
    return (*AFFINITY_COLUMNS, *catalogue.item_names)


def training_rows(
    catalogue: Catalogue, positions: Ints, liked: Bools, repetition: int, seed: int
) -> Floats:
    """Return the rows of plays, each with affinities from the other folds only.

    Parameters
    ----------
    positions, liked
        The plays, sorted by position, shape (n_plays,).
    repetition
        Which dealing into folds; with the seed and the movies' ids it decides the folds.

    Returns
    -------
    Floats
        Shape (n_plays, len(row_columns)), read-only; NaN where a movie's number is missing.
    """

    def compute() -> Floats:
        folds = inner_folds(catalogue, positions, repetition, seed)
        references = outside_folds(positions, liked, folds, INNER_FOLDS)
        return _rows(catalogue, positions, folds, references)

    key = digest("training", positions, liked, repetition, seed)
    return _memo.recall(catalogue, key, compute)


def scoring_rows(catalogue: Catalogue, query: Ints, positions: Ints, liked: Bools) -> Floats:
    """Return the rows of movies to be scored, with affinities from all plays.

    A movie that is itself among the plays has seen its own label: score only others.
    """

    def compute() -> Floats:
        group = np.zeros(len(query), dtype=np.int64)
        return _rows(catalogue, query, group, everything(positions, liked))

    return _memo.recall(catalogue, digest("scoring", query, positions, liked), compute)


def contrast_rows(
    catalogue: Catalogue,
    positions: Ints,
    liked: Bools,
    folds: Ints,
    negatives: Ints,
    negative_folds: Ints,
) -> Floats:
    """Return the rows of plays, then of negatives: both see four fifths of the plays.

    Parameters
    ----------
    folds, negative_folds
        The fold of each play and of each movie not played, 0 to INNER_FOLDS - 1.

    Returns
    -------
    Floats
        Shape (n_plays + n_negatives, len(row_columns) + numbers of completeness).
    """
    references = outside_folds(positions, liked, folds, INNER_FOLDS)
    query = np.r_[positions, negatives]
    rows = _rows(catalogue, query, np.r_[folds, negative_folds], references)
    return np.hstack([rows, catalogue.completeness[query]])


def inner_folds(catalogue: Catalogue, positions: Ints, repetition: int, seed: int) -> Ints:
    """Return the fold of each play, 0 to INNER_FOLDS - 1; the order of plays does not matter.

    They are even, but not stratified: were a play's fold to depend on labels, so would what it
    is compared with.
    """
    unlabelled = np.zeros(len(positions), dtype=np.bool_)
    salt = f"rows {seed} {repetition}"
    return folds_of(salt, catalogue.movie_ids[positions], unlabelled, INNER_FOLDS)


def _rows(catalogue: Catalogue, query: Ints, group: Ints, references: References) -> Floats:
    return np.hstack([affinities(catalogue, query, group, references), catalogue.items[query]])
