"""Ctrl-C and SIGTERM, on a real process."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from jfdask.demo.process import start_demo

from ..conftest import write_key


@pytest.mark.cluster
@pytest.mark.server
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_night_is_stopped_cleanly_and_can_be_gone_on_with(tmp_path, number, code):
    # So slow that it is still reading when the signal comes.
    with start_demo(people_seconds_per_movie=0.2) as demo:
        config = tmp_path / "jfdask.toml"
        config.write_text(
            f'[store]\nurl = "{tmp_path / "store"}"\n[cluster]\nworkers = 1\ndashboard_port = 0\n'
            f'[[households]]\nname = "home"\nurl = "{demo.url}"\n'
            f'api_key_file = "{write_key(demo, tmp_path)}"\n'
        )
        command = [sys.executable, "-m", "jobs", "run", "--config", str(config)]
        # In a group of its own, as a shell starts it: Ctrl-C reaches its workers, too.
        night = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(300):
            if demo.order("log", method="GET")["counts"].get("GET /Items", 0) > 4:
                break
            time.sleep(0.1)
        children = psutil.Process(night.pid).children(recursive=True)
        assert children
        os.killpg(night.pid, number) if number == signal.SIGINT else night.send_signal(number)
        _, err = night.communicate(timeout=60)
    assert night.returncode == code, err
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    # The lock is free again at once.
    assert not (tmp_path / "store" / "lock").exists()
