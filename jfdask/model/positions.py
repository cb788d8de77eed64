"""What the estimators of this room take as X: positions of movies in a catalogue."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jfdask.errors import NotEnoughPlays
from jfdask.model.inputs import Floats, Ints, Texts

Model = TypeVar("Model")
Scalar = TypeVar("Scalar", bound=np.generic)


def plain_positions(X: ArrayLike, n_movies: int) -> Ints:
    """Return positions as integers, shape (n,).

    Parameters
    ----------
    X
        Shape (n,) or (n, 1), whole numbers.
    n_movies
        Movies of the catalogue.

    Raises
    ------
    ValueError
        Another shape, fractions, or positions outside the catalogue.
    """
    given = np.asarray(X)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise ValueError(f"Expected positions of shape (n,) or (n, 1), got {given.shape}.")
    positions = given.astype(np.int64)
    if not np.array_equal(positions, given):
        raise ValueError("Expected positions of movies: whole numbers.")
    if len(positions) and (positions.min() < 0 or positions.max() >= n_movies):
        raise ValueError(
            f"Positions {positions.min()} to {positions.max()} do not fit a catalogue of "
            f"{n_movies} movies."
        )
    return positions


def labelled_positions(
    X: ArrayLike, y: ArrayLike, n_movies: int
) -> tuple[Ints, np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, Any]]:
    """Return positions sorted, whether each is of the second class, and the two classes.

    Raises
    ------
    NotEnoughPlays
        There are not two classes.
    ValueError
        X is not positions, each once, or y is of another length.
    """
    positions = plain_positions(X, n_movies)
    labels = np.asarray(y).ravel()
    if len(labels) != len(positions):
        raise ValueError(f"{len(positions)} positions, but {len(labels)} labels.")
    if len(np.unique(positions)) < len(positions):
        raise ValueError("A position stands there twice; a movie has one label.")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) != 2:
        raise NotEnoughPlays(
            f"{len(positions)} plays, all of them {classes.tolist()}: a model of P(favourite) "
            "needs favourites and others. Leave this person to P(played)."
        )
    order = np.argsort(positions)
    return positions[order], codes[order] == 1, classes


def aligned_weights(X: ArrayLike, sample_weight: ArrayLike | None) -> Floats:
    """Return each row's weight in the order of ``labelled_positions``; 1 if none are given."""
    positions = np.asarray(X).ravel()
    if sample_weight is None:
        return np.ones(len(positions))
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != positions.shape or not (weight > 0).all():
        raise ValueError(f"Expected a weight above 0 for each of {len(positions)} rows.")
    return weight[np.argsort(positions)]


def surviving(
    movie_ids: Texts, wanted: Texts, values: NDArray[Scalar]
) -> tuple[Ints, NDArray[Scalar]]:
    """Return the positions, and values, of those wanted movies that the catalogue still has.

    Parameters
    ----------
    movie_ids
        The catalogue's ids, sorted.
    wanted, values
        Ids, and labels or weights, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> ids = np.array(["a", "b", "d"])
    >>> positions, liked = surviving(ids, np.array(["b", "c"]), np.array([True, False]))
    >>> positions.tolist(), liked.tolist()
    ([1], [True])
    """
    if not len(movie_ids):
        return np.empty(0, dtype=np.int64), values[:0]
    positions = np.minimum(np.searchsorted(movie_ids, wanted), len(movie_ids) - 1)
    found = movie_ids[positions] == wanted
    return positions[found].astype(np.int64), values[found]


def without_features(model: Model) -> Model:
    """Return a copy of an estimator that shares all but its ``features``: what is stored."""
    copied = copy.copy(model)
    copied.features = None  # type: ignore[attr-defined]
    return copied
