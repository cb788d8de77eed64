r"""Many demo servers in one process, each with a household of its own.

    python benchmarks/speed_bench/servers.py --first 0 --households 25 \
        --people 10 --movies 1000 --plays 150

The API key is in the environment, as for the demo's own command. The addresses are printed as
one line of JSON; the process ends with its standard input.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jfdask.demo.household import grown_household
from jfdask.demo.latency import Latencies
from jfdask.demo.process import KEY_VARIABLE
from jfdask.demo.server import DemoServer

PER_PROCESS = 25


@contextmanager
def serve_households(
    households: int, people: int, movies: int, plays: int
) -> Iterator[tuple[list[str], str]]:
    """Serve invented households for the length of a block; yield their addresses and the key."""
    key = secrets.token_hex(16)
    processes = []
    try:
        for first in range(0, households, PER_PROCESS):
            wanted = {
                "first": first, "households": min(PER_PROCESS, households - first),
                "people": people, "movies": movies, "plays": plays,
            }  # fmt: skip
            processes.append(
                subprocess.Popen(
                    [sys.executable, __file__,
                     *(f"--{name}={value}" for name, value in wanted.items())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, KEY_VARIABLE: key},
                )
            )  # fmt: skip
        lines = [process.stdout.readline() for process in processes if process.stdout]
        yield [url for line in lines for url in json.loads(line)], key
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate()


def main() -> None:
    """Serve until the standard input is closed."""
    parser = argparse.ArgumentParser()
    for name in ("first", "households", "people", "movies", "plays"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    servers = [
        DemoServer(
            grown_household(options.movies, options.people, options.first + i, options.plays),
            api_key=os.environ[KEY_VARIABLE],
            latencies=Latencies(),
        )
        for i in range(options.households)
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps([server.url for server in servers]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
