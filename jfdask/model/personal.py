"""One person's night: learn from her history, measure it, make her list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from jfdask.errors import NotEnoughPlays, StaleModel
from jfdask.model.calibration import Calibration, Reliability
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.contributions import favorite_parts, played_parts
from jfdask.model.facts import Facts
from jfdask.model.fallback import newcomer_reasons, newcomer_scores
from jfdask.model.forest import AffinityClassifier, clipped
from jfdask.model.history import History
from jfdask.model.holdout import stable_seed
from jfdask.model.inputs import Features, Floats, InMemory, Ints
from jfdask.model.metrics import Metrics
from jfdask.model.parts import Parts
from jfdask.model.played import PlayedClassifier
from jfdask.model.ranking import DIVERSITY, candidates_of, rank
from jfdask.model.reasons import Reason, evidence_of, explain
from jfdask.model.seed import SeedClassifier
from jfdask.model.validation import validate
from jfdask.tables import RECOMMENDATIONS

Method = Literal["affinity", "seed"]
Kind = Literal["affinity", "seed", "played-only", "newcomer"]

#: Plays from which on P(played) is learned.
MIN_PLAYS = 5

SCORE_MEANINGS: Mapping[Kind, str] = {
    "affinity": "0 to 1, for the order alone: how much like what gets played, and gets loved",
    "seed": "0 to 1, for the order alone: how much like what gets loved, by the original method",
    "played-only": "0 to 1, for the order alone: how much like what gets played",
    "newcomer": "mean rating out of 10, shrunk to the library's mean; well-known films a little up",
}


@dataclass(frozen=True)
class LearnOptions:
    """How a person's taste is learned."""

    method: Method = "affinity"
    params: Mapping[str, Any] = field(default_factory=dict)  # of the classifier, by a search
    min_favorites: int = 10  # favourites, and plays that are none, that P(favourite) needs
    held_out: float = 0.2  # share of plays that the held-out figures are measured on
    n_folds: int = 5
    random_state: int = 42


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of a person, and how good it is."""

    user_id: str
    kind: Kind
    notice: str | None  # why it is not more, for the person
    favorite: AffinityClassifier | SeedClassifier | None  # with features attached
    played: PlayedClassifier | None
    metrics: Mapping[str, Mapping[str, Metrics]]  # out_of_fold, held_out -> method -> figures
    calibration: Calibration | None = None  # of P(favourite); None: not measured
    reliability: Reliability | None = None  # of the calibrated P(favourite)


def learn(
    history: History,
    features: Features,
    options: LearnOptions,
    *,
    vectors: Floats | None = None,
) -> Learned:
    """Learn what a person likes and plays, and measure how well.

    Parameters are ``fit``'s. The models are fitted on all her plays.
    """
    learned = fit(history, features, options, vectors=vectors)
    if learned.favorite is None:
        return learned
    measured = validate(
        history,
        catalogue_of(features),
        learned.favorite,
        held_out=options.held_out,
        n_folds=options.n_folds,
        random_state=options.random_state,
    )
    return replace(
        learned,
        metrics=measured.metrics,
        calibration=measured.calibration,
        reliability=measured.reliability,
    )


def fit(
    history: History,
    features: Features,
    options: LearnOptions,
    *,
    vectors: Floats | None = None,
) -> Learned:
    """Learn what a person likes and plays, without measuring it.

    Parameters
    ----------
    history
        Hers.
    features
        The catalogue's label-free features.
    options
        Plain values.
    vectors
        U·S of the SVD, shape (n_movies, n_components): needed by the method seed.

    Raises
    ------
    ValueError
        The method is seed, and there are no vectors.
    """
    if options.method == "seed" and vectors is None:
        raise ValueError("The method seed learns from the SVD's vectors: give vectors.")
    n_other = len(history.played) - history.n_liked
    enough = min(history.n_liked, n_other) >= max(options.min_favorites, 2)
    if not enough:
        played = _fit_played(history, features, options)
        kind: Kind = "played-only" if played else "newcomer"
        notice = _notice(history, n_other, options.min_favorites, kind)
        return Learned(history.user_id, kind, notice, None, played, {})
    source = InMemory(vectors if options.method == "seed" else features)
    model = new_classifier(options).set_params(features=source)
    model.fit(history.played, history.liked)
    played = _fit_played(history, features, options) if options.method == "affinity" else None
    return Learned(history.user_id, options.method, None, model, played, {})


def renew(learned: Learned, history: History) -> Learned | None:
    """Return what was learned on an earlier night, of tonight's plays; None: learn it anew.

    Its forests stay, and its figures: see ``AffinityClassifier.renewed``.

    Parameters
    ----------
    learned
        With models whose features are tonight's.
    """
    n_other = len(history.played) - history.n_liked
    if not isinstance(learned.favorite, AffinityClassifier) or learned.played is None:
        return None
    if not history.n_liked or not n_other:
        return None
    plays = history.played, history.liked
    try:
        favorite = learned.favorite.renewed(*plays)
        played = learned.played.renewed(*plays, others=history.unplayed)
    except (StaleModel, NotEnoughPlays):
        return None
    return replace(learned, favorite=favorite, played=played)


def recommend(
    learned: Learned,
    history: History,
    features: Features,
    facts: Facts,
    *,
    max_per_collection: int = 2,
    n_reasons: int = 3,
    diversity: float = DIVERSITY,
) -> tuple[pd.DataFrame, str]:
    """Return a person's list, all candidates of it, and what its score means.

    Parameters
    ----------
    learned
        What ``learn`` returned; models read from a store need their features attached.
    max_per_collection
        Movies of one collection in the first ten.
    n_reasons
        Reasons a movie at most.
    diversity
        Weight, 0 to 1, of being unlike what stands before; 0: the order is the score's.

    Returns
    -------
    RECOMMENDATIONS, str
    """
    catalogue = catalogue_of(features)
    candidates = candidates_of(history, facts)
    scores = score_movies(learned, catalogue, facts, candidates)
    order = rank(catalogue, candidates, scores, facts, max_per_collection, diversity)
    chance = favorite_chance(learned, candidates)
    parts = score_parts(learned, catalogue, candidates)
    candidates, scores, chance = candidates[order], scores[order], chance[order]
    if learned.kind == "newcomer":
        reasons = newcomer_reasons(candidates, facts)
    else:
        evidence = evidence_of(catalogue, history)
        ordered = parts and parts.of(order)
        reasons = explain(catalogue, facts, evidence, candidates, n_reasons, ordered)
    frame = _frame(history, facts, candidates, scores, chance, reasons)
    return frame, SCORE_MEANINGS[learned.kind]


def score_movies(learned: Learned, catalogue: Catalogue, facts: Facts, candidates: Ints) -> Floats:
    """Return what movies are ranked by, the greater the better; see ``SCORE_MEANINGS``.

    Parameters
    ----------
    candidates
        Positions that the person has not played, shape (n,).

    Returns
    -------
    Floats
        Shape (n,).
    """
    if learned.kind == "newcomer":
        return newcomer_scores(catalogue, facts)[candidates]
    if not len(candidates):
        return np.empty(0)
    favorite = learned.favorite.predict_proba(candidates)[:, 1] if learned.favorite else None
    played = learned.played.predict_proba(candidates)[:, 1] if learned.played else None
    if favorite is None or played is None:
        return np.asarray(played if favorite is None else favorite)
    # P(played) is the mean of two models' logits, and counts for both. Divided by three and
    # turned back it is a probability again: the geometric mean of the odds.
    return np.asarray(expit((2 * logit(clipped(played)) + logit(clipped(favorite))) / 3))


def favorite_chance(learned: Learned, query: Ints) -> Floats:
    """Return how likely each movie, once watched, becomes a favourite, shape (n,).

    It is the calibrated P(favourite); NaN without a model of it, or if it was never measured.
    """
    if learned.favorite is None or learned.calibration is None or not len(query):
        return np.full(len(query), np.nan)
    return learned.calibration.apply(learned.favorite.predict_proba(query)[:, 1])


def score_parts(learned: Learned, catalogue: Catalogue, candidates: Ints) -> Parts | None:
    """Return what moved the logit of ``score_movies``; None if the models cannot say.

    Parameters
    ----------
    candidates
        Positions that the person has not played, shape (n,).
    """
    if learned.kind not in ("affinity", "played-only") or not len(candidates):
        return None
    favorite = played = None
    if isinstance(learned.favorite, AffinityClassifier):
        favorite = favorite_parts(catalogue, learned.favorite, candidates)
    if learned.played is not None:
        played = played_parts(catalogue, learned.played, candidates)
    if favorite is None or played is None:
        return favorite or played
    return played.scaled(2 / 3).plus(favorite.scaled(1 / 3))


def new_classifier(options: LearnOptions) -> AffinityClassifier | SeedClassifier:
    """Return the method's unfitted classifier with the searched parameters."""
    classes = {"affinity": AffinityClassifier, "seed": SeedClassifier}
    return classes[options.method](random_state=options.random_state).set_params(**options.params)


