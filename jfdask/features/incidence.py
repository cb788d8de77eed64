"""Which movies have which tokens: lists in cells made entries, entries made sparse rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.preprocessing import normalize

# A vocabulary is an array of fixed width: one absurd genre must not make all of them wide.
LONGEST_TOKEN = 100


@dataclass(frozen=True, eq=False)
class Entries:
    """Tokens as they stand in movies: one entry a token of a movie, movies ascending."""

    n_movies: int
    movies: NDArray[np.int64]  # (n_entries,) position of the movie
    places: NDArray[np.int64]  # (n_entries,) place in the movie's list, from 0
    tokens: NDArray[Any]  # (n_entries,) str

    def where(self, chosen: NDArray[np.bool_]) -> Entries:
        """Return the chosen entries, with the places they had."""
        return Entries(self.n_movies, self.movies[chosen], self.places[chosen], self.tokens[chosen])

    def ranked(self) -> Entries:
        """Return the same entries with places counted anew within each movie."""
        counts = np.bincount(self.movies, minlength=self.n_movies)
        return Entries(self.n_movies, self.movies, _places(counts), self.tokens)


def cells_of(lists: pd.Series, first: int | None = None) -> list[Any]:
    """Return the lists of a column, cut to the `first`; a missing one is empty."""
    cells: list[Any] = list(lists.to_numpy(dtype=object))
    if not set(map(type, cells)) <= {list, np.ndarray}:
        cells = [cell if isinstance(cell, (list, tuple, np.ndarray)) else [] for cell in cells]
    return cells if first is None else [cell[:first] for cell in cells]


def entries_of(lists: pd.Series, first: int | None = None) -> Entries:
    """Return the entries of a column of lists.

    Parameters
    ----------
    lists
        (n_movies,) lists or arrays of str; a missing list is empty.
    first
        Only so many from the front of each list; None: all.

    Notes
    -----
    Missing and empty tokens are left out (and counted in `first`); tokens are cut at
    ``LONGEST_TOKEN`` characters.

    Examples
    --------
    >>> entries_of(pd.Series([["Drama", "War"], None, ["War"]])).tokens.tolist()
    ['Drama', 'War', 'War']
    """
    cells = cells_of(lists, first)
    counts = np.fromiter(map(len, cells), dtype=np.int64, count=len(cells))
    return _entries(counts, list(chain.from_iterable(cells)))


def paired_entries(lists: pd.Series, kinds: pd.Series) -> tuple[Entries, NDArray[Any]]:
    """Return the entries of a column of lists, and each entry's kind from a second one.

    Lists of different lengths in one row are cut at the shorter one.
    """
    cells, kind_cells = cells_of(lists), cells_of(kinds)
    counts = np.fromiter(
        (min(len(a), len(b)) for a, b in zip(cells, kind_cells, strict=True)),
        dtype=np.int64,
        count=len(cells),
    )
    tokens = _flat(cells, counts)
    kind_of = np.empty(len(tokens), dtype=object)
    kind_of[:] = _flat(kind_cells, counts)
    return _entries(counts, tokens), kind_of[_present(tokens)]


def single_entries(values: pd.Series) -> Entries:
    """Return the entries of a column with one token a movie; a missing one has none.

    Examples
    --------
    >>> single_entries(pd.Series(["PG", None])).movies.tolist()
    [0]
    """
    tokens: list[Any] = values.to_numpy(dtype=object).tolist()
    return _entries(np.ones(len(tokens), dtype=np.int64), tokens)


def vocabulary_of(entries: Entries, min_movies: int = 1) -> tuple[NDArray[np.str_], NDArray[Any]]:
    """Return the sorted tokens that stand in at least `min_movies` movies, and in how many.

    Returns
    -------
    vocabulary : (n_tokens,) str
    n_movies : (n_tokens,) int64, movies a token stands in; twice in one movie counts once

    Examples
    --------
    >>> vocabulary_of(entries_of(pd.Series([["b", "a", "b"], ["b"]])), min_movies=2)
    (array(['b'], dtype='<U1'), array([2]))
    """
    codes, uniques = pd.factorize(entries.tokens)
    pairs = _distinct(codes * max(entries.n_movies, 1) + entries.movies)[0]
    counts = np.bincount(pairs // max(entries.n_movies, 1), minlength=len(uniques))
    kept = counts >= min_movies
    tokens = np.asarray(uniques[kept], dtype=str)
    order = np.argsort(tokens, kind="stable")
    return tokens[order], counts[kept][order]


def incidence(
    entries: Entries,
    vocabulary: NDArray[np.str_],
    weights: NDArray[np.float64] | None = None,
) -> csr_matrix:
    """Return a matrix of movies by tokens.

    Parameters
    ----------
    entries
        Tokens that are not in the vocabulary are left out.
    vocabulary
        (n_tokens,) unique tokens, the columns.
    weights
        (n_entries,) what is put into the cell, the greatest if a token stands in a movie
        twice; None: ones.

    Returns
    -------
    csr_matrix
        (n_movies, n_tokens) float64.

    Examples
    --------
    >>> entries = entries_of(pd.Series([["a", "b", "a"], ["c"]]))
    >>> incidence(entries, np.array(["a", "b"]), np.array([0.2, 1.0, 0.5, 1.0])).toarray()
    array([[0.5, 1. ],
           [0. , 0. ]])
    """
    cells, known = _cells(entries, vocabulary)
    if weights is None:
        cells, _ = _distinct(cells)
        return _of_cells(cells, np.ones(len(cells)), (entries.n_movies, len(vocabulary)))
    values = weights[known]
    heaviest_first = np.argsort(-values, kind="stable")
    cells, places = np.unique(cells[heaviest_first], return_index=True)
    return _of_cells(cells, values[heaviest_first][places], (entries.n_movies, len(vocabulary)))


def counts(entries: Entries, vocabulary: NDArray[np.str_]) -> csr_matrix:
    """Return how often each token of the vocabulary stands in each movie, as ``incidence``.

    Examples
    --------
    >>> entries = entries_of(pd.Series([["a", "b", "a"], ["c"]]))
    >>> counts(entries, np.array(["a", "b"])).toarray()
    array([[2., 1.],
           [0., 0.]])
    """
    cells, n = _distinct(_cells(entries, vocabulary)[0])
    return _of_cells(cells, n, (entries.n_movies, len(vocabulary)))


def inverse_document_frequency(n_documents: int, counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return log((1 + n) / (1 + count)) + 1, as scikit-learn's TfidfTransformer.

    Examples
    --------
    >>> inverse_document_frequency(3, np.array([3, 1])).round(3)
    array([1.   , 1.693])
    """
    weights: NDArray[np.float64] = np.log((1.0 + n_documents) / (1.0 + counts)) + 1.0
    return weights


