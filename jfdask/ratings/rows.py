"""Lines of ratings as numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from jfdask.errors import DumpError
from jfdask.ratings.chunks import LONGEST_LINE, Chunk
from jfdask.ratings.dump import Dump

#: Ratings are stars, at most so many.
MOST_STARS = 5.0
RATINGS = pa.schema(
    [
        pa.field("user", pa.int64()),
        pa.field("movie", pa.int64()),  # the dump's own number of the movie
        pa.field("rating", pa.float32()),
        pa.field("time", pa.int64()),  # 0 where the dump has none
    ]
)
_COLUMNS = {"userId": "user", "movieId": "movie", "rating": "rating", "timestamp": "time"}
_REQUIRED = ("userId", "movieId", "rating")


@dataclass(frozen=True)
class Layout:
    """How a file of ratings is written. Travels to workers."""

    file: str  # its name, for errors
    columns: tuple[str, ...]
    separator: str  # , or ::


def read_layout(dump: Dump) -> Layout:
    """Return the layout of a dump's ratings.

    Raises
    ------
    DumpError
        A column is missing.
    """
    if not dump.is_csv:
        return Layout(dump.ratings, tuple(_COLUMNS), "::")
    with dump.open(dump.ratings) as stream:
        line = stream.readline(LONGEST_LINE).decode("utf-8-sig", errors="replace")
    try:
        columns = tuple(name.strip() for name in next(csv.reader([line]), []))
    except csv.Error as error:
        raise DumpError(
            f"{dump.ratings}, line 1 cannot be read: {error}. Lines end with a line feed."
        ) from error
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise DumpError(
            f"{dump.ratings}, line 1: there is no column {' or '.join(missing)}, but "
            f"{', '.join(columns)[:200] or 'nothing'}. Expected userId,movieId,rating,timestamp."
        )
    return Layout(dump.ratings, columns, ",")


def parse_ratings(chunk: Chunk, layout: Layout) -> pa.Table:
    """Return the ratings of a chunk: a table of schema ``RATINGS``, a row a line.

    Raises
    ------
    DumpError
        Names the first line that holds no rating.
    """
    data = chunk.data
    if layout.separator != ",":
        data = data.replace(layout.separator.encode(), b",")
    if not data.strip():
        return RATINGS.empty_table()
    known = [name for name in _COLUMNS if name in layout.columns]
    types = {name: RATINGS.field(_COLUMNS[name]).type for name in known}
    try:
        found = pa_csv.read_csv(
            io.BytesIO(data),
            pa_csv.ReadOptions(
                use_threads=False, column_names=layout.columns, block_size=len(data) + 1
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=types, include_columns=known, null_values=[]
            ),
        )
    except pa.ArrowInvalid as error:
        raise _bad(chunk.first_line, data, layout, str(error)) from error
    stars = np.asarray(found["rating"])
    if not ((stars > 0) & (stars <= MOST_STARS)).all():
        raise _bad(chunk.first_line, data, layout, f"ratings beyond 0 to {MOST_STARS:g}")
    found = found.rename_columns([_COLUMNS[name] for name in known])
    if "time" not in found.column_names:
        found = found.append_column("time", pc.multiply(found["movie"], 0))
    return found.select(RATINGS.names).cast(RATINGS)


def _bad(first_line: int, data: bytes, layout: Layout, told: str) -> DumpError:
    """Return the error that names the first bad line; what Arrow says, if it is found nowhere."""
    lines = data.decode("utf-8", errors="replace").rstrip().replace("\r", "").split("\n")
    for number, line in enumerate(lines, first_line):
        if line.strip() and not _is_rating(next(csv.reader([line]), []), layout.columns):
            return DumpError(
                f"{layout.file}, line {number}: {line[:80]!r} is no rating, which is "
                f"{layout.separator.join(layout.columns)}, whole numbers but for the rating (0.5 "
                f"to {MOST_STARS:g} stars). Download the file again, or take the line out."
            )
    return DumpError(
        f"{layout.file}, lines {first_line} to {first_line + len(lines) - 1} cannot be read: "
        f"{told}. Download the file again."
    )


def _is_rating(fields: Sequence[str], columns: Sequence[str]) -> bool:
    if len(fields) != len(columns):
        return False
    row = dict(zip(columns, fields, strict=True))
    try:
        for name in ("userId", "movieId", "timestamp"):
            int(row.get(name, "0"))
        return 0 < float(row["rating"]) <= MOST_STARS
    except ValueError:
        return False
