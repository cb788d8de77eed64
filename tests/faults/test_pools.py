"""Workers and the night itself are killed while a pool is learned from all people."""

import signal
from pathlib import Path

import pytest

from jfdask.demo.process import start_demo

from .conftest import HOUSEHOLD, house_in
from .nights import until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]

#: As many people as a pool needs, and a few.
MANY = {**HOUSEHOLD, "people": 22, "plays": 12}
TWO = {"cluster.workers": 2}


@pytest.fixture(scope="module")
def many():
    """A server of a household that is large enough for a pool."""
    with start_demo(**MANY) as demo:
        yield demo


@pytest.fixture(scope="module")
def undisturbed_pool(many, text_model, tmp_path_factory):
    """What tonight makes of that household when nothing goes wrong."""
    house = house_in(tmp_path_factory.mktemp("pooled"), many, **text_model, **TWO)
    night = house.run()
    assert night.code == 0, night.told
    assert any(house.store.children("pools"))
    return house.result()


@pytest.fixture
def house(many, text_model, tmp_path):
    """An empty store of that household."""
    return house_in(tmp_path, many, **text_model, **TWO)


@pytest.mark.parametrize("task", ["make_crowds", "make_rows", "fit_played", "fit_favorite"])
def test_a_killed_worker_costs_time_only(house, undisturbed_pool, task):
    with house.night(is_open=True) as night:
        night.kill_worker_doing(task)
        assert night.end() == 0, night.told
        assert night.leaves_nobody()
    assert house.result() == undisturbed_pool
    assert house.damages() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_while_it_learns_and_taken_up_again(house, undisturbed_pool, number):
    store = Path(house.store_settings["url"])
    with house.night() as night:
        until(lambda: any(store.glob("making/*/*/plays-*")), f"rows of a pool; {night.told}")
        night.process.send_signal(signal.SIGSTOP)
        night.family()
        assert not any(store.glob("pools/*/manifest.json")), "it was too quick to be stopped there"
        if number != signal.SIGKILL:
            night.process.send_signal(signal.SIGCONT)
        night.send(number)
        assert night.end() == (143 if number == signal.SIGTERM else -number), night.told
        assert night.leaves_nobody()
    assert house.latest() is None
    if number == signal.SIGKILL:
        house.expire_lock()
    last = house.run()
    assert last.code == 0, last.told
    assert house.result() == undisturbed_pool
    assert house.damages() == []
