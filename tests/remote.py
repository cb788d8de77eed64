"""A cluster that somebody else started: real processes of `dask scheduler` and `dask worker`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from distributed import Client

import jfdask
from jfdask.cluster.connect import connect
from jfdask.settings import ClusterSettings

ROOT = Path(jfdask.__file__).parent.parent


def wait_until(is_so: Callable[[], Any], seconds: float = 120) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


@contextmanager
def open_cluster(n_workers: int) -> Iterator[Client]:
    """A local cluster that everybody on this machine may use by its address."""
    with ExitStack() as stack:
        with patch("jfdask.cluster.connect.Security.temporary", return_value=None):
            settings = ClusterSettings(workers=n_workers, dashboard_port=0)
            client = stack.enter_context(connect(settings))
        yield client


@dataclass
class Remote:
    """A scheduler's address, and its workers."""

    folder: Path
    options: tuple[str, ...] = ()  # of both commands: certificates
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, what: str, *options: str, **kwargs: Any) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_LOGGING__DISTRIBUTED": "info"}
        env |= kwargs.pop("env", {})
        log = self.folder / f"{what}-{len(self.processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *options, *self.options],
                env=env, stdout=file, stderr=file, start_new_session=True, **kwargs,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(
        self,
        name: str,
        *options: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a worker process; it may take a moment to join."""
        return self.start(
            "worker", self.address, "--name", name, "--host", "127.0.0.1", "--no-dashboard",
            "--memory-limit", "2GiB", "--local-directory", str(self.folder / "scratch"),
            *(options or ("--nthreads", "1")), env=env or {}, cwd=cwd or self.folder,
        )  # fmt: skip

    def addresses(self, client: Client) -> dict[str, str]:
        """Return the workers' addresses by name."""
        workers = client.scheduler_info(n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in workers.items()}

    def wait_for(self, client: Client, *names: str) -> dict[str, str]:
        """Wait until exactly these workers are there; return their addresses by name."""
        wait_until(lambda: set(self.addresses(client)) == set(names))
        return self.addresses(client)

    def stop(self) -> None:
        scheduler, *workers = self.processes
        # The scheduler last: workers that lose it while they end take their time.
        for processes in (workers, [scheduler]):
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def start_remote(
    folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Remote]:
    """Start a scheduler on loopback; it and all its workers are gone after the block."""
    remote = Remote(folder, options)
    file = folder / "scheduler.json"
    protocol = "tls" if options else "tcp"
    try:
        remote.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--protocol", protocol,
            "--no-dashboard", "--scheduler-file", str(file), env=env or {}, cwd=folder,
        )  # fmt: skip
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        remote.address = json.loads(file.read_text())["address"]
        yield remote
    finally:
        remote.stop()
