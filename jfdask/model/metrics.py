"""How good predictions are: figures with n and an interval, beside two simple rules.

Whatever has no value, say the AUC of one class, is None: neither NaN nor a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jfdask.model.inputs import Bools, Floats

N_RESAMPLES = 1000
_LEVEL = 0.95
_WITH_INTERVAL = ("accuracy", "precision", "recall", "f1", "f1_threshold", "auc", "ap")


@dataclass(frozen=True)
class Metrics:
    """Figures of one set of predictions."""

    n: int  # predictions
    n_liked: int  # how many of them are favourites
    accuracy: float | None  # at ½
    precision: float | None
    recall: float | None
    f1: float | None
    f1_threshold: float | None  # F1 at a threshold chosen on other rows
    auc: float | None
    ap: float | None  # average precision
    log_loss: float | None
    confusion: tuple[tuple[int, int], tuple[int, int]]  # ((tn, fp), (fn, tp)) at ½
    intervals: Mapping[str, tuple[float, float]]  # 95 %, by name of the figure

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def measure(
    liked: Bools,
    score: Floats,
    *,
    predicted: Bools | None = None,
    predicted_by_threshold: Bools | None = None,
    is_probability: bool = True,
    seed: int = 0,
) -> Metrics:
    """Return the figures of predictions.

    Parameters
    ----------
    liked
        The truth, shape (n,).
    score
        The greater the likelier, shape (n,), finite.
    predicted
        The decisions; None: score ≥ ½.
    predicted_by_threshold
        The decisions at a threshold chosen on other rows; None: ``predicted``.
    is_probability
        Whether the score is one, so that a log loss means something.
    seed
        Seed of the bootstrap.
    """
    liked = np.asarray(liked, dtype=np.bool_)
    decided = score >= 0.5 if predicted is None else predicted
    tuned = decided if predicted_by_threshold is None else predicted_by_threshold
    once = _figures(liked, score, decided, tuned, np.ones((1, len(liked))))
    values = {name: _plain(figure[0]) for name, figure in once.items()}
    tp, fp = int((liked & decided).sum()), int((~liked & decided).sum())
    n_liked = int(liked.sum())
    return Metrics(
        n=len(liked),
        n_liked=n_liked,
        **values,
        log_loss=_log_loss(liked, score) if is_probability else None,
        confusion=((len(liked) - n_liked - fp, fp), (n_liked - tp, tp)),
        intervals=_intervals(liked, score, decided, tuned, seed),
    )


def always_true(liked: Bools, seed: int = 0) -> Metrics:
    """Return the figures of calling every movie a favourite."""
    everything = np.ones(len(liked), dtype=np.bool_)
    scores = np.ones(len(liked))
    return measure(liked, scores, predicted=everything, is_probability=False, seed=seed)


def by_rating(liked: Bools, rating: Floats, training_rating: Floats, seed: int = 0) -> Metrics:
    """Return the figures of CommunityRating alone.

    Parameters
    ----------
    liked, rating
        The truth, and the ratings, NaN where unknown; shape (n,).
    training_rating
        Ratings of the training plays: their median is the threshold, and stands in for what
        is unknown.
    """
    known = training_rating[np.isfinite(training_rating)]
    median = float(np.median(known)) if len(known) else 0.0
    filled = np.where(np.isfinite(rating), rating, median)
    return measure(liked, filled, predicted=filled >= median, is_probability=False, seed=seed)


def area_under_curve(liked: Bools, score: Floats) -> float | None:
    """Return the area under the ROC curve; None without both classes.

    Examples
    --------
    >>> area_under_curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    0.75
    """
    return _plain(_curves(liked, score, np.ones((1, len(liked))))[0][0])


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _log_loss(liked: Bools, probability: Floats) -> float | None:
    if not len(liked):
        return None
    tiny = np.finfo(np.float64).eps
    safe = np.clip(probability, tiny, 1 - tiny)
    return float(-np.mean(np.where(liked, np.log(safe), np.log1p(-safe))))


def _intervals(
    liked: Bools, score: Floats, decided: Bools, tuned: Bools, seed: int
) -> dict[str, tuple[float, float]]:
    """Return percentile intervals over resamples of the predictions."""
    if len(liked) < 2:
        return {}
    rng = np.random.default_rng(seed)
    share = np.full(len(liked), 1.0 / len(liked))
    weights = rng.multinomial(len(liked), share, size=N_RESAMPLES).astype(np.float64)
    found = {}
    for name, figure in _figures(liked, score, decided, tuned, weights).items():
        known = figure[np.isfinite(figure)]
        # Where half of the resamples have no value, an interval of the rest would deceive.
        if len(known) > N_RESAMPLES // 2:
            low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
            found[name] = (float(low), float(high))
    return found


def _figures(
    liked: Bools, score: Floats, decided: Bools, tuned: Bools, weights: Floats
) -> dict[str, Floats]:
    """Return each figure under each row of weights, shape (n_weightings,); NaN without value."""
    total, n_liked = weights.sum(axis=1), weights @ liked
    tp, n_decided = weights @ (liked & decided), weights @ decided
    tp_tuned, n_tuned = weights @ (liked & tuned), weights @ tuned
    auc, ap = _curves(liked, score, weights)
    accuracy = _ratio(total - n_liked - n_decided + 2 * tp, total)
    figures = (
        accuracy,
        _ratio(tp, n_decided),
        _ratio(tp, n_liked),
        _ratio(2 * tp, n_decided + n_liked),
        _ratio(2 * tp_tuned, n_tuned + n_liked),
        auc,
        ap,
    )
    return dict(zip(_WITH_INTERVAL, figures, strict=True))


def _curves(liked: Bools, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return AUC and average precision under each row of weights; equal scores are one step."""
    if not len(score):
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    hits = np.add.reduceat((weights * liked)[:, order], starts, axis=1)
    misses = np.add.reduceat((weights * ~liked)[:, order], starts, axis=1)
    n_hits, n_misses = hits.sum(axis=1), misses.sum(axis=1)
    hits_so_far, misses_so_far = hits.cumsum(axis=1), misses.cumsum(axis=1)
    beaten = (hits * (n_misses[:, None] - misses_so_far + 0.5 * misses)).sum(axis=1)
    precision = _ratio(hits_so_far, hits_so_far + misses_so_far, otherwise=0.0)
    return _ratio(beaten, n_hits * n_misses), _ratio((hits * precision).sum(axis=1), n_hits)


def _ratio(over: Floats, under: Floats, otherwise: float = np.nan) -> Floats:
    under = np.asarray(under, dtype=np.float64)
    return np.divide(over, under, out=np.full(under.shape, otherwise), where=under > 0)
