"""What the model derives from a catalogue's features without any label, once a process.

Source of blocks, weights and shrinkages: chosen on public ratings of several hundred people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse
from scipy.sparse import csr_matrix

from jfdask.model.inputs import Features, Floats, Ints, Texts


@dataclass(frozen=True)
class TokenBlock:
    """A kind of token: a director, a genre, a decade."""

    name: str
    prefix: str  # of its columns in the features
    shrinkage: float  # plays' worth of 'average' that a token starts with
    has_extremes: bool  # whether the best and the worst token of a movie are columns too
    kernel_weight: float  # of the block in the kernel between movies; 0: not in it


TOKEN_BLOCKS = (
    TokenBlock("genre", "tokens__genre:", 5.0, True, 0.2),
    TokenBlock("genre_pair", "genre_pairs__", 5.0, False, 0.0),
    TokenBlock("director", "tokens__director:", 2.0, True, 0.25),
    TokenBlock("actor", "tokens__actor:", 2.0, True, 0.6),
    TokenBlock("writer", "tokens__writer:", 2.0, True, 0.15),
    TokenBlock("producer", "tokens__producer:", 2.0, False, 0.05),
    TokenBlock("studio", "tokens__studio:", 3.0, True, 0.15),
    TokenBlock("collection", "tokens__collection:", 1.0, False, 0.33),
    TokenBlock("certificate", "certificate__", 5.0, False, 0.05),
    TokenBlock("decade", "decade__", 5.0, False, 0.0),
)
TEXT_PREFIX, TEXT_KERNEL_WEIGHT = "tfidf__", 0.6

#: Numbers of the kernel: weight of its radial part (width: one standard deviation), of its
#: linear part.
NUMBER_KERNEL = {
    "numbers__year": (1.3, 0.0),
    "numbers__runtime_hours": (0.1, 0.0),
    "numbers__community_rating": (0.1, 0.3),
    "numbers__critic_rating": (0.1, 0.08),
}

#: Columns of the movie itself that stand beside the affinities in the forest of favourites.
ITEM_COLUMNS = (
    "numbers__community_rating",
    "numbers__critic_rating",
    "numbers__year",
    "numbers__runtime_hours",
    "numbers__month",
    "certificate__rank",
    "numbers__collection_size",
    "numbers__collection_order",
)
_NOT_TOKENS = frozenset({"certificate__rank"})


@dataclass(frozen=True, eq=False)
class Catalogue:
    """A catalogue as the model sees it. Rows are positions: movies sorted by id."""

    movie_ids: Texts  # (n,)
    tokens: csr_matrix  # (n, t) weights; each movie's weights of one block sum to 1
    token_names: Texts  # (t,) column names of the features
    block_of_token: Ints  # (t,) index into TOKEN_BLOCKS, ascending
    kernel_tokens: csr_matrix  # (n, t) idf weights times the root of the block's weight
    text: csr_matrix  # (n, v) tf-idf, rows of length 1
    text_names: Texts  # (v,)
    scaled: Floats  # (n, 4) NUMBER_KERNEL's numbers, mean 0 and deviation 1; missing: 0
    known: Floats  # (n, 4) 1.0 where the number is known
    collection: Ints  # (n,) code of the collection; -1: none
    collection_order: Floats  # (n,) NaN: none
    items: Floats  # (n, k) columns of the movie itself; NaN: missing
    item_names: tuple[str, ...]
    completeness: Floats  # (n, j) every other number: how complete the metadata is, and the like
    completeness_names: tuple[str, ...]

    @property
    def n_movies(self) -> int:
        """Movies of the catalogue."""
        return len(self.movie_ids)

    @cached_property
    def kernel_rows(self) -> csr_matrix:
        """Rows whose products are the kernel's tokens and texts together, shape (n, t + v)."""
        text = self.text * np.sqrt(TEXT_KERNEL_WEIGHT)
        return _canonical(sparse.hstack([self.kernel_tokens, text], format="csr"))


