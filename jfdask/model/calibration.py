"""Probabilities that mean what they say: Platt scaling, and how far to trust it.

A model's score s becomes 1 / (1 + exp(-(a + b·logit s))), with a and b by maximum a posteriori
from scores that were predicted without having seen their labels (Platt 1999). The prior is a
normal one round the mean of several hundred people, so that somebody with few plays is treated
as everybody, and somebody with many as herself. The order of movies stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from jfdask.model.forest import clipped
from jfdask.model.inputs import Bools, Floats, Ints

N_BINS = 15
# Most people's: blends of forests and ridge are a little too timid. People differ in how often
# they mark favourites more than in how timid their model is.
_INTERCEPT, _SLOPE = 0.0, 1.2
_PRECISION = np.array([5.0, 50.0])  # 1 / variance of intercept and slope among people
_MOST_STEPS, _CLOSE = 50, 1e-10


@dataclass(frozen=True)
class Calibration:
    """How a person's scores become probabilities."""

    intercept: float = _INTERCEPT
    slope: float = _SLOPE  # 0 or more: the order stays

    def apply(self, score: Floats) -> Floats:
        """Return probabilities of scores, shape (n,), within [.001, .999]."""
        return clipped(expit(self.intercept + self.slope * logit(clipped(score))))

    def shifted(self, log_odds: float) -> Calibration:
        """Return the calibration where movies are liked more often, by so much.

        Scores that were calibrated on one share of liked movies tell of another (Elkan 2001,
        *The foundations of cost-sensitive learning*).
        """
        return Calibration(self.intercept + log_odds, self.slope)

    def to_dict(self) -> dict[str, float]:
        """Return plain values for JSON."""
        return {"intercept": self.intercept, "slope": self.slope}


def fit_calibration(liked: Bools, score: Floats) -> Calibration:
    """Return the calibration of scores; without any it is that of most people.

    Parameters
    ----------
    liked
        The truth, shape (n,).
    score
        Between 0 and 1, shape (n,); each predicted without its own label.

    Examples
    --------
    >>> modest = np.repeat([0.4, 0.6], 200)
    >>> fitted = fit_calibration(modest > 0.5, modest)
    >>> fitted.apply(np.array([0.4, 0.6])).round(2)
    array([0.29, 0.71])
    """
    x = np.column_stack([np.ones(len(score)), logit(clipped(np.asarray(score, dtype=np.float64)))])
    intercept, slope = _most_likely(x, liked)
    if slope < 0:  # scores that mislead say nothing
        intercept, slope = _most_likely(x * [1.0, 0.0], liked)[0], 0.0
    return Calibration(float(intercept), float(slope))


def _most_likely(x: Floats, liked: Bools) -> Floats:
    """Return intercept and slope, by Newton's method; what is minimised is strictly convex."""
    prior = np.array([_INTERCEPT, _SLOPE])
    sign = np.where(liked, 1.0, -1.0)

    def loss(at: Floats) -> float:
        penalty = 0.5 * (_PRECISION * (at - prior) ** 2).sum()
        return float(np.logaddexp(0.0, -sign * (x @ at)).sum() + penalty)

    at = prior
    for _ in range(_MOST_STEPS):
        p = expit(x @ at)
        gradient = x.T @ (p - liked) + _PRECISION * (at - prior)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(_PRECISION)
        step = np.linalg.solve(curvature, gradient)
        while loss(at - step) > loss(at) + _CLOSE:
            step = step / 2
        at = at - step
        if np.abs(step).max() < _CLOSE:
            break
    return np.asarray(at, dtype=np.float64)


def f1_threshold(liked: Bools, score: Floats) -> float:
    """Return the score from which on calling movies favourites promises the best F1.

    With calibrated probabilities p the k likeliest movies promise 2 Σp / (k + Σ of all p), the
    first sum over these k (Lipton, Elkan and Naryanaswamy 2014). What was best by chance
    for these very labels is another threshold, and a worse one for others.

    Parameters
    ----------
    liked, score
        As for ``fit_calibration``.

    Returns
    -------
    float
        Half-way to the next lower score; ½ without favourites.

    Examples
    --------
    >>> score = np.repeat([0.2, 0.6, 0.9], 100)
    >>> f1_threshold(score > 0.5, score)
    0.4
    """
    if not liked.any():
        return 0.5
    ranked = np.sort(np.asarray(score, dtype=np.float64))[::-1]
    p = fit_calibration(liked, score).apply(ranked)
    promised = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
    is_last = np.r_[ranked[1:] < ranked[:-1], True]
    best = int(np.argmax(np.where(is_last, promised, -1.0)))
    below = ranked[min(best + 1, len(ranked) - 1)]
    return float((ranked[best] + below) / 2)


