"""The benchmark of many people, on two small households."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import people
from speed_bench.counting import counted
from speed_bench.quiet import two_workers

pytestmark = [pytest.mark.cluster, pytest.mark.server]


def test_a_night_of_two_households(tmp_path):
    out = tmp_path / "people.json"
    command = ["--people", "4", "--per-household", "2", "--movies", "120", "--plays", "30"]
    assert people.main([*command, "--search", "small", "--out", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["households"] == {"4": 2}
    assert result["share"] == {"4": 1.0}
    assert result["seconds"]["4"] > 0
    # Each person has a model and a list, and each list was read.
    tasks = result["tasks_of"]["4"]
    assert {"learn_people", "recommend_to", "read_first_pages", "finish"} <= tasks.keys()
    assert any("fit-score" in name for name in tasks)
    assert result["tasks_per_person"]["4"] == sum(tasks.values()) / 4
    assert result["worker_peak_mb"]["4"] > 50


def test_what_is_counted_is_what_was_sent():
    with counted() as counts, two_workers() as client:
        before = counts.bytes
        client.gather(client.map(len, ["x" * i for i in range(30)], pure=False))
        assert counts.tasks == {"len": 30}
        small = counts.bytes - before
        client.submit(len, "x" * 100_000, pure=False).result()
        large = counts.bytes - before - small
    assert 0 < small < 100_000
    # Once from the client and once to a worker; the end of either is not counted again.
    assert 200_000 < large < 300_000
