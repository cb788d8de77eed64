"""Rows of many people as bytes, on their way from who makes them to who learns from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jfdask.model.pooled import PooledRows
from jfdask.store.tables import decode_arrow, encode_arrow

_LABELS = ("played", "liked", "weight")


def encode_rows(rows: PooledRows) -> bytes:
    """Return rows as parquet: a column each, then the labels and what they are worth."""
    weight = np.ones(len(rows.played)) if rows.weight is None else rows.weight
    arrays = [pa.array(np.ascontiguousarray(column)) for column in rows.X.T]
    arrays += [pa.array(rows.played), pa.array(rows.liked), pa.array(weight)]
    return encode_arrow(pa.Table.from_arrays(arrays, names=[*rows.columns, *_LABELS]))


def decode_rows(data: bytes, key: str) -> PooledRows:
    """Return the rows of ``encode_rows``'s bytes."""
    table = decode_arrow(data, key)
    columns = tuple(table.column_names[: -len(_LABELS)])
    X = np.empty((len(table), len(columns)), dtype=np.float32)
    for i in range(len(columns)):
        X[:, i] = np.asarray(table[i])
    played, liked, weight = (np.asarray(table[name]) for name in _LABELS)
    return PooledRows(X, columns, played.astype(np.bool_), liked.astype(np.bool_), weight)


def beneath(some: list[PooledRows]) -> PooledRows:
    """Return rows of the same columns under each other."""
    return PooledRows(
        np.concatenate([rows.X for rows in some]),
        some[0].columns,
        np.concatenate([rows.played for rows in some]),
        np.concatenate([rows.liked for rows in some]),
        np.concatenate([np.asarray(rows.weight) for rows in some]),
    )
