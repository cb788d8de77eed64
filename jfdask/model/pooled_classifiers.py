"""One person's models where there are others to learn from.

Hers alone are her plays. What they tell of a movie is read off trees that were grown on many
people's rows (`jfdask.model.others`); beside P(favourite) stands kernel ridge of her own tastes,
with the crowd's opinion in the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from jfdask.errors import NotEnoughPlays
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.forest import clipped
from jfdask.model.inputs import FeatureSource, Floats, Ints
from jfdask.model.kernel import share_liked
from jfdask.model.labels import evidence_of
from jfdask.model.others import Others
from jfdask.model.pooled import PooledRows
from jfdask.model.positions import (
    aligned_weights,
    labelled_positions,
    plain_positions,
    surviving,
    without_features,
)
from jfdask.model.prior import shrunk, trust

#: Of kernel ridge in P(favourite), as log odds.
RIDGE_SHARE = 0.5
# The trees know how little there may be to know somebody by: a tenth of the prior is enough.
_LISTED_PRIOR = 0.1


class PooledFavorite(ClassifierMixin, BaseEstimator):
    """P(favourite) of one person's movies. X is positions in a catalogue, y liked or not.

    Parameters
    ----------
    features
        Loads the catalogue's features; not part of a stored model, as little as ``others``.
    others
        Loads what many people tell of her (`Others`).
    prior_strength
        Labels of the rarer class that weigh as much as what is thought of a movie anyway.

    Attributes
    ----------
    classes_ : array, shape (2,)
    movie_ids_ : array of str, shape (n_labels,)
        What was learned from, sorted.
    liked_ : array of bool, shape (n_labels,)
    evidence_ : float
        Labels of the rarer class, each as much as it is worth.
    """

    def __init__(
        self,
        features: FeatureSource | None = None,
        others: FeatureSource | None = None,
        *,
        prior_strength: float = 10.0,
    ) -> None:
        self.features = features
        self.others = others
        self.prior_strength = prior_strength

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> PooledFavorite:
        """Take a person's labels; see ``AffinityClassifier.fit``."""
        catalogue, _ = loaded(self)
        positions, self.liked_, self.classes_ = labelled_positions(X, y, catalogue.n_movies)
        self.evidence_ = evidence_of(self.liked_, aligned_weights(X, sample_weight))
        self.movie_ids_ = catalogue.movie_ids[positions]
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of positions, shape (n, 2), within [.001, .999].

        The mean log odds of the trees and of kernel ridge: of movies that get watched.
        """
        catalogue, others = loaded(self)
        rows = self.rows(X)
        by_trees = others.model.favorite(rows)
        ridge = clipped(_ridge(rows) + share_liked(self.liked_))
        if by_trees is None:
            blend = ridge
        else:
            log_odds = (1 - RIDGE_SHARE) * logit(by_trees) + RIDGE_SHARE * logit(ridge)
            blend = np.asarray(expit(log_odds))
        liked = self._beside_the_crowd(catalogue, others, X, blend, self.trust_)
        return np.column_stack([1 - liked, liked])

    def predict_listed(self, X: ArrayLike) -> Floats:
        """Return P(liked) of positions, shape (n,), as a list is ordered by: of the trees alone.

        They were shown which movies get watched, and ridge was not: of what nobody knows
        it thinks too much.
        """
        catalogue, others = loaded(self)
        by_trees = others.model.favorite(self.rows(X))
        if by_trees is None:
            return self.predict_proba(X)[:, 1]
        return self._beside_the_crowd(catalogue, others, X, by_trees, self.listed_trust_)

    def rows(self, X: ArrayLike) -> PooledRows:
        """Return the rows of positions that the trees are asked with."""
        check_is_fitted(self, "movie_ids_")
        catalogue, others = loaded(self)
        return _rows(self, catalogue, others, X)

    @property
    def trust_(self) -> float:
        """Which share of the log odds is what was learned, 0 to 1; see ``prior_strength``."""
        check_is_fitted(self, "movie_ids_")
        return trust(self.evidence_, self.prior_strength)

    @property
    def listed_trust_(self) -> float:
        """The same share for ``predict_listed``."""
        check_is_fitted(self, "movie_ids_")
        return trust(self.evidence_, _LISTED_PRIOR * self.prior_strength)

    def detached(self) -> PooledFavorite:
        """Return the fitted model without features and others: what is stored."""
        return without_features(self).set_params(others=None)

    def _beside_the_crowd(
        self, catalogue: Catalogue, others: Others, X: ArrayLike, learned: Floats, share: float
    ) -> Floats:
        prior = others.favorite_log_odds(catalogue)[plain_positions(X, catalogue.n_movies)]
        return clipped(shrunk(learned, prior, share))


class PooledPlayed(ClassifierMixin, BaseEstimator):
    """P(played) of one person's movies, read off the trees of many; parameters as above."""

    def __init__(
        self, features: FeatureSource | None = None, others: FeatureSource | None = None
    ) -> None:
        self.features = features
        self.others = others

    def fit(self, X: ArrayLike, y: ArrayLike) -> PooledPlayed:
        """Take a person's plays.

        Parameters
        ----------
        X
            Positions of the plays, shape (n_plays,), each once, in any order.
        y
            Liked or not, shape (n_plays,); one class alone is fine.

        Raises
        ------
        NotEnoughPlays
            There are none.
        """
        catalogue, _ = loaded(self)
        positions = plain_positions(X, catalogue.n_movies)
        if not len(positions):
            raise NotEnoughPlays("No plays: P(played) is as anybody's.")
        order = np.argsort(positions)
        self.classes_ = np.array([0, 1])
        self.movie_ids_ = catalogue.movie_ids[positions[order]]
        self.liked_ = np.asarray(y, dtype=np.bool_)[order]
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(left) and P(played) of positions, shape (n, 2), within [.001, .999].

        They are relative to the share of plays in the rows of the pool, not to the library.
        """
        _, others = loaded(self)
        played = others.model.played(self.rows(X))
        return np.column_stack([1 - played, played])

    def rows(self, X: ArrayLike) -> PooledRows:
        """Return the rows of positions that the trees are asked with."""
        check_is_fitted(self, "movie_ids_")
        catalogue, others = loaded(self)
        return _rows(self, catalogue, others, X)

    def detached(self) -> PooledPlayed:
        """Return the fitted model without features and others: what is stored."""
        return without_features(self).set_params(others=None)


def loaded(model: PooledFavorite | PooledPlayed) -> tuple[Catalogue, Others]:
    """Return the catalogue and the others that a model was given."""
    if model.features is None or model.others is None:
        raise ValueError("set_params(features=…, others=…) attaches what the model is read with.")
    return catalogue_of(model.features.load()), model.others.load()


def _rows(model: Any, catalogue: Catalogue, others: Others, X: ArrayLike) -> PooledRows:
    query: Ints = plain_positions(X, catalogue.n_movies)
    known = surviving(catalogue.movie_ids, model.movie_ids_, model.liked_)
    return others.rows(catalogue, *known, query)


def _ridge(rows: PooledRows) -> Floats:
    """Return kernel ridge's score less the share of liked: with the crowd's opinion, if any."""
    of_crowd = rows.X[:, rows.columns.index("crowd__ridge")].astype(np.float64)
    own = rows.X[:, rows.columns.index("affinity__kernel_ridge")]
    return np.where(np.isfinite(of_crowd), of_crowd, own)