def _fit_played(
    history: History, features: Features, options: LearnOptions
) -> PlayedClassifier | None:
    if len(history.played) < MIN_PLAYS or not len(history.unplayed):
        return None
    seed = stable_seed(f"played of {history.user_id}", options.random_state)
    model = PlayedClassifier(InMemory(features), random_state=seed)
    return model.fit(history.played, history.liked, others=history.unplayed)


def _notice(history: History, n_other: int, needed: int, kind: Kind) -> str:
    if kind == "newcomer":
        return (
            f"{len(history.played)} movies played: the list is of well rated and well known ones."
        )
    return (
        f"{history.n_liked} favourites and {n_other} other plays; P(favourite) needs {needed} of "
        "either: the list goes by what was played."
    )


def _frame(
    history: History,
    facts: Facts,
    candidates: Ints,
    scores: Floats,
    chance: Floats,
    reasons: list[list[Reason]],
) -> pd.DataFrame:
    copies = history.item_ids[np.searchsorted(history.visible, candidates)]
    rows = [
        {
            "rank": i + 1,
            "movie_id": str(facts.movie_ids[p]),
            "item_id": str(copies[i]),
            "name": facts.titles[p],
            "production_year": facts.years[p],
            "score": float(scores[i]),
            "p_favorite": float(chance[i]),
            "reasons": [r.text for r in reasons[i]],
            "reason_kinds": [r.kind for r in reasons[i]],
        }
        for i, p in enumerate(candidates.tolist())
    ]
    return RECOMMENDATIONS.frame(rows)