def weighted_rows(X: csr_matrix, column_weights: NDArray[np.float64]) -> csr_matrix:
    """Return X with weighted columns and then rows of length one; an empty row stays empty."""
    weighted = X.copy()
    weighted.data *= column_weights[weighted.indices]
    if not weighted.nnz:  # scikit-learn refuses a matrix without rows
        return weighted
    return csr_matrix(normalize(weighted, norm="l2", axis=1, copy=False))


def dense_rows(columns: Sequence[Any], n_movies: int) -> csr_matrix:
    """Return dense columns, each (n_movies,), as one csr_matrix; NaN stays as an entry."""
    if not columns:
        return csr_matrix((n_movies, 0), dtype=np.float64)
    return csr_matrix(np.column_stack([np.asarray(c, dtype=np.float64) for c in columns]))


# Partitions of a catalogue follow each other: a vocabulary is hashed once for all of them.
_indices: OrderedDict[int, tuple[NDArray[np.str_], pd.Index[Any]]] = OrderedDict()
_indices_lock = Lock()
_N_INDICES = 32


def _index_of(vocabulary: NDArray[np.str_]) -> pd.Index[Any]:
    """Return a vocabulary as an index; the last ones are remembered by identity."""
    with _indices_lock:
        # The vocabulary is kept with it, so that its id is nobody else's meanwhile.
        known = _indices.get(id(vocabulary))
        if known is None or known[0] is not vocabulary:
            known = vocabulary, pd.Index(vocabulary.astype(object), dtype=object)
        _indices[id(vocabulary)] = known
        _indices.move_to_end(id(vocabulary))
        if len(_indices) > _N_INDICES:
            _indices.popitem(last=False)
    return known[1]


def _cells(
    entries: Entries, vocabulary: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return movie · n_tokens + column of the entries that have a column, and which have one."""
    codes = _index_of(vocabulary).get_indexer(pd.Index(entries.tokens, dtype=object))
    known = codes >= 0
    return entries.movies[known] * len(vocabulary) + codes[known], known


def _distinct(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct numbers, ascending, and how often each is there."""
    # Asked for the counts, too, numpy sorts; else it hashes first, which takes ten times as long.
    distinct, n = np.unique(numbers, return_counts=True)
    return distinct, n


def _of_cells(cells: NDArray[np.int64], data: NDArray[Any], shape: tuple[int, int]) -> csr_matrix:
    """Return the matrix that has these values in its ascending cells."""
    if not len(cells):
        return csr_matrix(shape, dtype=np.float64)
    rows, columns = np.divmod(cells, shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return csr_matrix((data.astype(np.float64), columns, indptr), shape=shape)


def _flat(cells: list[Any], counts: NDArray[np.int64]) -> list[Any]:
    return list(chain.from_iterable(cell[:n] for cell, n in zip(cells, counts, strict=True)))


def _present(tokens: list[Any]) -> NDArray[np.bool_]:
    if _all_texts(tokens):
        return np.fromiter(map(bool, tokens), dtype=np.bool_, count=len(tokens))
    present = (isinstance(token, str) and token != "" for token in tokens)
    return np.fromiter(present, dtype=np.bool_, count=len(tokens))


def _all_texts(tokens: list[Any]) -> bool:
    """Tell whether there is nothing else, as a rule: then much of the work is not needed."""
    return set(map(type, tokens)) <= {str}


def _entries(counts: NDArray[np.int64], flat: list[Any]) -> Entries:
    tokens = np.empty(len(flat), dtype=object)
    if _all_texts(flat):
        is_short = max(map(len, flat), default=0) <= LONGEST_TOKEN
        tokens[:] = flat if is_short else list(map(_cut, flat))
    else:
        tokens[:] = [_cut(t) if isinstance(t, str) else t for t in flat]
    movies = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    entries, present = Entries(len(counts), movies, _places(counts), tokens), _present(flat)
    return entries if present.all() else entries.where(present)


def _cut(token: str) -> str:
    return token[:LONGEST_TOKEN]


def _places(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.cumsum(counts) - counts
    places: NDArray[np.int64] = np.arange(counts.sum(), dtype=np.int64) - np.repeat(starts, counts)
    return places
