"""Nights that are small programs: how they end, and what they leave."""

import os
import signal
import sys
import time

import psutil

from jfdask.nightly import process
from jfdask.nightly.process import NightProcess


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def finish(night: NightProcess) -> int:
    deadline = time.monotonic() + 20
    while (code := night.poll()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return code


def wait_for(path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def process_of_the_night():
    """Return the only one of our children that sleeps: other tests may have left theirs."""
    children = psutil.Process().children()
    [night] = [child for child in children if "time.sleep(60)" in " ".join(child.cmdline())]
    return night


def test_its_exit_code():
    assert finish(NightProcess(python("raise SystemExit(3)"))) == 3


def test_it_is_under_way_until_it_has_ended():
    night = NightProcess(python("import time; time.sleep(60)"))
    assert night.poll() is None
    assert night.stop() == -signal.SIGTERM
    assert night.poll() == -signal.SIGTERM


def test_a_night_that_ends_by_itself_when_told_to_is_waited_for(tmp_path):
    ready, done = tmp_path / "ready", tmp_path / "done"
    night = NightProcess(
        python(
            "import signal, sys, time, pathlib\n"
            "def stop(*_):\n"
            "    time.sleep(0.5)\n"
            f"    pathlib.Path({str(done)!r}).touch()\n"
            "    sys.exit(143)\n"
            "signal.signal(signal.SIGTERM, stop)\n"
            f"pathlib.Path({str(ready)!r}).touch()\n"
            "time.sleep(60)\n"
        )
    )
    wait_for(ready)
    assert night.stop() == 143
    assert done.exists()


def test_a_night_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "STOP_SECONDS", 0.3)
    ready = tmp_path / "ready"
    night = NightProcess(
        python(
            "import signal, time, pathlib\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"pathlib.Path({str(ready)!r}).touch()\n"
            "time.sleep(60)\n"
        )
    )
    wait_for(ready)
    assert night.stop() == -signal.SIGKILL


def test_what_a_killed_night_leaves_running_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GROUP_SECONDS", 0.5)
    pid_file = tmp_path / "pid"
    worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    night = NightProcess(
        python(
            "import subprocess, sys, time, pathlib\n"
            f"child = subprocess.Popen([sys.executable, '-c', {worker!r}])\n"
            f"path = pathlib.Path({str(pid_file)!r})\n"
            "path.with_suffix('.new').write_text(str(child.pid))\n"
            "path.with_suffix('.new').rename(path)\n"
            "time.sleep(60)\n"
        )
    )
    wait_for(pid_file)
    worker_process = psutil.Process(int(pid_file.read_text()))
    process_of_the_night().kill()
    assert finish(night) == -signal.SIGKILL
    _, alive = psutil.wait_procs([worker_process], timeout=5)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def test_it_is_out_of_reach_of_the_terminals_keys():
    night = NightProcess(python("import time; time.sleep(60)"))
    child = process_of_the_night()
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    night.stop()
