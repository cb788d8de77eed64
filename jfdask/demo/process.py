"""A demo Jellyfin in a process of its own, for as long as a ``with`` block lasts."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jfdask.demo.faults import Faults
from jfdask.demo.startup import StartUp
from jfdask.demo.world import Version

KEY_VARIABLE = "JFDASK_DEMO_API_KEY"
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class DemoNotStarted(RuntimeError):
    """The demo server's process ended, or said nothing in time."""


@dataclass(frozen=True)
class Demo:
    """A server that is running."""

    url: str
    api_key: str = field(repr=False)
    pid: int

    def order(self, what: str, method: str = "POST", **values: Any) -> Any:
        """Ask the demo for what no Jellyfin does, such as ``order("outage", requests=3)``.

        Parameters
        ----------
        what
            The path after ``/_demo/``: ``items``, ``items/ID``, ``plays``, ``users``,
            ``outage``, ``phase``, ``scanning``, ``faults``, ``log``.
        method
            POST, GET or DELETE.
        values
            The JSON body.

        Returns
        -------
        object
            The JSON of the answer, None if it has none.
        """
        request = urllib.request.Request(  # noqa: S310  (our own loopback address)
            f"{self.url}/_demo/{what}",
            data=json.dumps(values).encode() if method == "POST" else None,
            method=method,
            headers={
                "Authorization": f'MediaBrowser Token="{self.api_key}"',
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            body = answer.read()
        return json.loads(body) if body else None


@contextmanager
def start_demo(
    *,
    version: Version = "12.0",
    movies: int | None = None,
    people: int | None = None,
    plays: int | None = None,
    seed: int = 0,
    faults: Faults | None = None,
    startup: StartUp | None = None,
    latency: bool | None = None,
    people_seconds_per_movie: float | None = None,
    base_path: str = "",
    tls: tuple[Path, Path] | None = None,
    port: int = 0,
    api_key: str | None = None,
) -> Iterator[Demo]:
    """Start a demo server, wait for its address, and stop it at the end.

    Parameters
    ----------
    version
        ``12.0`` or ``10.11``.
    movies, people, plays
        Sizes of an invented household; all None: the fixed one.
    seed
        Of the household.
    faults, startup, people_seconds_per_movie, base_path, port
        As ``DemoServer`` takes them. None: no faults, ready at once, 5 ms a movie.
    latency
        Take as long as a real server; None: with an invented household only.
    tls
        Certificate and key in PEM, to serve HTTPS.
    api_key
        The key it accepts; None: a new one.

    Raises
    ------
    DemoNotStarted
        The process ended, or said nothing within a minute.
    """
    options: dict[str, Any] = {
        "version": version,
        "movies": movies,
        "people": people,
        "plays": plays,
        "seed": seed,
        "people-seconds-per-movie": people_seconds_per_movie,
        "base-path": base_path or None,
        "port": port,
    }
    if tls:
        options |= {"tls-cert": tls[0], "tls-key": tls[1]}
    for name, value in {**asdict(faults or Faults()), **asdict(startup or StartUp())}.items():
        options["fault-seed" if name == "seed" else name.replace("_", "-")] = value
    arguments = [f"--{k}={v}" for k, v in options.items() if v is not None]
    if latency is not None:
        arguments.append("--latency" if latency else "--no-latency")
    key = api_key or secrets.token_hex(16)
    process = subprocess.Popen(
        # It ends with its standard input: with us, however we end.
        [sys.executable, "-m", "jfdask.demo", "--until-stdin-closes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, KEY_VARIABLE: key},
    )
    try:
        yield Demo(_read_url(process), key, process.pid)
    finally:
        _stop(process)


def _read_url(process: subprocess.Popen[str]) -> str:
    """Return the address that the process prints; it is ended if it prints none in time."""
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    url = line.strip().rpartition(" ")[2]
    if not url.startswith("http"):
        raise DemoNotStarted(
            f"The demo server did not start within {START_SECONDS:.0f} s "
            f"(exit code {process.poll()}); its own words are above."
        )
    return url


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
