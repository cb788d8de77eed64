"""One person's models where there are others to learn from.

What her plays tell of a movie is read off trees that were grown on many people's rows
(`jfdask.model.others`), and mixed with what the model says that she would have alone: they err
in other places.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.forest import AffinityClassifier, clipped
from jfdask.model.inputs import FeatureSource, Floats
from jfdask.model.likelier import LikelierClass
from jfdask.model.others import Others
from jfdask.model.played import PlayedClassifier
from jfdask.model.pooled import PooledRows
from jfdask.model.positions import plain_positions, surviving, without_features
from jfdask.model.prior import shrunk, trust

#: Share of the person's own model in P(favourite), and in P(played), as log odds.
OWN_FAVORITE, _OWN_PLAYED = 0.4, 0.2
# The trees know how little there may be to know somebody by: a twentieth of the prior is enough.
_PRIOR = 0.05
_Own = TypeVar("_Own", AffinityClassifier, PlayedClassifier)


class PooledFavorite(LikelierClass, BaseEstimator):
    """P(favourite) of one person's movies. X is positions in a catalogue, y liked or not.

    Parameters
    ----------
    own
        The model that she would have alone, with a ``prior_strength`` of 0.
    features
        Loads the catalogue's features; not part of a stored model, as little as ``others``.
    others
        Loads what many people tell of her (`Others`).
    prior_strength
        As ``AffinityClassifier``'s; a twentieth of it is the evidence that weighs as much as what
        is thought of a movie anyway.

    Attributes
    ----------
    own_ : AffinityClassifier
        Fitted, without features.
    classes_, movie_ids_, liked_, evidence_, grown_evidence_
        Its.
    """

    def __init__(
        self,
        own: AffinityClassifier,
        features: FeatureSource | None = None,
        others: FeatureSource | None = None,
        *,
        prior_strength: float = 10.0,
    ) -> None:
        self.own = own
        self.features = features
        self.others = others
        self.prior_strength = prior_strength

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> PooledFavorite:
        """Learn from a person's labels; see ``AffinityClassifier.fit``."""
        _loaded(self)
        own = clone(self.own).set_params(features=self.features)
        return self._take(own.fit(X, y, sample_weight=sample_weight))

    def renewed(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> PooledFavorite:
        """Return a model of other labels; see ``AffinityClassifier.renewed``."""
        own = self.alone.renewed(X, y, sample_weight)
        return copy.copy(self)._take(own)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of positions, shape (n, 2), within [.001, .999].

        The log odds of the trees and of her own model, three to two, pulled towards what is
        thought of a movie anyway (``trust_``): of movies that get watched.
        """
        catalogue, others = _loaded(self)
        blend = clipped(self.alone.predict_proba(X)[:, 1])
        by_trees = others.model.favorite(_rows(self, X))
        if by_trees is not None:
            blend = _mixed(by_trees, blend, OWN_FAVORITE)
        liked = self._beside_the_crowd(catalogue, others, X, blend)
        return np.column_stack([1 - liked, liked])

    def predict_listed(self, X: ArrayLike) -> Floats:
        """Return P(liked) of positions, shape (n,), as a list is ordered by: of the trees alone.

        They were shown which movies get watched, and her own model was not: of what nobody
        knows it thinks too much.
        """
        catalogue, others = _loaded(self)
        by_trees = others.model.favorite(_rows(self, X))
        if by_trees is None:
            return self.predict_proba(X)[:, 1]
        return self._beside_the_crowd(catalogue, others, X, by_trees)

    @property
    def alone(self) -> AffinityClassifier:
        """The model that she would have alone, with its features attached."""
        check_is_fitted(self, "own_")
        return _attached(self.own_, self)

    @property
    def trust_(self) -> float:
        """Which share of the log odds is what was learned, 0 to 1; see ``prior_strength``."""
        check_is_fitted(self, "movie_ids_")
        return trust(self.evidence_, _PRIOR * self.prior_strength)

    def detached(self) -> PooledFavorite:
        """Return the fitted model without features and others: what is stored."""
        return without_features(self).set_params(others=None)

    def _take(self, own: AffinityClassifier) -> PooledFavorite:
        self.own_ = own.detached()
        self.classes_, self.evidence_ = own.classes_, own.evidence_
        self.movie_ids_, self.liked_ = own.movie_ids_, own.liked_
        self.grown_evidence_ = own.grown_evidence_
        return self

    def _beside_the_crowd(
        self, catalogue: Catalogue, others: Others, X: ArrayLike, learned: Floats
    ) -> Floats:
        prior = others.favorite_log_odds(catalogue)[plain_positions(X, catalogue.n_movies)]
        return clipped(shrunk(learned, prior, self.trust_))


class PooledPlayed(LikelierClass, BaseEstimator):
    """P(played) of one person's movies, mostly read off the trees of many.

    Parameters
    ----------
    own
        The model that she would have alone.
    features, others
        As above.

    Attributes
    ----------
    own_ : PlayedClassifier
        Fitted, without features.
    classes_, movie_ids_, liked_
        Its.
    """

    def __init__(
        self,
        own: PlayedClassifier,
        features: FeatureSource | None = None,
        others: FeatureSource | None = None,
    ) -> None:
        self.own = own
        self.features = features
        self.others = others

    def fit(self, X: ArrayLike, y: ArrayLike, *, others: ArrayLike) -> PooledPlayed:
        """Learn from plays and from what was left; see ``PlayedClassifier.fit``."""
        _loaded(self)
        own = clone(self.own).set_params(features=self.features)
        return self._take(own.fit(X, y, others=others))

    def renewed(self, X: ArrayLike, y: ArrayLike, *, others: ArrayLike) -> PooledPlayed:
        """Return a model of other plays; see ``PlayedClassifier.renewed``."""
        return copy.copy(self)._take(self.alone.renewed(X, y, others=others))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(left) and P(played) of positions, shape (n, 2), within [.001, .999].

        They are relative to the shares of plays that the models were shown, not to the library.
        """
        _, others = _loaded(self)
        by_trees = others.model.played(_rows(self, X))
        played = _mixed(by_trees, self.alone.predict_proba(X)[:, 1], _OWN_PLAYED)
        return np.column_stack([1 - played, played])

    @property
    def alone(self) -> PlayedClassifier:
        """The model that she would have alone, with its features attached."""
        check_is_fitted(self, "own_")
        return _attached(self.own_, self)

    def detached(self) -> PooledPlayed:
        """Return the fitted model without features and others: what is stored."""
        return without_features(self).set_params(others=None)

    def _take(self, own: PlayedClassifier) -> PooledPlayed:
        self.own_ = own.detached()
        self.classes_, self.movie_ids_, self.liked_ = own.classes_, own.movie_ids_, own.liked_
        return self


def _loaded(model: PooledFavorite | PooledPlayed) -> tuple[Catalogue, Others]:
    """Return the catalogue and the others that a model was given."""
    if model.features is None or model.others is None:
        raise ValueError("set_params(features=…, others=…) attaches what the model is read with.")
    return catalogue_of(model.features.load()), model.others.load()


def _attached(own: _Own, model: PooledFavorite | PooledPlayed) -> _Own:
    """Return the model that the person would have alone with the features of the other one."""
    _loaded(model)
    attached: _Own = copy.copy(own).set_params(features=model.features)
    return attached


def _mixed(by_trees: Floats, by_own: Floats, share: float) -> Floats:
    log_odds = (1 - share) * logit(by_trees) + share * logit(by_own)
    return np.asarray(clipped(expit(log_odds)))


def _rows(model: PooledFavorite | PooledPlayed, X: ArrayLike) -> PooledRows:
    """Return the rows of positions that the trees are asked with."""
    check_is_fitted(model, "movie_ids_")
    catalogue, others = _loaded(model)
    known = surviving(catalogue.movie_ids, model.movie_ids_, model.liked_)
    return others.rows(catalogue, *known, plain_positions(X, catalogue.n_movies))
