import json
import re
import runpy

import pandas as pd
import pytest

from jfdask.stages.files import STAGE_NAMES
from jfdask.store.keys import LATEST, PEOPLE
from jfdask.store.lock import Lease

PAGE = "docs/artifacts.md"


def layout(page: str) -> dict[str, bool]:
    """Return the keys of the page's layout: whether each is there after every night."""
    text = page.partition("```text\n")[2].partition("```")[0]
    return {line.split()[0]: line.split()[1:2] != ["*"] for line in text.splitlines()}


def pattern_of(key: str) -> str:
    """Return a key of the store as the layout spells it."""
    parts = key.split("/")
    if parts[0] == "runs":
        parts[1] = "<run>"
        if len(parts) > 4:
            parts[3] = "<household>"
    if parts[0] == "state":
        parts[1] = "<household>"
    if PEOPLE in parts:
        parts[parts.index(PEOPLE) + 1] = "<user>"
    if "reading" in parts:
        parts[parts.index("reading") + 1 :] = ["<file>"]
    if parts[0] == "pretrain":
        parts[1:] = ["<digest>", "<file>"]
    if parts[0] == "making":
        parts[2:] = ["<digest>", "<file>"]
    if parts[0] == "pools":
        parts[1] = "<digest>"
    if parts[0] in ("pools", "prior"):
        return re.sub(r"-[0-9a-f]{16}\.", "-<digest>.", "/".join(parts))
    return re.sub(r"-\d{4}\.(parquet|skops)$", r"-<part>.\1", "/".join(parts))


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("latest", "latest"),
        ("runs/20260801T030000Z-0a1b2c/manifest.json", "runs/<run>/manifest.json"),
        ("runs/20260801T030000Z-0a1b2c/train/manifest.json", "runs/<run>/train/manifest.json"),
        (
            "runs/20260801T030000Z-0a1b2c/featurize/home/svd-0012.parquet",
            "runs/<run>/featurize/<household>/svd-<part>.parquet",
        ),
        (
            "runs/20260801T030000Z-0a1b2c/fetch/home/people/0f3a/reading/plays-0.parquet",
            "runs/<run>/fetch/<household>/people/<user>/reading/<file>",
        ),
        ("prior/crowd-00112233445566ff.parquet", "prior/crowd-<digest>.parquet"),
        ("pretrain/00112233445566ff/rows-0000.parquet", "pretrain/<digest>/<file>"),
        ("state/home/people/0f3a/p.json", "state/<household>/people/<user>/p.json"),
    ],
)
def test_keys_become_patterns(key, pattern):
    assert pattern_of(key) == pattern


def test_the_layout_names_every_stage(pages):
    keys = layout(pages[PAGE])
    for stage in STAGE_NAMES:
        assert f"runs/<run>/{stage}/manifest.json" in keys
        assert f"runs/<run>/{stage}/<household>/manifest.json" in keys


def test_every_file_of_the_layout_is_told_of(pages):
    told = " ".join(pages.code(PAGE))
    names = {key.rpartition("/")[2] for key in layout(pages[PAGE])} - {"<file>", "lock.claim"}
    assert [name for name in sorted(names) if name not in told and name != "manifest.json"] == []


def test_the_lock_is_told_of(pages):
    told = pages.code(PAGE)
    assert set(Lease.__dataclass_fields__) <= told


@pytest.mark.server
@pytest.mark.cluster
class TestARealNight:
    def test_what_it_leaves_is_what_is_documented(self, pages, finished):
        documented = layout(pages[PAGE])
        found = {pattern_of(key) for key in finished.store.list()}
        assert found - documented.keys() == set(), "not documented"
        always = {key for key, is_always in documented.items() if is_always}
        assert always - found == set(), "documented, but not there"

    def test_every_key_of_every_document_is_named(self, pages, finished):
        told = pages.code(PAGE)
        store, unnamed = finished.store, set()
        for key in store.list():
            if not (key.endswith(".json") or key == LATEST):
                continue
            document = json.loads(store.read(key))
            if isinstance(document, list):
                continue  # of names or numbers
            document |= document.get("data", {})
            summary = document.pop("summary", {})
            if "kind" in document and document["kind"] in ("unit", "run", "stage"):
                document |= summary
            unnamed |= {(pattern_of(key), name) for name in document if name not in told}
        assert unnamed == set()

    def test_every_figure_is_named(self, pages, finished):
        told = pages.code(PAGE)
        keys = [key for key in finished.store.list() if key.endswith("/metrics.json")]
        n_measured = 0
        for key in keys:
            for which, methods in json.loads(finished.store.read(key))["metrics"].items():
                for method, figures in methods.items():
                    n_measured += 1
                    assert {which, method, *figures} <= told
        assert n_measured

    def test_the_examples_run(self, pages, finished, tmp_path, monkeypatch):
        (tmp_path / "jfdask-store").symlink_to(finished.settings.store.url)
        monkeypatch.chdir(tmp_path)
        examples = pages.blocks("python")
        assert len(examples) == 3
        results = {}
        for i, example in enumerate(examples):
            compile(example.text, PAGE, "exec")
            if "s3://" not in example.text:
                path = tmp_path / f"example_{i}.py"
                path.write_text(example.text, encoding="utf-8")
                results |= runpy.run_path(str(path))
        assert len(results["X"].shape) == 2
        assert results["X"].shape == (len(results["movie_ids"]), len(results["columns"]))
        assert isinstance(results["first_five"], pd.DataFrame)
        n_people = results["lists"]["user_id"].nunique()
        assert len(results["first_five"]) == 5 * n_people
