"""Columns that a crowd gives a movie for a person: what others think, and who plays both.

They are made like affinities: every query row has a group, every group its reference set of
the person's plays, and nothing of a row comes from its own label. A crowd is always of other
people (`jfdask.model.crowd`). Without one the columns are NaN.
"""

from __future__ import annotations

import numpy as np

from jfdask.model.affinity import References
from jfdask.model.catalogue import Catalogue
from jfdask.model.crowd import FAVORITE_WEIGHT, Crowd
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.kernel import similarity_product
from jfdask.model.ridge import ridge_inverse, ridge_of_groups

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
_WITHOUT = " without group "
_RIDGE_PENALTY = 1.5
_OPINION_WEIGHT = 10.0  # of the product of two movies' biases in the kernel


def columns_without(group: int) -> tuple[str, ...]:
    """Return the names of the same columns of a crowd that a group of people is not in, either."""
    return tuple(f"{name}{_WITHOUT}{group}" for name in CROWD_COLUMNS)


def is_without(column: str) -> bool:
    """Tell whether a column is one of ``columns_without``."""
    return column.startswith("crowd__") and _WITHOUT in column


def crowd_columns(
    catalogue: Catalogue,
    crowd: Crowd | None,
    query: Ints,
    group: Ints,
    references: References,
    unknown: Bools | None = None,
) -> Floats:
    """Return the columns of query rows, shape (n_query, len(CROWD_COLUMNS)).

    Parameters
    ----------
    query, group
        Positions and each one's group, shape (n_query,).
    references
        The person's plays and the groups' reference sets.
    unknown
        Which rows, shape (n_query,), are as those of a movie that the crowd has not heard of. It
        still knows that movie where it is one of her plays.
    """
    if crowd is None:
        return np.full((len(query), len(CROWD_COLUMNS)), np.nan)
    known = np.ones(len(query)) if unknown is None else (~unknown).astype(np.float64)
    n_plays, n_likes = crowd.n_plays[query], crowd.n_likes[query]
    n_plays, n_likes = (np.where(known > 0, counts, np.nan) for counts in (n_plays, n_likes))
    bias = crowd.bias[query] * known
    opinions = [
        np.log((n_plays + 0.5) / crowd.n_people),
        np.log((n_likes + 0.5) / crowd.n_people),
        (n_likes + 1.0) / (n_plays + 2.0),
        bias,
    ]
    picked = np.empty((len(query), 3))
    for code, inside in enumerate(references.members.T):
        rows = np.flatnonzero(group == code)
        if len(rows):
            picked[rows] = _picked(crowd, query[rows], known[rows], inside, references)
    taste = _taste(catalogue, crowd, query, group, references, bias)
    return np.column_stack([*opinions, picked, taste])


def _picked(
    crowd: Crowd, query: Ints, known: Floats, inside: Bools, references: References
) -> Floats:
    positions, liked = references.positions[inside], references.liked[inside]
    weights = np.where(liked, FAVORITE_WEIGHT, 1.0)
    together = crowd.factors["together"].scores(positions, weights)
    loved = crowd.factors["loved"].scores(positions[liked], np.ones(int(liked.sum())))
    # Her own plays would widen the scale: they score high for being hers.
    others = np.delete(together, positions)
    deviation = float(others.std()) if len(others) else 0.0
    score = together[query] * known
    scaled = (score - (others.mean() if len(others) else 0.0)) / (deviation or 1.0)
    return np.column_stack([score, scaled, loved[query] * known])


def _taste(
    catalogue: Catalogue,
    crowd: Crowd,
    query: Ints,
    group: Ints,
    references: References,
    bias: Floats,
) -> Floats:
    """Return the crowd's opinion, and how far this person's differs from it by her plays.

    It is kernel ridge with w b bᵀ added to the kernel, b the opinions: what the kernel alone
    explains of her plays, less what it explains of the opinions times a factor (Sherman and
    Morrison).
    """
    members, positions = references.members, references.positions
    opinion = np.where(members, crowd.bias[positions][:, None], 0.0)
    inverse = ridge_inverse(catalogue, positions, _RIDGE_PENALTY)
    weights = ridge_of_groups(inverse, references.residuals - opinion, members)
    of_opinion = ridge_of_groups(inverse, opinion, members)
    told, of_told = ((opinion * x).sum(axis=0) for x in (weights, of_opinion))
    factor = _OPINION_WEIGHT * told / (1.0 + _OPINION_WEIGHT * of_told)
    weights = weights - factor * of_opinion
    slope = 1.0 + _OPINION_WEIGHT * (opinion * weights).sum(axis=0)
    score = similarity_product(catalogue, query, positions, weights)
    own = score[np.arange(len(query)), group]
    return np.asarray(own + slope[group] * bias, dtype=np.float64)
