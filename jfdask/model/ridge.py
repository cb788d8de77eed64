"""Kernel ridge of a person's plays, and of the plays outside each fold, from one inverse.

With G = (K + λI)⁻¹ of all plays, H a fold's plays and y the residuals of all others, 0 in H,
the weights of a ridge regression on the others alone are

    a = G y - G_·H (G_HH)⁻¹ (G y)_H

(the inverse of a block by the blocks of the inverse). So n plays are factorised once, however
many folds and repetitions there are.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, get_lapack_funcs

from jfdask.model.catalogue import Catalogue
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.kernel import own_kernel
from jfdask.model.memo import Memo, digest

# Forests' repetitions, P(played), the list and its reasons ask for the same plays.
_memo = Memo(max_bytes=80 * 2**20)


def ridge_inverse(catalogue: Catalogue, positions: Ints, penalty: float) -> Floats:
    """Return (K + λI)⁻¹ of the kernel K between movies, shape (n, n), read-only.

    Parameters
    ----------
    positions
        The movies, shape (n,).
    penalty
        λ, above 0.
    """

    def compute() -> Floats:
        lifted = own_kernel(catalogue, positions).copy()
        lifted[np.diag_indices_from(lifted)] += penalty
        return _inverse(lifted)

    return _memo.recall(catalogue, digest("inverse", positions, penalty), compute)


def ridge_of_groups(inverse: Floats, residuals: Floats, members: Bools) -> Floats:
    """Return the ridge weights of each group of plays, shape (n, n_groups); 0 outside of it.

    Parameters
    ----------
    inverse
        ``ridge_inverse`` of all plays.
    residuals
        What is to be explained, shape (n, n_groups); 0 outside of the group.
    members
        Which plays are in which group, shape (n, n_groups).
    """
    weights = inverse @ residuals
    for group, inside in enumerate(members.T):
        left = np.flatnonzero(~inside)
        if len(left):
            columns = inverse[:, left]
            weights[:, group] -= columns @ np.linalg.solve(columns[left], weights[left, group])
    return np.where(members, weights, 0.0)


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric positive definite matrix: half the work of any other's."""
    if not len(matrix):
        return matrix
    factor = cholesky(matrix, lower=True, overwrite_a=True)
    (invert,) = get_lapack_funcs(("potri",), (factor,))
    below, _ = invert(factor, lower=1)
    return np.asarray(np.tril(below) + np.tril(below, -1).T, dtype=np.float64)
