"""The tables that flow between rooms: columns, types, meaning. Checked at every door.

Ids are keys, names never are. Times are UTC. In a frame a missing number or text is NaN, a
missing time NaT, a missing list is empty (an array).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from jfdask.errors import TableError


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table's columns and key."""

    name: str
    key: str  # unique, never null; rows are sorted by it
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, in the order of the columns."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Return the frame as an Arrow table with exactly this schema, sorted by key.

        Raises
        ------
        TableError
            A column is missing, unknown or of another type, or a key is null or repeated.
        """
        self._check_names(list(frame.columns))
        keys = frame[self.key]
        if keys.isna().any():
            raise TableError(f"Table {self.name}: a row has no {self.key}.")
        if keys.duplicated().any():
            twice = keys[keys.duplicated()].iloc[0]
            raise TableError(f"Table {self.name}: {self.key} {twice!r} stands there twice.")
        frame = frame.sort_values(self.key, kind="stable")
        arrays = []
        for column in self.columns:
            try:
                arrays.append(pa.array(frame[column.name], type=column.type, from_pandas=True))
            except (pa.ArrowException, TypeError, ValueError) as error:
                raise TableError(
                    f"Table {self.name}: column {column.name} is not {column.type} ({error})."
                ) from error
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def from_arrow(self, table: pa.Table) -> pd.DataFrame:
        """Return an Arrow table that was read as a frame; TableError if it is another one."""
        self._check_names(table.column_names)
        if not table.schema.remove_metadata().equals(self.schema):
            raise TableError(f"Table {self.name}: other types than {self.schema}.")
        return table.to_pandas()

    def frame(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Return rows (dicts, in any order, may be empty) as a checked frame, sorted by key."""
        names = [c.name for c in self.columns]
        frame = pd.DataFrame(rows, columns=names) if rows else pd.DataFrame(columns=names)
        return self.from_arrow(self.to_arrow(frame))

    def _check_names(self, names: list[str]) -> None:
        expected = [c.name for c in self.columns]
        missing = [n for n in expected if n not in names]
        unknown = [n for n in names if n not in expected]
        if missing or unknown:
            raise TableError(
                f"Table {self.name}: missing columns {missing}, unknown columns {unknown}."
            )


_TEXT, _NUMBER, _FLAG, _TIME = pa.string(), pa.float64(), pa.bool_(), pa.timestamp("us")
_TEXTS = pa.list_(pa.string())

#: What a server says of a movie, copy by copy; people and collections apart.
ITEMS = Table(
    "items",
    "item_id",
    (
        Column("item_id", _TEXT, "Jellyfin's id of this copy"),
        Column("etag", _TEXT, "changes with the metadata"),
        Column("name", _TEXT, "title"),
        Column("original_title", _TEXT, "title in the original language"),
        Column("overview", _TEXT, "what it is about"),
        Column("taglines", _TEXTS, "taglines"),
        Column("genres", _TEXTS, "genres, the main one first"),
        Column("tags", _TEXTS, "tags"),
        Column("studio_ids", _TEXTS, "ids of the studios"),
        Column("studio_names", _TEXTS, "their names, in the same order"),
        Column("production_year", _NUMBER, "year"),
        Column("premiere_date", _TIME, "day of the first showing"),
        Column("date_created", _TIME, "when it came into the library"),
        Column("official_rating", _TEXT, "certificate, as the server spells it"),
        Column("community_rating", _NUMBER, "0 to 10"),
        Column("critic_rating", _NUMBER, "0 to 100"),
        Column("runtime_hours", _NUMBER, "length in hours"),
        Column("tmdb_id", _TEXT, "id at The Movie Database"),
        Column("imdb_id", _TEXT, "id at IMDb"),
    ),
)

#: Which copies there are, without their metadata: a cheap look at the whole library.
ITEM_IDS = Table(
    "item_ids",
    "item_id",
    (
        Column("item_id", _TEXT, "Jellyfin's id of this copy"),
        Column("etag", _TEXT, "changes with the metadata"),
    ),
)

#: What one person has to do with each copy she may see; becomes PLAYS.
ITEM_PLAYS = Table(
    "item_plays",
    "item_id",
    (
        Column("item_id", _TEXT, "Jellyfin's id of this copy"),
        Column("played", _FLAG, "played to its end"),
        Column("play_count", _NUMBER, "times played"),
        Column("is_favorite", _FLAG, "marked as favourite"),
        Column("rating", _NUMBER, "own rating, 0 to 10"),
        Column(
            "position_fraction",
            _NUMBER,
            "where it was left, 0 to 1; 0: not begun; NaN: begun, of a film of unknown length",
        ),
        Column("last_played", _TIME, "when it was last played"),
    ),
)

