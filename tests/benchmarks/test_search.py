"""The benchmark of the search, on few rows and small forests."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import search

from jfdask.model import grid

pytestmark = pytest.mark.cluster


def test_both_searches_find_the_same_winner_with_the_same_score(tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "SEED_GRID", {"n_estimators": [5, 8, 12], "max_depth": [1, 2, 6]})
    monkeypatch.setattr(grid, "N_SEED_CANDIDATES", 4)
    out = tmp_path / "search.json"
    assert search.main(["--rows", "80", "--columns", "60", "--out", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["candidates"] == 4
    assert result["same_winner"]
    assert result["same_score"]
    assert result["ratio"] == pytest.approx(result["seconds"] / result["sklearn_seconds"], abs=0.01)
