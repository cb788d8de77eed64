"""A dump's ratings, from the client's disk to numbers in the store, some of them at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future

from jfdask.errors import DumpError
from jfdask.ratings.chunks import chunk_sizes, read_chunks
from jfdask.ratings.dump import Dump
from jfdask.ratings.rows import read_layout
from jfdask.stages.pretrain import tasks
from jfdask.stages.pretrain.workplace import Workplace, chunk_file, ratings_file
from jfdask.stages.window import Call, Work, values

#: Bytes of ratings that a worker parses at once.
CHUNK_BYTES = 16_000_000
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class _Next(Call):
    """The next of some calls, which is made when there is room for it."""

    calls: Iterator[Call]

    def submit(self, client: Client) -> Future[Any]:
        """Make it and send it to the cluster."""
        return next(self.calls).submit(client)


def have_parsed(dump: Dump, work: Workplace) -> Work[int]:
    """Have all ratings of a dump in the workplace; return in how many parts they lie.

    Raises
    ------
    DumpError
        The file is damaged or empty, or a line of it is no rating.
    """
    sizes = chunk_sizes(dump, CHUNK_BYTES)
    if not sizes:
        raise DumpError(f"{dump.ratings} has no ratings. Download it again.")
    calls = _calls(dump, work)
    megabytes = [max(1, round(size / _MEGABYTE)) for size in sizes]
    values((yield [_Next(tasks.parse, (), "MB", n, calls=calls) for n in megabytes]))
    return len(sizes)


def _calls(dump: Dump, work: Workplace) -> Iterator[Call]:
    layout = read_layout(dump)
    for index, chunk in enumerate(read_chunks(dump, CHUNK_BYTES)):
        if not work.has(ratings_file(index)):
            work.write(chunk_file(index), chunk.data)
        yield Call(tasks.parse, (work, index, chunk.first_line, layout), "MB")
