"""Documents as JSON, in one form only, so that equal documents have equal checksums."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from pathlib import PurePath
from typing import Any

import numpy as np
import orjson

from jfdask.errors import DamagedArtifact
from jfdask.store.filesystem import Store

_ONE_FORM = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_NON_STR_KEYS
    | orjson.OPT_SERIALIZE_NUMPY
    | orjson.OPT_APPEND_NEWLINE
)


def write_json(store: Store, key: str, value: object) -> None:
    """Write a document; see ``encode_json``."""
    store.write(key, encode_json(value))


def read_json(store: Store, key: str) -> Any:
    """Return a document; DamagedArtifact if it is no JSON."""
    return decode_json(store.read(key), key)


def encode_json(value: object) -> bytes:
    r"""Return a document as JSON, one way only: keys sorted, numbers that are none as null.

    TypeError for what has no form, whole numbers of more than 64 bits among it.

    Examples
    --------
    >>> encode_json({"b": float("nan"), "a": (1, 2)})
    b'{"a":[1,2],"b":null}\n'
    """
    return orjson.dumps(value, default=_plain, option=_ONE_FORM)


def decode_json(data: bytes, key: str) -> Any:
    """Return the document of JSON bytes; DamagedArtifact if they are none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(key, "JSON", error) from error


def damaged(key: str, what: str, error: Exception) -> DamagedArtifact:
    """Return the error that says that a key's bytes are not ``what`` they should be."""
    return DamagedArtifact(
        f"{key!r} is not {what} ({type(error).__name__}). Run the stage that writes it again, or "
        "restore the file."
    )


def _plain(value: object) -> object:
    """Return what orjson knows in place of what it does not."""
    plain: object
    if isinstance(value, (np.ndarray, np.generic)):  # of texts, or not C-contiguous
        plain = value.tolist()
    elif isinstance(value, Mapping):
        plain = dict(value)
    elif isinstance(value, Set):
        plain = sorted(value)
    elif isinstance(value, PurePath):
        plain = str(value)
    elif isinstance(value, Iterable):
        plain = list(value)
    else:
        raise TypeError(f"{type(value).__name__} has no form as JSON.")
    return plain
