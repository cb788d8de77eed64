from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from jfdask.demo.faults import Faults
from jfdask.demo.process import DemoNotStarted, start_demo
from jfdask.demo.startup import StartUp

pytestmark = pytest.mark.server


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_serves_and_ends(ask):
    with start_demo(version="10.11", base_path="/tv") as demo:
        client = ask(demo.url, demo.api_key)
        assert client.json("/System/Info/Public")["Version"] == "10.11.11"
        assert client.movies(limit=0)["TotalRecordCount"] == 343
        assert demo.order("log", "GET")["counts"]["GET /Items"] == 1
        assert demo.api_key not in repr(demo)
        # The key stands in no argument that other users of the machine can read.
        arguments = Path(f"/proc/{demo.pid}/cmdline")
        if arguments.exists():
            assert demo.api_key.encode() not in arguments.read_bytes()
        assert is_running(demo.pid)
    assert not is_running(demo.pid)


def test_an_invented_household_with_faults(ask):
    faults = Faults(fail_503=0.5, retry_after_seconds=0, seed=1)
    with start_demo(movies=60, people=2, plays=20, latency=False, faults=faults) as demo:
        client = ask(demo.url, demo.api_key)
        seen = [client.send("/Users")[0] for _ in range(20)]
        assert set(seen) == {200, 503}
        demo.order("faults")
        assert len(client.json("/Users")) == 2


def test_a_start_takes_its_phases(ask):
    with start_demo(startup=StartUp(loading_seconds=60)) as demo:
        client = ask(demo.url, demo.api_key)
        assert client.send("/Users")[0] == 503
        assert client.send("/Users", Authorization="")[0] == 401


def test_an_order_that_is_refused_raises():
    with start_demo() as demo, pytest.raises(urllib.error.HTTPError):
        demo.order("outage")


def test_a_process_that_cannot_start_is_told():
    with pytest.raises(DemoNotStarted, match="exit code"), start_demo(version="9.9"):
        pass


def test_the_key_may_lie_in_a_file_and_sigterm_ends_it(tmp_path, ask):
    file = tmp_path / "key"
    file.write_text("f" * 32 + "\n")
    command = [sys.executable, "-m", "jfdask.demo", f"--key-file={file}", "--until-stdin-closes"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().split()[-1]
    assert len(ask(url, "f" * 32).json("/Users")) == 6
    process.stdin.close()  # as when the process that started it is gone
    assert process.wait(10) == 0
    process.stdout.close()
