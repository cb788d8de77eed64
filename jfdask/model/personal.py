"""One person's night: learn from her history, measure it, make her list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import clone

from jfdask.errors import NotEnoughPlays, StaleModel
from jfdask.model.calibration import Calibration, Reliability
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.contributions import favorite_parts, played_parts, prior_parts
from jfdask.model.facts import Facts
from jfdask.model.fallback import newcomer_reasons
from jfdask.model.forest import AffinityClassifier, clipped
from jfdask.model.history import History
from jfdask.model.holdout import stable_seed
from jfdask.model.inputs import Features, Floats, InMemory, Ints
from jfdask.model.metrics import Metrics
from jfdask.model.others import Others, Pool
from jfdask.model.parts import Parts
from jfdask.model.played import PlayedClassifier
from jfdask.model.pooled_classifiers import PooledFavorite, PooledPlayed
from jfdask.model.pooled_parts import crowd_parts, pooled_favorite_parts, pooled_played_parts
from jfdask.model.prior import favorite_log_odds, trust
from jfdask.model.ranking import DIVERSITY, candidates_of, rank
from jfdask.model.reasons import Reason, evidence_of, explain
from jfdask.model.seed import SeedClassifier
from jfdask.model.validation import validate
from jfdask.tables import RECOMMENDATIONS

Method = Literal["affinity", "seed"]
Kind = Literal["pooled", "affinity", "seed", "played-only", "newcomer"]
Favorite = AffinityClassifier | PooledFavorite | SeedClassifier
Played = PlayedClassifier | PooledPlayed

#: Movies of a list that have reasons: nobody reads on, and to take a score apart takes longer
#: than to make it.
EXPLAINED = 300
#: Plays from which on P(played) is learned; it takes two.
MIN_PLAYS = 2
# Plays that make what is learned of them one half of what is thought of P(played).
_PLAYS_STRENGTH = 10.0
# The same where many people's trees tell it: they know how few plays may tell.
_POOLED_PLAYS_STRENGTH = 1.0
# Share by which the labels of the rarer class may grow or shrink while forests stay.
_NEWS = 0.25

SCORE_MEANINGS: Mapping[Kind, str] = {
    "pooled": "0 to 1, for the order alone: how much like what gets played, and gets loved",
    "affinity": "0 to 1, for the order alone: how much like what gets played, and gets loved",
    "seed": "0 to 1, for the order alone: how much like what gets loved, by the original method",
    "played-only": "0 to 1, for the order alone: how much like what gets played, and well rated",
    "newcomer": "0 to 1, for the order alone: how well rated by the public, and known to be",
}


@dataclass(frozen=True)
class LearnOptions:
    """How a person's taste is learned."""

    method: Method = "affinity"
    params: Mapping[str, Any] = field(default_factory=dict)  # of the classifier, by a search
    min_favorites: float = 10  # liked (or other) movies that weigh as much as public ratings
    held_out: float = 0.2  # share of plays that the held-out figures are measured on
    n_folds: int = 5
    random_state: int = 42


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of a person, and how good it is."""

    user_id: str
    kind: Kind
    notice: str | None  # why it is not more, for the person
    favorite: Favorite | None  # with features attached
    played: Played | None
    metrics: Mapping[str, Mapping[str, Metrics]]  # out_of_fold, held_out -> method -> figures
    calibration: Calibration | None = None  # of P(favourite); None: not measured
    reliability: Reliability | None = None  # of the calibrated P(favourite)
    others: Others | None = None  # what many people tell of her


def learn(
    history: History,
    features: Features,
    options: LearnOptions,
    *,
    vectors: Floats | None = None,
    pool: Pool | None = None,
) -> Learned:
    """Learn what a person likes and plays, and measure how well.

    Parameters are ``fit``'s. The models are fitted on all her plays. Of a pool she is in, it is
    measured on the models that have not seen her.
    """
    learned = fit(history, features, options, vectors=vectors, pool=pool)
    if learned.favorite is None:
        return learned
    model = learned.favorite
    if isinstance(model, PooledFavorite) and pool is not None:
        unseen = InMemory(pool.unseen_of(history.user_id))
        model = clone(model).set_params(others=unseen)
    measured = validate(
        history,
        catalogue_of(features),
        model,
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
    pool: Pool | None = None,
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
    pool
        What was learned of many people, over the same catalogue; None: she is learned of alone.
        The method seed knows none.

    Raises
    ------
    ValueError
        The method is seed, and there are no vectors.
    """
    if options.method == "seed" and vectors is None:
        raise ValueError("The method seed learns from the SVD's vectors: give vectors.")
    others = None
    if pool is not None and options.method == "affinity":
        others = pool.of(history.user_id)
    taste = history.taste
    if not taste.has_both:
        played = _fit_played(history, features, options, others)
        kind: Kind = "played-only" if played else "newcomer"
        notice = _notice(history, kind, 0.0)
        return Learned(history.user_id, kind, notice, None, played, {}, others=others)
    source = InMemory(vectors if options.method == "seed" else features)
    model = new_classifier(options, others).set_params(features=source)
    model.fit(taste.positions, taste.liked, sample_weight=taste.weight)
    needs_plays = options.method == "affinity" or model.trust_ < 1.0
    played = _fit_played(history, features, options, others) if needs_plays else None
    kind = options.method if others is None else "pooled"
    notice = _notice(history, kind, model.trust_)
    return Learned(history.user_id, kind, notice, model, played, {}, others=others)


