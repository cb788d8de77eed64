"""What moved a movie's score: its parts by director, actor, genre, ..., texts and ratings.

Kernel ridge is linear, Σ_i a_i k(x, i), and k is a sum over tokens, texts and numbers: its parts
are exact. A forest's parts are by column (``jfdask.model.tree_paths``). Columns are about kinds of
tokens (``affinity__director_max``): what a kind has moved is shared by those of the movie's own
tokens that lean the same way; what the columns of the kernel have moved, by the parts of ridge.
A probability's parts become the logit's by the secant from where a movie without any would
stand. So the base and the parts of a movie sum up to that model's log odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix, diags

from jfdask.model.affinity import AFFINITY_COLUMNS, RIDGE_PENALTY
from jfdask.model.catalogue import NUMBER_KERNEL, TEXT_KERNEL_WEIGHT, TOKEN_BLOCKS, Catalogue
from jfdask.model.forest import CLIP, AffinityClassifier
from jfdask.model.inputs import Floats, Ints
from jfdask.model.kernel import number_products, share_liked
from jfdask.model.parts import Parts
from jfdask.model.played import RIDGE_CLIP, PlayedClassifier
from jfdask.model.positions import surviving
from jfdask.model.prior import favorite_log_odds
from jfdask.model.ridge import ridge_inverse
from jfdask.model.rows import scoring_rows
from jfdask.model.tree_paths import forest_contributions
from jfdask.model.trees import Trees

_BLOCKS = [block.name for block in TOKEN_BLOCKS]
# What the columns of a row are about, beside kinds of tokens.
_TEXT, _RATING, _KERNEL, _OTHER = range(len(_BLOCKS), len(_BLOCKS) + 4)
_N_GROUPS = _OTHER + 1
_GROUPS = {
    "kernel_ridge": _KERNEL,
    "nearest_mean": _KERNEL,
    "nearest_liked": _KERNEL,
    "nearest_disliked": _KERNEL,
    "similarity_mean": _KERNEL,
    "text_direction": _TEXT,
    "previous_instalment": _BLOCKS.index("collection"),
    "year": _BLOCKS.index("decade"),
    "runtime_hours": _OTHER,
    "community_rating": _RATING,
    "critic_rating": _RATING,
    "collection_size": _BLOCKS.index("collection"),
    "collection_order": _BLOCKS.index("collection"),
    "rank": _BLOCKS.index("certificate"),
}
_PAIR, _GENRE, _DECADE = (_BLOCKS.index(name) for name in ("genre_pair", "genre", "decade"))
_RATING_NUMBERS = [i for i, name in enumerate(NUMBER_KERNEL) if name.endswith("_rating")]
_YEAR = list(NUMBER_KERNEL).index("numbers__year")


def favorite_parts(catalogue: Catalogue, model: AffinityClassifier, query: Ints) -> Parts:
    """Return the parts of logit P(favourite) as a list is ordered by it.

    Parameters
    ----------
    model
        Fitted; its features are the catalogue's.
    query
        Positions that are not among the plays, shape (n,).
    """
    plays, liked = surviving(catalogue.movie_ids, model.movie_ids_, model.liked_)
    rows = scoring_rows(catalogue, query, plays, liked)
    residual = np.asarray(liked - share_liked(liked), dtype=np.float64)
    weights = ridge_inverse(catalogue, plays, RIDGE_PENALTY) @ residual
    ridge = _ridge_parts(catalogue, query, plays, weights, share_liked(model.liked_))
    forest = _forest_parts(
        catalogue, query, rows, model.trees_, ridge, token_affinities(catalogue, plays, residual)
    )
    share = model.ridge_share
    both = [part.within(CLIP, 1 - CLIP) for part in (forest, ridge)]
    learned = both[0].scaled(1 - share).plus(both[1].scaled(share)).as_logit()
    prior = prior_parts(catalogue, query)
    share = model.listed_trust_
    return learned.scaled(share).plus(prior.scaled(1 - share))


def prior_parts(catalogue: Catalogue, query: Ints) -> Parts:
    """Return the parts of logit P(favourite) of somebody of whom nothing is known: ratings."""
    n, nothing = len(query), np.zeros(len(query))
    tokens = csr_matrix((n, catalogue.tokens.shape[1]))
    return Parts(0.0, tokens, nothing, favorite_log_odds(catalogue)[query], nothing)


def played_parts(catalogue: Catalogue, model: PlayedClassifier, query: Ints) -> Parts:
    """Return the parts of logit P(played); parameters are ``favorite_parts``'.

    A movie that the model had for a negative is scored as if it had not been one; what that
    makes of it beyond leaving out itself is nobody's part.
    """
    plays, liked = surviving(catalogue.movie_ids, model.movie_ids_, model.liked_)
    rows = scoring_rows(catalogue, query, plays, liked)
    rows = np.hstack([rows, catalogue.completeness[query]])
    ids = np.r_[model.movie_ids_, model.left_ids_]
    references, weights = surviving(catalogue.movie_ids, ids, model.weights_)
    ridge = _ridge_parts(catalogue, query, references, weights, model.share_)
    ridge = _without_itself(catalogue, query, references, weights, ridge)
    left, scores = surviving(catalogue.movie_ids, model.left_ids_, model.left_scores_)
    known = np.full(catalogue.n_movies, np.nan)
    known[left] = scores
    missing = np.nan_to_num(known[query] - ridge.total)
    ridge = replace(ridge, other=ridge.other + missing)
    leaning = token_lifts(catalogue, plays)
    forest = _forest_parts(catalogue, query, rows, [model.trees_], ridge, leaning)
    both = forest.within(CLIP, 1 - CLIP), ridge.within(RIDGE_CLIP, 1 - RIDGE_CLIP)
    return both[0].as_logit().plus(both[1].as_logit()).scaled(0.5)


def token_lifts(catalogue: Catalogue, plays: Ints) -> Floats:
    """Return, for each token, how much oftener than chance it was played, as a logarithm."""
    n_movies = np.asarray((catalogue.tokens != 0).sum(axis=0)).ravel()
    n_plays = np.asarray((catalogue.tokens[plays] != 0).sum(axis=0)).ravel()
    expected = n_movies * len(plays) / max(catalogue.n_movies, 1)
    return np.asarray(np.log((n_plays + 1.0) / (expected + 1.0)), dtype=np.float64)


def token_affinities(catalogue: Catalogue, plays: Ints, residual: Floats) -> Floats:
    """Return each token's affinity: the shrunken mean of liked less p̄ over its plays."""
    present = (catalogue.tokens[plays] != 0).astype(np.float64)
    shrinkage = np.array([b.shrinkage for b in TOKEN_BLOCKS])[catalogue.block_of_token]
    n_plays = np.asarray(present.sum(axis=0)).ravel()
    return np.asarray((present.T @ residual) / (n_plays + shrinkage), dtype=np.float64)


