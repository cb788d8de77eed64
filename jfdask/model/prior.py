"""What is thought of movies before a person has said anything: the public's rating.

Everything that is learned of a person is a step from here, the longer the more her labels tell:
with evidence n (``labels.evidence_of``) the log odds are n / (n + k) of the learned ones and
k / (n + k) of these. There is no number of favourites at which one list ends and another
begins.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata

from jfdask.model.catalogue import NUMBER_KERNEL, Catalogue
from jfdask.model.inputs import Floats

# Chosen for the best NDCG@20 with few of the favourites known.
_STEEPNESS = 2.0  # log odds of a rating one standard deviation above the mean
_PRIOR_VOTES = 2.0
_MOST_VOTES = 15.0  # of the movie with the fullest entry
_RATING = list(NUMBER_KERNEL).index("numbers__community_rating")
_CLIP = 1e-3


def well_known(catalogue: Catalogue) -> Floats:
    """Return how well known each movie seems, 0 to 1, shape (n,).

    It is the mean rank over the counts of people, studios, words and the like: nobody counts
    votes here.
    """
    if not catalogue.completeness.shape[1] or not catalogue.n_movies:
        return np.full(catalogue.n_movies, 0.5)
    ranks = rankdata(np.nan_to_num(catalogue.completeness), axis=0)
    return np.asarray((ranks.mean(axis=1) - 0.5) / catalogue.n_movies, dtype=np.float64)


def well_rated(catalogue: Catalogue) -> Floats:
    """Return CommunityRating in standard deviations from the library's mean, shape (n,).

    It is shrunk to the mean: a movie counts as having up to 15 votes, by how well known it
    seems, against 2. Without a rating it is 0.
    """
    votes = _MOST_VOTES * well_known(catalogue)
    return catalogue.scaled[:, _RATING] * votes / (votes + _PRIOR_VOTES)


def favorite_log_odds(catalogue: Catalogue) -> Floats:
    """Return the log odds of P(favourite) of somebody of whom nothing is known, shape (n,)."""
    return _STEEPNESS * well_rated(catalogue)


def trust(evidence: float, prior_strength: float) -> float:
    """Return which share of the log odds is the learned one's, 0 to 1.

    Parameters
    ----------
    evidence
        How much was learned from.
    prior_strength
        So many make it one half; 0: what is learned is taken as it is.

    Examples
    --------
    >>> trust(0, 10), trust(10, 10), trust(30, 10), trust(1, 0)
    (0.0, 0.5, 0.75, 1.0)
    """
    return evidence / (evidence + prior_strength) if evidence > 0 else 0.0


def shrunk(learned: Floats, prior: Floats, share: float) -> Floats:
    """Return a learned probability pulled towards what is thought without it.

    Parameters
    ----------
    learned
        Probabilities, shape (n,).
    prior
        Log odds, shape (n,).
    share
        Of the learned one, 0 to 1.
    """
    clipped = np.clip(learned, _CLIP, 1 - _CLIP)
    return np.asarray(expit(share * logit(clipped) + (1 - share) * prior), dtype=np.float64)
