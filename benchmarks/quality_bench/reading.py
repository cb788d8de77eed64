"""Files of a data folder → the tables of a night, by the functions that a night calls."""

from __future__ import annotations

import json
import lzma
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from jfdask.errors import DataError
from jfdask.jellyfin.parsing import parse_credits, parse_item
from jfdask.stages.fetch.assemble import Collection, movie_of_items, movies_of
from jfdask.tables import CREDITS, ITEMS

#: From so many stars on, a rating stands for a favourite; any rating stands for a play.
FAVORITE_STARS = 4.0

Rating = tuple[str, float, float]  # movie, stars, time
Stars = tuple[str, float]  # movie, stars


@dataclass(frozen=True, eq=False)
class Ratings:
    """What one person rated, each movie once."""

    user_id: str
    ratings: frozenset[Rating]

    @cached_property
    def stars(self) -> frozenset[Stars]:
        """The ratings without their times."""
        return frozenset((movie_id, stars) for movie_id, stars, _ in self.ratings)


def find(folder: Path, name: str) -> Path:
    """Return the file of that name in a folder, plain or compressed (.xz)."""
    for path in (folder / name, folder / f"{name}.xz"):
        if path.is_file():
            return path
    raise DataError(f"There is neither {name} nor {name}.xz in {folder}: is it a data folder?")


def read_movies(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return MOVIES, and which movie each item is.

    Parameters
    ----------
    folder
        With ``items.jsonl`` (a line per movie, as a server gives it) and ``boxsets.json``
        (collections: Id, Name, MovieIds), plain or compressed.
    """
    with _told(path := find(folder, "items.jsonl"), "movies, a JSON object a line"):
        # Not splitlines: a text may hold other ends of a line.
        lines = enumerate(_text(path).split("\n"), start=1)
        raw = [_parsed(line, n) for n, line in lines if line.strip()]
    broken: Counter[str] = Counter()
    items = ITEMS.frame([row for r in raw if (row := parse_item(r, broken))])
    credits = CREDITS.frame([row for r in raw if (row := parse_credits(r, broken))])
    if items.empty:
        raise DataError(f"No movie of {folder} can be used: {dict(broken)}.")
    with _told(path := find(folder, "boxsets.json"), "a list of {Id, Name, MovieIds: […]}"):
        boxsets = json.loads(_text(path))
        collections = [Collection(b["Id"], b["Name"], tuple(b["MovieIds"])) for b in boxsets]
    return movies_of(items, credits, collections, "measured"), movie_of_items(items)


def read_people(path: Path, movie_of_item: Mapping[str, str]) -> list[Ratings]:
    """Return the people of a file: a list of {Id, Name, ratings: [[item id, stars, time], …]}.

    Of several ratings of a movie, or of its copies, the last one counts. What is no item of the
    catalogue is left out; how many those are is said.
    """
    n_unknown = n_all = 0
    people = []
    with _told(path, "a list of people, {Id, ratings: [[item id, stars, time], …]}"):
        for raw in json.loads(_text(path)):
            given = [(str(i), float(stars), float(when)) for i, stars, when in raw["ratings"]]
            given.sort(key=lambda rating: (rating[2], rating[1]))
            known = [(movie_of_item[i], *told) for i, *told in given if i in movie_of_item]
            last = {movie: (movie, *told) for movie, *told in known}
            people.append(Ratings(str(raw["Id"]), frozenset(last.values())))
            n_all += len(given)
            n_unknown += len(given) - len(known)
    if n_unknown:
        told = f"{n_unknown} of {n_all} ratings are of no movie of the data"
        print(f"{path}: {told}.", file=sys.stderr)
    return people


def digest_of(paths: Iterable[Path]) -> str:
    """Return a digest of the files' contents, in this order."""
    total = blake2b(digest_size=8)
    for path in paths:
        total.update(blake2b(path.read_bytes()).digest())
    return total.hexdigest()


def _parsed(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number}, {error.msg} at column {error.colno}") from error


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8-sig")


@contextmanager
def _told(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever is wrong with a file into a DataError that names it."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, KeyError, TypeError, ValueError) as error:
        why = str(error)
        if isinstance(error, OSError):
            why = error.strerror or why
        elif isinstance(error, KeyError):
            why = f"an entry has no {error}"
        raise DataError(f"{path} cannot be read as {expected}: {why}.") from error
