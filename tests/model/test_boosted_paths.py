import numpy as np
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier

from jfdask.model.boosted_paths import boosted_contributions
from jfdask.model.boosting import BoostedTrees


def fitted(rng, n=800):
    X = rng.normal(size=(n, 5))
    y = X[:, 0] + 0.3 * rng.normal(size=n) > 0
    X[rng.random(X.shape) < 0.1] = np.nan
    given = {"max_iter": 30, "max_leaf_nodes": 7, "early_stopping": False}
    return X, BoostedTrees(HistGradientBoostingClassifier(random_state=0, **given).fit(X, y))


def test_base_and_parts_sum_up_to_the_logit():
    X, trees = fitted(np.random.default_rng(0))
    base, moved = boosted_contributions(trees, X[:200], np.array([0, 1, 1, 2, 2]), 3)
    assert moved.shape == (200, 3)
    np.testing.assert_allclose(base + moved.sum(axis=1), logit(trees.probability(X[:200])))


def test_the_column_that_decides_has_moved_the_most():
    X, trees = fitted(np.random.default_rng(1))
    _, moved = boosted_contributions(trees, X, np.arange(5), 5)
    spread = np.abs(moved).mean(axis=0)
    assert spread[0] > 5 * spread[1:].max()


def test_no_rows():
    X, trees = fitted(np.random.default_rng(2))
    base, moved = boosted_contributions(trees, X[:0], np.zeros(5, dtype=int), 1)
    assert np.isfinite(base)
    assert moved.shape == (0, 1)
