"""Where a pretraining keeps what is made half way: what is there need not be made again.

    pretrain/<digest>/chunks/<part>          lines of the ratings, until they are parsed
    pretrain/<digest>/films.parquet          the dump's movies
    pretrain/<digest>/ratings-<part>.parquet its ratings, as numbers
    pretrain/<digest>/people.parquet         the people that were taken, and their plays
    pretrain/<digest>/people.json            how many there were; after people.parquet
    pretrain/<digest>/crowd-<group>.parquet  of everybody, and outside of each group
    pretrain/<digest>/rows-<part>.parquet    what the model learns from
    pretrain/<digest>/model.skops

The digest is of all that it comes of: the dump, the household's movies and features, settings
and code. All of it is removed once the prior is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from jfdask.store.filesystem import Store, StoreAddress, open_store
from jfdask.store.keys import join

ROOT = "pretrain"
FILMS_FILE = "films.parquet"
PEOPLE_FILE = "people.parquet"
COUNTS_FILE = "people.json"
MODEL_FILE = "model.skops"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder of the store. Travels to workers; holds no secret and no data."""

    address: StoreAddress
    digest: str

    @property
    def store(self) -> Store:
        """The store, opened in this process."""
        return open_store(self.address)

    def key(self, name: str) -> str:
        """Return the key of a file."""
        return join(ROOT, self.digest, name)

    def has(self, name: str) -> bool:
        """Tell whether a file has been made: files are written as a whole."""
        return self.store.exists(self.key(name))

    def read(self, name: str) -> bytes:
        """Return a file."""
        return self.store.read(self.key(name))

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        self.store.write(self.key(name), data)

    def remove_others(self) -> None:
        """Remove what was made for another dump, library or version."""
        for name in self.store.children(ROOT):
            if name != self.digest:
                self.store.delete_all(join(ROOT, name))

    def remove(self) -> None:
        """Remove all of it."""
        self.store.delete_all(ROOT)


def chunk_file(index: int) -> str:
    """Return the name of a chunk that waits to be parsed."""
    return f"chunks/{index:04d}"


def ratings_file(index: int) -> str:
    """Return the name of a chunk's ratings."""
    return f"ratings-{index:04d}.parquet"


def crowd_file(group: int | None) -> str:
    """Return the name of the crowd outside of a group; None: of everybody."""
    return "crowd-all.parquet" if group is None else f"crowd-{group}.parquet"


def rows_file(index: int) -> str:
    """Return the name of the rows of some people."""
    return f"rows-{index:04d}.parquet"
