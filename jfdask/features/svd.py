"""TruncatedSVD, the part that needs no cluster: how many components, signs, projection.

U, s and V are those of Halko, Martinsson and Tropp (2011), https://arxiv.org/abs/0909.4061,
as ``dask.array.linalg.svd_compressed`` computes them: X ≈ U · diag(s) · V. For columns on very
different scales (years beside flags) it has to be called with ``iterator="QR"``: the power
iteration without it raises s to the ninth power, and whatever lies below 1/50 of the first
singular value is lost in rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

#: Components with a singular value below this share of the first are rounding, not data.
SMALLEST_SHARE = 1e-6

# Singular values this close (relative) span a space without a basis of its own.
_EQUAL = 1e-7

# Entries this close to a vector's largest count as equal to it: rounding must not choose.
_TIED = 1.0 - 1e-6


def clip_components(n_components: int, shape: tuple[int, int]) -> int:
    """Return how many components X of that shape can have: at most its rank can be.

    Examples
    --------
    >>> clip_components(430, (120, 4000))
    120
    """
    return max(0, min(n_components, *shape))


def fix_signs(V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return right vectors, (k, m) float64, with the signs that make the largest entry positive.

    Of entries equally large the first decides.

    Examples
    --------
    >>> fix_signs(np.array([[0.6, -0.8]]))
    array([[-0.6,  0.8]])
    """
    if not V.size:
        return V
    deciding = V[np.arange(len(V)), _first_largest(np.abs(V))]
    signed: NDArray[np.float64] = V * np.where(deciding < 0, -1.0, 1.0)[:, np.newaxis]
    return signed


def settle(
    s: NDArray[np.float64], V: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return s and V without what two computations of the same X need not agree on.

    Components below ``SMALLEST_SHARE`` of the first are dropped. The right vectors of equal
    singular values are turned, within the space they span, to those of a QR decomposition
    with column pivoting. Signs are fixed. Which vectors there are of equal values that the number
    of components cuts apart is still a matter of the computation.

    Parameters
    ----------
    s
        (k,) float64 singular values, the largest first.
    V
        (k, m) float64 right vectors.

    Returns
    -------
    s, V
        (j,) and (j, m) float64, j ≤ k. U · S of any rows is ``project(rows, V)``.

    Examples
    --------
    >>> turned = np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> s, V = settle(np.array([2.0, 2.0]), turned)
    >>> V.round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    kept = _above_rounding(s)
    s, V = s[kept], V[kept]
    if not V.size:
        return s, V
    starts = np.flatnonzero(np.r_[True, s[:-1] - s[1:] > _EQUAL * s[:-1]])
    groups = [_turned(group) for group in np.split(V, starts[1:])]
    return s, fix_signs(np.concatenate(groups))


def project(X: csr_matrix, V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return X · Vᵀ, (n, k) float64: U · S of rows that may or may not have been fitted.

    Parameters
    ----------
    X
        (n, m) float64.
    V
        (k, m) float64 right vectors, signs fixed.
    """
    projected: NDArray[np.float64] = np.asarray(X @ V.T)
    return projected


def _above_rounding(s: NDArray[np.float64]) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = s > SMALLEST_SHARE * s.max(initial=0.0)
    return above


def _first_largest(sizes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return each row's first entry that is as large as its largest, but for rounding."""
    return np.argmax(sizes >= _TIED * sizes.max(axis=1, keepdims=True), axis=1)


def _turned(group: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the one basis of the space of orthonormal rows that ``settle`` describes."""
    if len(group) == 1:
        return group
    turned = np.empty_like(group)
    left = group
    for i in range(len(group)):
        pivot = _first_largest(np.linalg.norm(left, axis=0)[np.newaxis])[0]
        weights = left[:, pivot] / np.linalg.norm(left[:, pivot])
        turned[i] = weights @ left
        left = left - np.outer(weights, turned[i])
    return turned
