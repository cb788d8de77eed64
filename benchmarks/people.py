"""Whole nights of 10, 100 and 1,000 people over 1, 10 and 100 households.

    python benchmarks/people.py [--people 10 100 1000] [--per-household 10] [--movies 1000]
                                [--plays 150] [--search off] [--out FILE.json]

Each household has a demo server of its own that answers with the latencies of a real one;
histories are drawn from planted tastes. A night is all stages with default settings on two
workers, with a cluster and an empty store of its own for each number of people; but no forest's
settings are searched for, which is done where there is no pool, for few people, alone
(`--people 10 --search small` measures that).

Printed as JSON, by number of people: `seconds` of the stages; `share`, the seconds a
person to those of the smallest night (1: linear); `tasks_per_person` and `bytes_per_person`,
all that the scheduler was told and told others, but for what goes by the clock, which
`heartbeat_bytes_per_person` tells; `worker_peak_mb`, the most memory that one worker ever
held. A thousand people take some twenty minutes on two cores: `--people 10 100` shows the trend.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speed_bench.counting import counted
from speed_bench.quiet import N_WORKERS, Quiet
from speed_bench.servers import serve_households
from speed_bench.timing import rounded, tell

from jfdask.settings import Settings
from jfdask.stages.files import STAGE_NAMES
from jfdask.stages.lists import lists_of_run
from jfdask.stages.night import run_stages
from jfdask.store.filesystem import address_of, open_store


def main(argv: Sequence[str] | None = None) -> int:
    """Run the nights and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--per-household", type=int, default=10)
    parser.add_argument("--movies", type=int, default=1000, help="of each household")
    parser.add_argument("--plays", type=int, default=150, help="of each person")
    parser.add_argument("--search", choices=("off", "small"), default="off", help="without a pool")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    nights = {}
    for people in sorted(options.people):
        nights[people] = night_of(people, options)
        print({people: rounded(nights[people])}, file=sys.stderr)
    per_person = {people: night["seconds"] / people for people, night in nights.items()}
    smallest = per_person[min(per_person)]
    result: dict[str, Any] = {
        "movies": options.movies,
        "plays": options.plays,
        "share": {str(people): one / smallest for people, one in per_person.items()},
    }
    for name in nights[min(nights)]:
        result[name] = {str(people): night[name] for people, night in nights.items()}
    tell(result, options.out)
    return 0


def night_of(people: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one night; return what it took."""
    per_household = min(people, options.per_household)
    households = -(-people // per_household)
    with (
        tempfile.TemporaryDirectory(prefix="jfdask-people-") as folder,
        serve_households(households, per_household, options.movies, options.plays) as (urls, key),
    ):
        settings = settings_of(Path(folder), urls, key, options.search)
        with counted() as counts:
            summary = run_stages(settings, STAGE_NAMES, Quiet())
        store = open_store(address_of(settings.store))
        n_lists = sum(1 for _ in lists_of_run(store, summary.run_id))
    if summary.exit_code or n_lists != households * per_household:
        raise SystemExit(f"The night has {n_lists} lists for {people} people: {summary.problems}")
    return {
        "households": households,
        "seconds": sum(summary.seconds.values()),
        "stages": {stage: round(seconds, 2) for stage, seconds in summary.seconds.items()},
        "tasks_per_person": counts.tasks.total() / people,
        "bytes_per_person": round(counts.bytes / people),
        "heartbeat_bytes_per_person": round(counts.heartbeat_bytes / people),
        "worker_peak_mb": round(counts.worker_peak / 2**20),
        "tasks_of": dict(counts.tasks.most_common()),
    }


def settings_of(folder: Path, urls: Sequence[str], key: str, search: str) -> Settings:
    """Return default settings for these servers, and two workers."""
    key_file = folder / "key"
    key_file.write_text(key, encoding="ascii")
    households = [
        {"name": f"home{i:03d}", "url": url, "api_key_file": str(key_file)}
        for i, url in enumerate(urls)
    ]
    return Settings.model_validate(
        {
            "store": {"url": str(folder / "store")},
            "cluster": {"workers": N_WORKERS, "dashboard_port": 0},
            "train": {"search": search},
            "households": households,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
