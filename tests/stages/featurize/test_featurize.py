"""However the catalogue is cut and whoever does the work: the same features, the same U·S."""

import numpy as np
import pytest
from scipy.sparse import vstack

from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader
from jfdask.store.keys import run_key, run_manifest_key
from jfdask.store.runs import run_ids

from ...remote import open_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.server]

SEED = {"method": "seed"}


@pytest.fixture
def fetched(night_after):
    """A store in which the night was broken off after fetch."""
    store = night_after.store
    [run_id] = run_ids(store)
    store.delete("latest")
    store.delete(run_manifest_key(run_id))
    for stage in ("featurize", "train", "recommend"):
        store.delete_all(run_key(run_id, stage))
    return night_after


def featurized(nights, folder, size, **sections):
    """Featurize a copy of the store in partitions of that size; return X, names, U·S."""
    nights = nights.copy(folder)
    summary = nights.run("featurize", features={"movies_per_partition": size}, **sections)
    assert summary.exit_code == 0, summary.problems
    assert not summary.reports["featurize"]["home"].reused
    unit = reader(Place(nights.store.address, summary.run_id, "home"), "featurize")
    X = vstack([unit.csr(name)[1] for name in unit.names("matrix-")]).tocsr()
    US = np.concatenate([unit.array(name)[1] for name in unit.names("svd-")])
    s = np.array(unit.json("singular_values.json"))
    return X, unit.json("columns.json"), US, s, len(unit.names("matrix-"))


def test_one_two_or_seven_partitions(fetched, tmp_path):
    whole = featurized(fetched, tmp_path / "1", 5000, train=SEED)
    assert whole[4] == 1
    for n_parts in (2, 7):
        size = -(-len(range(whole[0].shape[0])) // n_parts)
        cut = featurized(fetched, tmp_path / str(n_parts), size, train=SEED)
        assert cut[4] == n_parts
        assert cut[1] == whole[1]
        np.testing.assert_array_equal(cut[0].indices, whole[0].indices)
        np.testing.assert_allclose(cut[0].data, whole[0].data, rtol=0, atol=1e-9)
        assert len(cut[3]) == len(whole[3])
        np.testing.assert_allclose(cut[3], whole[3], rtol=1e-9)
        np.testing.assert_allclose(cut[2] / whole[3][0], whole[2] / whole[3][0], atol=1e-9)


def test_one_worker_or_four(fetched, tmp_path):
    found = []
    for n_workers in (1, 4):
        with open_cluster(n_workers) as client:
            cluster = {"address": client.scheduler.address}
            found.append(
                featurized(fetched, tmp_path / str(n_workers), 60, train=SEED, cluster=cluster)
            )
    one, four = found
    assert one[1] == four[1]
    np.testing.assert_array_equal(one[0].toarray(), four[0].toarray())
    np.testing.assert_allclose(one[2] / one[3][0], four[2] / one[3][0], atol=1e-9)


def test_columns_bear_the_name_of_their_file(fetched, tmp_path):
    _, columns, US, _, _ = featurized(fetched, tmp_path / "a", 100)
    files = {column.split("__")[0] for column in columns}
    assert files >= {"text", "date", "scalar", "onehot", "multilabel", "roles", "binary", "ordinal"}
    assert files >= {"tokens", "genre_pairs", "certificate", "decade", "tfidf", "numbers"}
    assert len(columns) == len(set(columns))
    # The method affinity reduces the text alone.
    assert US.shape[1] == 10


def test_the_text_model_is_trained_once_and_its_state_kept(finished, night_after, tmp_path):
    key = "state/home/text_model.json"
    before = night_after.store.read(key)
    summary = night_after.run("featurize", features={"n_components": 5})
    assert not summary.reports["featurize"]["home"].reused
    assert night_after.store.read(key) == before
    night_after.run("featurize", features={"text_dimensions": 8})
    assert night_after.store.read(key) != before


@pytest.mark.parametrize(("method", "status"), [("seed", "kept"), ("affinity", "part")])
def test_a_given_model_that_is_none(night_after, tmp_path, method, status):
    """Nothing is made without by the method that learns from it."""
    (tmp_path / "model.bin").write_bytes(b"no model")
    features = {"text_model": str(tmp_path / "model.bin")}
    summary = night_after.run("featurize", features=features, train={"method": method})
    assert "The text model is cut short" in summary.problems[0]
    assert summary.exit_code == 3
    assert summary.reports["featurize"]["home"].status == status