def _ridge_parts(
    catalogue: Catalogue, query: Ints, references: Ints, weights: Floats, base: float
) -> Parts:
    """Return the parts of base + Σ_i a_i k(x, i).

    Parameters
    ----------
    references, weights
        Positions and a, shape (n_references,).
    base
        Beside them, such as the share of liked plays.
    """
    by_token = np.asarray(catalogue.kernel_tokens[references].T @ weights, dtype=np.float64)
    tokens = catalogue.kernel_tokens[query].multiply(by_token[None, :])
    by_word = catalogue.text[references].T @ weights
    alike = np.asarray(catalogue.text[query] @ by_word, dtype=np.float64)
    numbers = number_products(catalogue, query, references, weights)
    return _of_products(catalogue, query, base, csr_matrix(tokens), alike, numbers)


def _without_itself(
    catalogue: Catalogue, query: Ints, references: Ints, weights: Floats, parts: Parts
) -> Parts:
    """Return the parts without a_x k(x, x), where a movie is one of the references itself."""
    own = np.zeros(catalogue.n_movies)
    own[references] = weights
    rows, text = catalogue.kernel_tokens[query], catalogue.text[query]
    alike = np.asarray(text.multiply(text).sum(axis=1), dtype=np.float64).ravel()
    numbers = np.column_stack(
        [
            radial + linear * catalogue.scaled[query, column] ** 2
            for column, (radial, linear) in enumerate(NUMBER_KERNEL.values())
        ]
    )
    itself = _of_products(catalogue, query, 0.0, csr_matrix(rows.multiply(rows)), alike, numbers)
    return parts.plus(itself.stretched(-own[query]))


