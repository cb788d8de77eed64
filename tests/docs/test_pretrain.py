import re
import shlex

import pytest

from jfdask.model import sampling
from jfdask.ratings import dump
from jfdask.stages.pools import PRIOR
from jfdask.stages.pretrain import homes, tasks
from jobs.__main__ import _main

from ..invented import zipped
from .test_artifacts import layout, pattern_of

PAGE = "docs/pretrain.md"


def test_its_numbers_are_the_codes(pages):
    text = " ".join(pages[PAGE].split())
    for number in (tasks.MOST_PEOPLE, tasks.MOST_FILMS, tasks.MOST_TRAINED):
        assert f"{number:,}" in text
    assert f"{tasks.FEWEST_RATINGS} ratings or more" in text
    assert f"{tasks.FEWEST_PLAYS} films of that library or more" in text
    assert f"{homes.FEWEST_IN_COMMON} films in common" in text
    assert f"{tasks.FEWEST_PEOPLE} people" in text
    assert f"{sampling.LIKED:g} stars or more" in text


def test_it_names_every_file_that_is_read(pages):
    told = pages.code(PAGE)
    assert {*dump.KINDS, *(name for names in dump.KINDS.values() for name in names)} <= told


@pytest.mark.server
@pytest.mark.cluster
def test_every_command_can_be_typed_in_turn(
    pages, finished, invented, tmp_path, monkeypatch, capfd
):
    nights = finished.copy(tmp_path)
    [home] = nights.settings.households
    (tmp_path / "jfdask.toml").write_text(
        f'[store]\nurl = "{nights.settings.store.url}"\n'
        f'[[households]]\nname = "home"\nurl = "{home.url}"\napi_key_file = "{home.api_key_file}"\n'
        f'[cluster]\naddress = "{nights.settings.cluster.address}"\n'
    )
    zipped(invented.write_csv(tmp_path)).rename(tmp_path / "ml-latest.zip")
    monkeypatch.chdir(tmp_path)
    typed = [shlex.split(line) for page, line in pages.typed() if page == PAGE]
    assert [words[1] for words in typed] == ["fetch", "featurize", "pretrain"]
    for words in typed:
        assert words[0] == "jfdask"
        assert _main(words[1:]) == 0
    told = capfd.readouterr().err
    assert re.search(r"8,400 ratings of 120 people, 120 of them taken\n342 films\n", told)
    assert "household home: 342 of its films are in it" in told
    documented = layout(pages["docs/artifacts.md"])
    written = {pattern_of(key) for key in nights.store.list(PRIOR)}
    assert written == {key for key in documented if key.startswith(f"{PRIOR}/")}
