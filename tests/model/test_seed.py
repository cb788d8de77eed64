import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from skops.io import dumps, get_untrusted_types

from jfdask.errors import NotEnoughPlays
from jfdask.model.inputs import InMemory
from jfdask.model.seed import SeedClassifier

VECTORS = np.random.default_rng(0).normal(size=(200, 80))
X, Y = np.arange(50), VECTORS[:50, 0] > 0


def test_it_is_the_plain_forest_on_as_many_components_as_rows():
    model = SeedClassifier(InMemory(VECTORS), n_estimators=30).fit(X, Y)
    assert model.n_components_ == 50
    plain = RandomForestClassifier(
        n_estimators=30,
        max_depth=20,
        min_samples_leaf=8,
        criterion="entropy",
        class_weight="balanced",
        random_state=42,
    ).fit(VECTORS[:50, :50], Y)
    query = np.arange(50, 200)
    np.testing.assert_allclose(
        model.predict_proba(query), plain.predict_proba(VECTORS[query, :50]), rtol=0, atol=1e-15
    )


def test_fewer_components_than_rows():
    model = SeedClassifier(InMemory(VECTORS[:, :6]), n_estimators=20).fit(X, Y)
    assert model.n_components_ == 6
    assert (model.predict(np.arange(50, 200)) == (VECTORS[50:, 0] > 0)).mean() > 0.8


def test_order_does_not_matter():
    one = SeedClassifier(InMemory(VECTORS), n_estimators=10).fit(X, Y)
    two = SeedClassifier(InMemory(VECTORS), n_estimators=10).fit(X[::-1, None], Y[::-1])
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_defaults_are_what_the_original_found():
    params = SeedClassifier().get_params()
    assert (params["n_estimators"], params["min_samples_split"]) == (200, 2)
    assert (params["min_samples_leaf"], params["max_depth"]) == (8, 20)
    assert (params["criterion"], params["class_weight"]) == ("entropy", "balanced")
    assert clone(SeedClassifier(max_depth=3)).max_depth == 3


def test_what_is_stored_has_no_features():
    model = SeedClassifier(InMemory(VECTORS), n_estimators=5).fit(X, Y)
    types = set(get_untrusted_types(data=dumps(model.detached())))
    assert types == {"jfdask.model.seed.SeedClassifier", "jfdask.model.trees.Trees"}
    with pytest.raises(ValueError, match="no features"):
        model.detached().predict_proba(X)


def test_one_class_is_refused():
    with pytest.raises(NotEnoughPlays):
        SeedClassifier(InMemory(VECTORS)).fit(X, np.ones(50))
