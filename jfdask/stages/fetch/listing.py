"""Lists that are read page by page, and where what was read lies in the meantime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from jfdask.stages.files import FETCH
from jfdask.stages.places import Place
from jfdask.store.filesystem import sha256_of
from jfdask.store.keys import person
from jfdask.tables import ITEM_IDS, ITEM_PLAYS, ITEMS, Table

#: What she has been told of, or has rated before: no filter tells what she thinks of it now.
TOLD = "told"
#: Where what was read lies until the tables are made of it.
READING = "reading"
STATE_ITEMS, STATE_CREDITS, STATE_READING = "items.parquet", "credits.parquet", "reading.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that is read page by page."""

    name: str  # items, ids, changed, or plays
    user_id: str | None = None  # whose, of plays
    changed_since: datetime | None = None  # of changed
    only: str | None = None  # of plays: a filter of the server's, or TOLD; none: all she may see

    @property
    def table(self) -> Table:
        """What its pages are."""
        return {"ids": ITEM_IDS, "plays": ITEM_PLAYS}.get(self.name, ITEMS)

    def key(self, place: Place, part: str) -> str:
        """Return where a page of it is kept; a person's under her own folder."""
        if self.user_id:
            name = self.only or self.name
            return place.key(FETCH, person(self.user_id, READING), f"{name}-{part}")
        return place.key(FETCH, READING, f"{self.name}-{part}")


#: Lists that were read, each with the names of its pages.
PagesOfOne = tuple[Listing, tuple[str, ...]]
Pages = tuple[PagesOfOne, ...]


def in_chunks(values: Sequence[Any], size: int) -> list[list[Any]]:
    """Return the values in lists of at most so many."""
    return [list(values[i : i + size]) for i in range(0, len(values), size)]


def joined(frames: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Return the rows of all frames of a table, of an item the first one found, sorted by it."""
    if not frames:
        return table.frame([])
    if len(frames) == 1:
        return frames[0]
    rows = pd.concat(frames, ignore_index=True).drop_duplicates("item_id", keep="first")
    return rows.sort_values("item_id", kind="stable", ignore_index=True)


def read_by_id_key(place: Place, what: str, ids: Sequence[str]) -> str:
    """Return where movies that were asked for by their ids are kept: by what was asked.

    A night that goes on finds what it had read before, and nothing else under that name.
    """
    return place.key(FETCH, READING, f"{what}-{sha256_of(','.join(ids).encode())[:16]}.parquet")


def known_key(place: Place, round_: int) -> str:
    """Return where lies what is known of movies before some are asked for by id."""
    return place.key(FETCH, READING, f"known-{round_}.parquet")


def chunks_key(place: Place, round_: int) -> str:
    """Return where lies which movies are asked for by id."""
    return place.key(FETCH, READING, f"chunks-{round_}.json")
