"""Documents as JSON, in one form only, so that equal documents have equal checksums."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Set
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from jfdask.errors import DamagedArtifact
from jfdask.store.filesystem import Store

# Nearly all that a long document holds.
_PLAIN = frozenset({str, int, bool, type(None)})


def write_json(store: Store, key: str, value: object) -> None:
    """Write a document; see ``encode_json``."""
    store.write(key, encode_json(value))


def read_json(store: Store, key: str) -> Any:
    """Return a document; DamagedArtifact if it is no JSON."""
    return decode_json(store.read(key), key)


def encode_json(value: object) -> bytes:
    r"""Return a document as JSON, one way only: keys sorted, numbers that are none as null.

    It is one line: Python's encoder takes ten times as long to indent.

    Examples
    --------
    >>> encode_json({"b": float("nan"), "a": (1, 2)})
    b'{"a": [1, 2], "b": null}\n'
    """
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


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


def _plain(value: object) -> Any:
    plain: Any = value
    if type(value) in _PLAIN:
        return plain
    if isinstance(value, float) and not isinstance(value, np.generic):
        return plain if math.isfinite(value) else None
    if type(value) is list and _PLAIN.issuperset(map(type, value)):
        return plain  # such as the names of tens of thousands of columns
    if isinstance(value, Enum):
        plain = _plain(value.value)
    elif isinstance(value, (np.generic, np.ndarray)):
        plain = _plain(value.tolist())
    elif isinstance(value, Mapping):
        plain = {str(k): v if type(v) in _PLAIN else _plain(v) for k, v in value.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    elif isinstance(value, Set):
        plain = sorted(_plain(v) for v in value)
    elif isinstance(value, date):
        plain = value.isoformat()
    elif isinstance(value, PurePath):
        plain = str(value)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        plain = [_plain(v) for v in value]
    return plain
