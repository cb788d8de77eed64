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
from jfdask.model.kernel import similarity

PENALTY = 3.0
CHUNK = 1024  # rows at once: bounds memory to a few CHUNK x references arrays


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
    references = np.r_[plays, left]
    lifted = _kernel(catalogue, references)
    lifted[np.diag_indices_from(lifted)] += PENALTY
    labels = np.r_[np.ones(len(plays)), np.zeros(len(left))]
    share = len(plays) / len(references)
    factor = cholesky(lifted, lower=True, overwrite_a=True)
    weights = np.asarray(cho_solve((factor, True), labels - share), dtype=np.float64)
    (invert,) = get_lapack_funcs(("trtri",), (factor,))
    inverse = invert(factor, lower=1)[0]
    diagonal = (inverse**2).sum(axis=0)  # of (K + λI)⁻¹ = (L⁻¹)ᵀ L⁻¹
    without_itself = labels - weights / diagonal
    return ContrastRidge(weights, share, without_itself[len(plays) :])


def _kernel(catalogue: Catalogue, references: Ints) -> Floats:
    kernel = np.empty((len(references), len(references)))
    for start in range(0, len(references), CHUNK):
        rows = slice(start, start + CHUNK)
        kernel[rows] = similarity(catalogue, references[rows], references).kernel
    return kernel
