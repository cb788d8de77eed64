import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random

from jfdask.errors import DamagedArtifact, TableError
from jfdask.store.filesystem import Store
from jfdask.store.tables import (
    decode_array,
    decode_csr,
    decode_table,
    encode_array,
    encode_arrow,
    encode_csr,
    encode_table,
    read_array,
    read_csr,
    read_table,
    write_array,
    write_csr,
    write_table,
)
from jfdask.tables import PLAYS, RECOMMENDATIONS, TABLES


def plays(*movie_ids: str) -> pd.DataFrame:
    rows = [
        {
            "movie_id": movie_id,
            "item_id": movie_id,
            "played": True,
            "play_count": 1.0,
            "is_favorite": False,
            "rating": None,
            "position_fraction": 0.0,
            "last_played": pd.Timestamp("2026-08-01T03:04:05.678901"),
        }
        for movie_id in movie_ids
    ]
    return PLAYS.frame(rows)


def test_a_table_comes_back(store: Store) -> None:
    frame = plays("b", "a")
    write_table(store, "t.parquet", PLAYS, frame)
    pd.testing.assert_frame_equal(read_table(store, "t.parquet", PLAYS), frame)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_empty_table_comes_back(folder: Store, table: object) -> None:
    frame = table.frame([])  # type: ignore[attr-defined]
    write_table(folder, "t", table, frame)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(read_table(folder, "t", table), frame)  # type: ignore[arg-type]


def test_some_columns_in_the_table_s_order(folder: Store) -> None:
    write_table(folder, "t", PLAYS, plays("a", "b"))
    some = read_table(folder, "t", PLAYS, ["played", "movie_id"])
    assert list(some.columns) == ["movie_id", "played"]
    assert list(some["movie_id"]) == ["a", "b"]
    with pytest.raises(TableError, match="no columns"):
        read_table(folder, "t", PLAYS, ["nothing"])


def test_the_same_frame_gives_the_same_bytes() -> None:
    frame = plays("a", "b", "c")
    once = encode_table(PLAYS, frame)
    assert encode_table(PLAYS, frame.sample(frac=1, random_state=1)) == once
    again = decode_table(once, "k", PLAYS)
    again.attrs["note"] = "of another day"
    again.index = pd.Index([7, 8, 9])
    assert encode_table(PLAYS, again) == once
    assert b"pandas" not in once


def test_another_table_is_refused(folder: Store) -> None:
    write_table(folder, "t", PLAYS, plays("a"))
    with pytest.raises(TableError, match="recommendations"):
        read_table(folder, "t", RECOMMENDATIONS)


def test_another_type_is_refused(folder: Store) -> None:
    arrow = PLAYS.to_arrow(plays("a"))
    wrong = arrow.set_column(3, "play_count", pa.array([1], pa.int64()))
    folder.write("t", encode_arrow(wrong))
    with pytest.raises(TableError, match="other types"):
        read_table(folder, "t", PLAYS)
    with pytest.raises(TableError, match="other types"):
        read_table(folder, "t", PLAYS, ["movie_id", "play_count"])


@pytest.mark.parametrize("read", [read_csr, read_array, lambda s, k: read_table(s, k, PLAYS)])
def test_garbage(folder: Store, read: object) -> None:
    good = encode_table(PLAYS, plays("a"))
    for data in (b"", b"no parquet at all", good[: len(good) // 2], good[:8] + good[40:]):
        folder.write("bad", data)
        with pytest.raises(DamagedArtifact, match="'bad' is not"):
            read(folder, "bad")  # type: ignore[operator]


def test_a_table_is_no_matrix(folder: Store) -> None:
    write_table(folder, "t", PLAYS, plays("a"))
    with pytest.raises(DamagedArtifact, match="not a sparse matrix"):
        read_csr(folder, "t")
    with pytest.raises(DamagedArtifact, match="not a matrix"):
        read_array(folder, "t")


def assert_same(X: csr_matrix, Y: csr_matrix) -> None:
    assert X.shape == Y.shape
    assert X.dtype == Y.dtype == np.float64
    np.testing.assert_array_equal(X.indptr, Y.indptr)
    np.testing.assert_array_equal(X.indices, Y.indices)
    np.testing.assert_array_equal(X.data, Y.data)


def test_a_sparse_matrix_comes_back(store: Store) -> None:
    X = csr_matrix(([1.5, np.nan, 0.0, -2.0], [0, 2, 1, 1], [0, 2, 2, 4]), shape=(3, 5))
    X.sort_indices()
    write_csr(store, "x.parquet", ["m1", "m2", "m3"], X)
    ids, found = read_csr(store, "x.parquet")
    assert list(ids) == ["m1", "m2", "m3"]
    assert isinstance(found, csr_matrix)
    assert_same(found, csr_matrix(([1.5, np.nan, -2.0], [0, 2, 1], [0, 2, 2, 3]), shape=(3, 5)))


def test_zeros_and_nan_that_are_stored_stay_stored() -> None:
    X = csr_matrix(([0.0, np.nan], [0, 3], [0, 1, 2]), shape=(2, 4))
    assert_same(decode_csr(encode_csr(["a", "b"], X), "k")[1], X)


def test_one_matrix_has_one_form() -> None:
    X = csr_matrix(([1.0, 2.0], [0, 1], [0, 2]), shape=(1, 3))
    unsorted = csr_matrix(([2.0, 1.0], [1, 0], [0, 2]), shape=(1, 3))
    assert encode_csr(["a"], unsorted) == encode_csr(["a"], X)
    assert list(unsorted.indices) == [1, 0]  # the caller's is left as it was


@settings(max_examples=40)
@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 2**31))
def test_matrices_of_any_shape(n: int, m: int, seed: int) -> None:
    X = random(n, m, density=0.4, format="csr", random_state=seed, dtype=np.float64)
    X = csr_matrix(X)
    ids = [f"m{i}" for i in range(n)]
    found_ids, found = decode_csr(encode_csr(ids, X), "k")
    assert list(found_ids) == ids
    X.sort_indices()
    assert_same(found, X)
    found_ids, values = decode_array(encode_array(ids, X.toarray()), "k")
    assert list(found_ids) == ids
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, X.toarray())


def test_a_dense_matrix_comes_back(store: Store) -> None:
    values = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, -0.0]])
    write_array(store, "u.parquet", ["a", "b"], values)
    ids, found = read_array(store, "u.parquet")
    assert list(ids) == ["a", "b"]
    np.testing.assert_array_equal(found, values)
    found[0, 0] = 7.0  # one's own, to be written to


def test_ids_and_rows_must_agree() -> None:
    with pytest.raises(TableError, match="2 rows came with 1"):
        encode_csr(["a"], csr_matrix((2, 2)))
    with pytest.raises(TableError, match="2 rows came with 1"):
        encode_array(["a"], np.zeros((2, 2)))
