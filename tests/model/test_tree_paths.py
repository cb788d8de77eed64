import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from jfdask.model.tree_paths import forest_contributions

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 5))
ROWS[RNG.random(ROWS.shape) < 0.1] = np.nan
LIKED = np.nan_to_num(ROWS[:, 2]) + 0.1 * RNG.normal(size=200) > 0


@pytest.mark.parametrize("class_weight", [None, "balanced_subsample"])
def test_base_and_moves_sum_up_to_the_forests_probability(class_weight, trees_of):
    forests = [
        RandomForestClassifier(7, random_state=i, class_weight=class_weight).fit(ROWS, LIKED)
        for i in range(2)
    ]
    base, moved = forest_contributions(
        [trees_of(f) for f in forests], ROWS, np.array([0, 1, 2, 1, 0]), 4
    )
    expected = np.mean([f.predict_proba(ROWS)[:, 1] for f in forests], axis=0)
    assert base + moved.sum(axis=1) == pytest.approx(expected, abs=1e-12)
    assert not moved[:, 3].any()
    assert np.abs(moved[:, 2]).mean() > 5 * np.abs(moved[:, [0, 1]]).mean()


def test_a_single_question_gets_the_whole_step(trees_of):
    rows = np.array([[0.0, 5.0], [0.0, 6.0], [1.0, 5.0], [1.0, 6.0]])
    liked = np.array([False, False, True, True])
    forest = RandomForestClassifier(1, bootstrap=False, max_features=None, random_state=0)
    base, moved = forest_contributions([trees_of(forest.fit(rows, liked))], rows, np.arange(2), 2)
    assert base == 0.5
    assert moved.tolist() == [[-0.5, 0.0], [-0.5, 0.0], [0.5, 0.0], [0.5, 0.0]]


def test_a_forest_of_roots_moves_nothing(trees_of):
    forest = RandomForestClassifier(3, max_depth=1, min_samples_leaf=150, random_state=0)
    base, moved = forest_contributions(
        [trees_of(forest.fit(ROWS, LIKED))], ROWS, np.zeros(5, dtype=int), 1
    )
    assert base == pytest.approx(forest.predict_proba(ROWS)[0, 1])
    assert not moved.any()
