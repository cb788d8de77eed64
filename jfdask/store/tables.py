"""Tables and matrices as parquet, as keys of a store.

The same frame or matrix gives the same bytes, so that checksums tell whether anything changed.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from jfdask.errors import TableError
from jfdask.store.documents import damaged
from jfdask.store.filesystem import Store
from jfdask.tables import Table

_T = TypeVar("_T")
_N_COLUMNS = b"n_columns"


def write_table(store: Store, key: str, table: Table, frame: pd.DataFrame) -> None:
    """Write a frame as parquet; TableError if it is not such a table."""
    store.write(key, encode_table(table, frame))


def read_table(
    store: Store, key: str, table: Table, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a table, or some of its columns in the table's order.

    Raises
    ------
    MissingArtifact, DamagedArtifact
        The key is not there, or holds no parquet.
    TableError
        It holds another table.
    """
    return decode_table(store.read(key), key, table, columns)


def encode_table(table: Table, frame: pd.DataFrame) -> bytes:
    """Return a frame as parquet, sorted by the table's key."""
    return encode_arrow(table.to_arrow(frame))


def decode_table(
    data: bytes, key: str, table: Table, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the frame of ``encode_table``'s bytes; ``key`` is named in errors."""
    found = decode_arrow(data, key, columns)
    if columns is None:
        return table.from_arrow(found)
    some = tuple(column for column in table.columns if column.name in set(columns))
    if len(some) != len(set(columns)):
        raise TableError(f"Table {table.name} has no columns {sorted(columns)}: see its columns.")
    # Checked as a table of these columns alone, in the table's own order.
    part = dataclasses.replace(table, columns=some)
    return part.from_arrow(found.select([column.name for column in some]))


def encode_arrow(table: pa.Table) -> bytes:
    """Return an Arrow table as parquet; nothing of when or by whom it was written is in it."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def decode_arrow(data: bytes, key: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the Arrow table of parquet bytes.

    Raises
    ------
    DamagedArtifact
        The bytes are no parquet.
    TableError
        A column that was asked for is not there.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
        if missing:
            raise TableError(f"{key!r} has no columns {missing}; it has {file.schema_arrow.names}.")
        return file.read(columns=None if columns is None else list(columns), use_threads=False)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise damaged(key, "parquet", error) from error


def write_csr(store: Store, key: str, movie_ids: Sequence[str] | np.ndarray, X: csr_matrix) -> None:
    """Write a sparse matrix with its rows' ids.

    Parameters
    ----------
    movie_ids
        (n,) ids of the rows.
    X
        (n, m) float64; zeros that are stored stay stored.
    """
    store.write(key, encode_csr(movie_ids, X))


def read_csr(store: Store, key: str) -> tuple[np.ndarray, csr_matrix]:
    """Return (n,) ids and the (n, m) float64 matrix that ``write_csr`` wrote."""
    return decode_csr(store.read(key), key)


def encode_csr(movie_ids: Sequence[str] | np.ndarray, X: csr_matrix) -> bytes:
    """Return ids and matrix as parquet: a row a movie, lists of its columns and values."""
    X = csr_matrix(X, dtype=np.float64, copy=True)
    X.sum_duplicates()  # sorts the columns within a row, too: one matrix, one form
    ids = _ids(movie_ids, X.shape[0])
    # float64 as it is: NaN is a value here, not a missing one.
    offsets = pa.array(X.indptr.astype(np.int32))
    table = pa.table(
        {
            "movie_id": ids,
            "indices": pa.ListArray.from_arrays(offsets, pa.array(X.indices.astype(np.int32))),
            "data": pa.ListArray.from_arrays(offsets, pa.array(X.data)),
        }
    )
    return encode_arrow(_with_n_columns(table, X.shape[1]))


def decode_csr(data: bytes, key: str) -> tuple[np.ndarray, csr_matrix]:
    """Return ids and matrix of ``encode_csr``'s bytes."""

    def build(table: pa.Table) -> tuple[np.ndarray, csr_matrix]:
        indices = _one_chunk(table, "indices")
        values = _one_chunk(table, "data")
        X = csr_matrix(
            (
                np.array(values.flatten(), dtype=np.float64),
                np.array(indices.flatten(), dtype=np.int32),
                _offsets(indices),
            ),
            shape=(len(table), _n_columns(table)),
        )
        X.check_format(full_check=True)
        return _read_ids(table), X

    return _decode(data, key, "a sparse matrix", build)


def write_array(
    store: Store, key: str, movie_ids: Sequence[str] | np.ndarray, values: np.ndarray
) -> None:
    """Write a dense matrix with its rows' ids: (n,) and (n, m) float64."""
    store.write(key, encode_array(movie_ids, values))


def read_array(store: Store, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) ids and (n, m) float64 values that ``write_array`` wrote."""
    return decode_array(store.read(key), key)


def encode_array(movie_ids: Sequence[str] | np.ndarray, values: np.ndarray) -> bytes:
    """Return ids and a dense matrix as parquet: a row a movie, one list of m values."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    n, m = values.shape
    # Parquet knows no list of fixed length 0: m stands in the metadata.
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * np.int32(m))
    lists = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
    if m:
        lists = lists.cast(pa.list_(pa.float64(), m))
    return encode_arrow(_with_n_columns(pa.table({"movie_id": _ids(movie_ids, n), "v": lists}), m))


def decode_array(data: bytes, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and values of ``encode_array``'s bytes."""

    def build(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        flat = np.array(_one_chunk(table, "v").flatten(), dtype=np.float64)
        return _read_ids(table), flat.reshape(len(table), _n_columns(table))

    return _decode(data, key, "a matrix", build)


def _decode(data: bytes, key: str, what: str, build: Callable[[pa.Table], _T]) -> _T:
    table = decode_arrow(data, key)
    try:
        return build(table)
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise damaged(key, what, error) from error


def _ids(movie_ids: Sequence[str] | np.ndarray, n: int) -> pa.Array:
    ids = pa.array([str(i) for i in movie_ids], pa.string())
    if len(ids) != n:
        raise TableError(f"A matrix of {n} rows came with {len(ids)} movie ids.")
    return ids


def _read_ids(table: pa.Table) -> np.ndarray:
    return np.array(table["movie_id"].to_pylist(), dtype=str)


def _with_n_columns(table: pa.Table, n: int) -> pa.Table:
    return table.replace_schema_metadata({_N_COLUMNS: str(n).encode()})


def _n_columns(table: pa.Table) -> int:
    return int((table.schema.metadata or {})[_N_COLUMNS])


def _one_chunk(table: pa.Table, name: str) -> Any:
    return table[name].combine_chunks()


def _offsets(lists: Any) -> np.ndarray:
    lengths = np.array(lists.value_lengths(), dtype=np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
