import io
import json
import os
import pickle
import subprocess
import sys
import types
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jfdask.errors import DamagedArtifact, UntrustedModel
from jfdask.store.filesystem import Store
from jfdask.store.models import decode_model, encode_model, read_model, write_model

X = np.random.default_rng(0).normal(size=(60, 4))
Y = X[:, 0] + X[:, 1] > 0


def fitted() -> Pipeline:
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    return make_pipeline(StandardScaler(), forest).fit(X, Y)


def test_a_forest_comes_back(store: Store) -> None:
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


@pytest.fixture
def our_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("jfdask.model.invented")
    exec(
        "import os\nfrom subprocess import Popen\n"
        "class Taste:\n    def __init__(self, weight):\n        self.weight = weight\n"
        "def function(x):\n    return x\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_classes_of_our_own_are_trusted(our_module: types.ModuleType) -> None:
    found = decode_model(encode_model(our_module.Taste(np.array([1.0, 2.0]))), "m")
    assert type(found) is our_module.Taste
    np.testing.assert_array_equal(found.weight, [1.0, 2.0])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("jfdask.model.invented", "Popen"),
        ("jfdask.model.invented", "os"),
        ("jfdask.model.invented", "function"),
        ("jfdask.model.invented", "nothing"),
        ("jfdask.model.nothing", "Taste"),
        ("jfdask.modelling", "Taste"),
        ("jfdask.store.models", "Store"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
    ],
)
def test_a_forged_name_does_not_lead_out_of_our_modules(
    our_module: types.ModuleType, module: str, name: str
) -> None:
    with zipfile.ZipFile(io.BytesIO(encode_model(our_module.Taste("x")))) as archive:
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
