import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from jfdask.model.boosting import BoostedTrees
from jfdask.store.models import decode_model, encode_model


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) + rng.normal(0, 0.3, 600) > 0
    return X, HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y)


def test_they_score_as_scikit_learn_does(fitted):
    X, model = fitted
    trees = BoostedTrees(model)
    assert len(trees) == 20
    np.testing.assert_allclose(trees.probability(X), model.predict_proba(X)[:, 1])


def test_they_are_stored_and_read(fitted):
    X, model = fitted
    trees = BoostedTrees(model)
    stored = encode_model(trees)
    assert stored == encode_model(BoostedTrees(model))
    again = decode_model(stored, "key")
    np.testing.assert_array_equal(again.probability(X), trees.probability(X))


def test_other_columns_are_refused(fitted):
    _, model = fitted
    with pytest.raises(ValueError, match="3 columns, but 4"):
        BoostedTrees(model).probability(np.zeros((2, 3)))
