import importlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from jfdask.errors import DamagedArtifact, UntrustedModel
from jfdask.features.decade import Decade
from jfdask.features.matrix import FittedBlocks
from jfdask.store.filesystem import Store
from jfdask.store.models import _TRUSTED, decode_model, encode_model, read_model, write_model

X = np.random.default_rng(0).normal(size=(60, 4))
Y = X[:, 0] + X[:, 1] > 0


def fitted() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


def test_an_estimator_comes_back(store: Store) -> None:
    model = fitted()
    write_model(store, "m.skops", model)
    found = read_model(store, "m.skops")
    np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))


def test_the_same_model_gives_the_same_bytes() -> None:
    model = fitted()
    once = encode_model(model)
    assert encode_model(fitted()) == once
    assert encode_model(pickle.loads(pickle.dumps(model))) == once


def test_the_same_bytes_in_another_process() -> None:
    program = (
        "from sklearn.tree import DecisionTreeClassifier\n"
        "from jfdask.store.models import encode_model\n"
        "tree = DecisionTreeClassifier(random_state=0).fit([[0, 1], [1, 0], [2, 2]], [0, 1, 1])\n"
    )
    here: dict[str, Any] = {}
    exec(program, here)
    command = [sys.executable, "-c", f"{program}print(encode_model(tree).hex())"]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert bytes.fromhex(there) == encode_model(here["tree"])


class Foreign:
    def __init__(self) -> None:
        self.x = 1


def test_foreign_types_are_refused_and_named(folder: Store) -> None:
    folder.write("m", skops.io.dumps({"a": Foreign(), "b": np.ones(2)}))
    with pytest.raises(UntrustedModel, match=r"'m'.*Foreign"):
        read_model(folder, "m")


def test_a_foreign_function_is_refused() -> None:
    with pytest.raises(UntrustedModel, match="system"):
        decode_model(encode_model(FunctionTransformer(os.system)), "m")


def test_scikit_learn_s_trees_are_refused() -> None:
    # A crafted one can crash whoever asks it: ours are kept as arrays.
    with pytest.raises(UntrustedModel, match=r"_tree\.Tree"):
        decode_model(encode_model(DecisionTreeClassifier().fit(X, Y)), "m")


@pytest.mark.parametrize("name", _TRUSTED)
def test_all_that_is_trusted_is_a_class_of_ours(name: str) -> None:
    module_name, _, class_name = name.rpartition(".")
    found = getattr(importlib.import_module(module_name), class_name)
    assert isinstance(found, type)
    assert found.__module__ == module_name
    assert module_name.startswith(("jfdask.features.", "jfdask.model."))


def test_classes_of_our_own_come_back() -> None:
    found = decode_model(encode_model(FittedBlocks((Decade(),))), "m")
    assert type(found) is FittedBlocks
    assert type(found.blocks[0]) is Decade


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("jfdask.features.decade", "np"),
        ("jfdask.features.matrix", "FeatureMatrix"),
        ("jfdask.features.nothing", "Decade"),
        ("jfdask.store.models", "Store"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
    ],
)
def test_a_forged_name_leads_nowhere(module: str, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(encode_model(Decade()))) as archive:
        schema = json.loads(archive.read("schema.json"))
    schema["__module__"], schema["__class__"] = module, name
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    with pytest.raises(UntrustedModel, match=name):
        decode_model(forged.getvalue(), "m")


@pytest.mark.parametrize("cut", [0, 10, 2000])
def test_garbage(cut: int) -> None:
    with pytest.raises(DamagedArtifact, match="'m' is not a model"):
        decode_model(encode_model(fitted())[:cut], "m")


def test_a_zip_without_a_model() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("schema.json", '{"protocol": 0}')
    with pytest.raises(DamagedArtifact):
        decode_model(data.getvalue(), "m")
