"""A file in chunks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from jfdask.errors import DumpError
from jfdask.ratings.dump import Dump

#: Bytes of the longest line: what is longer is no line of ratings.
LONGEST_LINE = 10_000


@dataclass(frozen=True)
class Chunk:
    """Some lines that follow each other."""

    data: bytes
    first_line: int  # number of its first line in the file, from 1


def read_chunks(dump: Dump, size: int) -> Iterator[Chunk]:
    """Yield the chunks of a dump's ratings, as many as `chunk_sizes` says.

    Raises
    ------
    DumpError
        The file is damaged, or has a line that is none.
    """
    with dump.open(dump.ratings) as stream:
        header = stream.readline(LONGEST_LINE) if dump.is_csv else b""
        n_bytes = dump.size(dump.ratings) - len(header)
        yield from chunks_of(stream, dump.ratings, n_bytes, size, 2 if header else 1)


def chunk_sizes(dump: Dump, size: int) -> list[int]:
    """Return about how many bytes each chunk of a dump's ratings has."""
    with dump.open(dump.ratings) as stream:
        header = stream.readline(LONGEST_LINE) if dump.is_csv else b""
    n_bytes = dump.size(dump.ratings) - len(header)
    return [min(size, n_bytes - start) for start in range(0, n_bytes, size)]


def chunks_of(
    stream: BinaryIO, name: str, n_bytes: int, size: int, first_line: int = 1
) -> Iterator[Chunk]:
    r"""Yield a stream's chunks, each read when it is asked for.

    A chunk has the lines that begin within its ``size`` bytes: where lines are longer than
    that, some chunks are empty.

    Parameters
    ----------
    stream
        At the first byte to be read.
    name
        The file, for errors.
    n_bytes
        What is left of the file from there.
    first_line
        Number of the line it is at.

    Examples
    --------
    >>> import io
    >>> [c.data for c in chunks_of(io.BytesIO(b"1\n22\n333\n"), "a file", 9, 4)]
    [b'1\n22\n', b'333\n', b'']
    """
    position = 0
    for end in range(size, n_bytes + size, size):
        wanted = end - position
        data = stream.read(wanted) if wanted > 0 else b""
        if data and not data.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            if len(rest) == LONGEST_LINE:
                line = first_line + data.count(b"\n")
                raise DumpError(
                    f"{name}, line {line}: over {LONGEST_LINE} bytes without an end of line. That "
                    "is no file of ratings; download it again."
                )
            data += rest
        yield Chunk(data, first_line)
        position += len(data)
        first_line += data.count(b"\n")