@lru_cache(maxsize=2)
def catalogue_of(features: Features) -> Catalogue:
    """Return what is derived of the features; the last two are remembered, by identity."""
    parts, kernel_parts, names, codes = [], [], [], []
    for code, block in enumerate(TOKEN_BLOCKS):
        block_names = features.block_columns(block.prefix)
        keep = [i for i, name in enumerate(block_names) if name not in _NOT_TOKENS]
        matrix = csr_matrix(features.block(block.prefix), dtype=np.float64)
        if len(keep) < len(block_names):
            matrix = matrix[:, keep]
        parts.append(_rows_summing_to_one(matrix))
        kernel_parts.append(matrix * np.sqrt(block.kernel_weight))
        names += [block_names[i] for i in keep]
        codes += [code] * len(keep)
    tokens = _canonical(sparse.hstack(parts, format="csr"))
    kernel_tokens = _canonical(sparse.hstack(kernel_parts, format="csr"))
    numbers = np.column_stack([number(features, name) for name in NUMBER_KERNEL])
    flags = features.block("tokens__genre:")
    item_names = (*ITEM_COLUMNS, *features.block_columns("tokens__genre:"))
    others = tuple(n for n in features.block_columns("numbers__") if n not in ITEM_COLUMNS)
    return Catalogue(
        movie_ids=np.asarray(features.movie_ids, dtype=np.str_),
        tokens=tokens,
        token_names=np.asarray(names, dtype=np.str_),
        block_of_token=np.asarray(codes, dtype=np.int64),
        kernel_tokens=kernel_tokens,
        text=_canonical(csr_matrix(features.block(TEXT_PREFIX), dtype=np.float64, copy=True)),
        text_names=np.asarray(features.block_columns(TEXT_PREFIX), dtype=np.str_),
        scaled=_standardised(numbers),
        known=np.isfinite(numbers).astype(np.float64),
        collection=_codes(features.block("tokens__collection:")),
        collection_order=number(features, "numbers__collection_order"),
        items=np.column_stack(
            [*(number(features, n) for n in ITEM_COLUMNS), (flags != 0).toarray()]
        ),
        item_names=item_names,
        completeness=_columns(features, others),
        completeness_names=others,
    )


def number(features: Features, name: str) -> Floats:
    """Return one column, shape (n_movies,); all NaN if there is none of that name."""
    columns = features.block_columns(name)
    if name not in columns:
        return np.full(len(features.movie_ids), np.nan)
    column = features.block(name)[:, [columns.index(name)]]
    return np.asarray(column.toarray(), dtype=np.float64).ravel()


def _columns(features: Features, names: tuple[str, ...]) -> Floats:
    if not names:
        return np.empty((len(features.movie_ids), 0))
    return np.column_stack([number(features, name) for name in names])


def _rows_summing_to_one(matrix: csr_matrix) -> csr_matrix:
    sums = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    scale = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    return csr_matrix(sparse.diags(scale) @ matrix)


def _standardised(numbers: Floats) -> Floats:
    known = np.isfinite(numbers)
    n_known = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, numbers, 0.0)
    mean = values.sum(axis=0) / n_known
    centred = np.where(known, numbers - mean, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / n_known)
    # What is the same for all movies deviates by no more than rounding.
    varies = deviation > 1e-9 * np.abs(mean)
    scaled: Floats = np.divide(centred, deviation, out=np.zeros_like(centred), where=varies)
    return scaled


def _codes(one_hot: csr_matrix) -> Ints:
    codes = np.full(one_hot.shape[0], -1, dtype=np.int64)
    matrix = csr_matrix(one_hot)
    filled = np.flatnonzero(np.diff(matrix.indptr) > 0)
    codes[filled] = matrix.indices[matrix.indptr[filled]]
    return codes


def _canonical(matrix: csr_matrix) -> csr_matrix:
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
