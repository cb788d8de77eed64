import pickle

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from skops.io import dumps, loads


@pytest.fixture(scope="module")
def grown():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = X[:, 0] + X[:, 1] ** 2 > 0.5
    X[rng.random(X.shape) < 0.1] = np.nan
    forest = RandomForestClassifier(n_estimators=25, min_samples_leaf=4, random_state=3).fit(X, y)
    queries = rng.normal(size=(50, 6))
    queries[rng.random(queries.shape) < 0.2] = np.nan
    return forest, queries


def test_trees_score_as_their_forest_does(grown, trees_of):
    forest, queries = grown
    trees = trees_of(forest)
    assert len(trees) == 25
    np.testing.assert_allclose(
        trees.probability(queries), forest.predict_proba(queries)[:, 1], rtol=0, atol=1e-15
    )


@pytest.mark.parametrize(
    "copied",
    [
        lambda trees: pickle.loads(pickle.dumps(trees)),
        lambda trees: loads(dumps(trees), trusted=["jfdask.model.trees.Trees"]),
    ],
)
def test_trees_read_again_score_the_same(grown, copied, trees_of):
    forest, queries = grown
    trees = trees_of(forest)
    again = copied(trees)
    np.testing.assert_array_equal(again.probability(queries), trees.probability(queries))
    np.testing.assert_array_equal(again.probability(queries[:1]), trees.probability(queries)[:1])


def test_one_forest_has_one_text_of_bytes(grown, trees_of):
    forest, _ = grown
    first, second = trees_of(forest), trees_of(pickle.loads(pickle.dumps(forest)))
    assert first.nodes_.tobytes() == second.nodes_.tobytes()
    assert pickle.dumps(first) == pickle.dumps(second)
