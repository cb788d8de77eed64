"""A household's nights, as whole processes: cold, with nothing changed, with a little changed.

    python benchmarks/night.py [--movies 3000] [--people 12] [--out FILE.json]

A demo server of an invented household answers with the latencies of a real server; settings are
the defaults. Printed as JSON: seconds of each night from the start of its process to its end,
seconds of each stage, how many candidates the cold one's small search tried, and the most
memory that the night's processes held together. What a night loads, and a cluster that does
nothing, are measured in the same run, to tell what is start-up.

Changed are one movie in a hundred (a third of them have another text, the others another rating
of the public) and one play more for each hundred.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from jfdask.demo.household import grown_household
from jfdask.demo.process import Demo, start_demo
from jfdask.store.address import StoreAddress
from jfdask.store.filesystem import open_store
from jfdask.store.manifests import load_unit

JFDASK = [sys.executable, "-m", "jobs"]
CHANGED_SHARE = 0.01
HOME = "home"
START_UP = (
    "from jfdask.cluster.forkserver import load_for_workers\n"
    "from jobs.summary import WORKERS_NEED\n"
    "if __name__ == '__main__':\n"
    "    load_for_workers(WORKERS_NEED)\n"
    "    import jfdask.stages.night\n"
    "    from jfdask.cluster.connect import connect\n"
    "    from jfdask.settings import ClusterSettings\n"
    "    with connect(ClusterSettings(dashboard_port=0)) as client: client.submit(int).result()\n"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the nights and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--movies", type=int, default=3000)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="jfdask-night-") as folder,
        start_demo(movies=options.movies, people=options.people, latency=True) as demo,
    ):
        config = write_config(Path(folder), demo)
        # The first one reads the libraries from the disk, which no night after it does.
        script = [sys.executable, write_script(Path(folder))]
        start_up = min(timed(script), timed(script), key=lambda run: run["seconds"])
        cold = timed([*JFDASK, "run", "--config", str(config)])
        second = timed([*JFDASK, "run", "--config", str(config)])
        change(demo, options.movies, options.people)
        changed = timed([*JFDASK, "run", "--config", str(config)])
        runs = json.loads(
            subprocess.run(
                [*JFDASK, "runs", "--json", "--config", str(config)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        store = open_store(StoreAddress(str(Path(folder, "store"))))
        searched = load_unit(store, runs[-1]["run_id"], "train", HOME).summary["search"]["searched"]
    stages = [run["summary"]["seconds"] for run in reversed(runs)]
    result = {
        "movies": options.movies,
        "people": options.people,
        "start_up_seconds": start_up["seconds"],
        "night_seconds": cold["seconds"],
        "second_night_seconds": second["seconds"],
        "changed_night_seconds": changed["seconds"],
        "changed_share": round(
            (changed["seconds"] - start_up["seconds"]) / (cold["seconds"] - start_up["seconds"]), 3
        ),
        "candidates": searched,
        "stages": stages[0],
        "stages_second": stages[1],
        "stages_changed": stages[2],
        "peak_rss_mb": max(night["peak_rss_mb"] for night in (cold, second, changed)),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    return 0


def write_config(folder: Path, demo: Demo) -> Path:
    """Write default settings for the demo server."""
    key = folder / "key"
    key.write_text(demo.api_key, encoding="ascii")
    config = folder / "jfdask.toml"
    config.write_text(
        f'[store]\nurl = "{folder / "store"}"\n[cluster]\ndashboard_port = 0\n'
        f'[[households]]\nname = "{HOME}"\nurl = "{demo.url}"\napi_key_file = "{key}"\n',
        encoding="utf-8",
    )
    return config


def write_script(folder: Path) -> str:
    """Write a script that starts a cluster and does nothing."""
    path = folder / "start_up.py"
    path.write_text(START_UP, encoding="utf-8")
    return str(path)


def change(demo: Demo, movies: int, people: int) -> None:
    """Edit one movie in a hundred, and add a play for each hundred there are."""
    household = grown_household(movies, people)
    chance = random.Random(0)
    for n, movie in enumerate(chance.sample(household.movies, max(1, int(CHANGED_SHARE * movies)))):
        rating = round(chance.uniform(4, 9), 1)
        other = {"community_rating": rating} if n % 3 else {"overview": movie.overview[::-1]}
        demo.order(f"items/{movie.item_id}", **other)
    for user in household.users:
        plays = household.plays.get(user.user_id, {})
        unplayed = household.unplayed(user.name)
        n_new = round(CHANGED_SHARE * sum(play.played for play in plays.values()))
        for movie in unplayed[:n_new]:
            demo.order("plays", user=user.user_id, item=movie.item_id, played=True, play_count=1)


def timed(command: list[str]) -> dict[str, Any]:
    """Run a command to its end; return seconds and the most memory its processes held."""
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    memory = _Memory(process.pid)
    memory.start()
    _, err = process.communicate()
    seconds = time.monotonic() - began
    memory.stop()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{err}")
    return {"seconds": round(seconds, 2), "peak_rss_mb": round(memory.peak / 2**20)}


class _Memory(threading.Thread):
    """Looks four times a second how much memory a process and its children hold."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._process = psutil.Process(pid)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.25):
            total = 0
            try:
                for process in [self._process, *self._process.children(recursive=True)]:
                    total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self.peak = max(self.peak, total)

    def stop(self) -> None:
        self._ended.set()
        self.join()


if __name__ == "__main__":
    sys.exit(main())
