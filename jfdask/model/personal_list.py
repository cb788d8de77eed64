"""One person's list: what its movies are ranked by, in which order, and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.contributions import favorite_parts, played_parts, prior_parts
from jfdask.model.facts import Facts
from jfdask.model.fallback import newcomer_reasons
from jfdask.model.forest import AffinityClassifier, clipped
from jfdask.model.history import History
from jfdask.model.inputs import Features, Floats, Ints
from jfdask.model.parts import Parts
from jfdask.model.personal import Kind, Learned, Played
from jfdask.model.pooled_classifiers import PooledFavorite, PooledPlayed
from jfdask.model.prior import favorite_log_odds, trust
from jfdask.model.ranking import DIVERSITY, candidates_of, rank
from jfdask.model.reasons import Reason, evidence_of, explain
from jfdask.model.seed import SeedClassifier
from jfdask.tables import RECOMMENDATIONS

#: Movies of a list that have reasons: nobody reads on, and to take a score apart takes longer
#: than to make it.
EXPLAINED = 300
# Plays that make what is learned of them one half of what is thought of P(played).
_PLAYS_STRENGTH = 10.0
# The same where many people's trees tell it: they know how few plays may tell.
_POOLED_PLAYS_STRENGTH = 1.0

SCORE_MEANINGS: Mapping[Kind, str] = {
    "pooled": "0 to 1, for the order alone: how much like what gets played, and gets loved",
    "affinity": "0 to 1, for the order alone: how much like what gets played, and gets loved",
    "seed": "0 to 1, for the order alone: how much like what gets loved, by the original method",
    "played-only": "0 to 1, for the order alone: how much like what gets played, and well rated",
    "newcomer": "0 to 1, for the order alone: how well rated by the public, and known to be",
}
#: The same where many people tell what is thought of a movie anyway.
CROWDS_MEANINGS: Mapping[Kind, str] = {
    "played-only": "0 to 1, for the order alone: how much like what gets played, and others love",
    "newcomer": "0 to 1, for the order alone: how much others play and love it",
}


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
    liked = _liked(learned, candidates)
    scores = score_movies(learned, catalogue, candidates, liked)
    order = rank(catalogue, candidates, scores, facts, max_per_collection, diversity)
    chance = _favorite_chance(learned, liked)
    # What she has said already is no question of how likely it is.
    chance[np.isin(candidates, history.taste.positions)] = np.nan
    candidates, scores, chance = candidates[order], scores[order], chance[order]
    first = candidates[:EXPLAINED]
    if learned.kind == "newcomer":
        reasons = newcomer_reasons(first, facts, history.favorite_unplayed, n_reasons)
    else:
        parts = score_parts(learned, catalogue, first)
        reasons = explain(
            catalogue, facts, evidence_of(catalogue, history), first, n_reasons, parts
        )
    reasons += [[] for _ in candidates[EXPLAINED:]]
    frame = _frame(history, facts, candidates, scores, chance, reasons)
    meanings = {**SCORE_MEANINGS, **(CROWDS_MEANINGS if learned.others is not None else {})}
    return frame, meanings[learned.kind]


def score_movies(
    learned: Learned, catalogue: Catalogue, candidates: Ints, liked: Floats | None = None
) -> Floats:
    """Return what movies are ranked by, the greater the better; see ``SCORE_MEANINGS``.

    The log odds of P(played), counted twice, and of P(favourite), divided by three: the
    geometric mean of the odds. Each goes over into what is thought without it as there is less
    to learn it from: no number of plays or favourites makes another list.

    Parameters
    ----------
    candidates
        Positions that the person has not played, shape (n,).
    liked
        P(favourite) of each, shape (n,), if it is known already.

    Returns
    -------
    Floats
        Shape (n,).
    """
    if not len(candidates):
        return np.empty(0)
    log_odds = _prior_odds(learned, catalogue, candidates)
    favorite = learned.favorite
    if isinstance(favorite, PooledFavorite):
        log_odds = logit(clipped(favorite.predict_listed(candidates)))
    elif favorite is not None:
        learned_odds = logit(clipped(_liked(learned, candidates) if liked is None else liked))
        if isinstance(favorite, AffinityClassifier):
            # P(favourite) has some of the prior already.
            share = favorite.listed_trust_ / favorite.trust_
            log_odds = share * learned_odds + (1 - share) * log_odds
    # P(played) is the mean of two models' logits, or of many people's trees, and counts twice.
    log_odds = (log_odds + 2 * _played_odds(learned, catalogue, candidates)) / 3
    if isinstance(favorite, SeedClassifier):
        log_odds = favorite.trust_ * learned_odds + (1 - favorite.trust_) * log_odds
    return np.asarray(expit(log_odds), dtype=np.float64)


def _liked(learned: Learned, candidates: Ints) -> Floats:
    """Return P(favourite), not calibrated, shape (n,); NaN without a model of it."""
    if learned.favorite is None or not len(candidates):
        return np.full(len(candidates), np.nan)
    return np.asarray(learned.favorite.predict_proba(candidates)[:, 1])


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


def _favorite_chance(learned: Learned, liked: Floats) -> Floats:
    """Return how likely each movie, once watched, becomes a favourite, shape (n,).

    It is the calibrated P(favourite); NaN without a model of it, or if it was never measured.
    """
    if learned.favorite is None or learned.calibration is None or not len(liked):
        return np.full(len(liked), np.nan)
    return learned.calibration.apply(liked)


def score_parts(learned: Learned, catalogue: Catalogue, candidates: Ints) -> Parts | None:
    """Return what moved a movie's score, as a logit; None if the models cannot say.

    Alone, base and parts sum up to the logit of ``score_movies``. With a pool they do not: they
    are of her own two models, weighed by the pool's trust in her plays, and of the public's
    rating for the rest. Trees that many people have taught order that list; they go by what many
    go by, and would name it before what she herself goes by.

    Parameters
    ----------
    candidates
        Positions that the person has not played, shape (n,).
    """
    if learned.kind in ("seed", "newcomer") or not len(candidates):
        return None
    favorite, played = learned.favorite, learned.played
    if isinstance(favorite, AffinityClassifier):
        parts = favorite_parts(catalogue, favorite, candidates)
    else:
        parts = prior_parts(catalogue, candidates)
    if isinstance(favorite, PooledFavorite):
        own = favorite_parts(catalogue, favorite.alone, candidates)
        parts = own.scaled(favorite.trust_).plus(parts.scaled(1 - favorite.trust_))
    if played is not None:
        own_played = played.alone if isinstance(played, PooledPlayed) else played
        moved = played_parts(catalogue, own_played, candidates)
        parts = moved.scaled(2 * _played_share(played)).plus(parts)
    return parts.scaled(1 / 3)


def _frame(
    history: History,
    facts: Facts,
    candidates: Ints,
    scores: Floats,
    chance: Floats,
    reasons: list[list[Reason]],
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(candidates) + 1),
            "movie_id": facts.movie_ids[candidates],
            "item_id": history.item_ids[np.searchsorted(history.visible, candidates)],
            "name": facts.titles[candidates],
            "production_year": facts.years[candidates],
            "score": scores,
            "p_favorite": chance,
            "reasons": pd.Series([[r.text for r in some] for some in reasons], dtype=object),
            "reason_kinds": pd.Series([[r.kind for r in some] for some in reasons], dtype=object),
        }
    )
    return RECOMMENDATIONS.from_arrow(RECOMMENDATIONS.to_arrow(frame))
