"""How good a person's model is: on plays held out, and out of fold on the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.base import clone

from jfdask.errors import NotEnoughPlays
from jfdask.model.calibration import (
    Calibration,
    Reliability,
    cross_calibrated,
    f1_threshold,
    fit_calibration,
    reliability,
)
from jfdask.model.catalogue import ITEM_COLUMNS, Catalogue
from jfdask.model.history import History
from jfdask.model.holdout import folds_of, is_held_out, stable_seed
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.metrics import Metrics, always_true, by_rating, measure

_RATING = ITEM_COLUMNS.index("numbers__community_rating")


@dataclass(frozen=True, eq=False)
class Validation:
    """How good a model is, and how its scores become probabilities."""

    #: held_out, out_of_fold -> model or rule -> figures; of scores, before they are calibrated
    metrics: Mapping[str, Mapping[str, Metrics]] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)  # from all plays, none seen
    reliability: Reliability | None = None  # of probabilities, each by other plays' calibration


def validate(
    history: History,
    catalogue: Catalogue,
    model: Any,
    *,
    held_out: float,
    n_folds: int,
    random_state: int,
) -> Validation:
    """Return ``held_out`` and ``out_of_fold`` figures of a model, beside two simple rules.

    No search has seen the held-out plays; their model is fitted on all others. Out of fold,
    the affinities' rows are made once instead of several times, for time, and scores of several
    models are put into one order, each of which knows the labels that the others were asked for:
    those figures are a trifle low. So are those of a pool that has not seen her, as the crowd of
    the rows that it learns from is a fourth smaller, or too small to tell anything. Nothing is
    measured if the plays not held out have fewer than two of either class, or the labels outside
    of a fold are all the same. Of more than ``MOST_PLAYS`` plays figures are of those that are
    learned from; calibration and reliability are of all.

    Parameters
    ----------
    history
        Hers, all of it.
    model
        An estimator over positions, its features attached; it is not changed.
    held_out
        Share of plays held out.
    """
    whole, history = history, history.thinned(catalogue.movie_ids)
    ids = catalogue.movie_ids[history.played]
    hidden = is_held_out(history.user_id, ids, held_out)
    seen = history.without(hidden)
    if min(seen.n_liked, len(seen.played) - seen.n_liked) < 2:
        return Validation()
    # Of what is learned from another share is liked than of all.
    log_odds = float(logit(whole.liked.mean()) - logit(history.liked.mean()))
    seed = stable_seed(f"bootstrap of {history.user_id}", random_state)
    try:
        score, folds = _out_of_fold(seen, catalogue, model, n_folds)
    except NotEnoughPlays:
        return Validation()
    tuned = _by_other_folds(seen.liked, score, folds)
    rating = catalogue.items[:, _RATING]
    training = rating[seen.played]
    probability = cross_calibrated(seen.liked, score, folds, log_odds)
    figures = {"out_of_fold": _beside_rules(seen.liked, score, tuned, training, training, seed)}
    query = history.played[hidden]
    if len(query):
        fitted = _fitted(clone(model), seen)
        hidden_score = fitted.predict_proba(query)[:, 1]
        tuned = hidden_score >= f1_threshold(seen.liked, score)
        figures["held_out"] = _beside_rules(
            history.liked[hidden], hidden_score, tuned, rating[query], training, seed
        )
        by_others = fit_calibration(seen.liked, score).shifted(log_odds)
        probability = np.r_[probability, by_others.apply(hidden_score)]
        score = np.r_[score, hidden_score]
    liked = np.r_[seen.liked, history.liked[hidden]]
    return Validation(
        figures,
        fit_calibration(liked, score).shifted(log_odds),
        reliability(liked, probability, log_odds),
    )


def _out_of_fold(
    seen: History, catalogue: Catalogue, model: Any, n_folds: int
) -> tuple[Floats, Ints]:
    ids = catalogue.movie_ids[seen.played]
    folds = folds_of(f"figures of {seen.user_id}", ids, seen.liked, n_folds)
    once = dict.fromkeys((n for n in model.get_params() if n.endswith("repetitions")), 1)
    scores = np.zeros(len(folds))
    for fold in np.unique(folds):
        inside = folds == fold
        fitted = _fitted(clone(model).set_params(**once), seen.without(inside))
        scores[inside] = fitted.predict_proba(seen.played[inside])[:, 1]
    return scores, folds


def _fitted(model: Any, history: History) -> Any:
    taste = history.taste
    return model.fit(taste.positions, taste.liked, sample_weight=taste.weight)


def _by_other_folds(liked: Bools, score: Floats, folds: Ints) -> Bools:
    """Decide each play by the threshold that is best for the other folds."""
    decided = np.zeros(len(liked), dtype=np.bool_)
    for fold in np.unique(folds):
        inside = folds == fold
        decided[inside] = score[inside] >= f1_threshold(liked[~inside], score[~inside])
    return decided


def _beside_rules(
    liked: Bools, score: Floats, tuned: Bools, rating: Floats, training: Floats, seed: int
) -> dict[str, Metrics]:
    return {
        "model": measure(liked, score, predicted_by_threshold=tuned, seed=seed),
        "always_true": always_true(liked, seed),
        "community_rating": by_rating(liked, rating, training, seed),
    }
