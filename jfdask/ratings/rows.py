"""Lines of ratings as numbers."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from jfdask.errors import DumpError
from jfdask.ratings.chunks import LONGEST_LINE, Chunk
from jfdask.ratings.dump import Dump

#: Ratings are stars, at least and at most so many.
FEWEST_STARS, MOST_STARS = 0.5, 5.0
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
    exact = {name.lower(): name for name in _COLUMNS}
    for name in columns:
        if name not in _COLUMNS and name.lower() in exact:
            raise DumpError(
                f"{dump.ratings}, line 1: the column {name} would be passed over. Is it "
                f"{exact[name.lower()]}? Call it so."
            )
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
        raise _bad(chunk, layout, str(error)) from error
    if b'"' in data and found.num_rows != sum(1 for line in data.split(b"\n") if line.strip()):
        raise _bad(chunk, layout, "a quotation mark is not closed")
    stars = np.asarray(found["rating"])
    if not ((stars >= FEWEST_STARS) & (stars <= MOST_STARS)).all():
        raise _bad(chunk, layout, f"ratings beyond {FEWEST_STARS:g} to {MOST_STARS:g}")
    found = found.rename_columns([_COLUMNS[name] for name in known])
    if "time" not in found.column_names:
        found = found.append_column("time", pc.multiply(found["movie"], 0))
    return found.select(RATINGS.names).cast(RATINGS)


def _bad(chunk: Chunk, layout: Layout, told: str) -> DumpError:
    """Return the error that names the first bad line; what Arrow says, if it is found nowhere."""
    lines = chunk.data.decode("utf-8", errors="replace").rstrip().replace("\r", "").split("\n")
    for number, line in enumerate(lines, chunk.first_line):
        if line.strip() and not _is_rating(line, layout):
            return DumpError(
                f"{layout.file}, line {number}: {line[:80]!r} is no rating, which is "
                f"{layout.separator.join(layout.columns)}, whole numbers but for the rating "
                f"({FEWEST_STARS:g} to {MOST_STARS:g} stars). Download the file again, or take the "
                "line out."
            )
    last = chunk.first_line + len(lines) - 1
    return DumpError(
        f"{layout.file}, lines {chunk.first_line} to {last} cannot be read: {told}. Download the "
        "file again."
    )


def _is_rating(line: str, layout: Layout) -> bool:
    is_csv = layout.separator == ","
    fields = next(csv.reader([line]), []) if is_csv else line.split(layout.separator)
    if len(fields) != len(layout.columns) or line.count('"') % 2:
        return False
    row = dict(zip(layout.columns, fields, strict=True))
    try:
        for name in ("userId", "movieId", "timestamp"):
            int(row.get(name, "0"))
        return FEWEST_STARS <= float(row["rating"]) <= MOST_STARS
    except ValueError:
        return False
