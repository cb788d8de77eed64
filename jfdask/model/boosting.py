"""Fitted gradient-boosted trees as two arrays: small to store, quick to load."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from jfdask.model.inputs import Floats
from jfdask.model.trees import without_gaps

# No column is of categories.
_NO_BITSETS = np.zeros((0, 8), dtype=np.uint32)
_NO_CATEGORIES = np.zeros(0, dtype=np.uint32)


class BoostedTrees:
    """The trees of a fitted HistGradientBoostingClassifier of two classes.

    Parameters
    ----------
    fitted
        What was fitted, on numbers alone.

    Attributes
    ----------
    nodes_ : array, shape (n_nodes,)
        scikit-learn's node records, tree after tree.
    sizes_ : array of int64, shape (n_trees,)
        Nodes of each tree.
    baseline_ : float
        The logit that the trees' values are added to.
    n_features_ : int
        Columns of the rows it was fitted on.
    """

    def __init__(self, fitted: HistGradientBoostingClassifier) -> None:
        nodes = [predictor.nodes for [predictor] in fitted._predictors]
        self.nodes_: NDArray[Any] = without_gaps(np.concatenate(nodes))
        self.sizes_ = np.array([len(tree) for tree in nodes], dtype=np.int64)
        self.baseline_ = float(np.ravel(fitted._baseline_prediction)[0])
        self.n_features_ = int(fitted.n_features_in_)

    def __len__(self) -> int:
        """Return how many trees there are."""
        return len(self.sizes_)

    def probability(self, rows: NDArray[Any]) -> Floats:
        """Return the second class's probability.

        Parameters
        ----------
        rows
            Shape (n, n_features_); NaN where a number is missing.

        Returns
        -------
        Floats
            Shape (n,).
        """
        if rows.shape[1] != self.n_features_:
            raise ValueError(f"{rows.shape[1]} columns, but {self.n_features_} were learned from.")
        double = np.ascontiguousarray(rows, dtype=np.float64)
        total = np.full(len(rows), self.baseline_)
        for nodes in np.split(self.nodes_, np.cumsum(self.sizes_)[:-1]):
            tree = TreePredictor(nodes, _NO_BITSETS, _NO_BITSETS)
            total += tree.predict(double, _NO_BITSETS, _NO_CATEGORIES, 1)
        return np.asarray(expit(total))
