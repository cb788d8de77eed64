import numpy as np
import pytest

from jfdask.errors import MissingArtifact
from jfdask.model.pooled import PooledRows
from jfdask.settings import StoreSettings
from jfdask.stages.pool.making import Making
from jfdask.store.filesystem import address_of


@pytest.fixture
def making(tmp_path):
    return Making(address_of(StoreSettings(url=str(tmp_path))), "pools/0123456789abcdef")


def rows_of(n, seed):
    rng = np.random.default_rng(seed)
    played = np.arange(n) < n // 2
    return PooledRows(
        rng.random((n, 2), dtype=np.float32), ("a", "b"), played, played, rng.random(n)
    )


def test_rows_come_back_in_the_order_of_their_files(making):
    second, first = rows_of(6, 0), rows_of(4, 1)
    making.write_rows("b", 0, second)
    making.write_rows("a", 0, first)
    names = ["plays-0-b.parquet", "plays-0-a.parquet"]
    found = making.read_rows(names)
    for rows, written in zip(found, (first, second), strict=True):
        np.testing.assert_array_equal(rows.X, written.X[written.played])
        np.testing.assert_array_equal(rows.weight, written.weight[written.played])
    [last] = found[1:]
    np.testing.assert_array_equal(last.X, second.X[second.played])


def test_rows_are_read_when_they_are_asked_for(making):
    """All of them together may be more than a worker can hold."""
    rows = making.read_rows(["plays-0-a.parquet"])
    assert len(rows) == 1
    with pytest.raises(MissingArtifact):
        rows[0]
