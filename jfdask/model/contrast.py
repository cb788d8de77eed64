"""Kernel ridge of plays against movies left: what resembles what a person picks.

With K the kernel between movies (``jfdask.model.kernel``), y 1 for plays and 0 for a sample of
movies left, the score is K(x, ·) a + ȳ, a = (K + λI)⁻¹ (y - ȳ). The sample is part of what is
to be ranked, and a movie's own 0 would hold it down: its score is the one that the ridge gives
without it, y_i - a_i / ((K + λI)⁻¹)_ii (Rasmussen and Williams 2006, equation 5.12).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, get_lapack_funcs

from jfdask.model.catalogue import Catalogue
from jfdask.model.inputs import Floats, Ints
from jfdask.model.kernel import CHUNK, own_kernel, similarity

PENALTY = 3.0


@dataclass(frozen=True, eq=False)
class ContrastRidge:
    """What is learned of plays and of a sample of movies left, in this order."""

    weights: Floats  # (n_plays + n_left,) a
    share: float  # ȳ: plays among both
    left_scores: Floats  # (n_left,) each one's score without itself


def contrast_ridge(catalogue: Catalogue, plays: Ints, left: Ints) -> ContrastRidge:
    """Fit the ridge.

    Parameters
    ----------
    plays, left
        Positions, shapes (n_plays,) and (n_left,), disjoint.
    """
    n_plays, n_left = len(plays), len(left)
    lifted = _kernel(catalogue, plays, left)
    lifted[np.diag_indices_from(lifted)] += PENALTY
    labels = np.r_[np.ones(n_plays), np.zeros(n_left)]
    share = n_plays / len(labels)
    factor = cholesky(lifted, lower=True, overwrite_a=True)
    weights = np.asarray(cho_solve((factor, True), labels - share), dtype=np.float64)
    # The diagonal of (K + λI)⁻¹ = (L⁻¹)ᵀ L⁻¹; L⁻¹ is triangular, so that of the movies left
    # needs the corner of L alone that is theirs.
    corner = factor[n_plays:, n_plays:]
    (invert,) = get_lapack_funcs(("trtri",), (corner,))
    inverse, _ = invert(corner, lower=1)
    diagonal = np.einsum("ij,ij->j", inverse, inverse)
    return ContrastRidge(weights, share, -weights[n_plays:] / diagonal)


def _kernel(catalogue: Catalogue, plays: Ints, left: Ints) -> Floats:
    references, n_plays = np.r_[plays, left], len(plays)
    kernel = np.empty((len(references), len(references)))
    kernel[:n_plays, :n_plays] = own_kernel(catalogue, plays)
    for start in range(0, len(left), CHUNK):
        rows = slice(start, start + CHUNK)
        kernel[n_plays:][rows] = similarity(catalogue, left[rows], references).kernel
    kernel[:n_plays, n_plays:] = kernel[n_plays:, :n_plays].T
    return kernel
