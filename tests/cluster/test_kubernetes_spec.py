from pathlib import Path

import pytest
import yaml
from dask_kubernetes.exceptions import ValidationError
from dask_kubernetes.operator.validation import validate_cluster_name

from jfdask.cluster.kubernetes_spec import IDLE_MARGIN, LONGEST_NAME, fill_in, read_spec
from jfdask.errors import SettingsError

SPEC = Path(__file__).resolve().parents[2] / "k8s" / "base" / "daskcluster.yaml"


@pytest.fixture
def changed(tmp_path):
    def changed(change):
        document = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
        change(document)
        path = tmp_path / "cluster.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return changed


def test_what_differs_from_night_to_night():
    spec = fill_in(read_spec(SPEC), "0a1b2c3d", "films:7", 3, 600)
    assert spec["metadata"]["name"] == "jfdask-0a1b2c3d"
    assert spec["spec"]["worker"]["replicas"] == 3
    assert spec["spec"]["scheduler"]["service"]["selector"] == {
        "dask.org/cluster-name": "jfdask-0a1b2c3d",
        "dask.org/component": "scheduler",
    }


def test_a_cluster_that_is_waited_for_is_not_idle(changed):
    def timeout(seconds, **changes):
        path = changed(lambda document: document["spec"].update(changes))
        return fill_in(read_spec(path), "0a1b2c3d", None, 1, seconds)["spec"].get("idleTimeout")

    assert timeout(600) == 1800
    assert timeout(3000.5) == 3001 + IDLE_MARGIN
    assert timeout(3000, idleTimeout=0) == 0  # never


def test_the_image_is_put_where_dask_runs_and_nowhere_else(changed):
    def add_sidecar(document):
        pod = document["spec"]["worker"]["spec"]
        pod["containers"].append({"name": "proxy", "image": "proxy:1"})

    spec = fill_in(read_spec(changed(add_sidecar)), "0a1b2c3d", "films:7", 1, 600)
    images = [c["image"] for c in spec["spec"]["worker"]["spec"]["containers"]]
    assert images == ["films:7", "proxy:1"]


def test_without_an_image_it_stays():
    spec = fill_in(read_spec(SPEC), "0a1b2c3d", None, 1, 600)
    assert spec["spec"]["worker"]["spec"]["containers"][0]["image"] == "jfdask:0.1.0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(kind="Pod"), "holds no DaskCluster"),
        (lambda d: d["spec"].pop("worker"), "has no 'worker'"),
        (lambda d: d["spec"]["scheduler"].pop("service"), "has no 'service'"),
        (lambda d: d["metadata"].update(name="x" * (LONGEST_NAME + 1)), "at most"),
    ],
)
def test_one_that_cannot_be_used(changed, change, told):
    with pytest.raises(SettingsError, match=told):
        read_spec(changed(change))


def test_a_name_as_long_as_the_operator_takes():
    validate_cluster_name(f"{'x' * LONGEST_NAME}-0a1b2c3d")
    with pytest.raises(ValidationError):
        validate_cluster_name(f"{'x' * (LONGEST_NAME + 1)}-0a1b2c3d")


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 2\n", "- 1"])
def test_what_is_no_document(tmp_path, text):
    (tmp_path / "x").write_text(text)
    with pytest.raises(SettingsError, match="kubernetes_spec"):
        read_spec(tmp_path / "x")


def test_no_file(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_spec(tmp_path / "x")
    with pytest.raises(SettingsError, match="is missing"):
        read_spec(None)
