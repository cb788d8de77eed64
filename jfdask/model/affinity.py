"""How a movie relates to a person's plays: one row of numbers, always from *other* plays.

Every query row has a group, every group its reference set, a subset of the person's plays.
A training row belongs to the group of the plays outside its own fold, so that nothing in it
comes from its own label; a row to be scored has the group of all plays.

With c = liked - p̄ over the reference set, p̄ its share of liked plays:

- a token's affinity is Σc / (n + k): the mean over the plays with that token, shrunk towards
  average by k plays. A movie's column is the weighted mean over its tokens (``_mean``), for
  some kinds also the best and the worst token (``_max``, ``_min``);
- ``_familiarity`` is the mean of log(1 + n);
- kernel columns: ridge prediction, the nearest plays, the nearest liked and disliked one;
- ``affinity__year`` and the like: kernel-density means of c along a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jfdask.model.catalogue import NUMBER_KERNEL, TOKEN_BLOCKS, Catalogue
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.kernel import Similarity, own_kernel, radials, similarity
from jfdask.model.ridge import ridge_inverse, ridge_of_groups

N_NEAREST = 20
RIDGE_PENALTY = 1.5
CHUNK = 2048  # query rows at once: bounds memory to a few CHUNK x plays arrays

_EXTREMES = tuple(i for i, b in enumerate(TOKEN_BLOCKS) if b.has_extremes)
_SHRINKAGE = np.array([b.shrinkage for b in TOKEN_BLOCKS])
_DENSITY_PRIOR = 2.0  # plays' worth of 'average' in a kernel-density mean
# exp(-d²/2) to this power has half the width: tastes for years are narrower than the kernel.
_SHARPER = 4

AFFINITY_COLUMNS: tuple[str, ...] = (
    *(f"affinity__{b.name}_mean" for b in TOKEN_BLOCKS),
    *(f"affinity__{b.name}_familiarity" for b in TOKEN_BLOCKS),
    *(f"affinity__{TOKEN_BLOCKS[i].name}_max" for i in _EXTREMES),
    *(f"affinity__{TOKEN_BLOCKS[i].name}_min" for i in _EXTREMES),
    "affinity__kernel_ridge",
    "affinity__nearest_mean",
    "affinity__nearest_liked",
    "affinity__nearest_disliked",
    "affinity__similarity_mean",
    "affinity__text_direction",
    "affinity__previous_instalment",
    *(f"affinity__{name.removeprefix('numbers__')}" for name in NUMBER_KERNEL),
)


@dataclass(frozen=True, eq=False)
class References:
    """A person's plays and the subsets of them that groups of rows are compared with."""

    positions: Ints  # (n_reference,)
    liked: Bools  # (n_reference,)
    members: Bools  # (n_reference, n_groups)

    @property
    def share_liked(self) -> Floats:
        """(favourites + 1) / (plays + 2) of each group, shape (n_groups,)."""
        members = self.members.astype(np.float64)
        share: Floats = (self.liked @ members + 1.0) / (members.sum(axis=0) + 2.0)
        return share

    @property
    def residuals(self) -> Floats:
        """Liked less p̄ where a play is in the group, else 0; shape (n_reference, n_groups)."""
        centred = self.liked[:, None] - self.share_liked[None, :]
        return np.where(self.members, centred, 0.0)

    def ridge(self, catalogue: Catalogue) -> Floats:
        """Return the ridge weights of each group, shape (n_reference, n_groups)."""
        inverse = ridge_inverse(catalogue, self.positions, RIDGE_PENALTY)
        return ridge_of_groups(inverse, self.residuals, self.members)


def everything(positions: Ints, liked: Bools) -> References:
    """Return the reference set of all plays, as one group."""
    return References(positions, liked, np.ones((len(positions), 1), dtype=np.bool_))


def outside_folds(positions: Ints, liked: Bools, folds: Ints, n_folds: int) -> References:
    """Return one group a fold: the plays outside of it."""
    return References(positions, liked, folds[:, None] != np.arange(n_folds)[None, :])


def affinities(catalogue: Catalogue, query: Ints, group: Ints, references: References) -> Floats:
    """Return the affinities of query rows, each to its group's reference set.

    Parameters
    ----------
    query
        Positions, shape (n_query,).
    group
        Each one's group, shape (n_query,), an index into ``references.members``.

    Returns
    -------
    Floats
        Shape (n_query, len(AFFINITY_COLUMNS)), in that order; finite. All 0 without plays.
    """
    if not len(references.positions):
        return np.zeros((len(query), len(AFFINITY_COLUMNS)))
    ridge = references.ridge(catalogue)
    tokens = _token_tables(catalogue, references)
    direction = _text_direction(catalogue, references)
    result = np.empty((len(query), len(AFFINITY_COLUMNS)))
    for start in range(0, len(query), CHUNK):
        rows = slice(start, start + CHUNK)
        q, g = query[rows], group[rows]
        near = _near(catalogue, q, references.positions)
        along = np.asarray((catalogue.text[q] @ direction), dtype=np.float64)
        columns = [
            *_token_columns(catalogue, q, g, *tokens),
            *_kernel_columns(near.kernel, g, references, ridge),
            along[np.arange(len(q)), g],
            _previous_instalment(catalogue, q, g, references),
            *_densities(near, g, references),
        ]
        result[rows] = np.column_stack(columns)
    return result


