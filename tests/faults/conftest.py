"""What the tests of faults share: a small household, an undisturbed night, the night before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jfdask.demo.process import Demo, start_demo

from .nights import HOME, YESTERDAY, House

#: Small, so that a night is quick; of the size that the tests count with.
HOUSEHOLD: dict[str, Any] = {
    "movies": 45,
    "people": 3,
    "plays": 32,
    "latency": False,
    "people_seconds_per_movie": 0,
}


@pytest.fixture(scope="session")
def small_demo() -> Iterator[Demo]:
    """A small invented household; its faults are ordered and taken back test by test."""
    with start_demo(**HOUSEHOLD) as demo:
        yield demo


@pytest.fixture
def server(small_demo: Demo) -> Iterator[Demo]:
    """The small household without faults before and after."""
    yield small_demo
    small_demo.order("faults")


def house_in(folder: Path, demo: Demo, **changes: Any) -> House:
    """Return a house whose store is a folder."""
    return House(demo, folder, {"url": str(folder / "store")}, changes)


@pytest.fixture(scope="session")
def undisturbed_house(small_demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Tonight as it is when nothing goes wrong."""
    house = house_in(tmp_path_factory.mktemp("undisturbed"), small_demo)
    night = house.with_settings({"cluster.workers": 2}).run()
    assert night.code == 0, night.told
    return house


@pytest.fixture(scope="session")
def text_model(undisturbed_house: House) -> dict[str, str]:
    """The setting that spares the other nights the training of the same model."""
    return {"features.text_model": f"{undisturbed_house.store.url}/state/{HOME}/text_model.bin"}


@pytest.fixture(scope="session")
def undisturbed(undisturbed_house: House) -> dict[str, Any]:
    """What an undisturbed night makes: checksums of all files, by stage."""
    return undisturbed_house.result()


@pytest.fixture(scope="session")
def yesterday(
    small_demo: Demo, text_model: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> House:
    """A store with one night of which nothing but what was read is tonight's work."""
    house = house_in(tmp_path_factory.mktemp("yesterday"), small_demo, **text_model)
    night = house.with_settings(YESTERDAY).run()
    assert night.code == 0, night.told
    return house


@pytest.fixture
def first_night(server: Demo, text_model: dict[str, str], tmp_path: Path) -> House:
    """An empty store."""
    return house_in(tmp_path, server, **text_model)


@pytest.fixture
def next_night(server: Demo, yesterday: House, tmp_path: Path) -> House:
    """A copy of yesterday's store."""
    shutil.copytree(yesterday.store_settings["url"], tmp_path / "store")
    return house_in(tmp_path, server, **yesterday.changes)
