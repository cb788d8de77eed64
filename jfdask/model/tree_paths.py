"""What moved a forest's scores: the ways of rows through its trees.

Along a row's way through a tree, each step from a node's mean to the next one's belongs to the
column that was asked there (Saabas 2014; the same as in the package treeinterpreter). It depends
on the leaf alone, so it is summed up once a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jfdask.model.inputs import Floats, Ints
from jfdask.model.trees import Trees


def forest_contributions(
    forests: Sequence[Trees], rows: Floats, group_of_column: Ints, n_groups: int
) -> tuple[float, Floats]:
    """Return the mean probability at the roots, and what each group of columns moved.

    Parameters
    ----------
    forests
        Of as many trees each.
    rows
        Shape (n, n_columns).
    group_of_column
        Shape (n_columns,), 0 to n_groups - 1.

    Returns
    -------
    float, Floats
        The groups' shape is (n, n_groups); base + their sum is the mean of the forests'
        probabilities of the second class.
    """
    single = np.ascontiguousarray(rows, dtype=np.float32)  # what trees are grown on
    base, moved = 0.0, np.zeros((len(rows), n_groups))
    trees = [tree for forest in forests for tree in forest.trees]
    for tree in trees:
        at_root, by_node = _of_tree(tree, group_of_column, n_groups)
        base += at_root / len(trees)
        moved += by_node[tree.apply(single)] / len(trees)
    return base, moved


def _of_tree(tree: Any, group_of_column: Ints, n_groups: int) -> tuple[float, Floats]:
    """Return the root's probability, and what the way to each node moved, (n_nodes, n_groups)."""
    counts = tree.value[:, 0, :]
    probability = counts[:, 1] / counts.sum(axis=1)
    moved = np.zeros((tree.node_count, n_groups))
    level = np.array([0])
    while len(level := level[tree.children_left[level] >= 0]):
        group = group_of_column[tree.feature[level]]
        for child in (tree.children_left[level], tree.children_right[level]):
            moved[child] = moved[level]
            moved[child, group] += probability[child] - probability[level]
        level = np.r_[tree.children_left[level], tree.children_right[level]]
    return float(probability[0]), moved
