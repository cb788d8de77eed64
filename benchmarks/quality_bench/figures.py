"""A person's figures: each fold's, and their mean over the folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from jfdask.errors import DataError
from jfdask.model.calibration import Reliability, f1_threshold, reliability, together
from jfdask.model.inputs import Bools, Floats, Ints

#: Per cent of the favourites that are known in task H.
HEARTS = (0, 3, 10, 30)
METRICS = {
    "A": ("auc", "ap", "f1", "f1_threshold", "accuracy", "log_loss"),
    "B": ("ndcg@20", "recall@20", "recall@50", "hit@10"),
    "C": ("log_loss", "ndcg@20", "ndcg@20_gain", "likeness@20", "likeness@20_gain"),
    "H": tuple(f"ndcg@20 {percent}%" for percent in HEARTS),
}
#: Of these less is better.
LOSSES = ("log_loss", "likeness@20", "likeness@20_gain")

#: By name; of task C also ``bins``, rows of ``jfdask.model.calibration.Reliability``.
Figures = dict[str, Any]
# Scores closer than this are ties, which break by id: the last bits differ between machines.
_DIGITS = 9


def favorite_figures(
    liked: Sequence[Bools], scores: Sequence[Floats], *, is_probability: bool
) -> Figures:
    """Return task A's figures, from the scores of each fold's hidden plays.

    F1's second threshold is chosen on the held-out scores of the other folds; their models have
    learned from this fold, which reaches the threshold in no other way. A score that is no
    probability has no ½: it is cut where, in the other folds, as many plays lie above as there
    are favourites; it has no log loss, and is made one of 0 to 1 to choose a threshold.

    Parameters
    ----------
    liked, scores
        A pair of arrays a fold, shape (n_hidden,).
    """
    by_fold: list[dict[str, float]] = []
    for fold, (y, score) in enumerate(zip(liked, scores, strict=True)):
        others = [i for i in range(len(liked)) if i != fold]
        other_y = np.concatenate([liked[i] for i in others])
        other_score = np.concatenate([scores[i] for i in others])
        cut = 0.5 if is_probability else float(np.quantile(other_score, 1 - other_y.mean()))
        tuned = _tuned(other_y, other_score, score, is_probability=is_probability)
        figures = {
            "auc": roc_auc_score(y, score),
            "ap": average_precision_score(y, score),
            "f1": f1_score(y, score >= cut, zero_division=0.0),
            "f1_threshold": f1_score(y, tuned, zero_division=0.0),
            "accuracy": np.mean(y == (score >= cut)),
        }
        if is_probability:
            figures["log_loss"] = log_loss(y, score, labels=[False, True])
        by_fold.append(figures)
    return _means(by_fold, METRICS["A"])


def _tuned(other_y: Bools, others: Floats, score: Floats, *, is_probability: bool) -> Bools:
    """Decide by a threshold chosen on other scores, by the same rule for all methods."""
    if not is_probability:
        centre, width = others.mean(), others.std() or 1.0
        others, score = expit((others - centre) / width), expit((score - centre) / width)
    return np.asarray(score >= f1_threshold(other_y, others))


def list_figures(
    hits: Sequence[Ints], candidates: Sequence[Ints], scores: Sequence[Floats]
) -> Figures:
    """Return task B's figures, from each fold's ranking of all that is not played.

    Parameters
    ----------
    hits
        Positions of each fold's hidden favourites.
    candidates, scores
        Positions, ascending, and their scores, shape (n_candidates,).
    """
    by_fold = []
    for found, ranked, score in zip(hits, candidates, scores, strict=True):
        if not np.isfinite(score).all():
            raise DataError("A method gave a score that is no number: nothing can be ranked by it.")
        order = np.lexsort((ranked, -np.round(score, _DIGITS)))
        is_hit = np.isin(ranked[order[:50]], found)
        discount = 1.0 / np.log2(np.arange(2, 22))
        ideal = discount[: min(len(found), 20)].sum()
        by_fold.append(
            {
                "ndcg@20": float((is_hit[:20] * discount[: len(is_hit[:20])]).sum() / ideal),
                "recall@20": float(is_hit[:20].sum() / min(len(found), 20)),
                "recall@50": float(is_hit[:50].sum() / min(len(found), 50)),
                "hit@10": float(is_hit[:10].any()),
            }
        )
    return _means(by_fold, METRICS["B"])


def word_figures(
    liked: Sequence[Bools],
    hits: Sequence[Ints],
    candidates: Sequence[Ints],
    scores: Sequence[Mapping[str, Floats]],
) -> Figures:
    """Return task C's figures: of calibrated probabilities, and of lists that are varied.

    Parameters
    ----------
    liked, hits, candidates
        As of the tasks A and B.
    scores
        Of each fold: ``raw`` and ``C``, P(favourite) of the hidden plays, not calibrated and
        calibrated; ``plain`` and ``varied``, the candidates by their place in the list without
        and with diversity; ``likeness``, how alike the first 20 are in either; ``own``, rows of
        the reliability that a night tells. Without C the method has no such words.
    """
    if "C" not in scores[0]:
        return dict.fromkeys(METRICS["C"])
    truth = np.concatenate(liked)
    varied = list_figures(hits, candidates, [s["varied"] for s in scores])["ndcg@20"]
    plain = list_figures(hits, candidates, [s["plain"] for s in scores])["ndcg@20"]
    alike = np.mean([s["likeness"] for s in scores], axis=0)
    own = together(Reliability.from_rows(s["own"]) for s in scores if "own" in s)
    losses = [log_loss(y, s["C"], labels=[False, True]) for y, s in zip(liked, scores, strict=True)]
    return {
        "log_loss": float(np.mean(losses)),
        "ndcg@20": varied,
        "ndcg@20_gain": varied - plain,
        "likeness@20": float(alike[1]),
        "likeness@20_gain": float(alike[1] - alike[0]),
        "bins": {
            **{
                name: reliability(truth, np.concatenate([s[key] for s in scores])).to_rows()
                for name, key in (("scores", "raw"), ("probabilities", "C"))
            },
            "what a night measures itself": own.to_rows(),
        },
    }


def _means(by_fold: Sequence[dict[str, float]], names: Sequence[str]) -> Figures:
    return {
        name: float(np.mean([f[name] for f in by_fold])) if name in by_fold[0] else None
        for name in names
    }
