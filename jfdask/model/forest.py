"""P(favourite) of one person's movies: forests on out-of-fold affinities, and kernel ridge."""

from __future__ import annotations

import copy
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from jfdask.errors import StaleModel
from jfdask.model.affinity import AFFINITY_COLUMNS
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.growing import grown
from jfdask.model.inputs import FeatureSource, Floats
from jfdask.model.kernel import share_liked
from jfdask.model.labels import evidence_of, within_classes
from jfdask.model.likelier import LikelierClass
from jfdask.model.positions import (
    aligned_weights,
    labelled_positions,
    plain_positions,
    surviving,
    without_features,
)
from jfdask.model.prior import favorite_log_odds, shrunk, trust
from jfdask.model.rows import row_columns, scoring_rows, training_rows
from jfdask.model.trees import Trees

CLIP = 1e-3  # probabilities lie in [CLIP, 1 - CLIP]
_RIDGE = AFFINITY_COLUMNS.index("affinity__kernel_ridge")

FOREST_PARAMETERS = (
    "n_estimators",
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "max_features",
    "criterion",
    "bootstrap",
    "class_weight",
)
#: What scikit-learn itself accepts for them: checked before a search starts.
FOREST_CONSTRAINTS: dict[str, Any] = {
    name: RandomForestClassifier._parameter_constraints[name] for name in FOREST_PARAMETERS
}

#: Of a pull towards what is thought without favourites; see ``jfdask.model.prior``.
PRIOR_CONSTRAINTS: dict[str, Any] = {"prior_strength": [Interval(Real, 0, None, closed="left")]}


