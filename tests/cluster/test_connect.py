import logging
import os
import socket

import pytest
from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.errors import ClusterError, SettingsError
from jfdask.settings import ClusterSettings

pytestmark = pytest.mark.cluster


def test_a_local_cluster_listens_on_loopback_and_ends(client):
    with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:
        [worker] = own.scheduler_info(n_workers=-1)["workers"].values()
        assert worker["nthreads"] == 1
        assert own.scheduler.address.startswith("tcp://127.0.0.1:")
        assert own.dashboard_link.startswith("http://127.0.0.1:")
        assert own.submit(os.environ.get, "OMP_NUM_THREADS").result() == "1"
        pid = own.submit(os.getpid).result()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_dashboard_port_that_is_taken_is_no_mistake(client):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with connect(ClusterSettings(workers=1, dashboard_port=port)) as own:
            assert f":{port}/" not in own.dashboard_link


def test_a_scheduler_by_its_address(client):
    with connect(ClusterSettings(address=client.scheduler.address)) as other:
        assert isinstance(other, Client)
        assert other.submit(sum, [1, 2]).result() == 3


def test_what_is_no_cluster():
    with pytest.raises(SettingsError, match="is no cluster"), connect(ClusterSettings(address="x")):
        pass


def test_nobody_at_the_address(monkeypatch):
    import jfdask.cluster.connect as module

    monkeypatch.setattr(module, "CONNECT_TIMEOUT", "2s")
    with (
        pytest.raises(ClusterError, match="No Dask scheduler answers"),
        connect(ClusterSettings(address="tcp://127.0.0.1:9")),
    ):
        pass


def test_our_own_warnings_are_still_heard(client, caplog):
    logging.getLogger("jfdask.store.lock").warning("taken over")
    assert "taken over" in caplog.text
