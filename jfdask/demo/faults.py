"""What goes wrong on purpose, the same at every run: by seed and count of requests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from jfdask.demo.answers import Answer, processing_error
from jfdask.demo.records import Item, stable_id
from jfdask.demo.startup import PAGE
from jfdask.demo.world import World

Fault = Literal["503", "500", "drop"]
Change = Literal["appear", "vanish", "move"]
_CHANGES: tuple[Change, ...] = ("appear", "vanish", "move")


@dataclass(frozen=True)
class Faults:
    """Rates are shares of the requests, 0 to 1."""

    latency_seconds: float = 0.0  # added to every answer
    fail_503: float = 0.0  # 503 with Retry-After
    fail_500: float = 0.0  # 500, as 'database is locked' shows
    drop: float = 0.0  # the connection ends in the middle of the body
    change: float = 0.0  # a movie appears, vanishes or moves before a page is listed
    max_changes: int | None = None  # then the library is quiet
    retry_after_seconds: int = 1
    seed: int = 0


def share(seed: int, count: int, kind: str) -> float:
    """Return a number in [0, 1) that depends on seed, count and kind alone.

    >>> share(0, 1, "drop") == share(0, 1, "drop") != share(0, 2, "drop")
    True
    """
    digest = hashlib.blake2b(f"{seed}/{count}/{kind}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


@dataclass
class Trouble:
    """Decides for each request in turn."""

    faults: Faults
    n_requests: int = 0
    outage: list[Fault] = field(default_factory=list)  # what the next requests meet
    changes: list[tuple[Change, str]] = field(default_factory=list)  # (change, item id)
    n_listings: int = 0

    def next_fault(self) -> Fault | None:
        """Return what goes wrong with the next request, if anything."""
        self.n_requests += 1
        if self.outage:
            return self.outage.pop(0)
        rates: tuple[tuple[Fault, float], ...] = (
            ("503", self.faults.fail_503),
            ("500", self.faults.fail_500),
            ("drop", self.faults.drop),
        )
        for kind, rate in rates:
            if share(self.faults.seed, self.n_requests, kind) < rate:
                return kind
        return None

    def failure(self, kind: Fault) -> Answer:
        """Return the answer in place of the true one."""
        if kind == "500":
            return processing_error(500)
        wait = {"Retry-After": f"{self.faults.retry_after_seconds:03d}"}
        return Answer(503, PAGE, "text/html", wait)

    def before_listing(self, world: World) -> None:
        """Change the library, perhaps, before a page is listed."""
        self.n_listings += 1
        limit = self.faults.max_changes
        if limit is not None and len(self.changes) >= limit:
            return
        if share(self.faults.seed, self.n_listings, "change") >= self.faults.change:
            return
        kind = _CHANGES[self._pick("kind", len(_CHANGES))]
        self.changes.append((kind, self._change(world, kind)))
        world.household.touch()

    def _pick(self, what: str, n: int) -> int:
        return int(share(self.faults.seed, self.n_listings, what) * n)

    def _change(self, world: World, kind: Change) -> str:
        movies = world.household.movies
        movie = movies[self._pick("which", len(movies))]
        if kind == "vanish":
            del world.household.items[movie.item_id]
        elif kind == "move":
            # To another place in the order of arrival; its metadata stay as they are.
            other = movies[self._pick("where", len(movies))]
            movie.created = other.created + timedelta(seconds=1)
        else:
            movie = self._newcomer(movie)
            world.household.add([movie])
        return movie.item_id

    def _newcomer(self, like: Item) -> Item:
        name = f"Newcomer {self.n_listings}"
        return Item(
            item_id=stable_id("Movie", "newcomer", self.faults.seed, self.n_listings),
            type="Movie",
            name=name,
            created=like.created + timedelta(seconds=1),
            saved=like.saved,
            folder_id=like.folder_id,
            genres=["Drama"],
            certificate="PG",
            year=2024,
            runtime_ticks=like.runtime_ticks,
            path=f"/media/movies/{name}.mkv",
        )
