"""The benchmark of fetching, on a small library."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import fetch

pytestmark = [pytest.mark.cluster, pytest.mark.server]


def test_both_ways_read_the_same_movies(tmp_path):
    out = tmp_path / "fetch.json"
    assert fetch.main(["--movies", "1200", "--repeats", "1", "--out", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["movies"] == 1200
    assert result["same_movies"]
    # Neither asks more of the server at once than the other may.
    assert result["max_in_flight"] == result["requests_in_flight"]
    assert result["ratio"] == pytest.approx(result["seconds"] / result["httpx_seconds"], abs=0.02)
