"""TruncatedSVD of some blocks of a household's matrix, over its partitions.

The matrix is a dask array of CSR blocks that each task reads from the store; `svd_compressed`
is Halko, Martinsson and Tropp's (2011) randomised algorithm with power iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.delayed import delayed
from scipy.sparse import csr_matrix, hstack

from jfdask.features.svd import clip_components, project, settle
from jfdask.stages.files import FEATURIZE, SINGULAR_VALUES, matrix_part, svd_part
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import unit_writer
from jfdask.stages.window import Call, Compute, Work, values
from jfdask.store.manifests import Receipt
from jfdask.store.tables import decode_csr

# dask.array brings numba, half a second's work: it is imported where it is used, so that a
# night on which nothing has changed is quick.
if TYPE_CHECKING:
    import dask.array as da

#: Power iterations, each followed by a QR decomposition: without it the seed's unscaled dates,
#: whose first singular value is 100,000 times the others, drown what follows in rounding.
N_POWER_ITER = 4
#: Rows times columns that one task reduces alone, by the same graph: shared out, its hundred
#: small tasks take longer to pass round than to compute.
FEW_VALUES = 1_000_000


def reduce_rows(
    place: Place,
    parts: Sequence[str],
    rows: tuple[int, ...],
    columns: tuple[tuple[int, int], ...],
    n_components: int,
    random_state: int,
) -> Work[tuple[list[Receipt], int]]:
    """Write U·S of every partition, shape (n_movies, n_components).

    Parameters
    ----------
    parts
        SHA-256 of each partition of the matrix.
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
    sources = [_Part(place, i, sha256, columns) for i, sha256 in enumerate(parts)]
    wanted = (place, sources, rows, k, random_state)
    alone = len(sources) == 1 or sum(rows) * n_columns <= FEW_VALUES
    call = Call(_reduced_here, wanted) if alone else Compute(_reduced(*wanted))
    [(receipts, n_found)] = values((yield [call]))
    return receipts, n_found


def _reduced_here(*wanted: Any) -> tuple[list[Receipt], int]:
    found: tuple[list[Receipt], int] = _reduced(*wanted).compute(scheduler="synchronous")
    return found


def _reduced(
    place: Place, sources: Sequence[_Part], rows: tuple[int, ...], k: int, random_state: int
) -> Any:
    """Return the graph of it all: receipts and the number of components, delayed."""
    import dask.array as da

    _, s, V = da.linalg.svd_compressed(
        _matrix(sources, rows), k, iterator="QR", n_power_iter=N_POWER_ITER, seed=random_state
    )
    settled = delayed(_settled)(s, V)
    written = [delayed(_write_part)(source, settled) for source in sources]
    written.append(delayed(_write_values)(place, settled))
    return delayed(_gathered)(written, settled)


@dataclass(frozen=True)
class _Part:
    """Some columns of a partition of the matrix."""

    place: Place
    index: int
    sha256: str
    columns: tuple[tuple[int, int], ...]

    def read(self) -> tuple[np.ndarray, csr_matrix]:
        """Return movie ids, (n,), and rows, (n, n_columns)."""
        key = self.place.key(FEATURIZE, matrix_part(self.index))
        movie_ids, X = decode_csr(self.place.store.read_checked(key, self.sha256), key)
        return movie_ids, csr_matrix(hstack([X[:, a:b] for a, b in self.columns], format="csr"))


def _matrix(sources: Sequence[_Part], rows: tuple[int, ...]) -> da.Array:
    import dask.array as da

    n_columns = sum(b - a for a, b in sources[0].columns)
    parts = [
        da.from_delayed(
            delayed(_read_rows)(source),
            shape=(n, n_columns),
            dtype=np.float64,
            meta=csr_matrix((0, n_columns), dtype=np.float64),
        )
        for source, n in zip(sources, rows, strict=True)
    ]
    return da.concatenate(parts, axis=0)


def _read_rows(source: _Part) -> csr_matrix:
    return source.read()[1]


def _settled(s: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return settle(np.asarray(s), np.asarray(V))


def _write_part(source: _Part, settled: tuple[np.ndarray, np.ndarray]) -> Receipt:
    # X·V' rather than U·S: it depends on its own rows alone, and is what a new movie would get.
    movie_ids, X = source.read()
    place = source.place
    return unit_writer(place, FEATURIZE).array(
        svd_part(source.index), movie_ids, project(X, settled[1])
    )


def _write_values(place: Place, settled: tuple[np.ndarray, np.ndarray]) -> Receipt:
    return unit_writer(place, FEATURIZE).json(
        SINGULAR_VALUES, [float(value) for value in settled[0]]
    )


def _gathered(
    receipts: list[Receipt], settled: tuple[np.ndarray, np.ndarray]
) -> tuple[list[Receipt], int]:
    return receipts, len(settled[0])
