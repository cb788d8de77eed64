"""`jfdask serve-nightly` as a real process, set by the environment as compose.yaml sets it."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from jfdask.demo.process import start_demo
from jfdask.store.runs import list_runs
from jobs.__main__ import _main
from jobs.run import run
from jobs.serve_nightly import _command, serve_nightly

from ..conftest import write_key

COMPOSE = Path(__file__).resolve().parents[2] / "compose.yaml"
JFDASK = [sys.executable, "-m", "jobs"]


def variables(folder: Path, **ours: str) -> dict[str, str]:
    """Return the environment that compose.yaml gives, with a folder as /data."""
    text = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", COMPOSE.read_text(encoding="utf-8"))
    environment = yaml.safe_load(text)["services"]["jfdask"]["environment"]
    given = {name: str(value).replace("/data", str(folder)) for name, value in environment.items()}
    quick = {"JFDASK_CLUSTER__WORKERS": "1", "JFDASK_CLUSTER__DASHBOARD_PORT": "0"}
    return {**os.environ, **given, **quick, **ours}


class Serving:
    """A service that runs, and what it has said."""

    def __init__(self, folder: Path, environ: dict[str, str], *options: str) -> None:
        self.health_file = folder / "nightly.json"
        self.log = folder / "log"
        self.log.touch()
        options = (*options, "--health-file", str(self.health_file))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*JFDASK, "serve-nightly", *options],
                cwd=folder,
                env=environ,
                stderr=log,
                stdout=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def is_well(self) -> tuple[int, str]:
        done = subprocess.run(
            [*JFDASK, "serve-nightly", "--healthy", str(self.health_file)],
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path):
    started = []

    def serve(environ, *options):
        started.append(Serving(tmp_path, environ, *options))
        return started[-1]

    yield serve
    for service in started:
        if service.process.poll() is None:
            service.end()


def clock_file(folder: Path, seconds_to_go: float) -> Path:
    """Write a time zone in which it will be a full minute in so many seconds."""
    due = datetime.now(UTC) + timedelta(seconds=seconds_to_go)
    offset = -(due.second + (due.microsecond > 0))
    path = folder / "zone"
    # RFC 8536, version 1: no transitions, one kind of time.
    head = b"TZif\x00" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(head + struct.pack(">lbb", offset, 0, 0) + b"TST\x00")
    return path


@pytest.mark.cluster
@pytest.mark.server
class TestNights:
    def test_as_compose_starts_it(self, serve, night_after, tmp_path):
        [home] = night_after.settings.households
        (tmp_path / "api-key").write_text(home.api_key_file.read_text())
        environ = variables(
            tmp_path,
            JFDASK_URL=home.url,
            JFDASK_FETCH__PAGE_SIZE="100",
            JFDASK_FETCH__PEOPLE_PER_CALL="50",
            JFDASK_FEATURES__MOVIES_PER_PARTITION="100",
        )
        service = serve(environ, "--at", "03:30", "--now")
        service.wait_for("The night is done, all well (exit code 0")
        assert service.is_well()[0] == 0
        # What computed is gone.
        assert psutil.Process(service.process.pid).children(recursive=True) == []
        newest, before = list_runs(night_after.store)
        assert (newest.is_latest, newest.status, before.is_latest) == (True, "done", False)
        assert (tmp_path / "scratch").is_dir()
        assert service.end() == 143
        assert service.is_well()[0] == 1
        assert not service.health_file.exists()
        assert "as before" in service.said
        assert "Traceback" not in service.said

    def test_at_its_time_and_a_failure_does_not_end_it(self, serve, client, tmp_path):
        (tmp_path / "api-key").write_text("0" * 32)
        environ = variables(
            tmp_path,
            JFDASK_URL="http://127.0.0.1:9",
            JFDASK_FETCH__STARTUP_SECONDS="0",
            JFDASK_FETCH__ATTEMPTS="1",
            JFDASK_CLUSTER__ADDRESS=client.scheduler.address,
        )
        for seconds_to_go in (20, 90):  # the second only where starting takes so long
            zone = clock_file(tmp_path, seconds_to_go)
            due = datetime.now(UTC) + timedelta(seconds=seconds_to_go)
            offset = struct.unpack(">l", zone.read_bytes()[44:48])[0]
            at = f"{due + timedelta(seconds=offset + 1):%H:%M}"
            service = serve({**environ, "TZ": str(zone)}, "--at", at, "-v")
            service.wait_for("A night every day at")
            if datetime.now(UTC) < due - timedelta(seconds=1):
                break
            service.end()
        assert service.is_well()[0] == 0
        assert "The night begins" not in service.said
        service.wait_for("The night begins", seconds_to_go + 10)
        assert abs(datetime.now(UTC) - due) < timedelta(seconds=8)
        service.wait_for("The night failed, the reason stands above (exit code 1")
        code, told = service.is_well()
        assert (code, "failed (exit code 1)" in told) == (1, True)
        assert service.end(signal.SIGINT) == 130

    def test_sigterm_ends_the_night_first(self, serve, tmp_path):
        with self.slow_night(serve, tmp_path) as demo:
            service = self.in_the_middle(demo, serve, tmp_path)
            children = psutil.Process(service.process.pid).children(recursive=True)
            assert len(children) > 1
            assert service.end() == 143
        assert "the same command goes on from there" in service.said
        assert "goes on when it is done again (143)" in service.said
        assert "Traceback" not in service.said
        self.are_gone(children)
        assert not (tmp_path / "store" / "lock").exists()

    def test_a_killed_night_leaves_nothing_but_the_service(self, serve, tmp_path):
        with self.slow_night(serve, tmp_path) as demo:
            service = self.in_the_middle(demo, serve, tmp_path)
            mother = psutil.Process(service.process.pid)
            children = mother.children(recursive=True)
            [night] = mother.children()
            night.kill()
            service.wait_for("The night failed, killed by SIGKILL")
            self.are_gone(children)
        assert service.is_well()[0] == 1
        assert service.end() == 143

    def slow_night(self, serve, tmp_path):
        # So slow that it is still reading when it is ended.
        return start_demo(people_seconds_per_movie=0.2)

    def in_the_middle(self, demo, serve, tmp_path):
        write_key(demo, tmp_path).rename(tmp_path / "api-key")
        service = serve(variables(tmp_path, JFDASK_URL=demo.url), "--at", "03:30", "--now")
        deadline = time.monotonic() + 120
        while demo.order("log", method="GET")["counts"].get("GET /Items", 0) <= 4:
            assert service.process.poll() is None, service.said
            assert time.monotonic() < deadline, service.said
            time.sleep(0.1)
        return service

    def are_gone(self, processes):
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


class TestRefused:
    """At once, with exit code 2, instead of at night."""

    def test_all_that_is_wrong_at_once(self, tmp_path):
        environ = variables(
            tmp_path / "none",
            JFDASK_URL="http://127.0.0.1:9",
            JFDASK_STORE__URL="/proc/store",
            JFDASK_CLUSTER__MEMORY_LIMIT="lots",
        )
        done = subprocess.run(
            [*JFDASK, "serve-nightly", "--at", "03:30", "--now"],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "api-key" in done.stderr
        assert "store.url: " in done.stderr
        assert "cluster.memory_limit: 'lots'" in done.stderr
        assert "Traceback" not in done.stderr
        assert "The night begins" not in done.stderr

    @pytest.mark.parametrize(
        ("environ", "argv", "told"),
        [
            ({"JFDASK_STORE__KEP": "1"}, ["--at", "03:30"], "JFDASK_STORE__KEP"),
            ({"TZ": "Europe/Berlim"}, ["--at", "03:30"], "TZ: 'Europe/Berlim'"),
            ({}, ["--at", "3.30"], "'3.30' is no time of day"),
            ({}, [], "Missing option '--at'"),
            ({}, ["--at", "03:30", "--household", "none"], "there are: home"),
            ({}, ["--at", "03:30", "--retry-minutes", "0"], "--retry-minutes"),
        ],
    )
    def test_before_anything_is_loaded(self, monkeypatch, tmp_path, capfd, environ, argv, told):
        monkeypatch.chdir(tmp_path)
        for name, value in {"JFDASK_URL": "http://127.0.0.1:9", **environ}.items():
            monkeypatch.setenv(name, value)
        assert _main(["serve-nightly", *argv]) == 2
        assert told in capfd.readouterr().err

    def test_a_health_file_that_cannot_be_written(self, monkeypatch, tmp_path, capfd):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("JFDASK_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("JFDASK_API_KEY", "0" * 32)
        path = tmp_path / "none" / "nightly.json"
        assert _main(["serve-nightly", "--at", "03:30", "--health-file", str(path)]) == 2
        assert f"--health-file: {path} cannot be written: No such file" in capfd.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["--config", "a file.toml", "--household", "home", "--household", "attic", "-vv"],
        ["--user", "lea", "--store", "--odd", "--cluster", "tcp://host:1", "--workers", "3"],
    ],
)
def test_a_night_gets_the_options_of_the_service(typed):
    context = serve_nightly.make_context("serve-nightly", ["--at", "03:30", "--now", *typed])
    words = _command(context, run)
    assert words[:5] == [sys.executable, "-P", "-m", "jobs", "run"]
    passed = run.make_context("run", words[5:]).params
    assert passed == run.make_context("run", list(typed)).params


def test_healthy_says_so_and_needs_no_settings(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("JFDASK_NONSENSE", "1")
    assert _main(["serve-nightly", "--healthy", str(tmp_path / "none")]) == 1
    assert "no service is running" in capfd.readouterr().out
