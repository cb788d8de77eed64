import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils._param_validation import InvalidParameterError

from jfdask.model.growing import grown
from jfdask.model.trees import Trees


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 7))
    y = X[:, 0] + X[:, 1] ** 2 > 1.5
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 3] = rng.integers(3, size=len(X))
    return X, y, rng.uniform(0.2, 2.0, len(X))


SETTINGS = [
    {},
    {"class_weight": "balanced_subsample", "min_samples_leaf": 6, "max_features": "sqrt"},
    {"class_weight": "balanced", "max_features": 0.25},
    {"class_weight": {0: 1.0, 1: 3.0}, "criterion": "entropy", "max_features": "log2"},
    {"class_weight": "balanced_subsample", "bootstrap": False, "max_features": 3},
    {"bootstrap": False, "max_features": None, "max_depth": 3},
    {"min_samples_leaf": 0.05, "min_samples_split": 0.2, "criterion": "log_loss"},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_trees_are_those_of_scikit_learn(rows, settings, weighted, trees_of):
    X, y, weight = rows
    given = weight if weighted else None
    forest = RandomForestClassifier(n_estimators=8, random_state=3, n_jobs=1, **settings)
    ours = Trees(grown(forest, X, y, given))
    theirs = trees_of(forest.fit(X, y, sample_weight=given))
    assert ours.n_features_ == theirs.n_features_
    for name in ("nodes_", "values_", "sizes_", "depths_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_sample_without_one_class_is_weighed_as_scikit_learn_does(trees_of):
    X, y = np.arange(9.0).reshape(-1, 1), np.arange(9) == 8
    forest = RandomForestClassifier(30, class_weight="balanced_subsample", random_state=0)
    ours, theirs = Trees(grown(forest, X, y)), trees_of(forest.fit(X, y))
    np.testing.assert_array_equal(ours.values_, theirs.values_)
    # The test can fail: the rare one is missing in some samples.
    assert (theirs.sizes_ == 1).any()


def test_without_missing_numbers_the_trees_are_the_same_too(rows, trees_of):
    X, y, _ = rows
    X = np.nan_to_num(X)
    forest = RandomForestClassifier(n_estimators=5, random_state=1)
    ours, theirs = Trees(grown(forest, X, y)), trees_of(forest.fit(X, y))
    np.testing.assert_array_equal(ours.nodes_, theirs.nodes_)


def test_what_cannot_be_grown_is_refused(rows):
    X, y, _ = rows
    with pytest.raises(ValueError, match="max_leaf_nodes"):
        grown(RandomForestClassifier(max_leaf_nodes=4), X, y)
    with pytest.raises(InvalidParameterError, match="min_samples_leaf"):
        grown(RandomForestClassifier(min_samples_leaf=0), X, y)
    with pytest.raises(ValueError, match="rows of one"):
        grown(RandomForestClassifier(), X, np.ones(len(y), dtype=bool))
    X = X.copy()
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinite"):
        grown(RandomForestClassifier(), X, y)
