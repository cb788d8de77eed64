"""Which films a dump's movies are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from jfdask.errors import DumpError
from jfdask.model.films import plain_imdb_id
from jfdask.ratings.dump import Dump
from jfdask.tables import FILMS

_YEAR = re.compile(r"^(?P<rest>.*?)\s*\((?P<year>\d{4})(?:\s*[-\u2013]\s*\d{0,4})?\)$")
_OTHER = re.compile(r"^(?P<title>.*?)\s*\((?:a\.?k\.?a\.?\s*)?(?P<other>[^()]+)\)$", re.IGNORECASE)
_IDS = {
    "tmdbId": re.compile(r"(\d+)(?:\.0+)?", re.ASCII),
    "imdbId": re.compile(r"(?:tt)?(\d+)", re.ASCII | re.IGNORECASE),
}
# The largest of MovieLens' have 4 MB.
_MOST_BYTES = 200_000_000


def read_films(dump: Dump) -> pd.DataFrame:
    """Return the dump's films: FILMS without ``in_crowd``, and ``movie``, the dump's number.

    Several movies of a dump may be one film. A film without any id is ``movielens:…``.

    Raises
    ------
    DumpError
        A file has other columns, or a line that is none of it.
    """
    rows: dict[int, dict[str, Any]] = {}
    for name in dump.beside:
        if dump.size(name) > _MOST_BYTES:
            raise DumpError(f"{name} of {dump.path} is too large to be a file of movies.")
        if name.endswith("links.csv"):
            for movie, row in _table(dump, name, ("movieId", "imdbId", "tmdbId")):
                rows.setdefault(movie, {}).update(_ids(name, movie, row))
        elif name.endswith("movies.csv"):
            for movie, row in _table(dump, name, ("movieId", "title")):
                rows.setdefault(movie, {}).update(split_title(row["title"]))
        else:
            for movie, title in _dat(dump, name):
                rows.setdefault(movie, {}).update(split_title(title))
    names = ["movie", *(c.name for c in FILMS.columns if c.name != "in_crowd")]
    found: list[dict[str, Any]] = [
        {"movie": movie, "film_id": _film_id(movie, rows[movie]), **rows[movie]}
        for movie in sorted(rows)
    ]
    frame = pd.DataFrame(found, columns=names)
    return frame.astype({"movie": "int64", "year": "float64"})


def split_title(title: str) -> dict[str, Any]:
    """Return what MovieLens writes into one text: title, another title, year.

    Examples
    --------
    >>> split_title("City of Lost Children, The (Cité des enfants perdus, La) (1995)")
    {'title': 'City of Lost Children, The', 'other_title': 'Cité des enfants perdus, La', \
'year': 1995.0}
    >>> split_title("Toy Story")
    {'title': 'Toy Story'}
    """
    title = " ".join(title.split())
    found: dict[str, Any] = {"title": title}
    if dated := _YEAR.match(title):
        found["title"] = dated["rest"]
        if other := _OTHER.match(found["title"]):
            found["title"], found["other_title"] = other["title"], other["other"].strip()
        found["year"] = float(dated["year"])
    return found


def _film_id(movie: int, row: dict[str, Any]) -> str:
    tmdb, imdb = row.get("tmdb_id"), row.get("imdb_id")
    return f"tmdb:{tmdb}" if tmdb else f"imdb:{imdb}" if imdb else f"movielens:{movie}"


def _ids(file: str, movie: int, row: dict[str, str]) -> dict[str, str]:
    plain = {}
    for column, form in _IDS.items():
        text = row[column].strip()
        given = form.fullmatch(text)
        if text and not given:
            raise DumpError(f"{file}: the {column} of movie {movie} is none: {text[:80]!r}.")
        # 0 stands for looked for and not found.
        plain[column] = given[1].lstrip("0") if given else ""
    found = {"tmdb_id": plain["tmdbId"]} if plain["tmdbId"] else {}
    return found | ({"imdb_id": plain_imdb_id(plain["imdbId"])} if plain["imdbId"] else {})


def _table(dump: Dump, name: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    with dump.open(name) as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""))
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise DumpError(
                f"{name}, line 1: there is no column {' or '.join(missing)}. Expected "
                f"{','.join(columns)}. Download it again."
            )
        try:
            for row in reader:
                if None in (row[column] for column in columns):
                    raise DumpError(
                        f"{name}, line {reader.line_num}: it ends too early. Download it again."
                    )
                if "\n" in row.get("title", ""):
                    raise DumpError(
                        f"{name}, line {reader.line_num}: a quotation mark of a line before is not "
                        "closed. Download it again."
                    )
                yield _movie(name, reader.line_num, row["movieId"]), row
        except csv.Error as error:
            raise DumpError(
                f"{name}, line {reader.line_num}: {error}. Download it again."
            ) from error


def _dat(dump: Dump, name: str) -> Iterator[tuple[int, str]]:
    with dump.open(name) as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for number, line in enumerate(text.split("\n"), 1):
        movie, separator, rest = line.partition("::")
        if line.strip() and not separator:
            raise DumpError(f"{name}, line {number}: it ends too early. Download it again.")
        if line.strip():
            yield _movie(name, number, movie), rest.partition("::")[0]


def _movie(name: str, line: int, text: str | None) -> int:
    try:
        return int(np.int64(int(text or "")))
    except (OverflowError, ValueError) as error:
        raise DumpError(
            f"{name}, line {line}: {(text or '')[:80]!r} is no movie's number. Download it again."
        ) from error
