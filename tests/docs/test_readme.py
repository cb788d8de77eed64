import re
from xml.etree import ElementTree

import numpy as np

from jfdask.errors import JfdaskError, LockHeld, SettingsError
from jfdask.model.forest import AffinityClassifier
from jfdask.model.labels import STATED, UNKNOWN, evidence_of
from jfdask.model.personal import MIN_PLAYS
from jfdask.model.personal_list import SCORE_MEANINGS
from jfdask.settings import Settings
from jfdask.stages import night
from jobs.__main__ import INTERRUPTED, TERMINATED


def test_it_is_short(pages):
    assert len(pages["README.md"].splitlines()) <= 150


def test_it_tells_every_exit_code(pages):
    told = pages["README.md"].partition("Exit codes:")[2].partition("\n\n")[0]
    codes = {0, JfdaskError.exit_code, SettingsError.exit_code, LockHeld.exit_code, night.FAILED}
    codes |= {night.IN_PART, INTERRUPTED, TERMINATED}
    assert {int(code) for code in re.findall(r"\b\d+\b", told)} == codes


def trusted(n_liked, n_plays, min_favorites):
    """Return how far a list goes by the taste of somebody who plays and clicks."""
    model = AffinityClassifier(prior_strength=min_favorites)
    liked = np.arange(n_plays) < n_liked
    model.trees_, model.evidence_ = [], evidence_of(liked, np.where(liked, STATED, UNKNOWN))
    return model.listed_trust_


def test_its_numbers_are_the_codes(pages):
    page = pages["README.md"]
    settings = Settings()
    k = settings.train.min_favorites
    half = {n: min(m for m in range(1, n) if trusted(m, n, k) >= 0.5) for n in (20, 80, 400)}
    enough = f"{half[20]} of 20 watched, {half[80]} of 80 or {half[400]} of 400"
    assert f"like {enough}" in page
    others = min(m for m in range(1, 400) if trusted(400 - m, 400, k) >= 0.5)
    assert f"and {others} are not liked" in page
    assert MIN_PLAYS == 2
    assert "fewer than two films played or marked" in page
    assert settings.store.keep == 7
    assert "Seven nights are kept" in page
    assert f"score: {SCORE_MEANINGS['affinity']}" in page


def test_the_picture_is_on_top_and_is_one(pages):
    page = pages["README.md"]
    assert page.index("(docs/flow.svg)") < page.index("## ")
    picture = pages.root / "docs" / "flow.svg"
    tree = ElementTree.parse(picture)
    texts = [t.text for t in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert set(night.STAGES) <= set(texts)
    assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")


def test_the_version_is_in_the_changelog(pages):
    pyproject = (pages.root / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', pyproject, flags=re.MULTILINE)
    assert version is not None
    assert f"## {version[1]}" in pages["CHANGELOG.md"]
