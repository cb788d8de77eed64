"""Reading all pages of a library by our stage, against a bare loop over httpx.

    python benchmarks/fetch.py [--movies 10000] [--repeats 3] [--out FILE.json]

A demo server of an invented library answers with the latencies of a real one. Ours is what the
stage `fetch` does for the list of movies, on a warm cluster of two workers: pages that overlap,
checked at the seams, every field of every movie parsed and cleaned, tables written to the
store, and the question what was saved meanwhile. The baseline asks for the same fields in
pages of the same size, with as many requests under way in threads, parses the JSON and keeps
nothing. Printed as JSON: `ratio`, ours to the baseline's seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from speed_bench.quiet import done, night_in, two_workers
from speed_bench.timing import in_turns, tell

from jfdask.demo.process import Demo, start_demo
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.reading import ITEM_FIELDS
from jfdask.stages.fetch.listing import Listing, joined
from jfdask.stages.fetch.pages import ListRead, read_list
from jfdask.stages.night import Night
from jfdask.store.tables import read_table
from jfdask.tables import ITEMS

LISTING = Listing("items")
QUERY = {
    "recursive": "true",
    "includeItemTypes": "Movie",
    "collapseBoxSetItems": "false",
    "sortBy": "DateCreated,SortName",
    "sortOrder": "Ascending",
    "enableImages": "false",
    "enableUserData": "false",
    "fields": ITEM_FIELDS,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Read the library in both ways and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--movies", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3, help="the median of so many counts")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="jfdask-fetch-") as folder,
        start_demo(movies=options.movies, people=1, plays=1, latency=True) as demo,
        two_workers() as client,
    ):
        tell(measure(night_in(Path(folder), client), demo, Path(folder), options.repeats),
             options.out)  # fmt: skip
    return 0


def measure(night: Night, demo: Demo, folder: Path, repeats: int) -> dict[str, Any]:
    """Read all pages in both ways, in turns; return seconds and their ratio."""
    key_file = folder / "key"
    key_file.write_text(demo.api_key, encoding="ascii")
    server = Server(demo.url, api_key_file=str(key_file))
    households = (f"home{i}" for i in count())
    read: dict[str, Any] = {}

    def ours() -> None:
        household = next(households)
        read["ours"] = household, pages_by_stage(night, server, household)

    def bare() -> None:
        read["bare"] = pages_by_httpx(night, demo)

    # Warm: imports, connections, and the server's own order of its movies.
    ours()
    bare()
    demo.order("log", "DELETE")
    seconds = in_turns({"ours": ours, "bare": bare}, repeats)
    ids = ids_in_store(night, *read["ours"])
    return {
        "movies": len(ids),
        "requests_in_flight": night.settings.fetch.requests_in_flight,
        "max_in_flight": demo.order("log", "GET")["max_in_flight"],
        "seconds": seconds["ours"],
        "httpx_seconds": seconds["bare"],
        "ratio": seconds["ours"] / seconds["bare"],
        "same_movies": ids == sorted(item["Id"] for page in read["bare"] for item in page["Items"]),
    }


def pages_by_stage(night: Night, server: Server, household: str) -> tuple[str, ...]:
    """Read the list of movies as the stage does; return the names of its pages in the store."""
    place, fetch = night.place(household), night.settings.fetch
    reading = read_list(place, server, LISTING, fetch.page_size)
    listed: ListRead = done(night, reading, fetch.requests_in_flight)
    if listed.problems:
        raise SystemExit(listed.problems[0])
    return listed.parts


def ids_in_store(night: Night, household: str, parts: Sequence[str]) -> list[str]:
    """Return the ids of the movies that were read, sorted."""
    place = night.place(household)
    pages = [read_table(night.store, LISTING.key(place, part), ITEMS) for part in parts]
    return list(joined(pages, ITEMS)["item_id"])


def pages_by_httpx(night: Night, demo: Demo) -> list[dict[str, Any]]:
    """Read the same list with threads that share a client; return the parsed pages."""
    fetch = night.settings.fetch
    headers = {"Authorization": f'MediaBrowser Token="{demo.api_key}"'}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:

        def ask(start: int) -> dict[str, Any]:
            page = {**QUERY, "startIndex": str(start), "limit": str(fetch.page_size)}
            answer = client.get(f"{demo.url}/Items", params=page)
            body: dict[str, Any] = answer.raise_for_status().json()
            return body

        first = ask(0)
        starts = range(fetch.page_size, first["TotalRecordCount"], fetch.page_size)
        with ThreadPoolExecutor(fetch.requests_in_flight) as threads:
            rest = list(threads.map(ask, starts))
    return [first, *rest]


if __name__ == "__main__":
    sys.exit(main())
