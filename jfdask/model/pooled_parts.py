"""What moved a score that many people's trees have given: see `jfdask.model.contributions`.

The trees' logit is taken apart by columns; what columns of a kind of tokens moved is shared by
the movie's tokens of it, what columns of her kernel ridge moved, by its parts. What the crowd moved
belongs to nobody who could be named. Her own model's parts are added with its share.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from jfdask.model.affinity import RIDGE_PENALTY
from jfdask.model.boosted_paths import boosted_contributions
from jfdask.model.boosting import BoostedTrees
from jfdask.model.catalogue import Catalogue
from jfdask.model.contributions import (
    N_GROUPS,
    favorite_parts,
    group_of_column,
    parts_of_groups,
    played_parts,
    ridge_parts,
    token_affinities,
    token_lifts,
)
from jfdask.model.inputs import Floats, Ints
from jfdask.model.kernel import share_liked
from jfdask.model.parts import Parts
from jfdask.model.pooled_classifiers import (
    OWN_PLAYED,
    PooledFavorite,
    PooledPlayed,
    loaded,
    own_of,
)
from jfdask.model.positions import surviving
from jfdask.model.ridge import ridge_inverse


def pooled_favorite_parts(catalogue: Catalogue, model: PooledFavorite, query: Ints) -> Parts:
    """Return the parts of logit P(favourite) as a list is ordered by it.

    Parameters
    ----------
    model
        Fitted; its features are the catalogue's.
    query
        Positions that are not among the labels, shape (n,).
    """
    others = loaded(model)[1]
    prior = crowd_parts(others.favorite_log_odds(catalogue)[query], catalogue)
    trees = others.model.favorite_
    learned = (
        favorite_parts(catalogue, own_of(model), query)
        if trees is None
        else _tree_parts(catalogue, model, query, trees)
    )
    share = model.trust_
    return learned.scaled(share).plus(prior.scaled(1 - share))


def pooled_played_parts(catalogue: Catalogue, model: PooledPlayed, query: Ints) -> Parts:
    """Return the parts of logit P(played); parameters are ``pooled_favorite_parts``'."""
    trees = _tree_parts(catalogue, model, query, loaded(model)[1].model.played_)
    own = played_parts(catalogue, own_of(model), query)
    return trees.scaled(1 - OWN_PLAYED).plus(own.scaled(OWN_PLAYED))


def crowd_parts(log_odds: Floats, catalogue: Catalogue) -> Parts:
    """Return log odds that are nobody's part: what others think, shape (n,)."""
    nothing = np.zeros(len(log_odds))
    tokens = csr_matrix((len(log_odds), catalogue.tokens.shape[1]))
    return Parts(0.0, tokens, nothing, nothing, log_odds)


def _tree_parts(
    catalogue: Catalogue, model: PooledFavorite | PooledPlayed, query: Ints, trees: BoostedTrees
) -> Parts:
    others = loaded(model)[1].model
    plays, liked = surviving(catalogue.movie_ids, model.movie_ids_, model.liked_)
    residual = np.asarray(liked - share_liked(liked), dtype=np.float64)
    weights = ridge_inverse(catalogue, plays, RIDGE_PENALTY) @ residual
    ridge = ridge_parts(catalogue, query, plays, weights, share_liked(model.liked_))
    if isinstance(model, PooledPlayed):
        leaning = token_lifts(catalogue, plays)
    else:
        leaning = token_affinities(catalogue, plays, residual)
    groups = np.array([group_of_column(name) for name in others.columns_])
    rows = others.aligned(model.rows(query))
    base, moved = boosted_contributions(trees, rows, groups, N_GROUPS)
    return parts_of_groups(catalogue, query, base, moved, ridge, leaning)