#: Who made a movie; kept between nights by Etag.
CREDITS = Table(
    "credits",
    "item_id",
    (
        Column("item_id", _TEXT, "Jellyfin's id of this copy"),
        Column("etag", _TEXT, "the Etag these people were read with"),
        Column("person_ids", _TEXTS, "people, actors first in billing order; may repeat"),
        Column("person_names", _TEXTS, "their names, in the same order"),
        Column("person_types", _TEXTS, "Actor, Director, Writer, Producer, …, same order"),
    ),
)

#: One row a movie of a household: copies made one, people and collection joined.
MOVIES = Table(
    "movies",
    "movie_id",
    (
        Column("movie_id", _TEXT, "the smallest item_id of its copies"),
        Column(
            "film_id", _TEXT, "tmdb:…, else imdb:…, the same in all households; else item:server:…"
        ),
        *(c for c in ITEMS.columns if c.name not in ("item_id", "etag")),
        *(c for c in CREDITS.columns if c.name not in ("item_id", "etag")),
        Column("collection_id", _TEXT, "the collection it is in (the smallest series first)"),
        Column("collection_name", _TEXT, "its name"),
        Column("collection_size", _NUMBER, "movies in it; NaN without a collection"),
        Column("collection_order", _NUMBER, "1, 2, … by year in a series; NaN without"),
        Column("collection_age_years", _NUMBER, "years from its first to its last movie"),
        Column("years_since_previous", _NUMBER, "since the one before; NaN for the first"),
        Column("first_in_collection", _FLAG, "the first of its collection"),
        Column("in_collection", _FLAG, "it is in a collection"),
    ),
)

#: What one person has to do with each movie she may see. One file a person.
PLAYS = Table(
    "plays",
    "movie_id",
    (
        Column("movie_id", _TEXT, "the movie"),
        Column("item_id", _TEXT, "the copy this person may see (the smallest id, if several)"),
        Column("played", _FLAG, "played to its end, in any copy"),
        Column("play_count", _NUMBER, "times played"),
        Column("is_favorite", _FLAG, "marked as favourite, in any copy"),
        Column("rating", _NUMBER, "own rating, 0 to 10"),
        Column(
            "position_fraction",
            _NUMBER,
            "where it was left, 0 to 1; 0: not begun; NaN: begun, of a film of unknown length",
        ),
        Column("last_played", _TIME, "when it was last played"),
        Column("abandoned", _FLAG, "begun, not played to its end, left alone for a month"),
    ),
)

#: A person's list, best first.
RECOMMENDATIONS = Table(
    "recommendations",
    "rank",
    (
        Column("rank", pa.int64(), "1 is the best"),
        Column("movie_id", _TEXT, "the movie"),
        Column("item_id", _TEXT, "the copy this person may see"),
        Column("name", _TEXT, "title"),
        Column("production_year", _NUMBER, "year"),
        Column("score", _NUMBER, "see score_meaning in the person's summary"),
        Column("p_favorite", _NUMBER, "how likely it becomes a favourite once watched, calibrated"),
        Column(
            "reasons",
            _TEXTS,
            "one to three sentences, the weightiest first, a rating last; beyond rank 300 none",
        ),
        Column("reason_kinds", _TEXTS, "director, actor, collection, genre, …; same order"),
    ),
)

#: The films that a pool of people is over: what a library's movies are matched with.
FILMS = Table(
    "films",
    "film_id",
    (
        Column("film_id", _TEXT, "as in movies; movielens:… for a film without any other id"),
        Column("tmdb_id", _TEXT, "id at The Movie Database"),
        Column("imdb_id", _TEXT, "id at IMDb"),
        Column("title", _TEXT, "title"),
        Column("other_title", _TEXT, "another one, as a rule the original"),
        Column("year", _NUMBER, "year of production"),
        Column("in_crowd", _FLAG, "whether a crowd has a row of it; else next to nobody played it"),
    ),
)

TABLES = (ITEMS, ITEM_IDS, ITEM_PLAYS, CREDITS, MOVIES, PLAYS, RECOMMENDATIONS, FILMS)