class AffinityClassifier(LikelierClass, BaseEstimator):
    """One person's taste. X is positions of movies in a catalogue, y liked or not.

    Everything that labels teach is learned inside ``fit``: each training row's affinities come
    from the other folds, in several repetitions with other folds and a forest each. Scores are
    half the forests' mean, half kernel ridge regression, both pulled towards what the public's
    rating says, the more the less labels tell. The order of rows does not matter.

    Parameters
    ----------
    features
        Loads the catalogue's features. Not part of a stored model: see ``detached``.
    n_estimators, max_depth, min_samples_split, min_samples_leaf, max_features, criterion, \
bootstrap, class_weight
        As in scikit-learn's RandomForestClassifier; each repetition has a forest of
        ``n_estimators`` trees.
    repetitions
        How often the training rows are made, with other folds.
    ridge_share
        Share of kernel ridge in the blend, 0 to 1.
    prior_strength
        Evidence that weighs as much in a list as the public's rating, half as much in
        P(favourite); 0: it has no say.
    random_state
        Seed of folds and trees.

    Attributes
    ----------
    classes_ : array, shape (2,)
    movie_ids_ : array of str, shape (n_plays,)
        The plays learned from, sorted.
    liked_ : array of bool, shape (n_plays,)
    evidence_ : float
        How many labels of the rarer class there are, so to speak; see ``evidence_of``.
    grown_evidence_ : float
        The same of the labels that the forests were grown on.
    columns_ : array of str, shape (n_columns,)
        Columns of the rows that the forests were grown on.
    trees_ : list of Trees
        One each repetition.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FOREST_CONSTRAINTS,
        "repetitions": [Interval(Integral, 1, None, closed="left")],
        "ridge_share": [Interval(Real, 0, 1, closed="both")],
        **PRIOR_CONSTRAINTS,
    }

    def __init__(
        self,
        features: FeatureSource | None = None,
        *,
        n_estimators: int = 150,
        max_depth: int | None = None,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 6,
        max_features: str | int | float | None = "sqrt",
        criterion: str = "gini",
        bootstrap: bool = True,
        class_weight: str | None = "balanced_subsample",
        repetitions: int = 2,
        ridge_share: float = 0.5,
        prior_strength: float = 10.0,
        random_state: int = 42,
    ) -> None:
        self.features = features
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.criterion = criterion
        self.bootstrap = bootstrap
        self.class_weight = class_weight
        self.repetitions = repetitions
        self.ridge_share = ridge_share
        self.prior_strength = prior_strength
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> AffinityClassifier:
        """Learn from plays.

        Parameters
        ----------
        X
            Positions of the plays, shape (n_plays,) or (n_plays, 1), each once.
        y
            Liked or not, shape (n_plays,).
        sample_weight
            How much each label is worth, shape (n_plays,); None: all the same. Forests weigh
            labels of one class against each other; between classes decides ``class_weight``.

        Raises
        ------
        NotEnoughPlays
            All plays are of one class.
        """
        catalogue = self._catalogue()
        positions, liked, self.classes_ = labelled_positions(X, y, catalogue.n_movies)
        weight = aligned_weights(X, sample_weight)
        self.evidence_ = self.grown_evidence_ = evidence_of(liked, weight)
        weight = within_classes(liked, weight)
        self.movie_ids_ = catalogue.movie_ids[positions]
        self.liked_ = liked
        self.columns_ = np.array(row_columns(catalogue))  # a tuple is stored name by name
        self.trees_ = []
        for repetition in range(self.repetitions):
            rows = training_rows(catalogue, positions, liked, repetition, self.random_state)
            forest = forest_of(self, self.random_state + repetition)
            self.trees_.append(Trees(grown(forest, rows, liked, weight)))
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of positions, shape (n, 2), within [.001, .999]."""
        check_is_fitted(self, "trees_")
        catalogue = self._catalogue()
        query = plain_positions(X, catalogue.n_movies)
        plays = surviving(catalogue.movie_ids, self.movie_ids_, self.liked_)
        rows = scoring_rows(catalogue, query, *plays)
        forests = [trees.probability(rows) for trees in self.trees_]
        ridge = rows[:, _RIDGE] + share_liked(self.liked_)
        share = self.ridge_share
        blend = (1 - share) * clipped(np.mean(forests, axis=0)) + share * clipped(ridge)
        prior = favorite_log_odds(catalogue)[query]
        liked = clipped(shrunk(blend, prior, self.trust_))
        return np.column_stack([1 - liked, liked])

    def renewed(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> AffinityClassifier:
        """Return a model of other plays with the forests of this one.

        A forest tells from affinities to a person's plays what she likes. Tonight's plays give
        tonight's affinities, and kernel ridge, at once; what the forests make of them hardly
        depends on a few plays more, and growing them is most of the work.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.

        Raises
        ------
        StaleModel
            The catalogue's columns are not those that the forests were grown on.
        """
        check_is_fitted(self, "trees_")
        catalogue = self._catalogue()
        if tuple(self.columns_) != row_columns(catalogue):
            raise StaleModel("The library has other columns than the forests were grown on.")
        model = copy.copy(self)
        positions, model.liked_, model.classes_ = labelled_positions(X, y, catalogue.n_movies)
        model.movie_ids_ = catalogue.movie_ids[positions]
        model.evidence_ = evidence_of(model.liked_, aligned_weights(X, sample_weight))
        return model

    @property
    def trust_(self) -> float:
        """Which share of the log odds is what was learned, 0 to 1; see ``prior_strength``."""
        check_is_fitted(self, "trees_")
        return trust(self.evidence_, self.prior_strength / 2)

    @property
    def listed_trust_(self) -> float:
        """The same in a list, 0 to 1: labels are of movies that get played, a list is of all."""
        check_is_fitted(self, "trees_")
        return trust(self.evidence_, self.prior_strength)

    def detached(self) -> AffinityClassifier:
        """Return the fitted model without its features: what is stored."""
        return without_features(self)

    def _catalogue(self) -> Catalogue:
        if self.features is None:
            raise ValueError("The model has no features: set_params(features=…) attaches them.")
        return catalogue_of(self.features.load())


def forest_of(settings: object, seed: int) -> RandomForestClassifier:
    """Return an unfitted forest with the settings that an estimator of this room carries."""
    values = {name: getattr(settings, name) for name in FOREST_PARAMETERS}
    return RandomForestClassifier(**values, random_state=seed % 2**32, n_jobs=1)


def clipped(probability: Floats) -> Floats:
    """Return probabilities within [CLIP, 1 - CLIP]."""
    return np.clip(probability, CLIP, 1 - CLIP)