def renew(learned: Learned, history: History) -> Learned | None:
    """Return what was learned on an earlier night, of tonight's plays; None: learn it anew.

    Its forests stay, and its figures: see ``AffinityClassifier.renewed``.

    Parameters
    ----------
    learned
        With models whose features are tonight's.
    """
    model = learned.favorite
    if model is None or isinstance(model, SeedClassifier) or learned.played is None:
        return None
    taste = history.taste
    if not taste.has_both:
        return None
    # Ten hearts more among a thousand plays are little news, but much if there were two.
    if abs(taste.evidence - model.evidence_) > _NEWS * model.evidence_:
        return None
    labels = taste.positions, taste.liked, taste.weight
    plays = history.played, history.liked
    try:
        if isinstance(model, PooledFavorite) and isinstance(learned.played, PooledPlayed):
            return replace(
                learned,
                favorite=clone(model).fit(*labels),
                played=clone(learned.played).fit(*plays),
            )
        if isinstance(model, AffinityClassifier) and isinstance(learned.played, PlayedClassifier):
            favorite = model.renewed(*labels)
            played = learned.played.renewed(*plays, others=history.unplayed)
            return replace(learned, favorite=favorite, played=played)
    except (StaleModel, NotEnoughPlays):
        return None
    return None


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
        Reasons a movie at most, for the first ``EXPLAINED``.
    diversity
        Weight, 0 to 1, of being unlike what stands before; 0: the order is the score's.

    Returns
    -------
    RECOMMENDATIONS, str
    """
    catalogue = catalogue_of(features)
    candidates = candidates_of(history, facts)
    scores = score_movies(learned, catalogue, candidates)
    order = rank(catalogue, candidates, scores, facts, max_per_collection, diversity)
    chance = favorite_chance(learned, candidates)
    candidates, scores, chance = candidates[order], scores[order], chance[order]
    first = candidates[:EXPLAINED]
    if learned.kind == "newcomer":
        reasons = newcomer_reasons(first, facts)
    else:
        parts = score_parts(learned, catalogue, first)
        reasons = explain(
            catalogue, facts, evidence_of(catalogue, history), first, n_reasons, parts
        )
    reasons += [[] for _ in candidates[EXPLAINED:]]
    frame = _frame(history, facts, candidates, scores, chance, reasons)
    return frame, SCORE_MEANINGS[learned.kind]


def score_movies(learned: Learned, catalogue: Catalogue, candidates: Ints) -> Floats:
    """Return what movies are ranked by, the greater the better; see ``SCORE_MEANINGS``.

    The log odds of P(played), counted twice, and of P(favourite), divided by three: the
    geometric mean of the odds. Each goes over into what is thought without it as there is less
    to learn it from: no number of plays or favourites makes another list.

    Parameters
    ----------
    candidates
        Positions that the person has not played, shape (n,).

    Returns
    -------
    Floats
        Shape (n,).
    """
    if not len(candidates):
        return np.empty(0)
    log_odds = _prior_odds(learned, catalogue, candidates)
    learned_odds = None
    if learned.favorite is not None:
        learned_odds = logit(clipped(_listed(learned.favorite, candidates)))
    if learned_odds is not None and learned.kind != "seed":
        log_odds = learned_odds
    # P(played) is the mean of two models' logits, or of many people's trees, and counts twice.
    log_odds = (log_odds + 2 * _played_odds(learned, catalogue, candidates)) / 3
    if learned.kind == "seed" and learned.favorite is not None and learned_odds is not None:
        own = learned.favorite.trust_
        log_odds = own * learned_odds + (1 - own) * log_odds
    return np.asarray(expit(log_odds), dtype=np.float64)


def _listed(favorite: Favorite, candidates: Ints) -> Floats:
    if isinstance(favorite, PooledFavorite):
        return favorite.predict_listed(candidates)
    return np.asarray(favorite.predict_proba(candidates)[:, 1])


def _prior_odds(learned: Learned, catalogue: Catalogue, candidates: Ints) -> Floats:
    """Return the log odds of P(favourite) of somebody of whom nothing is known, shape (n,)."""
    if learned.others is None:
        return favorite_log_odds(catalogue)[candidates]
    return learned.others.favorite_log_odds(catalogue)[candidates]


def _played_odds(learned: Learned, catalogue: Catalogue, candidates: Ints) -> Floats:
    """Return the log odds of P(played), shape (n,); of nobody's plays they are the crowd's."""
    share = _played_share(learned.played)
    odds = np.zeros(len(candidates))
    if learned.others is not None:
        odds += (1 - share) * learned.others.played_log_odds(catalogue)[candidates]
    if learned.played is not None:
        odds += share * logit(clipped(learned.played.predict_proba(candidates)[:, 1]))
    return odds


def _played_share(played: Played | None) -> float:
    """Return which share of the log odds of P(played) is the person's own."""
    if played is None:
        return 0.0
    strength = _POOLED_PLAYS_STRENGTH if isinstance(played, PooledPlayed) else _PLAYS_STRENGTH
    return trust(len(played.movie_ids_), strength)


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
    if learned.kind in ("seed", "newcomer") or not len(candidates):
        return None
    if isinstance(learned.favorite, PooledFavorite):
        parts = pooled_favorite_parts(catalogue, learned.favorite, candidates)
    elif isinstance(learned.favorite, AffinityClassifier):
        parts = favorite_parts(catalogue, learned.favorite, candidates)
    elif learned.others is not None:
        parts = crowd_parts(_prior_odds(learned, catalogue, candidates), catalogue)
    else:
        parts = prior_parts(catalogue, candidates)
    share = _played_share(learned.played)
    if isinstance(learned.played, PooledPlayed):
        played = pooled_played_parts(catalogue, learned.played, candidates)
        parts = played.scaled(2 * share).plus(parts)
    elif learned.played is not None:
        played = played_parts(catalogue, learned.played, candidates)
        parts = played.scaled(2 * share).plus(parts)
    if learned.others is not None:
        anybodys = learned.others.played_log_odds(catalogue)[candidates]
        parts = parts.plus(crowd_parts(anybodys, catalogue).scaled(2 * (1 - share)))
    return parts.scaled(1 / 3)