def _near(catalogue: Catalogue, query: Ints, positions: Ints) -> Similarity:
    if np.array_equal(query, positions):
        return Similarity(own_kernel(catalogue, query), radials(catalogue, query, query))
    return similarity(catalogue, query, positions)


def _token_tables(catalogue: Catalogue, references: References) -> tuple[Floats, Floats]:
    """Return the affinity and log(1 + n) of every token in every group, shape (t, n_groups)."""
    plays = (catalogue.tokens[references.positions] != 0).astype(np.float64).T.tocsr()
    counts = np.asarray(plays @ references.members.astype(np.float64))
    sums = np.asarray(plays @ references.residuals)
    shrinkage = _SHRINKAGE[catalogue.block_of_token][:, None]
    return sums / (counts + shrinkage), np.log1p(counts)


def _token_columns(
    catalogue: Catalogue, query: Ints, group: Ints, affinity: Floats, familiarity: Floats
) -> list[Floats]:
    rows = catalogue.tokens[query]
    n_blocks = len(TOKEN_BLOCKS)
    row_of = np.repeat(np.arange(len(query)), np.diff(rows.indptr))
    # Tokens are sorted by block: the entries of one (row, block) lie side by side.
    cell = row_of * n_blocks + catalogue.block_of_token[rows.indices]
    value = affinity[rows.indices, group[row_of]]
    size = len(query) * n_blocks
    mean = np.bincount(cell, rows.data * value, minlength=size).reshape(-1, n_blocks)
    known = np.bincount(
        cell, rows.data * familiarity[rows.indices, group[row_of]], minlength=size
    ).reshape(-1, n_blocks)
    best, worst = np.zeros(size), np.zeros(size)
    if len(cell):
        starts = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
        best[cell[starts]] = np.maximum.reduceat(value, starts)
        worst[cell[starts]] = np.minimum.reduceat(value, starts)
    extremes = [x.reshape(-1, n_blocks).T[i] for x in (best, worst) for i in _EXTREMES]
    return [*mean.T, *known.T, *extremes]


def _kernel_columns(
    kernel: Floats, group: Ints, references: References, ridge: Floats
) -> list[Floats]:
    members, each = references.members, np.arange(len(group))
    ridge_score = (kernel @ ridge)[each, group]
    mean = (kernel @ members / np.maximum(members.sum(axis=0), 1))[each, group]
    hidden = kernel if members.all() else np.where(members.T[group], kernel, -np.inf)
    n, k = kernel.shape[1], min(N_NEAREST, kernel.shape[1])
    # All that are as near as the last of them count: which of these come first in a partition
    # is another matter on every kind of processor.
    least = np.partition(hidden, n - k, axis=1)[:, [n - k]]
    weight = np.where(hidden >= least, np.clip(hidden, 0.0, None), 0.0)
    total = weight.sum(axis=1)
    pulled = (weight @ references.residuals)[each, group]
    return [
        ridge_score,
        np.divide(pulled, total, out=np.zeros_like(total), where=total > 0),
        _greatest(hidden, references.liked),
        _greatest(hidden, ~references.liked),
        mean,
    ]


def _greatest(hidden: Floats, columns: Bools) -> Floats:
    if not columns.any():
        return np.zeros(len(hidden))
    greatest = hidden[:, columns].max(axis=1)
    return np.where(np.isfinite(greatest), greatest, 0.0)


def _text_direction(catalogue: Catalogue, references: References) -> Floats:
    """Return, for each group, mean text of liked less mean text of disliked plays."""
    members = references.members.astype(np.float64)
    liked = members * references.liked[:, None]
    disliked = members - liked
    direction = liked / np.maximum(liked.sum(axis=0), 1) - disliked / np.maximum(
        disliked.sum(axis=0), 1
    )
    texts = catalogue.text[references.positions]
    return np.asarray(texts.T @ direction, dtype=np.float64)


def _previous_instalment(
    catalogue: Catalogue, query: Ints, group: Ints, references: References
) -> Floats:
    """Return c of the latest earlier part of the same collection; 0 without one."""
    result = np.zeros(len(query))
    codes = catalogue.collection[references.positions]
    rows = np.flatnonzero(np.isin(catalogue.collection[query], codes[codes >= 0]))
    if not len(rows):
        return result
    order = catalogue.collection_order
    q, z = query[rows], references.positions
    earlier = (
        (catalogue.collection[q][:, None] == codes[None, :])
        & (order[z][None, :] < order[q][:, None])
        & references.members.T[group[rows]]
    )
    when = np.where(earlier, order[z][None, :], -np.inf)
    latest = when.argmax(axis=1)
    residual = references.residuals[latest, group[rows]]
    result[rows] = np.where(earlier.any(axis=1), residual, 0.0)
    return result


def _densities(near: Similarity, group: Ints, references: References) -> list[Floats]:
    inside = references.members.astype(np.float64)
    columns = []
    for radial in near.radial:
        weight = radial.of_value**_SHARPER
        density = (weight @ references.residuals) / (weight @ inside + _DENSITY_PRIOR)
        columns.append(density[radial.value, group])
    return columns
