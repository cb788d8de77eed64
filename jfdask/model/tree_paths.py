"""What moved a forest's scores: the ways of rows through its trees.

Along a row's way through a tree, each step from a node's mean to the next one's belongs to the
column that was asked there (Saabas 2014; the same as in the package treeinterpreter). It depends
on the leaf alone, so it is summed up once a node.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    n_trees = sum(len(forest) for forest in forests)
    base, moved = 0.0, np.zeros((len(rows), n_groups))
    for forest in forests:
        starts = np.cumsum(forest.sizes_) - forest.sizes_
        probability, by_node = _of_nodes(forest, starts, group_of_column, n_groups)
        base += float(probability[starts].sum()) / n_trees
        for start, tree in zip(starts, forest.trees, strict=True):
            moved += by_node[start + tree.apply(single)]
    return base, moved / n_trees


def _of_nodes(
    forest: Trees, starts: Ints, group_of_column: Ints, n_groups: int
) -> tuple[Floats, Floats]:
    """Return each node's probability, and what the way to it moved, (n_nodes, n_groups).

    Level by level, through all trees at once.
    """
    nodes, counts = forest.nodes_, forest.values_[:, 0, :]
    first = np.repeat(starts, forest.sizes_)
    left, right = first + nodes["left_child"], first + nodes["right_child"]
    probability = counts[:, 1] / counts.sum(axis=1)
    moved = np.zeros((len(nodes), n_groups))
    level = starts
    while len(level := level[nodes["left_child"][level] >= 0]):
        group = group_of_column[nodes["feature"][level]]
        for child in (left[level], right[level]):
            moved[child] = moved[level]
            moved[child, group] += probability[child] - probability[level]
        level = np.r_[left[level], right[level]]
    return probability, moved
