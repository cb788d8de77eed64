"""Workers forked of a process that has loaded everything; each case in a process of its own."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from jfdask.cluster.forkserver import deaf_children

pytestmark = pytest.mark.cluster

SCRIPT = """
import json, os, signal
from jfdask.cluster.forkserver import load_for_workers, start_method

def look():
    import gc, importlib.util, sys, threadpoolctl
    import psutil
    return {
        "loaded": sorted({"sklearn", "jfdask.model.forest", "dask.array"} & set(sys.modules)),
        "needless": sorted({"numba", "sparse"} & set(sys.modules)),
        "sparse_can_be_had": importlib.util.find_spec("sparse") is not None,
        "collects": gc.isenabled(),
        "frozen": gc.get_freeze_count(),
        "threads": max([pool["num_threads"] for pool in threadpoolctl.threadpool_info()] or [1]),
        "parent": psutil.Process().parent().pid,
        "deaf": signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "hash": hash("jfdask"),
        "key": os.environ.get("SET_LATER"),
    }

if __name__ == "__main__":
    before = dict(os.environ)
    load_for_workers(["jfdask.model.forest", "dask.array"])
    assert dict(os.environ) == before
    os.environ["SET_LATER"] = "a key"
    from jfdask.cluster.connect import connect
    from jfdask.settings import ClusterSettings
    with connect(ClusterSettings(workers=2, dashboard_port=0)) as client:
        workers = list(client.run(look).values())
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        client.wait_for_workers(2, timeout=30)
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3
    print(json.dumps({"method": start_method(), "workers": workers}))
"""


def test_workers_are_forked_of_a_process_that_has_loaded_all(tmp_path):
    script = tmp_path / "night.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["method"] == "forkserver"
    assert len(found["workers"]) == 2
    for worker in found["workers"]:
        assert worker["loaded"] == ["dask.array", "jfdask.model.forest", "sklearn"]
        assert worker["needless"] == []
        assert worker["sparse_can_be_had"]
        assert worker["collects"]
        assert worker["frozen"] > 100_000
        assert worker["threads"] == 1
        assert worker["deaf"]
        assert worker["key"] == "a key"
    assert len({worker["parent"] for worker in found["workers"]}) == 1
    assert len({worker["hash"] for worker in found["workers"]}) == 1


def test_ctrl_c_while_children_are_started_is_put_off_and_not_lost():
    done = []

    def start():
        with deaf_children():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["all"]
