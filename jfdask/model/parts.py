"""A score taken apart: what its tokens, texts and ratings have moved, from a common base."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.special import logit

from jfdask.model.inputs import Floats

_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Parts:
    """What moved the scores of n movies, up or down; all in one unit."""

    base: float  # where a movie without parts stands
    tokens: csr_matrix  # (n, t)
    text: Floats  # (n,) likeness of the descriptions
    rating: Floats  # (n,) CommunityRating and CriticRating
    other: Floats  # (n,) length, month, how complete the metadata is, what nobody is named for

    @property
    def total(self) -> Floats:
        """The score, shape (n,)."""
        tokens = np.asarray(self.tokens.sum(axis=1), dtype=np.float64).ravel()
        return np.asarray(self.base + tokens + self.text + self.rating + self.other)

    def scaled(self, factor: float) -> Parts:
        """Return the base and the parts times a factor."""
        every = np.full(len(self.text), factor)
        return replace(self.stretched(every), base=self.base * factor)

    def stretched(self, factor: Floats) -> Parts:
        """Return each movie's parts times a factor, shape (n,); the base stays."""
        tokens = csr_matrix(diags(factor) @ self.tokens)
        return Parts(
            self.base, tokens, self.text * factor, self.rating * factor, self.other * factor
        )

    def plus(self, more: Parts) -> Parts:
        """Return the sums."""
        return Parts(
            self.base + more.base,
            csr_matrix(self.tokens + more.tokens),
            self.text + more.text,
            self.rating + more.rating,
            self.other + more.other,
        )

    def within(self, low: float, high: float) -> Parts:
        """Return parts of which the base and the sum keep to limits; none changes its sign."""
        total = self.total
        away = total - self.base
        base = float(np.clip(self.base, low, high))
        kept = np.clip(total, low, high) - base
        factor = np.divide(kept, away, out=np.ones_like(away), where=np.abs(away) > 0)
        return replace(self.stretched(factor), base=base)

    def as_logit(self) -> Parts:
        """Return the parts of the logit of a probability: by the secant from the base."""
        away, at = self.total - self.base, float(logit(self.base))
        slope = 1.0 / (self.base * (1.0 - self.base))  # where total and base are the same
        factor = np.divide(
            logit(self.total) - at,
            away,
            out=np.full_like(away, slope),
            where=np.abs(away) > _SAME,
        )
        return replace(self.stretched(factor), base=at)
