"""What moved the scores of gradient-boosted trees: the ways of rows through them.

As in `jfdask.model.tree_paths`, each step along a row's way belongs to the column that was asked
there (Saabas 2014). A node's value is the mean of its leaves', by the rows it was grown on. The
trees' values add up to a logit, and so do the steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jfdask.model.boosting import BoostedTrees
from jfdask.model.inputs import Floats, Ints


def boosted_contributions(
    trees: BoostedTrees, rows: NDArray[np.floating], group_of_column: Ints, n_groups: int
) -> tuple[float, Floats]:
    """Return the logit at the roots, and what each group of columns moved.

    Parameters
    ----------
    trees
        Of two classes.
    rows
        Shape (n, n_features); NaN where a number is missing.
    group_of_column
        Shape (n_features,), 0 to n_groups - 1.

    Returns
    -------
    float, Floats
        The groups' shape is (n, n_groups); base + their sum is the logit of the second class's
        probability.
    """
    starts = np.cumsum(trees.sizes_) - trees.sizes_
    first = np.repeat(starts, trees.sizes_)
    left = first + trees.nodes_["left"].astype(np.int64)
    right = first + trees.nodes_["right"].astype(np.int64)
    levels = _levels(trees, starts, left, right)
    values = _means(trees, levels, left, right)
    moved = np.zeros((len(values), n_groups))
    for level in levels:
        inner = level[trees.nodes_["is_leaf"][level] == 0]
        group = group_of_column[trees.nodes_["feature_idx"][inner]]
        for child in (left[inner], right[inner]):
            moved[child] = moved[inner]
            moved[child, group] += values[child] - values[inner]
    leaves = _leaves(trees, starts, left, right, np.asarray(rows, dtype=np.float64))
    total = np.zeros((len(rows), n_groups))
    for of_tree in leaves.T:
        total += moved[of_tree]
    return trees.baseline_ + float(values[starts].sum()), total


def _levels(trees: BoostedTrees, starts: Ints, left: Ints, right: Ints) -> list[Ints]:
    """Return the nodes of all trees, the roots first."""
    levels = [starts]
    while True:
        inner = levels[-1][trees.nodes_["is_leaf"][levels[-1]] == 0]
        if not len(inner):
            return levels
        levels.append(np.r_[left[inner], right[inner]])


def _means(trees: BoostedTrees, levels: list[Ints], left: Ints, right: Ints) -> Floats:
    """Return each node's value, a leaf's own or the mean of those below, shape (n_nodes,)."""
    values = trees.nodes_["value"].astype(np.float64)
    counts = trees.nodes_["count"].astype(np.float64)
    for level in reversed(levels):
        inner = level[trees.nodes_["is_leaf"][level] == 0]
        below = (left[inner], right[inner])
        weight = sum(counts[child] for child in below)
        values[inner] = sum(counts[child] * values[child] for child in below) / weight
    return values


def _leaves(trees: BoostedTrees, starts: Ints, left: Ints, right: Ints, rows: Floats) -> Ints:
    """Return the leaf of each row in each tree, shape (n, n_trees)."""
    nodes = trees.nodes_
    at = np.tile(starts, (len(rows), 1))
    while True:
        inner = nodes["is_leaf"][at] == 0
        if not inner.any():
            return at
        row, node = np.nonzero(inner)[0], at[inner]
        value = rows[row, nodes["feature_idx"][node]]
        to_left = np.where(
            np.isnan(value),
            nodes["missing_go_to_left"][node] != 0,
            value <= nodes["num_threshold"][node],
        )
        at[inner] = np.where(to_left, left[node], right[node])