def cross_calibrated(liked: Bools, score: Floats, folds: Ints, log_odds: float = 0.0) -> Floats:
    """Return the probabilities of each fold by the calibration of the others, shape (n,).

    Parameters
    ----------
    log_odds
        See ``Calibration.shifted``.
    """
    result = np.empty(len(score))
    for fold in np.unique(folds):
        inside = folds == fold
        by_others = fit_calibration(liked[~inside], score[~inside]).shifted(log_odds)
        result[inside] = by_others.apply(score[inside])
    return result


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predictions in 15 bins of equal width, of one person or of many."""

    n: Ints  # (15,) predictions
    probability: Floats  # (15,) their sum
    n_liked: Ints  # (15,)

    @property
    def error(self) -> float | None:
        """Expected calibration error (Naeini, Cooper and Hauskrecht 2015); None without any.

        It is the mean over predictions of |mean probability - share liked| of their bin. A
        person's own is mostly noise: 100 predictions that are perfectly calibrated show .10.
        """
        total = int(self.n.sum())
        return float(np.abs(self.probability - self.n_liked).sum() / total) if total else None

    def to_rows(self) -> list[list[float]]:
        """Return predictions, sum of probabilities and number liked of each bin."""
        return [list(row) for row in zip(*(c.tolist() for c in self._columns), strict=True)]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]]) -> Reliability:
        """Return what ``to_rows`` was called on."""
        n, probability, n_liked = np.array(rows, dtype=np.float64).T
        return cls(n.astype(np.int64), probability, n_liked.astype(np.int64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        bins = [
            {
                "from": i / N_BINS,
                "to": (i + 1) / N_BINS,
                "n": n,
                "mean_probability": total / n if n else None,
                "n_liked": n_liked,
            }
            for i, (n, total, n_liked) in enumerate(self.to_rows())
        ]
        return {"n": int(self.n.sum()), "calibration_error": self.error, "bins": bins}

    @property
    def _columns(self) -> tuple[Ints, Floats, Ints]:
        return self.n, self.probability, self.n_liked


def reliability(liked: Bools, probability: Floats, log_odds: float = 0.0) -> Reliability:
    """Return the reliability of probabilities.

    Parameters
    ----------
    liked
        The truth, shape (n,).
    probability
        What was said, 0 to 1, shape (n,), without having seen it.
    log_odds
        By how much more often movies are liked than here: what is liked counts so much more.

    Examples
    --------
    >>> said = np.array([0.5, 0.5, 0.9])
    >>> round(reliability(np.array([True, False, True]), said).error, 3)
    0.033
    """
    said = np.asarray(probability, dtype=np.float64)
    bins = np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)
    worth = np.where(liked, np.exp(log_odds), 1.0)
    worth *= len(worth) / (worth.sum() or 1.0)
    weight = np.bincount(bins, worth, minlength=N_BINS)
    n = np.rint(weight)
    whole = np.divide(n, weight, out=np.zeros(N_BINS), where=weight > 0)
    return Reliability(
        n.astype(np.int64),
        whole * np.bincount(bins, worth * said, minlength=N_BINS),
        np.rint(whole * np.bincount(bins, worth * liked, minlength=N_BINS)).astype(np.int64),
    )


def together(some: Iterable[Reliability]) -> Reliability:
    """Return the reliability of all predictions of several people together."""
    found = [*some, reliability(np.empty(0, dtype=np.bool_), np.empty(0))]
    return Reliability(
        np.sum([r.n for r in found], axis=0),
        np.sum([r.probability for r in found], axis=0),
        np.sum([r.n_liked for r in found], axis=0),
    )
