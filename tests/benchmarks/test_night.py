"""The benchmark of whole nights, on a small household."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import night

from jfdask.stages.files import STAGE_NAMES

pytestmark = [pytest.mark.cluster, pytest.mark.server]


def test_what_it_tells(tmp_path):
    out = tmp_path / "night.json"
    assert night.main(["--movies", "100", "--people", "1", "--out", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["candidates"] > 1
    cold, second, changed = (told[f"{one}night_seconds"] for one in ("", "second_", "changed_"))
    share = (changed - told["start_up_seconds"]) / (cold - told["start_up_seconds"])
    assert told["changed_share"] == pytest.approx(share, abs=0.001)
    for night_, stages in (
        (cold, "stages"),
        (second, "stages_second"),
        (changed, "stages_changed"),
    ):
        assert sorted(told[stages]) == sorted(STAGE_NAMES)
        assert sum(told[stages].values()) < night_
    assert told["peak_rss_mb"] > 100
