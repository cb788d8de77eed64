import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, identity
from sklearn.linear_model import LogisticRegression

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact, StoreError
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.filesystem import Store
from jfdask.store.manifests import Manifest, fingerprint, load_unit
from jfdask.store.units import UnitReader, UnitWriter
from jfdask.store.verify import verify
from jfdask.tables import PLAYS

from .test_reuse import R1

NOW = datetime(2026, 8, 1, 3, tzinfo=UTC)
CLOSE = {
    "inputs": {"fetch/movies.parquet": "ab"},
    "settings": {"folds": 5},
    "code_version": "1",
    "started": NOW,
    "finished": NOW,
}


def test_a_unit_of_every_kind_of_file(store: Store) -> None:
    unit = UnitWriter(store, "r1", "featurize", "home")
    frame = PLAYS.frame([])
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    X = csr_matrix(identity(2))
    unit.table("people/u1/plays.parquet", PLAYS, frame)
    unit.json("metrics.json", {"auc": float("nan")})
    unit.model("model.skops", model)
    unit.csr("rows.parquet", ["a", "b"], X)
    unit.array("vectors.parquet", ["a", "b"], np.eye(2))
    unit.bytes("text.bin", b"abc")
    manifest = unit.close(summary={"n_movies": np.int64(2)}, **CLOSE)  # type: ignore[arg-type]
    assert load_unit(store, "r1", "featurize", "home") == manifest
    assert manifest.summary == {"n_movies": 2}
    assert manifest.files["text.bin"].size == 3

    reader = UnitReader(store, manifest)
    assert reader.names("people/u1/") == ["people/u1/plays.parquet"]
    pd.testing.assert_frame_equal(reader.table("people/u1/plays.parquet", PLAYS), frame)
    assert list(reader.table("people/u1/plays.parquet", PLAYS, ["played"]).columns) == ["played"]
    assert reader.json("metrics.json") == {"auc": None}
    assert reader.model("model.skops").predict([[1.0]]) == [1]
    assert (reader.csr("rows.parquet")[1] != X).nnz == 0
    assert reader.array("vectors.parquet")[1].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert reader.bytes("text.bin") == b"abc"
    verify(store, manifest)


def test_receipts_of_workers_are_merged(store: Store) -> None:
    worker = pickle.loads(pickle.dumps(UnitWriter(store, "r1", "train", "home")))
    receipts = [worker.json("people/u1/a.json", 1), worker.json("people/u2/a.json", 2)]
    assert len(pickle.dumps(receipts)) < 1000
    manifest = UnitWriter(store, "r1", "train", "home").close(receipts=receipts, **CLOSE)  # type: ignore[arg-type]
    assert list(manifest.files) == ["people/u1/a.json", "people/u2/a.json"]
    assert UnitReader(store, manifest).json("people/u2/a.json") == 2


def test_a_file_written_twice_alike_is_one_and_differently_a_mistake(folder: Store) -> None:
    unit = UnitWriter(folder, "r1", "train", "home")
    first, same = unit.json("a.json", 1), unit.json("a.json", 1)
    assert list(unit.close(receipts=[first, same], **CLOSE).files) == ["a.json"]  # type: ignore[arg-type]
    other = UnitWriter(folder, "r1", "train", "home").json("a.json", 2)
    with pytest.raises(StoreError, match=r"'a\.json' of train for 'home' was written twice"):
        unit.close(receipts=[other], **CLOSE)  # type: ignore[arg-type]


def test_the_manifest_is_no_file_of_the_unit(folder: Store) -> None:
    with pytest.raises(ValueError, match="by close"):
        UnitWriter(folder, "r1", "train", "home").json("manifest.json", 1)


def test_an_unknown_status(folder: Store) -> None:
    with pytest.raises(ValueError, match="'fine' is no status"):
        UnitWriter(folder, "r1", "train", "home").close(status="fine", **CLOSE)  # type: ignore[arg-type]
    assert folder.list() == []


def test_a_changed_file_is_noticed(store: Store, write_unit: Callable[..., Manifest]) -> None:
    unit = write_unit(store, "r1", people=("u1",))
    store.write("runs/r1/train/home/metrics.json", b'{"auc": 1.0}')
    with pytest.raises(DamagedArtifact, match=r"metrics\.json"):
        UnitReader(store, unit).json("metrics.json")
    store.delete("runs/r1/train/home/people/u1/list.json")
    with pytest.raises(MissingArtifact, match=r"list\.json"):
        UnitReader(store, unit).json("people/u1/list.json")
    with pytest.raises(DamagedArtifact, match=r"(?s)metrics.json.*list.json"):
        verify(store, unit)


def test_what_is_not_in_the_manifest_is_not_read(
    folder: Store, write_unit: Callable[..., Manifest]
) -> None:
    unit = write_unit(folder, "r1")
    folder.write("runs/r1/train/home/stray.json", b"{}")
    with pytest.raises(MissingArtifact, match="jfdask train"):
        UnitReader(folder, unit).json("stray.json")


def test_no_manifest(store: Store) -> None:
    with pytest.raises(MissingArtifact):
        load_unit(store, "r1", "train", "home")


def test_a_manifest_of_a_newer_jfdask(folder: Store, write_unit: Callable[..., Manifest]) -> None:
    write_unit(folder, "r1")
    key = "runs/r1/train/home/manifest.json"
    document = decode_json(folder.read(key), key)
    folder.write(key, encode_json({**document, "schema": 2}))
    with pytest.raises(NewerArtifact, match="Upgrade"):
        load_unit(folder, "r1", "train", "home")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind": "unit", "schema": 1}',
        b'{"kind": "unit", "schema": 1, "files": []}',
        b'{"kind": "unit", "schema": 1, "files": {"../../x": {"sha256": "", "size": 1}}}',
    ],
)
def test_garbage(folder: Store, data: bytes) -> None:
    folder.write("runs/r1/train/home/manifest.json", data)
    with pytest.raises(DamagedArtifact, match=r"manifest\.json"):
        load_unit(folder, "r1", "train", "home")


def test_fingerprints_tell_work_apart() -> None:
    base = fingerprint({"a": "1", "b": "2"}, {"x": 1, "y": (2, 3)}, "1")
    assert fingerprint({"b": "2", "a": "1"}, {"y": [2, 3], "x": 1}, "1") == base
    others = {
        fingerprint({"a": "1", "b": "3"}, {"x": 1, "y": (2, 3)}, "1"),
        fingerprint({"a": "1"}, {"x": 1, "y": (2, 3)}, "1"),
        fingerprint({"a": "1", "b": "2"}, {"x": 1, "y": (3, 2)}, "1"),
        fingerprint({"a": "1", "b": "2"}, {"x": 1, "y": (2, 3)}, "2"),
    }
    assert len(others - {base}) == 4


def test_checksums_are_the_next_stage_s_inputs(
    folder: Store, write_unit: Callable[..., Manifest]
) -> None:
    unit = write_unit(folder, "r1", people=("u1",))
    again = write_unit(folder, "r2", people=("u1",))
    assert unit.checksums() == again.checksums()
    assert list(unit.checksums()) == ["train/metrics.json", "train/people/u1/list.json"]
    assert list(unit.checksums("people/")) == ["train/people/u1/list.json"]


def test_people_are_those_who_have_a_file(folder, write_unit):
    unit = write_unit(folder, R1, people=("u2", "u1"))
    reader = UnitReader(folder, unit)
    assert reader.user_ids() == reader.user_ids("list.json") == ["u1", "u2"]
    assert reader.user_ids("other.json") == []
