import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.errors import DamagedArtifact
from jfdask.store.documents import decode_json, encode_json, read_json, write_json
from jfdask.store.filesystem import Store

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda child: st.lists(child) | st.dictionaries(st.text(), child),
    max_leaves=20,
)


@given(_JSON)
def test_round_trip(value: object) -> None:
    assert decode_json(encode_json(value), "k") == value


def test_one_form() -> None:
    assert encode_json({"b": 1, "a": [1.5, "é"]}) == encode_json({"a": (1.5, "é"), "b": 1})


def test_what_json_does_not_know() -> None:
    class Colour(Enum):
        RED = "red"

    @dataclass
    class Point:
        x: float

    value = {
        "nan": float("nan"),
        "inf": np.float64("inf"),
        "array": np.array([[1.0, np.nan]]),
        "columns": np.array([[1, 2], [3, 4]]).T,
        "texts": np.array(["b", "a"]),
        "mapping": MappingProxyType({"x": 1}),
        "iterator": iter([1]),
        "int": np.int64(3),
        "flag": np.bool_(True),
        "set": {"b", "a"},
        "time": datetime(2026, 8, 1, tzinfo=UTC),
        "path": Path("a/b"),
        "enum": Colour.RED,
        "point": Point(1.0),
        1: "key",
    }
    assert json.loads(encode_json(value)) == {
        "nan": None,
        "inf": None,
        "array": [[1.0, None]],
        "columns": [[1, 3], [2, 4]],
        "texts": ["b", "a"],
        "mapping": {"x": 1},
        "iterator": [1],
        "int": 3,
        "flag": True,
        "set": ["a", "b"],
        "time": "2026-08-01T00:00:00+00:00",
        "path": "a/b",
        "enum": "red",
        "point": {"x": 1.0},
        "1": "key",
    }


@pytest.mark.parametrize("value", [object(), 2**64, "\ud800", {"a": object()}])
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode_json({"x": value})


def test_in_the_store(store: Store) -> None:
    write_json(store, "a/b.json", {"x": 1})
    assert read_json(store, "a/b.json") == {"x": 1}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_garbage(folder: Store, data: bytes) -> None:
    folder.write("a", data)
    with pytest.raises(DamagedArtifact, match="'a' is not JSON"):
        read_json(folder, "a")
