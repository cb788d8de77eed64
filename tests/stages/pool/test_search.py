import json
from dataclasses import replace

import numpy as np
import pytest

from jfdask.cluster.connect import connect
from jfdask.errors import DataError
from jfdask.model.pooled import PooledRows
from jfdask.settings import ClusterSettings, StoreSettings, TrainSettings
from jfdask.stages.pool import search as module
from jfdask.stages.pool.making import Making, files_of_rows
from jfdask.stages.pool.search import SampleSource, sample_plays, search
from jfdask.stages.pooled_rows import beneath
from jfdask.stages.searching import Topic
from jfdask.stages.window import drive
from jfdask.store.filesystem import address_of

COLUMNS = ("a", "b")
N_BANDS = 6
SETTINGS = TrainSettings(pool_candidates=4, random_state=3)
TOPIC = Topic("topic", "run")


def person(seed, columns=COLUMNS, n=30):
    """What is liked is in narrow bands, which large leaves cannot tell apart."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, len(columns)))
    liked = X[:, 0] * N_BANDS % 1 < 0.5
    counts = (np.arange(n) > 0).astype(float)  # the first label is worth nothing
    left = np.arange(n) >= n - 5
    return PooledRows(X.astype(np.float32), columns, ~left, liked & ~left, counts)


@pytest.fixture
def making(tmp_path):
    return Making(address_of(StoreSettings(url=str(tmp_path / "store"))), "pools/x")


def write(making, groups=(0, 0, 1, 3), columns=COLUMNS):
    names = []
    for number, group in enumerate(groups):
        rows = beneath([person(10 * number + i, columns) for i in range(6)])
        stem = f"home-{number:06}-x"
        making.write_rows(stem, group, rows)
        names += files_of_rows(stem, group)
    return names


def test_plays_that_count_are_sampled_by_group(making):
    names = write(making)
    assert sample_plays(making, names, 42) == ((0, 2 * 6 * 24), (1, 6 * 24), (3, 6 * 24))
    sample = SampleSource(making).load()
    assert len(sample) == 4 * 6 * 24
    assert len(np.unique(sample.person)) == 24
    assert sample.played.all()
    assert (np.asarray(sample.weight) > 0).all()
    assert SampleSource(making).load() is sample


def test_a_sample_is_of_whole_people_and_bounded(making, monkeypatch):
    names = write(making)
    monkeypatch.setattr(module, "MOST_PLAYS", 10 * 24 + 23)
    sizes = sample_plays(making, names, 42)
    assert sum(size for _, size in sizes) == 10 * 24
    assert sizes == sample_plays(making, names[::-1], 42)
    assert all(size % 24 == 0 for _, size in sizes)


def test_households_may_have_other_columns(making):
    names = write(making, (0,)) + write(making, (1,), ("a", "c"))
    sample_plays(making, names, 42)
    rows = making.read_sample()
    assert rows.columns == ("a", "b", "c")
    assert np.isnan(rows.X[: len(rows.X) // 2, 2]).all()
    assert np.isnan(rows.X[len(rows.X) // 2 :, 1]).all()


def driven(client, work):
    [found] = drive(client, {"pool": work}, 9, lambda *_: None).values()
    return found


def end_of(work):
    """Return what a work that asks for nothing returns."""
    with pytest.raises(StopIteration) as end:
        next(work)
    return end.value.value


@pytest.mark.cluster
def test_any_number_of_workers_finds_the_same(making, client):
    other = replace(making, prefix="pools/y")
    found = []
    for one, workers in ((making, client), (other, None)):
        sizes = sample_plays(one, write(one), 42)
        given = (one, sizes, SETTINGS, TOPIC)
        if workers is None:
            with connect(ClusterSettings(workers=1, dashboard_port=0)) as single:
                found.append(driven(single, search(*given)))
        else:
            found.append(driven(workers, search(*given)))
    assert found[0] == found[1]
    assert found[0]["candidates"][0] == {}
    assert found[0]["chosen"]["min_samples_leaf"] == 20
    assert found[0]["chosen"] == found[0]["candidates"][int(np.argmax(found[0]["auc"]))]
    assert max(found[0]["auc"]) > found[0]["auc"][0] + 0.05


def test_what_was_found_is_not_searched_for_again(making):
    making.store.write(making.key("search.json"), json.dumps({"chosen": {"a": 1}}).encode())
    assert end_of(search(making, ((0, 10), (1, 10)), SETTINGS, TOPIC)) == {"chosen": {"a": 1}}


@pytest.mark.parametrize("how", ["raises", "a candidate"])
def test_a_search_that_fails_says_so_and_chooses_nothing(making, monkeypatch, how):
    def fails(*_):
        yield from ()
        if how == "raises":
            raise DataError("no room")
        scores = {f"split{i}_test_score": np.array([0.7, module.FAILED]) for i in range(2)}
        return {"mean_test_score": np.array([0.7, 0.0]), **scores}

    monkeypatch.setattr(module, "cross_validated", fails)
    found = end_of(search(making, ((0, 10), (1, 10)), SETTINGS, TOPIC))
    assert found["failed"]
    assert found["chosen"] == {}
    assert "search.json" not in making.names()
