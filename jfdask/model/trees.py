"""A fitted forest as three arrays: small to store, quick to load and to score with.

A forest of scikit-learn is an estimator with an estimator a tree; to write and read hundreds of
them one by one takes longer than to grow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree._tree import Tree

from jfdask.model.inputs import Floats


class Trees:
    """The trees of a fitted forest of two classes.

    Parameters
    ----------
    trees
        scikit-learn's, one or more. They are kept in the form in which its own pickles keep
        them, one after the other.

    Attributes
    ----------
    nodes_ : array, shape (n_nodes,)
        scikit-learn's node records.
    values_ : array of float64, shape (n_nodes, 1, 2)
        Share of each class in a node.
    sizes_, depths_ : array of int64, shape (n_trees,)
        Nodes of each tree, and how deep it is.
    n_features_ : int
        Columns of the rows it was fitted on.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        states = [tree.__getstate__() for tree in trees]
        self.nodes_ = without_gaps(np.concatenate([state["nodes"] for state in states]))
        self.values_ = np.concatenate([state["values"] for state in states])
        self.sizes_ = np.array([state["node_count"] for state in states], dtype=np.int64)
        self.depths_ = np.array([state["max_depth"] for state in states], dtype=np.int64)
        self.n_features_ = int(trees[0].n_features)
        self._trees: list[Tree] | None = list(trees)

    def __len__(self) -> int:
        """Return how many trees there are."""
        return len(self.sizes_)

    def __getstate__(self) -> dict[str, Any]:
        """Return the arrays: the trees are made of them again when they are needed."""
        return {name: value for name, value in vars(self).items() if name != "_trees"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the arrays."""
        vars(self).update(state)
        self._trees = None

    @property
    def trees(self) -> list[Tree]:
        """scikit-learn's trees, one each."""
        if self._trees is None:
            ends = np.cumsum(self.sizes_)
            self._trees = [
                self._tree(slice(end - size, end), depth)
                for end, size, depth in zip(ends, self.sizes_, self.depths_, strict=True)
            ]
        return self._trees

    def probability(self, rows: Floats) -> Floats:
        """Return the mean over the trees of the second class's share.

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
        single = np.ascontiguousarray(rows, dtype=np.float32)  # what trees are grown on
        total = np.zeros(len(rows))
        for tree in self.trees:
            total += tree.predict(single)[:, 1]
        return total / len(self)

    def _tree(self, part: slice, depth: int) -> Tree:
        nodes, values = self.nodes_[part], self.values_[part]
        tree = Tree(self.n_features_, np.array([2], dtype=np.intp), 1)
        state = {"max_depth": int(depth), "node_count": len(nodes)}
        tree.__setstate__({**state, "nodes": nodes, "values": values})
        return tree


def without_gaps(nodes: NDArray[Any]) -> NDArray[Any]:
    """Return the records with zeros between their fields: what lies there is any old memory."""
    clean = np.zeros(nodes.shape, nodes.dtype)
    for name in nodes.dtype.names or ():
        clean[name] = nodes[name]
    return clean
