"""Random forests grown as scikit-learn grows them, without an estimator a tree.

``RandomForestClassifier.fit`` makes an estimator of each tree, copies its parameters one by one,
and looks at labels and weights again: a millisecond or two a tree, which for a person with some
hundred plays takes longer than to grow it. Here scikit-learn's own builder is given the same
rows, weights and seeds at once, so that the trees are the same, bit for bit.
"""

from __future__ import annotations

from math import ceil
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree._classes import CRITERIA_CLF
from sklearn.tree._splitter import BestSplitter
from sklearn.tree._tree import DepthFirstTreeBuilder, Tree
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from jfdask.model.inputs import Bools, Floats

_GREATEST = np.iinfo(np.int32).max
_N_CLASSES = np.array([2], dtype=np.intp)
#: Settings of a forest that are heeded here; all others must be scikit-learn's defaults.
_HEEDED = frozenset(
    {
        "bootstrap",
        "class_weight",
        "criterion",
        "max_depth",
        "max_features",
        "min_samples_leaf",
        "min_samples_split",
        "n_estimators",
        "n_jobs",
        "random_state",
    }
)


def grown(
    forest: RandomForestClassifier, X: Floats, y: ArrayLike, sample_weight: Floats | None = None
) -> list[Tree]:
    """Return the trees that ``forest.fit(X, y, sample_weight)`` would have.

    Parameters
    ----------
    forest
        Unfitted, and left so.
    X
        Rows, shape (n, n_columns); NaN where a number is missing.
    y
        Of the second class or not, shape (n,); both are there.
    sample_weight
        Shape (n,); None: all the same.

    Raises
    ------
    ValueError
        The forest has a setting that is not heeded here, X is infinite somewhere, or y has one
        class alone.
    """
    _check(forest)
    # A split reads one column of some rows: the numbers of a column lie side by side.
    rows = np.asfortranarray(X, dtype=np.float32)
    second = np.asarray(y, dtype=np.bool_)
    if second.all() or not second.any():
        raise ValueError("A forest of two classes was given rows of one.")
    if np.isinf(rows).any():
        raise ValueError("A forest cannot be grown on infinite numbers.")
    unknown = np.isnan(rows).any(axis=0)
    missing = unknown if unknown.any() else None
    codes = second.astype(np.float64).reshape(-1, 1)
    weight = _weighted_by_class(forest, second, sample_weight)
    seeds = check_random_state(forest.random_state).randint(_GREATEST, size=forest.n_estimators)
    random = np.random.RandomState(0)
    builder = _builder(forest, rows.shape, random)
    trees = []
    for seed in seeds.tolist():
        tree, own = Tree(rows.shape[1], _N_CLASSES, 1), weight
        if forest.bootstrap:
            random.seed(seed)
            own = _drawn(forest, second, weight, random)
        # scikit-learn draws rows and columns of a tree from two generators of the same seed.
        random.seed(seed)
        builder.build(tree, rows, codes, own, missing)
        trees.append(tree)
    return trees


def _check(forest: RandomForestClassifier) -> None:
    forest._validate_params()
    usual = RandomForestClassifier().get_params()
    given = forest.get_params()
    unheeded = [name for name in usual if name not in _HEEDED and given[name] != usual[name]]
    if unheeded:
        raise ValueError(f"Trees are not grown by {', '.join(unheeded)}: leave the default.")


def _builder(
    forest: RandomForestClassifier, shape: tuple[int, ...], random: np.random.RandomState
) -> DepthFirstTreeBuilder:
    n_rows, n_columns = shape
    n_leaf = _number(forest.min_samples_leaf, n_rows)
    n_split = max(2, _number(forest.min_samples_split, n_rows), 2 * n_leaf)
    depth = _GREATEST if forest.max_depth is None else forest.max_depth
    criterion = CRITERIA_CLF[forest.criterion](1, _N_CLASSES)
    n_tried = _n_tried(forest.max_features, n_columns)
    splitter = BestSplitter(criterion, n_tried, n_leaf, 0.0, random, None)
    return DepthFirstTreeBuilder(splitter, n_split, n_leaf, 0.0, depth, 0.0)


def _number(value: Any, n_rows: int) -> int:
    return int(value) if isinstance(value, Integral) else ceil(value * n_rows)


def _n_tried(max_features: Any, n_columns: int) -> int:
    if max_features is None:
        return n_columns
    if isinstance(max_features, Integral):
        return int(max_features)
    by_name = {"sqrt": np.sqrt, "log2": np.log2}
    if isinstance(max_features, str):
        return max(1, int(by_name[max_features](n_columns)))
    return max(1, int(max_features * n_columns))


def _weighted_by_class(
    forest: RandomForestClassifier, second: Bools, weight: Floats | None
) -> Floats | None:
    """Return rows' weights, with those of their class if they are the same for all trees."""
    by_class = forest.class_weight
    if by_class is None or (by_class == "balanced_subsample" and forest.bootstrap):
        return weight
    if isinstance(by_class, str):
        classes = np.array([False, True])
        given = {"classes": classes, "y": second, "sample_weight": weight}
        by_class = dict(zip(classes, compute_class_weight("balanced", **given), strict=True))
    expanded: Floats = compute_sample_weight(by_class, second)
    return expanded if weight is None else weight * expanded


def _drawn(
    forest: RandomForestClassifier,
    second: Bools,
    weight: Floats | None,
    random: np.random.RandomState,
) -> Floats:
    """Return how often each row is drawn for a tree, times the weight of its class."""
    n = len(second)
    if weight is None:
        rows = random.randint(0, n, n)
    else:
        rows = random.choice(n, n, replace=True, p=weight / np.sum(weight))
    times = np.bincount(rows, minlength=n).astype(np.float64)
    if forest.class_weight != "balanced_subsample":
        return times
    n_drawn = np.bincount(second[rows], minlength=2)
    n_classes = np.count_nonzero(n_drawn)
    # A class that was not drawn has rows of weight 0 alone.
    return times * (n / (n_classes * np.maximum(n_drawn, 1)))[second.astype(int)]
