"""Rows of many people as bytes, on their way from who makes them to who learns from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jfdask.model.inputs import Bools
from jfdask.model.pooled import PooledRows, aligned_columns
from jfdask.store.tables import decode_arrow, encode_arrow

_LABELS = ("played", "liked", "weight", "contrast", "person")


def encode_rows(rows: PooledRows) -> bytes:
    """Return rows as parquet: a column each, then the labels and what they are worth."""
    n_rows = len(rows.played)
    weight = np.ones(n_rows) if rows.weight is None else rows.weight
    person = np.zeros(n_rows, dtype=np.int64) if rows.person is None else rows.person
    arrays = [pa.array(np.ascontiguousarray(column)) for column in rows.X.T]
    labels = (rows.played, rows.liked, weight, _contrast(rows), person)
    arrays += [pa.array(label) for label in labels]
    return encode_arrow(pa.Table.from_arrays(arrays, names=[*rows.columns, *_LABELS]))


def decode_rows(data: bytes, key: str) -> PooledRows:
    """Return the rows of ``encode_rows``'s bytes."""
    table = decode_arrow(data, key)
    columns = tuple(table.column_names[: -len(_LABELS)])
    X = np.empty((len(table), len(columns)), dtype=np.float32)
    for i in range(len(columns)):
        X[:, i] = np.asarray(table[i])
    played, liked, weight, contrast, person = (np.asarray(table[name]) for name in _LABELS)
    labels = played.astype(np.bool_), liked.astype(np.bool_), weight, contrast.astype(np.bool_)
    return PooledRows(X, columns, *labels, person.astype(np.int64))


def _contrast(rows: PooledRows) -> Bools:
    return np.ones(len(rows.played), dtype=np.bool_) if rows.contrast is None else rows.contrast


def beneath(people: Sequence[PooledRows]) -> PooledRows:
    """Return rows of people, one each, under each other; of other households' columns, too."""
    columns = tuple(dict.fromkeys(c for rows in people for c in rows.columns))
    return PooledRows(
        np.concatenate([aligned_columns(rows.X, rows.columns, columns) for rows in people]),
        columns,
        np.concatenate([rows.played for rows in people]),
        np.concatenate([rows.liked for rows in people]),
        np.concatenate([np.asarray(rows.weight) for rows in people]),
        np.concatenate([_contrast(rows) for rows in people]),
        np.repeat(np.arange(len(people)), [len(rows.played) for rows in people]),
    )
