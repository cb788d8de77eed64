import numpy as np
import pytest

from jfdask.model import contrast
from jfdask.model.contrast import PENALTY, contrast_ridge
from jfdask.model.kernel import similarity, similarity_product
from jfdask.model.played import PlayedClassifier

PLAYS, LEFT = np.arange(30), np.arange(100, 160)


def test_it_is_ridge_regression_of_plays_against_the_rest(library):
    found = contrast_ridge(library.catalogue, PLAYS, LEFT)
    references = np.r_[PLAYS, LEFT]
    kernel = similarity(library.catalogue, references, references).kernel
    y = np.r_[np.ones(30), np.zeros(60)]
    assert found.share == pytest.approx(1 / 3)
    assert (kernel + PENALTY * np.eye(90)) @ found.weights == pytest.approx(y - 1 / 3)


def test_a_movie_that_was_left_is_scored_as_if_it_were_no_part_of_it(library):
    found = contrast_ridge(library.catalogue, PLAYS, LEFT)
    references = np.r_[PLAYS, LEFT]
    kernel = similarity(library.catalogue, references, references).kernel
    y = np.r_[np.ones(30), np.zeros(60)]
    for i in (0, 17, 59):
        others = np.arange(90) != 30 + i
        rest = kernel[np.ix_(others, others)] + PENALTY * np.eye(89)
        weights = np.linalg.solve(rest, y[others] - found.share)
        expected = kernel[30 + i, others] @ weights
        assert found.left_scores[i] == pytest.approx(expected + found.share)


def test_chunks_do_not_show(library, monkeypatch):
    whole = contrast_ridge(library.catalogue, PLAYS, LEFT)
    monkeypatch.setattr(contrast, "CHUNK", 7)
    parts = contrast_ridge(library.catalogue, PLAYS, LEFT)
    assert parts.weights == pytest.approx(whole.weights)


def test_whether_a_movie_was_sampled_does_not_show_in_its_score(library):
    """Of plays at random nothing can be learned: neither which of the rest were sampled."""
    gaps = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        played = np.sort(rng.choice(420, 80, replace=False))
        left = np.setdiff1d(np.arange(420), played)
        sampled = np.sort(rng.choice(left, 160, replace=False))
        found = contrast_ridge(library.catalogue, played, sampled)
        rest = np.setdiff1d(left, sampled)
        references = np.r_[played, sampled]
        others = similarity_product(library.catalogue, rest, references, found.weights)
        gaps.append(found.left_scores.mean() - others.mean() - found.share)
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps)) + 0.005


def test_a_movie_that_left_the_library_is_passed_over(library):
    model = PlayedClassifier(library.source, n_estimators=5)
    model.fit(PLAYS, np.zeros(30, dtype=bool), others=np.arange(30, 420))
    before = model.predict_proba(np.arange(300, 320))
    model.left_ids_ = model.left_ids_.copy()
    model.left_ids_[0] = "a movie that is gone"
    after = model.predict_proba(np.arange(300, 320))
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() < 0.1
