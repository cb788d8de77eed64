"""Workers that join, or are started again, while a night is under way."""

import os
import signal
import subprocess
import sys
import time

import pytest
from distributed import Client

from jfdask.jellyfin.connection import Server
from jfdask.settings import StoreSettings
from jfdask.stages.workers import alike
from jfdask.store.filesystem import address_of, open_store

from ..remote import ROOT, start_remote, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("joining")]

KEY = {"KEY_OF_H": "0123456789abcdef0123456789abcdef"}
SERVERS = [Server("http://127.0.0.1:9", api_key_env="KEY_OF_H")]

KILLED = """
import sys, time
from distributed import Client
from jfdask.jellyfin.connection import Server
from jfdask.settings import StoreSettings
from jfdask.stages.workers import alike
from jfdask.store.filesystem import address_of, open_store
store = open_store(address_of(StoreSettings(url=sys.argv[2])))
servers = [Server("http://127.0.0.1:9", api_key_env="KEY_OF_H")]
with Client(sys.argv[1]) as client, alike(client, store, servers, print):
    print("ready", flush=True)
    time.sleep(600)
"""


def where(seconds):
    time.sleep(seconds)
    return os.getpid()


def gates(client):
    names = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.worker_plugins))
    return [name for name in names if name.startswith("jfdask")]


@pytest.fixture
def store(tmp_path):
    return open_store(address_of(StoreSettings(url=str(tmp_path / "store"))))


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    with start_remote(tmp_path_factory.mktemp("remote")) as remote:
        remote.worker("first", env=KEY)
        yield remote


@pytest.fixture
def client(remote):
    with Client(remote.address) as client:
        remote.wait_for(client, "first")
        yield client


def test_one_that_lacks_something_is_turned_away_before_its_first_task(remote, client, store):
    said = []
    with alike(client, store, SERVERS, said.append):
        # More than the first can do meanwhile: the scheduler gives some to each newcomer.
        futures = client.map(where, [0.3] * 60, pure=False)
        fit = remote.worker("fit", env=KEY)
        remote.wait_for(client, "first", "fit")
        unfit = remote.worker("unfit")
        wait_until(lambda: said)
        [told] = said
        assert told.startswith("worker tcp://127.0.0.1:")
        assert "was turned away: No API key for http://127.0.0.1:9" in told
        unfit.wait(60)
        addresses = remote.wait_for(client, "first", "fit")
        pids = set(client.gather(futures))
        assert pids <= set(client.run(os.getpid).values())
        assert pids >= {client.run(os.getpid, workers=[addresses["fit"]])[addresses["fit"]]}
    fit.terminate()
    fit.wait(30)


def test_one_that_is_started_again_takes_part_again(remote, client, store):
    said = []
    with alike(client, store, SERVERS, said.append):
        [pid] = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)
        assert client.submit(where, 0, pure=False).result(60) != pid
    assert said == []


def test_after_the_night_anybody_may_join(remote, client, store):
    with alike(client, store, SERVERS, print):
        assert len(gates(client)) == 1
    assert gates(client) == []
    assert store.list() == []


def test_a_night_that_was_killed_leaves_no_gate(remote, client, store):
    night = subprocess.Popen(
        [sys.executable, "-c", KILLED, remote.address, store.url],
        stdout=subprocess.PIPE, env={**os.environ, **KEY, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert night.stdout.readline() == b"ready\n"
    assert len(gates(client)) == 1
    night.kill()
    night.communicate()
    wait_until(lambda: gates(client) == [])
