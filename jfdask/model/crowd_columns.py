"""Columns that a crowd gives a movie for a person: what others think, and who plays both.

They are made like affinities: every query row has a group, every group its reference set of
the person's plays, and nothing of a row comes from its own label. A crowd is always of other
people (`jfdask.model.crowd`). Without one the columns are NaN.
"""

from __future__ import annotations

import numpy as np

from jfdask.model.affinity import CHUNK, References
from jfdask.model.catalogue import Catalogue
from jfdask.model.crowd import FAVORITE_WEIGHT, Crowd
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.kernel import ridge_weights, similarity, similarity_product

CROWD_COLUMNS = (
    "crowd__plays",  # log of the share of people who played it
    "crowd__likes",  # the same of those whose favourite it is
    "crowd__share_liked",
    "crowd__bias",
    "crowd__together",  # EASE, plays and favourites
    "crowd__together_scaled",  # the same against this person's scores of all movies
    "crowd__loved",  # EASE, favourites alone
    "crowd__ridge",  # kernel ridge of her tastes with the crowd's opinion in the kernel
)
_RIDGE_PENALTY = 1.5
_OPINION_WEIGHT = 10.0  # of the product of two movies' biases in the kernel


def crowd_columns(
    catalogue: Catalogue, crowd: Crowd | None, query: Ints, group: Ints, references: References
) -> Floats:
    """Return the columns of query rows, shape (n_query, len(CROWD_COLUMNS)).

    Parameters
    ----------
    query, group
        Positions and each one's group, shape (n_query,).
    references
        The person's plays and the groups' reference sets.
    """
    if crowd is None:
        return np.full((len(query), len(CROWD_COLUMNS)), np.nan)
    opinions = [
        np.log((crowd.n_plays[query] + 0.5) / crowd.n_people),
        np.log((crowd.n_likes[query] + 0.5) / crowd.n_people),
        (crowd.n_likes[query] + 1.0) / (crowd.n_plays[query] + 2.0),
        crowd.bias[query],
    ]
    personal = np.empty((len(query), len(CROWD_COLUMNS) - len(opinions)))
    kernel = _kernel(catalogue, crowd, references.positions)
    for code, inside in enumerate(references.members.T):
        rows = np.flatnonzero(group == code)
        if len(rows):
            given = (query[rows], inside, references)
            personal[rows, :3] = _picked(crowd, *given)
            personal[rows, 3] = _taste(catalogue, crowd, kernel, *given)
    return np.column_stack([*opinions, personal])


def _picked(crowd: Crowd, query: Ints, inside: Bools, references: References) -> Floats:
    positions, liked = references.positions[inside], references.liked[inside]
    weights = np.where(liked, FAVORITE_WEIGHT, 1.0)
    together = crowd.factors["together"].scores(positions, weights)
    loved = crowd.factors["loved"].scores(positions[liked], np.ones(int(liked.sum())))
    # Her own plays would widen the scale: they score high for being hers.
    others = np.delete(together, positions)
    deviation = float(others.std()) if len(others) else 0.0
    scaled = (together - (others.mean() if len(others) else 0.0)) / (deviation or 1.0)
    return np.column_stack([together[query], scaled[query], loved[query]])


def _kernel(catalogue: Catalogue, crowd: Crowd, positions: Ints) -> Floats:
    kernel = np.empty((len(positions), len(positions)))
    for start in range(0, len(positions), CHUNK):
        rows = slice(start, start + CHUNK)
        kernel[rows] = similarity(catalogue, positions[rows], positions).kernel
    bias = crowd.bias[positions]
    kernel += _OPINION_WEIGHT * bias[:, None] * bias[None, :]
    return kernel


def _taste(
    catalogue: Catalogue,
    crowd: Crowd,
    kernel: Floats,
    query: Ints,
    inside: Bools,
    references: References,
) -> Floats:
    """Return the crowd's opinion, and how far this person's differs from it by her plays."""
    positions, liked = references.positions[inside], references.liked[inside]
    if not len(positions):
        return crowd.bias[query]
    share = (liked.sum() + 1.0) / (len(liked) + 2.0)
    own_bias = crowd.bias[positions]
    weights = ridge_weights(
        kernel[np.ix_(inside, inside)], liked - share - own_bias, _RIDGE_PENALTY
    )
    score = similarity_product(catalogue, query, positions, weights)
    slope = 1.0 + _OPINION_WEIGHT * float(own_bias @ weights)
    return np.asarray(score + slope * crowd.bias[query])
