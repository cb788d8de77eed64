import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from jfdask.model.metrics import (
    always_true,
    area_under_curve,
    by_rating,
    measure,
)

cases = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])),
    min_size=2,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(cases)
def test_figures_are_those_of_scikit_learn(rows):
    liked, score = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    m = measure(liked, score)
    assert m.accuracy == pytest.approx(reference.accuracy_score(liked, score >= 0.5))
    assert m.confusion == tuple(
        map(tuple, reference.confusion_matrix(liked, score >= 0.5, labels=[False, True]))
    )
    if liked.any() and (score >= 0.5).any():
        assert m.precision == pytest.approx(reference.precision_score(liked, score >= 0.5))
        assert m.recall == pytest.approx(reference.recall_score(liked, score >= 0.5))
        assert m.f1 == pytest.approx(reference.f1_score(liked, score >= 0.5))
    if liked.any() and not liked.all():
        assert m.auc == pytest.approx(reference.roc_auc_score(liked, score))
        assert m.ap == pytest.approx(reference.average_precision_score(liked, score))
        assert m.log_loss == pytest.approx(reference.log_loss(liked, score), rel=1e-6)


@pytest.mark.parametrize("liked", [[], [True], [False], [True, True], [False, False, False]])
def test_one_class_or_nothing_has_no_value_rather_than_nan(liked):
    m = measure(np.array(liked, dtype=bool), np.full(len(liked), 0.7))
    assert m.auc is None
    assert m.n == len(liked)
    text = json.dumps(m.to_dict(), allow_nan=False)
    assert json.loads(text)["n_liked"] == sum(liked)


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        liked = rng.random(120) < 0.5
        score = rng.normal(size=120) + liked
        low, high = measure(liked, score, seed=seed).intervals["auc"]
        inside += low <= 0.760 <= high  # Phi(1 / sqrt 2)
    assert 88 <= inside <= 99


def test_intervals_repeat_with_the_seed():
    rng = np.random.default_rng(0)
    liked, score = rng.random(50) < 0.5, rng.random(50)
    assert measure(liked, score, seed=1) == measure(liked, score, seed=1)
    assert measure(liked, score, seed=1) != measure(liked, score, seed=2)


def test_always_true_is_half_an_auc_and_the_share():
    m = always_true(np.array([True, True, True, False]))
    assert (m.auc, m.accuracy, m.precision, m.recall) == (0.5, 0.75, 0.75, 1.0)
    assert m.log_loss is None


def test_the_ratings_threshold_is_the_median_of_the_training_plays():
    liked = np.array([True, False, True, False])
    rating, training = np.array([8.0, 6.0, np.nan, 6.9]), np.array([5.0, 7.0, 9.0, np.nan])
    m = by_rating(liked, rating, training)
    assert m.confusion == ((2, 0), (0, 2))
    assert m.auc == 1.0
    assert by_rating(liked, np.full(4, np.nan), np.full(3, np.nan)).auc == 0.5


def test_decisions_by_threshold_count_for_their_own_figure_only():
    liked, score = np.array([True, False, True]), np.array([0.4, 0.3, 0.2])
    m = measure(liked, score, predicted_by_threshold=score >= 0.1)
    assert m.f1_threshold == pytest.approx(0.8)
    assert m.f1 == 0.0
    assert m.confusion == ((1, 0), (2, 0))


def test_equal_scores_are_half_right():
    assert area_under_curve(np.array([True, False]), np.array([0.5, 0.5])) == 0.5