def _of_products(
    catalogue: Catalogue,
    query: Ints,
    base: float,
    tokens: csr_matrix,
    alike: Floats,
    numbers: Floats,
) -> Parts:
    """Return parts of products with references: tokens', texts', and those of the numbers."""
    moved = np.zeros((len(query), len(TOKEN_BLOCKS)))
    moved[:, _DECADE] = numbers[:, _YEAR]
    decade, nobodys = _spread(catalogue, query, moved, None)
    told = [*_RATING_NUMBERS, _YEAR]
    return Parts(
        base,
        csr_matrix(tokens + decade),
        TEXT_KERNEL_WEIGHT * alike,
        numbers[:, _RATING_NUMBERS].sum(axis=1),
        nobodys + np.delete(numbers, told, axis=1).sum(axis=1),
    )


def _forest_parts(
    catalogue: Catalogue,
    query: Ints,
    rows: Floats,
    forests: Sequence[Trees],
    ridge: Parts,
    leaning: Floats,
) -> Parts:
    """Return the parts of the forests' mean probability, shared out to the movies' tokens."""
    n_extra = rows.shape[1] - len(AFFINITY_COLUMNS) - len(catalogue.item_names)
    names = (*AFFINITY_COLUMNS, *catalogue.item_names, *("",) * n_extra)
    of_columns = np.array([_group_of_column(name) for name in names])
    base, groups = forest_contributions(forests, rows, of_columns, _N_GROUPS)
    moved = groups[:, : len(TOKEN_BLOCKS)].copy()
    moved[:, _GENRE] += moved[:, _PAIR]
    moved[:, _PAIR] = 0.0
    parts = _by_kernel(ridge, groups[:, _KERNEL])
    shared, nobodys = _spread(catalogue, query, moved, leaning)
    text, rating = parts.text + groups[:, _TEXT], parts.rating + groups[:, _RATING]
    other = parts.other + groups[:, _OTHER] + nobodys
    return Parts(base, csr_matrix(parts.tokens + shared), text, rating, other)


def _group_of_column(column: str) -> int:
    """Return what a row's column is about, 0 to _N_GROUPS - 1."""
    if column.startswith("tokens__genre:"):
        return _GENRE
    name = column.partition("__")[2]
    if name in _GROUPS:
        return _GROUPS[name]
    block, _, what = name.rpartition("_")
    is_affinity = column.startswith("affinity__") and what in ("mean", "familiarity", "max", "min")
    return _BLOCKS.index(block) if is_affinity else _OTHER


def _by_kernel(ridge: Parts, moved: Floats) -> Parts:
    """Share out what the kernel's columns moved: by those parts of ridge that pull that way."""
    up = np.where(moved > 0, 1.0, -1.0)
    tokens = (diags(up) @ ridge.tokens).maximum(0.0)
    rest = [np.maximum(up * part, 0.0) for part in (ridge.text, ridge.rating, ridge.other)]
    sums = np.asarray(tokens.sum(axis=1)).ravel() + sum(rest)
    factor = np.divide(moved, sums, out=np.zeros_like(sums), where=sums > 0)
    text, rating, other = (part * factor for part in rest)
    nobodys = np.where(sums > 0, 0.0, moved)
    return Parts(0.0, csr_matrix(diags(factor) @ tokens), text, rating, other + nobodys)


def _spread(
    catalogue: Catalogue, query: Ints, moved: Floats, leaning: Floats | None
) -> tuple[csr_matrix, Floats]:
    """Share out what kinds moved to a movie's tokens of each: to those that lean the same way.

    Parameters
    ----------
    moved
        What each kind of tokens moved, shape (n, n_kinds).
    leaning
        Which way each token leans, shape (t,); None: all the same way.

    Returns
    -------
    csr_matrix, Floats
        Shape (n, t), and what no token leans to, shape (n,).
    """
    tokens = catalogue.tokens[query]
    row = np.repeat(np.arange(len(query)), np.diff(tokens.indptr))
    kind = catalogue.block_of_token[tokens.indices]
    weight = tokens.data
    if leaning is not None:
        up = np.where(moved > 0, 1.0, -1.0)
        weight = np.maximum(up[row, kind] * weight * leaning[tokens.indices], 0.0)
    cell = row * moved.shape[1] + kind
    sums = np.bincount(cell, weight, minlength=moved.size).reshape(moved.shape)
    factor = np.divide(moved, sums, out=np.zeros_like(sums), where=sums > 0)
    shared = csr_matrix((weight * factor[row, kind], tokens.indices, tokens.indptr), tokens.shape)
    return shared, np.where(sums > 0, 0.0, moved).sum(axis=1)
