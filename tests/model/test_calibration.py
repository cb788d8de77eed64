import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import f1_score

from jfdask.model.calibration import (
    N_BINS,
    Calibration,
    Reliability,
    cross_calibrated,
    f1_threshold,
    fit_calibration,
    reliability,
    together,
)


def people(n_people, n_plays, seed=0):
    """Yield truth and scores of people whose scores are too timid and all too high."""
    rng = np.random.default_rng(seed)
    for _ in range(n_people):
        truth = expit(rng.normal(-0.3, 1.5, n_plays))
        yield rng.random(n_plays) < truth, expit(0.7 * logit(truth) + 0.5)


def test_many_plays_undo_what_a_model_does_to_its_scores():
    liked, score = next(people(1, 20_000))
    fitted = fit_calibration(liked, score)
    assert fitted.slope == pytest.approx(1 / 0.7, abs=0.1)
    assert fitted.intercept == pytest.approx(-0.5 / 0.7, abs=0.1)


def test_without_plays_everybody_is_as_most_people():
    nobody = np.empty(0, dtype=bool), np.empty(0)
    assert fit_calibration(*nobody) == Calibration()
    few = fit_calibration(np.array([True]), np.array([0.01]))
    assert abs(few.slope - Calibration().slope) < 0.3
    assert few.apply(np.array([0.5]))[0] == pytest.approx(0.5, abs=0.05)


def test_the_error_over_everybody_falls_below_three_hundredths():
    before, after = [], []
    for liked, score in people(60, 200):
        folds = np.arange(len(liked)) % 5
        before.append(reliability(liked, score))
        after.append(reliability(liked, cross_calibrated(liked, score, folds)))
    assert together(before).error > 0.06
    assert together(after).error <= 0.03


def test_no_fold_sees_its_own_labels():
    liked, score = next(people(1, 100))
    folds = np.arange(100) % 5
    flipped = np.where(folds == 2, ~liked, liked)
    before, after = (cross_calibrated(y, score, folds) for y in (liked, flipped))
    assert np.array_equal(before[folds == 2], after[folds == 2])
    assert not np.array_equal(before[folds != 2], after[folds != 2])


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60))
def test_the_order_stays_whatever_the_labels(plays):
    liked = np.array([y for y, _ in plays], dtype=bool)
    score = np.array([s for _, s in plays], dtype=float)
    fitted = fit_calibration(liked, score)
    assert fitted.slope >= 0
    calibrated = fitted.apply(np.linspace(0, 1, 50))
    assert (np.diff(calibrated) >= 0).all()
    assert calibrated.min() >= 0.001
    assert calibrated.max() <= 0.999


def test_scores_that_mislead_say_the_share_of_liked():
    score = np.repeat([0.1, 0.9], 2000)
    fitted = fit_calibration(score < 0.5, score)
    assert fitted.slope == 0.0
    assert fitted.apply(np.array([0.1, 0.9])) == pytest.approx([0.5, 0.5], abs=0.01)


def test_reliability_of_known_predictions():
    liked = np.array([True, False, True, True])
    said = np.array([0.0, 0.02, 0.5, 1.0])
    found = reliability(liked, said)
    assert found.n.sum() == 4
    assert (found.n[0], found.n[7], found.n[N_BINS - 1]) == (2, 1, 1)
    assert found.error == pytest.approx((abs(0.02 - 1) + 0.5 + 0.0) / 4)
    document = found.to_dict()
    json.dumps(document, allow_nan=False)
    assert document["calibration_error"] == found.error
    assert [b["n_liked"] for b in document["bins"]] == found.n_liked.tolist()
    assert document["bins"][0]["mean_probability"] == pytest.approx(0.01)
    assert document["bins"][3]["mean_probability"] is None


def test_everybody_together_is_the_sum_and_survives_the_store():
    some = [reliability(y, s) for y, s in people(3, 40)]
    whole = [np.concatenate(parts) for parts in zip(*people(3, 40), strict=True)]
    kept = [Reliability.from_rows(json.loads(json.dumps(r.to_rows()))) for r in some]
    assert together(kept).error == pytest.approx(reliability(*whole).error)
    assert together([]).error is None


def test_the_threshold_promises_the_best_f1_for_other_labels():
    """Chosen on labels that are half of chance, it is better on others than the best by luck."""
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(60):
        p = rng.beta(1.2, 1.8, size=120)
        seen, others = (rng.random(120) < p for _ in range(2))
        cut = f1_threshold(seen, p)
        luckiest = max(np.unique(p), key=lambda t: f1_score(seen, p >= t, zero_division=0))
        gains.append(f1_score(others, p >= cut) - f1_score(others, p >= luckiest))
    assert np.mean(gains) > 0.005


def test_a_threshold_does_not_part_equal_scores():
    liked, score = np.array([True, False, True, False]), np.array([0.5, 0.5, 0.5, 0.1])
    cut = f1_threshold(liked, score)
    assert cut <= 0.5
    assert len({bool(s >= cut) for s in score[:3]}) == 1
    assert f1_threshold(~np.ones(3, dtype=bool), np.array([0.1, 0.2, 0.3])) == 0.5
