"""A list for somebody who has played nothing: well rated and, it seems, well known.

What others of the household like has no part in it. Nobody counts votes here: how fully a
movie is catalogued is the only hint of how well known it is.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from jfdask.model.catalogue import Catalogue
from jfdask.model.facts import Facts
from jfdask.model.inputs import Floats, Ints
from jfdask.model.reasons import Reason

_PRIOR_VOTES = 5.0
_MOST_VOTES = 15.0  # of the movie with the fullest entry


def well_known(catalogue: Catalogue, facts: Facts) -> Floats:
    """Return how well known each movie seems, 0 to 1, shape (n,).

    It is the mean rank over the counts of people, studios, words and the like.
    """
    if not catalogue.completeness.shape[1] or not catalogue.n_movies:
        return np.full(len(facts.movie_ids), 0.5)
    ranks = rankdata(np.nan_to_num(catalogue.completeness), axis=0)
    return np.asarray((ranks.mean(axis=1) - 0.5) / catalogue.n_movies, dtype=np.float64)


def newcomer_scores(catalogue: Catalogue, facts: Facts) -> Floats:
    """Return ratings out of 10, shrunk to the library's mean, shape (n,).

    A movie counts as having up to 15 votes, by how well known it seems, against 5 for the
    mean; without a rating it is average, and less the less known it is.
    """
    ratings = _ratings(facts)
    known = ratings[np.isfinite(ratings)]
    mean = float(known.mean()) if len(known) else 0.0
    fame = well_known(catalogue, facts)
    votes = np.where(np.isfinite(ratings), _MOST_VOTES * fame, 0.0)
    filled = np.where(np.isfinite(ratings), ratings, mean)
    shrunk = (votes * filled + _PRIOR_VOTES * mean) / (votes + _PRIOR_VOTES)
    return np.asarray(shrunk + 0.5 * (fame - 0.5), dtype=np.float64)


def newcomer_reasons(candidates: Ints, facts: Facts) -> list[list[Reason]]:
    """Return, for each candidate, the one honest reason there is."""
    return [
        [_reason(float(facts.community_rating[p]), float(facts.critic_rating[p]))]
        for p in candidates
    ]


def _reason(community: float, critic: float) -> Reason:
    if np.isfinite(community) and np.isfinite(critic):
        told = f"Rated {community:.1f} of 10 by the public, {critic:.0f} of 100 by critics."
        return Reason("rating", told, 0.0)
    if np.isfinite(community):
        return Reason("rating", f"Rated {community:.1f} of 10 by the public.", 0.0)
    if np.isfinite(critic):
        return Reason("rating", f"Rated {critic:.0f} of 100 by critics.", 0.0)
    return Reason("general", "Not rated; nothing speaks for or against it.", 0.0)


def _ratings(facts: Facts) -> Floats:
    """Return the mean of what viewers and critics say, out of 10; NaN where neither does."""
    both = np.column_stack([facts.community_rating, facts.critic_rating / 10.0])
    known = np.isfinite(both)
    total = np.where(known, both, 0.0).sum(axis=1)
    return np.divide(
        total, known.sum(axis=1), out=np.full(len(both), np.nan), where=known.any(axis=1)
    )
