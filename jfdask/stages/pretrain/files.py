"""People in a workplace, as bytes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from jfdask.model.sampling import SampledPeople
from jfdask.store.tables import decode_arrow, encode_arrow


def encode_people(people: SampledPeople, films: pd.Series) -> bytes:
    """Return people and the ids of the films they are over as parquet."""
    bounds = pa.array(people.bounds.astype(np.int32))
    columns = {
        "user_id": pa.array(people.user_ids, pa.string()),
        "films": pa.ListArray.from_arrays(bounds, pa.array(people.films.astype(np.int32))),
        "liked": pa.ListArray.from_arrays(bounds, pa.array(people.liked)),
    }
    metadata = {b"film_ids": json.dumps(films.tolist()).encode()}
    return encode_arrow(pa.table(columns).replace_schema_metadata(metadata))


def decode_people(data: bytes, key: str) -> tuple[SampledPeople, list[str]]:
    """Return the people and film ids of ``encode_people``'s bytes."""
    table = decode_arrow(data, key).combine_chunks()
    films = table["films"].combine_chunks()
    lengths = np.asarray(films.value_lengths(), dtype=np.int64)
    people = SampledPeople(
        tuple(table["user_id"].to_pylist()),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.asarray(films.flatten(), dtype=np.int64),
        np.asarray(table["liked"].combine_chunks().flatten(), dtype=np.bool_),
    )
    return people, json.loads(table.schema.metadata[b"film_ids"])
