"""TruncatedSVD of some blocks of a household's matrix, over its partitions.

The matrix is a dask array of CSR blocks that each task reads from the store; `svd_compressed`
is Halko, Martinsson and Tropp's (2011) randomised algorithm with power iterations.
"""

from __future__ import annotations

import dask.array as da
import numpy as np
from dask.delayed import delayed
from scipy.sparse import csr_matrix, hstack

from jfdask.features.svd import clip_components, project, settle
from jfdask.stages.files import FEATURIZE, SINGULAR_VALUES, matrix_part, svd_part
from jfdask.stages.places import Place
from jfdask.stages.window import Compute, Work, values
from jfdask.store.manifests import Receipt
from jfdask.store.tables import read_csr
from jfdask.store.units import UnitWriter

#: Power iterations, each followed by a QR decomposition: without it the seed's unscaled dates,
#: whose first singular value is 100,000 times the others, drown what follows in rounding.
N_POWER_ITER = 4


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
        Receipts of the files, and how many components there are: fewer than wanted if the
        matrix has a lower rank.
    """
    n_columns = sum(b - a for a, b in columns)
    k = clip_components(n_components, (sum(rows), n_columns))
    if k == 0:
        return [], 0
    X = _matrix(place, rows, columns)
    _, s, V = da.linalg.svd_compressed(
        X, k, iterator="QR", n_power_iter=N_POWER_ITER, seed=random_state
    )
    settled = delayed(_settled)(s, V)
    written = [delayed(_write_part)(place, i, columns, settled) for i in range(len(rows))]
    written.append(delayed(_write_values)(place, settled))
    [(receipts, n_found)] = values((yield [Compute(delayed(_gathered)(written, settled), "")]))
    return receipts, n_found


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
    return _read_columns(place, index, columns)[1]


def _read_columns(
    place: Place, index: int, columns: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, csr_matrix]:
    movie_ids, X = read_csr(place.store, place.key(FEATURIZE, matrix_part(index)))
    return movie_ids, csr_matrix(hstack([X[:, a:b] for a, b in columns], format="csr"))


def _settled(s: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return settle(np.asarray(s), np.asarray(V))


def _write_part(
    place: Place,
    index: int,
    columns: tuple[tuple[int, int], ...],
    settled: tuple[np.ndarray, np.ndarray],
) -> Receipt:
    # X·V' rather than U·S: it depends on its own rows alone, and is what a new movie would get.
    movie_ids, X = _read_columns(place, index, columns)
    writer = UnitWriter(place.store, place.run_id, FEATURIZE, place.household)
    return writer.array(svd_part(index), movie_ids, project(X, settled[1]))


def _write_values(place: Place, settled: tuple[np.ndarray, np.ndarray]) -> Receipt:
    writer = UnitWriter(place.store, place.run_id, FEATURIZE, place.household)
    return writer.json(SINGULAR_VALUES, [float(value) for value in settled[0]])


def _gathered(
    receipts: list[Receipt], settled: tuple[np.ndarray, np.ndarray]
) -> tuple[list[Receipt], int]:
    return receipts, len(settled[0])