def new_classifier(options: LearnOptions, others: Others | None = None) -> Favorite:
    """Return the method's unfitted classifier with the searched parameters."""
    if others is not None:
        return PooledFavorite(others=InMemory(others), prior_strength=options.min_favorites)
    classes = {"affinity": AffinityClassifier, "seed": SeedClassifier}
    unfitted = classes[options.method](
        random_state=options.random_state, prior_strength=options.min_favorites
    )
    return unfitted.set_params(**options.params)


def _fit_played(
    history: History, features: Features, options: LearnOptions, others: Others | None
) -> Played | None:
    if len(history.played) < MIN_PLAYS or not len(history.unplayed):
        return None
    if others is not None:
        pooled = PooledPlayed(InMemory(features), InMemory(others))
        return pooled.fit(history.played, history.liked)
    seed = stable_seed(f"played of {history.user_id}", options.random_state)
    model = PlayedClassifier(InMemory(features), random_state=seed)
    return model.fit(history.played, history.liked, others=history.unplayed)


def _notice(history: History, kind: Kind, share: float) -> str | None:
    """Return why the list is not more of a person's own, for her; None if it is mostly hers."""
    if kind == "newcomer":
        return (
            f"{len(history.played)} movies played: the list is of well rated and well known ones."
        )
    n_liked = int(history.taste.liked.sum())
    n_other = len(history.taste.liked) - n_liked
    known = f"{n_liked} liked movies and {n_other} others are known"
    if kind == "played-only":
        return (
            f"{known}: that tells nothing of what you like. The list goes by what was played and "
            "by the public's ratings."
        )
    if share >= 0.5:
        return None
    rest = "plays and public ratings" if kind == "seed" else "public ratings"
    if kind == "pooled":
        rest = "what is thought by others"
    return f"{known}: your taste counts for {share:.0%} of P(favourite), {rest} for the rest."


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
