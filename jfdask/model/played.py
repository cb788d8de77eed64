"""P(played): what a person picks at all, learned from her plays against movies she left."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.validation import check_is_fitted

from jfdask.errors import NotEnoughPlays, StaleModel
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.contrast import contrast_ridge
from jfdask.model.forest import clipped
from jfdask.model.growing import grown
from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, FeatureSource, Floats, Ints
from jfdask.model.kernel import similarity_product
from jfdask.model.likelier import LikelierClass
from jfdask.model.positions import plain_positions, surviving, without_features
from jfdask.model.rows import (
    INNER_FOLDS,
    contrast_rows,
    inner_folds,
    row_columns,
    scoring_rows,
)
from jfdask.model.trees import Trees

_FOREST = RandomForestClassifier._parameter_constraints
RIDGE_CLIP = 0.01  # ridge's scores are no probabilities: they leave [0, 1]
_FEWEST, _MOST = 400, 1500  # movies left that plays are held against


class PlayedClassifier(LikelierClass, BaseEstimator):
    """Tells what a person plays from what she leaves.

    ``fit`` takes the plays with what was liked of them, and the movies not played that
    negatives are sampled from. Both the plays' and the negatives' affinities come from four
    fifths of the plays: a negative that had seen all of them would be told by its counts.
    P(played) is half a forest's, half kernel ridge's: the mean of both logits.

    Parameters
    ----------
    features
        Loads the catalogue's features. Not part of a stored model: see ``detached``.
    n_estimators, min_samples_leaf, max_features
        As in scikit-learn's RandomForestClassifier.
    random_state
        Seed of the sample, the folds and the trees; give each person one of her own.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        name: _FOREST[name] for name in ("n_estimators", "min_samples_leaf", "max_features")
    }

    def __init__(
        self,
        features: FeatureSource | None = None,
        *,
        n_estimators: int = 60,
        min_samples_leaf: int | float = 5,
        max_features: str | int | float | None = 0.25,
        random_state: int = 42,
    ) -> None:
        self.features = features
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, *, others: ArrayLike) -> PlayedClassifier:
        """Learn from plays and from what was left.

        Parameters
        ----------
        X
            Positions of the plays, shape (n_plays,), each once, in any order.
        y
            Liked or not, shape (n_plays,); one class alone is fine.
        others
            Positions not played, shape (n_others,), to sample negatives from. Held-out plays
            belong here too: leaving them out would tell them apart.

        Raises
        ------
        NotEnoughPlays
            Fewer than two plays, or nothing that was not played.
        """
        catalogue = self._catalogue()
        positions, liked, left = _sorted(catalogue, X, y, others)
        self.columns_ = np.array(_columns(catalogue))  # a tuple is stored name by name
        self.classes_ = np.array([0, 1])
        negatives, negative_folds = sampled_negatives(
            catalogue, left, len(positions), self.random_state
        )
        self._take(catalogue, positions, liked, negatives)
        folds = inner_folds(catalogue, positions, 0, self.random_state)
        rows = contrast_rows(catalogue, positions, liked, folds, negatives, negative_folds)
        labels = np.r_[np.ones(len(positions), dtype=int), np.zeros(len(negatives), dtype=int)]
        forest = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=1,
        )
        self.trees_ = Trees(grown(forest, rows, labels))
        return self

    def renewed(self, X: ArrayLike, y: ArrayLike, *, others: ArrayLike) -> PlayedClassifier:
        """Return a model of other plays with the forest of this one; kernel ridge is fitted.

        See ``AffinityClassifier.renewed``. Parameters are ``fit``'s.

        Raises
        ------
        StaleModel
            The catalogue's columns are not those that the forest was grown on.
        NotEnoughPlays
            Fewer than two plays, or nothing that was not played.
        """
        check_is_fitted(self, "trees_")
        catalogue = self._catalogue()
        if tuple(self.columns_) != _columns(catalogue):
            raise StaleModel("The library has other columns than the forest was grown on.")
        positions, liked, left = _sorted(catalogue, X, y, others)
        model = copy.copy(self)
        negatives, _ = sampled_negatives(catalogue, left, len(positions), self.random_state)
        model._take(catalogue, positions, liked, negatives)
        return model

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(left) and P(played) of positions, shape (n, 2), within [.001, .999].

        They are relative to the share of plays in the training sample, not to the library.
        """
        check_is_fitted(self, "trees_")
        catalogue = self._catalogue()
        query = plain_positions(X, catalogue.n_movies)
        plays = surviving(catalogue.movie_ids, self.movie_ids_, self.liked_)
        rows = scoring_rows(catalogue, query, *plays)
        rows = np.hstack([rows, catalogue.completeness[query]])
        forest = clipped(self.trees_.probability(rows))
        ridge = np.clip(self._ridge_scores(catalogue, query), RIDGE_CLIP, 1 - RIDGE_CLIP)
        played = clipped(expit((logit(forest) + logit(ridge)) / 2))
        return np.column_stack([1 - played, played])

    def detached(self) -> PlayedClassifier:
        """Return the fitted model without its features: what is stored."""
        return without_features(self)

    def _take(self, catalogue: Catalogue, plays: Ints, liked: Bools, negatives: Ints) -> None:
        self.movie_ids_, self.liked_ = catalogue.movie_ids[plays], liked
        ridge = contrast_ridge(catalogue, plays, negatives)
        self.left_ids_ = catalogue.movie_ids[negatives]
        self.weights_, self.share_ = ridge.weights, ridge.share
        self.left_scores_ = ridge.left_scores

    def _ridge_scores(self, catalogue: Catalogue, query: Ints) -> Floats:
        """Return kernel ridge's scores, shape (n,): a sampled negative's is the one without it."""
        ids = np.r_[self.movie_ids_, self.left_ids_]
        references, weights = surviving(catalogue.movie_ids, ids, self.weights_)
        scores = similarity_product(catalogue, query, references, weights) + self.share_
        left, own_scores = surviving(catalogue.movie_ids, self.left_ids_, self.left_scores_)
        known = np.full(catalogue.n_movies, np.nan)
        known[left] = own_scores
        return np.where(np.isnan(known[query]), scores, known[query])

    def _catalogue(self) -> Catalogue:
        if self.features is None:
            raise ValueError("The model has no features: set_params(features=…) attaches them.")
        return catalogue_of(self.features.load())


def _columns(catalogue: Catalogue) -> tuple[str, ...]:
    return (*row_columns(catalogue), *catalogue.completeness_names)


def _sorted(
    catalogue: Catalogue, X: ArrayLike, y: ArrayLike, others: ArrayLike
) -> tuple[Ints, Bools, Ints]:
    """Return plays, what was liked of them, and what was left; positions ascending."""
    positions = plain_positions(X, catalogue.n_movies)
    if len(np.unique(positions)) < len(positions):
        raise ValueError("A position stands there twice; a movie is played or not.")
    order = np.argsort(positions)
    positions, liked = positions[order], np.asarray(y, dtype=np.bool_)[order]
    left = np.setdiff1d(plain_positions(others, catalogue.n_movies), positions)
    if len(positions) < 2 or not len(left):
        raise NotEnoughPlays(
            f"{len(positions)} plays against {len(left)} movies not played: P(played) needs "
            "two plays and something not played."
        )
    return positions, liked, left


def sampled_negatives(
    catalogue: Catalogue, left: Ints, n_plays: int, seed: int
) -> tuple[Ints, Ints]:
    """Return some of the movies left, and the fold of plays whose rest each is compared with.

    Parameters
    ----------
    left
        Positions not played, ascending.
    n_plays
        Plays they are held against: the more of these, the more of those.

    Returns
    -------
    tuple of Ints
        Positions, ascending, and folds, 0 to INNER_FOLDS - 1, both of shape (n_sampled,).
    """
    wanted = min(_MOST, max(_FEWEST, 2 * n_plays), len(left))
    # By hash, not by position: a movie added to the library moves no other in or out.
    order = np.argsort(
        stable_fractions(f"negatives {seed}", catalogue.movie_ids[left]), kind="stable"
    )[:wanted]
    folds = np.arange(wanted, dtype=np.int64) % INNER_FOLDS
    by_position = np.argsort(left[order])
    return left[order][by_position], folds[by_position]
