"""The method this project grew from: a random forest on the SVD's vectors, as it was found."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from jfdask.model.forest import FOREST_CONSTRAINTS, PRIOR_CONSTRAINTS, forest_of
from jfdask.model.growing import grown
from jfdask.model.inputs import FeatureSource, Floats
from jfdask.model.labels import evidence_of, within_classes
from jfdask.model.likelier import LikelierClass
from jfdask.model.positions import (
    aligned_weights,
    labelled_positions,
    plain_positions,
    without_features,
)
from jfdask.model.prior import trust
from jfdask.model.trees import Trees


class SeedClassifier(LikelierClass, BaseEstimator):
    """Random forest on U·S of a truncated SVD. X is positions of movies, y liked or not.

    As many components are used as there are training rows, which the original found to help.
    The defaults are the best settings of its own search. The order of rows does not matter.

    Parameters
    ----------
    features
        Loads U·S, a dense array (n_movies, n_components). Not part of a stored model.
    n_estimators, max_depth, min_samples_split, min_samples_leaf, max_features, criterion, \
bootstrap, class_weight, random_state
        As in scikit-learn's RandomForestClassifier.
    prior_strength
        Evidence that weighs as much as a list without favourites; 0: it has
        no say. P(favourite) itself stays the forest's.

    Attributes
    ----------
    classes_ : array, shape (2,)
    n_components_ : int
        Components used: min(training rows, components there are).
    evidence_ : float
        How many labels of the rarer class there are, so to speak; see ``evidence_of``.
    trees_ : Trees
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**FOREST_CONSTRAINTS, **PRIOR_CONSTRAINTS}

    def __init__(
        self,
        features: FeatureSource | None = None,
        *,
        n_estimators: int = 200,
        max_depth: int | None = 20,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 8,
        max_features: str | int | float | None = "sqrt",
        criterion: str = "entropy",
        bootstrap: bool = True,
        class_weight: str | None = "balanced",
        prior_strength: float = 0.0,
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
        self.prior_strength = prior_strength
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SeedClassifier:
        """Learn from plays: positions (n_plays,) or (n_plays, 1), liked or not, and weights.

        Raises
        ------
        NotEnoughPlays
            All plays are of one class.
        """
        vectors = self._vectors()
        positions, liked, self.classes_ = labelled_positions(X, y, len(vectors))
        weight = aligned_weights(X, sample_weight)
        self.evidence_ = evidence_of(liked, weight)
        weight = within_classes(liked, weight)
        self.n_components_ = min(len(positions), vectors.shape[1])
        rows = vectors[positions, : self.n_components_]
        self.trees_ = Trees(grown(forest_of(self, self.random_state), rows, liked, weight))
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return P(other) and P(liked) of positions, shape (n, 2)."""
        check_is_fitted(self, "trees_")
        vectors = self._vectors()
        rows = vectors[plain_positions(X, len(vectors)), : self.n_components_]
        liked = self.trees_.probability(rows)
        return np.column_stack([1 - liked, liked])

    @property
    def trust_(self) -> float:
        """Which share of the log odds is what was learned, 0 to 1; see ``prior_strength``."""
        check_is_fitted(self, "trees_")
        return trust(self.evidence_, self.prior_strength)

    def detached(self) -> SeedClassifier:
        """Return the fitted model without its features: what is stored."""
        return without_features(self)

    def _vectors(self) -> Floats:
        if self.features is None:
            raise ValueError("The model has no features: set_params(features=…) attaches them.")
        return np.asarray(self.features.load())
