"""TruncatedSVD of some blocks of a household's matrix, over its partitions.

The matrix is a dask array of CSR blocks that each task reads from the store; `svd_compressed`
is Halko, Martinsson and Tropp's (2011) randomised algorithm with power iterations.
"""

from __future__ import annotations

import dask.array as da
import numpy as np
from dask.delayed import delayed
from scipy.sparse import csr_matrix, hstack

from jfdask.features.svd import clip_components, fix_signs
from jfdask.stages.featurize.tasks import part_name
from jfdask.stages.places import Place
from jfdask.stages.window import Compute, Work, values
from jfdask.store.manifests import Receipt
from jfdask.store.tables import read_csr
from jfdask.store.units import UnitWriter

#: With none, components of slowly falling singular values are far off.
N_POWER_ITER = 4
SINGULAR_VALUES = "singular_values.json"


def reduced_name(index: int) -> str:
    """Return the name of a partition of the reduced matrix."""
    return f"svd-{index:04d}.parquet"


def reduce_rows(
    place: Place,
    rows: tuple[int, ...],
    columns: tuple[tuple[int, int], ...],
    n_components: int,
    random_state: int,
) -> Work[tuple[list[Receipt], int]]:
    """Write U·S of every partition, shape (n_movies, n_components).

    Parameters
    ----------
    rows
        Movies of each partition.
    columns
        Ranges of columns that take part.
    n_components
        Wanted; fewer where the matrix has not so many rows or columns.

    Returns
    -------
    tuple
        Receipts of the files, and how many components there are.
    """
    n_columns = sum(b - a for a, b in columns)
    k = clip_components(n_components, (sum(rows), n_columns))
    if k == 0:
        return [], 0
    X = _matrix(place, rows, columns)
    # Two calls make two tasks of everything: the graph is built once and its parts are asked for.
    u, s, v = da.linalg.svd_compressed(X, k, n_power_iter=N_POWER_ITER, seed=random_state)
    right = v.rechunk(v.shape).to_delayed().item()
    singular = s.rechunk(s.shape).to_delayed().item()
    lefts = u.rechunk((rows, (k,))).to_delayed()[:, 0]
    written = [
        delayed(_write_part)(place, i, left, singular, right) for i, left in enumerate(lefts)
    ]
    written.append(delayed(_write_values)(place, singular))
    receipts: list[Receipt] = values((yield [Compute(delayed(list)(written), "reductions")]))[0]
    return receipts, k


def _matrix(place: Place, rows: tuple[int, ...], columns: tuple[tuple[int, int], ...]) -> da.Array:
    n_columns = sum(b - a for a, b in columns)
    read = delayed(_read_part)
    parts = [
        da.from_delayed(
            read(place, i, columns),
            shape=(n, n_columns),
            dtype=np.float64,
            meta=csr_matrix((0, n_columns), dtype=np.float64),
        )
        for i, n in enumerate(rows)
    ]
    return da.concatenate(parts, axis=0)


def _read_part(place: Place, index: int, columns: tuple[tuple[int, int], ...]) -> csr_matrix:
    _, X = read_csr(place.store, place.key("featurize", part_name(index)))
    return csr_matrix(hstack([X[:, a:b] for a, b in columns], format="csr"))


def _write_part(place: Place, index: int, U: np.ndarray, s: np.ndarray, V: np.ndarray) -> Receipt:
    left, _ = fix_signs(U * s, V)
    movie_ids, _ = read_csr(place.store, place.key("featurize", part_name(index)))
    writer = UnitWriter(place.store, place.run_id, "featurize", place.household)
    return writer.array(reduced_name(index), movie_ids, left)


def _write_values(place: Place, s: np.ndarray) -> Receipt:
    writer = UnitWriter(place.store, place.run_id, "featurize", place.household)
    return writer.json(SINGULAR_VALUES, [float(value) for value in s])
