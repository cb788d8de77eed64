"""Figures of rankings that are known."""

import numpy as np
import pytest
from quality_bench.figures import favorite_figures, list_figures, word_figures

from jfdask.errors import DataError
from jfdask.model.calibration import Reliability


def test_figures_of_known_rankings():
    candidates = np.arange(60)
    hits = np.array([0, 30])  # first, and thirty-first
    figures = list_figures([hits], [candidates], [-candidates.astype(float)])
    assert figures["ndcg@20"] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert (figures["recall@20"], figures["recall@50"], figures["hit@10"]) == (0.5, 1.0, 1.0)
    with pytest.raises(DataError, match="no number"):
        list_figures([hits], [candidates], [np.full(60, np.nan)])
    y = np.array([True, True, False, False])
    score = np.array([0.9, 0.4, 0.3, 0.1])
    figures = favorite_figures([y, y], [score, score], is_probability=True)
    assert figures["auc"] == figures["ap"] == figures["f1_threshold"] == 1.0
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["accuracy"] == 0.75
    # What is no probability is cut as often as the other folds have favourites.
    figures = favorite_figures([y, y], [100 * score, 100 * score], is_probability=False)
    assert (figures["f1"], figures["accuracy"], figures["log_loss"]) == (1.0, 1.0, None)


def test_the_figures_of_words_are_those_of_known_lists():
    y = np.array([True, False])
    perfect = {
        "raw": np.array([0.6, 0.4]),
        "C": np.array([0.9, 0.1]),
        "plain": -np.arange(30.0),
        "varied": -np.r_[1.0, 0.0, np.arange(2.0, 30.0)],
        "likeness": np.array([0.5, 0.2]),
    }
    figures = word_figures([y] * 2, [np.array([0])] * 2, [np.arange(30)] * 2, [perfect] * 2)
    bins = figures.pop("bins")
    assert figures == pytest.approx(
        {
            "log_loss": -np.log(0.9),
            "ndcg@20": 1 / np.log2(3),
            "ndcg@20_gain": 1 / np.log2(3) - 1,
            "likeness@20": 0.2,
            "likeness@20_gain": -0.3,
        }
    )
    assert Reliability.from_rows(bins["scores"]).error == pytest.approx(0.4)
    assert Reliability.from_rows(bins["probabilities"]).error == pytest.approx(0.1)
