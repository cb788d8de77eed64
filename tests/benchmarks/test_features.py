"""The benchmark of the features, on few movies."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import features

pytestmark = pytest.mark.cluster


def test_all_ways_come_to_the_same_matrix(tmp_path):
    out = tmp_path / "features.json"
    command = ["--movies", "300", "--sample", "2", "--repeats", "1", "--out", str(out)]
    assert features.main(command) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["same_matrix"]
    assert result["movies"] == 300
    assert {"ratio_seed", "ratio_sklearn", "ratio_seed_with_training"} <= result.keys()
    # The seed's loop walks the vocabulary for every word.
    assert result["seed_seconds"] > result["sklearn_seconds"]


def test_a_different_matrix_is_told():
    X = csr_matrix([[1.0, np.nan, 0.0]])
    assert features.is_same(X, csr_matrix([[1.0 + 1e-9, np.nan, 0.0]]))
    assert not features.is_same(X, csr_matrix([[1.1, np.nan, 0.0]]))
    assert not features.is_same(X, csr_matrix([[1.0, 0.0, np.nan]]))
    assert not features.is_same(X, csr_matrix([[1.0, np.nan]]))
