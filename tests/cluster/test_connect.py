import json
import logging
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client, Security

from jfdask.cluster.connect import connect
from jfdask.cluster.forkserver import load_for_workers
from jfdask.errors import ClusterError, SettingsError
from jfdask.settings import ClusterSettings

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_local_cluster_is_processes_of_one_thread_and_ends(client):
    with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:
        [worker] = own.scheduler_info(n_workers=-1)["workers"].values()
        assert worker["nthreads"] == 1
        assert own.submit(os.environ.get, "OMP_NUM_THREADS").result() == "1"
        pid = own.submit(os.getpid).result()
        assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nobody_else_on_this_machine_is_let_in():
    """A scheduler runs what it is sent, as who started it, who can read the keys."""
    with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:
        address = own.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        [worker] = own.scheduler_info(n_workers=-1)["workers"]
        assert worker.startswith("tls://127.0.0.1:")
        for scheme, security in (("tcp", None), ("tls", Security.temporary())):
            with pytest.raises(OSError, match=r"closed|Timed out|does not match"):
                Client(address.replace("tls", scheme), security=security, timeout=3)


def test_a_cluster_that_cannot_be_started_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        dask.config.set(temporary_directory=str(tmp_path / "file" / "x")),
        pytest.raises(ClusterError, match=r"No cluster could be started on this machine: .*file"),
        connect(ClusterSettings(workers=1, dashboard_port=0)),
    ):
        pass


def test_workers_files_lie_in_a_folder_that_nobody_else_has_made(tmp_path):
    ours = tmp_path / f"jfdask-{os.getuid()}"
    with dask.config.set(temporary_directory=str(tmp_path)):
        with connect(ClusterSettings(workers=1, dashboard_port=0)) as own:
            [folder] = own.run(lambda dask_worker: dask_worker.local_directory).values()
            assert Path(folder).is_relative_to(ours)
            assert stat.S_IMODE(ours.stat().st_mode) == 0o700
        ours.chmod(0o777)
        with (
            pytest.raises(ClusterError, match="is no folder of yours alone"),
            connect(ClusterSettings(workers=1, dashboard_port=0)),
        ):
            pass


def log_something():
    logging.getLogger("jfdask.x").info("of use")
    logging.getLogger("httpx").info("of no use")


def test_workers_log_as_much_as_was_asked_for(tmp_path):
    """In a process of its own, whose workers write to its stderr."""
    script = (
        "import logging\n"
        "from jfdask.logs import begin_logging\n"
        "from jfdask.cluster.connect import connect\n"
        "from jfdask.settings import ClusterSettings\n"
        "from tests.cluster.test_connect import log_something\n"
        "if __name__ == '__main__':\n"
        "    begin_logging({})\n"
        "    with connect(ClusterSettings(workers=1, dashboard_port=0)) as client:\n"
        "        client.submit(log_something).result()\n"
    )
    said = {}
    for level in ("logging.INFO", "logging.WARNING"):
        path = tmp_path / "night.py"
        path.write_text(script.format(level))
        done = subprocess.run(
            [sys.executable, path], capture_output=True, text=True, check=True, env=ENVIRONMENT
        )
        said[level] = done.stderr
    assert "INFO jfdask.x: of use" in said["logging.INFO"]
    assert "of no use" not in said["logging.INFO"]
    assert "of use" not in said["logging.WARNING"]


def limit_of(dask_worker):
    return dask_worker.memory_manager.memory_limit


def test_the_default_is_as_many_workers_as_cores_with_limits_on_loopback_only():
    # By itself: what listens here is this cluster's and nobody else's.
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, check=True, timeout=120
    )
    seen = json.loads(done.stdout)
    n = len(os.sched_getaffinity(0))
    assert seen["threads"] == [1] * n
    assert len(set(seen["pids"])) == n
    share = psutil.virtual_memory().total / n
    assert all(0 < limit <= share * 1.01 for limit in seen["limits"])
    # The scheduler and its dashboard, each nanny, each worker and its metrics.
    assert len(seen["listening"]) == 2 + 3 * n
    assert set(seen["listening"]) == {"127.0.0.1"}


def look_at_the_default():
    load_for_workers(["distributed"])  # as the commands do
    with connect(ClusterSettings()) as own:
        workers = own.scheduler_info(n_workers=-1)["workers"].values()
        me = psutil.Process()
        sockets = [s for p in (me, *me.children(recursive=True)) for s in p.net_connections("inet")]
        listening = [
            s.laddr.ip
            for s in sockets
            if s.status == psutil.CONN_LISTEN or s.type == socket.SOCK_DGRAM
        ]
        return {
            "threads": [worker["nthreads"] for worker in workers],
            "limits": list(own.run(limit_of).values()),
            "pids": list(own.run(os.getpid).values()),
            "listening": listening,
        }


def test_a_limit_of_memory_that_is_set():
    with connect(ClusterSettings(workers=1, memory_limit="1GiB", dashboard_port=0)) as own:
        assert list(own.run(limit_of).values()) == [2**30]


def test_a_dashboard_port_that_is_taken_is_no_mistake(client):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with connect(ClusterSettings(workers=1, dashboard_port=port)) as own:
            assert f":{port}/" not in own.dashboard_link


def test_a_scheduler_by_its_address(client):
    with connect(ClusterSettings(address=client.scheduler.address)) as other:
        assert isinstance(other, Client)
        assert other.submit(sum, [1, 2]).result() == 3


def test_a_limit_of_memory_that_is_no_size():
    with (
        pytest.raises(SettingsError, match=r"cluster\.memory_limit: 'lots' is no size"),
        connect(ClusterSettings(memory_limit="lots")),
    ):
        pass


def test_what_is_no_cluster():
    with pytest.raises(SettingsError, match="is no cluster"), connect(ClusterSettings(address="x")):
        pass


def test_our_own_warnings_are_still_heard(client, caplog):
    logging.getLogger("jfdask.store.lock").warning("taken over")
    assert "taken over" in caplog.text


if __name__ == "__main__":
    print(json.dumps(look_at_the_default()))
