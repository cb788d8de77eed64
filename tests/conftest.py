"""What tests of several rooms share: a cluster, a demo server, a finished night."""

from __future__ import annotations

import os

# As on workers; read when the libraries are loaded. With two threads for small trees, tests
# that run side by side spend most of their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from distributed import Client

from jfdask.demo.process import Demo, start_demo
from jfdask.settings import Settings
from jfdask.stages.files import FETCH, MOVIES_TABLE, STAGE_NAMES
from jfdask.stages.night import Summary, run_stages
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.runs import latest_run
from jfdask.tables import MOVIES

from .invented import Invented, invent
from .remote import open_cluster

# A shell that starts tests in the background has them, and all that they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _signals_as_before():
    """A command that is run in the process of the tests leaves its own handlers behind."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if handler is not None:  # one that is not Python's
            signal.signal(number, handler)


# As if the environment were activated: tests start its programs (dask, hadolint) by name.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@dataclass
class Told:
    """Progress that remembers what it was told."""

    stages: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def advance(self, household: str, kind: str, done: int, total: int) -> None:
        self.counts[household, kind] = (done, total)

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Nights:
    """Nights of one store: settings, and how to run them."""

    settings: Settings
    told: Told = field(default_factory=Told)

    @property
    def store(self) -> Store:
        return open_store(address_of(self.settings.store))

    def run(
        self, *stages: str, accept_loss: bool = False, **sections: dict[str, object]
    ) -> Summary:
        """Run stages (all of them, if none is named) with some settings changed."""
        settings = self.settings
        for section, changes in sections.items():
            changed = getattr(settings, section).model_copy(update=changes)
            settings = settings.model_copy(update={section: changed})
        self.told = Told()
        return run_stages(settings, stages or STAGE_NAMES, self.told, accept_loss=accept_loss)

    def copy(self, folder: Path) -> Nights:
        """Return the same settings on a copy of the store."""
        shutil.copytree(self.settings.store.url, folder / "store")
        store = self.settings.store.model_copy(update={"url": str(folder / "store")})
        return Nights(self.settings.model_copy(update={"store": store}))

    def at(self, demo: Demo, folder: Path) -> Nights:
        """Return the same settings for another server."""
        [household] = self.settings.households
        moved = household.model_copy(
            update={"url": demo.url, "api_key_file": write_key(demo, folder)}
        )
        return Nights(self.settings.model_copy(update={"households": (moved,)}))


def write_key(demo: Demo, folder: Path) -> Path:
    path = folder / f"key-{demo.pid}"
    path.write_text(demo.api_key, encoding="ascii")
    path.chmod(0o600)
    return path


def settings_for(demo: Demo, client: Client, folder: Path) -> Settings:
    """Return settings for one household of a demo server, on the tests' own cluster."""
    return Settings.model_validate(
        {
            "store": {"url": str(folder / "store")},
            "households": [
                {"name": "home", "url": demo.url, "api_key_file": str(write_key(demo, folder))}
            ],
            "cluster": {"address": client.scheduler.address},
            "fetch": {"page_size": 100, "people_per_call": 50},
            "features": {"movies_per_partition": 100},
        }
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have a cluster and a finished night made once a process, when there are two.

    Pools and what makes them take about as long as all other nights together.
    """
    for item in items:
        if {"client", "finished"} & set(getattr(item, "fixturenames", ())):
            of_many = {"pool", "pretrain"} & set(item.path.relative_to(config.rootpath).parts)
            item.add_marker(pytest.mark.xdist_group("pool" if of_many else "night"))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("JFDASK_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of a local cluster of two worker processes."""
    with open_cluster(2) as client:
        yield client


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The fixed demo household's server; nobody changes it."""
    with start_demo(people_seconds_per_movie=0) as demo:
        yield demo


@pytest.fixture(scope="session")
def finished(demo: Demo, client: Client, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """A store with one whole night in it. Copy it before changing it."""
    nights = Nights(settings_for(demo, client, tmp_path_factory.mktemp("finished")))
    summary = nights.run()
    assert summary.exit_code == 0, summary.problems
    return nights


@pytest.fixture
def night_after(finished: Nights, tmp_path: Path) -> Nights:
    """A copy of the finished night's store, to run another night on."""
    return finished.copy(tmp_path)


@pytest.fixture
def own_demo() -> Iterator[Demo]:
    """A demo server of the test's own, to be changed; the same household."""
    with start_demo(people_seconds_per_movie=0) as demo:
        yield demo


@pytest.fixture(scope="session")
def invented(finished: Nights) -> Invented:
    """Public ratings by invented people, over the finished night's films."""
    place = Place(finished.store.address, latest_run(finished.store), "home")
    return invent(reader(place, FETCH).table(MOVIES_TABLE, MOVIES))
