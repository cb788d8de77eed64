"""A pool in the making: what lies beside it until it is published, and is then deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import pandas as pd

from jfdask.model.crowd import N_GROUPS, Crowd, Crowds
from jfdask.model.pooled import PooledModel, PooledRows
from jfdask.stages.pooled_rows import decode_rows, encode_rows
from jfdask.stages.pools import StoredPool, decode_crowd, encode_crowd
from jfdask.store.filesystem import Store, StoreAddress, open_store
from jfdask.store.keys import join
from jfdask.store.models import read_model, write_model
from jfdask.store.tables import decode_table, encode_table
from jfdask.tables import FILMS

_FOLDER = "making"  # not inside of the pool: what is not of a pool is deleted there
PLAYS, LEFT = "plays", "left"
FILMS_FILE = "films.parquet"
_SAMPLE = "sample.parquet"


@dataclass(frozen=True)
class Making:
    """Where a pool is made. Travels to workers; holds no data."""

    address: StoreAddress
    prefix: str  # of the pool

    @property
    def store(self) -> Store:
        """The store, opened in this process."""
        return open_store(self.address)

    def key(self, name: str) -> str:
        """Return the key of a file."""
        return join(_FOLDER, self.prefix, name)

    def has(self, *names: str) -> bool:
        """Tell whether files are there: a making that was broken off is gone on with."""
        return all(self.store.exists(self.key(name)) for name in names)

    def write_crowd(self, crowd: Crowd | None, *outside: int) -> None:
        """Write the crowd outside of one or two groups of people; None: there is none."""
        if crowd is not None:
            self.store.write(self.key(_crowd_file(outside)), encode_crowd(crowd))

    def read_crowd(self, *outside: int) -> Crowd | None:
        """Return the crowd outside of one or two groups of people, if there is one."""
        key = self.key(_crowd_file(outside))
        return decode_crowd(self.store.read(key), key) if self.store.exists(key) else None

    def write_crowds(self, pool: StoredPool) -> None:
        """Write crowds and, last, their films."""
        for group, crowd in enumerate(pool.crowds.of_group if pool.crowds else ()):
            self.write_crowd(crowd, group)
        self.store.write(self.key(FILMS_FILE), encode_table(FILMS, pool.films))

    def read_crowds(self) -> StoredPool:
        """Return films and the crowds outside of each group, without a model yet."""
        crowds = tuple(self.read_crowd(group) for group in range(N_GROUPS))
        return StoredPool(PooledModel(), self.read_films(), Crowds(crowds))

    def read_films(self) -> pd.DataFrame:
        """Return the FILMS of the crowds."""
        key = self.key(FILMS_FILE)
        return decode_table(self.store.read(key), key, FILMS)

    def write_rows(self, stem: str, group: int, rows: PooledRows) -> None:
        """Write rows of people of one group, plays and others apart, see `files_of_rows`."""
        parts = rows.taken(rows.played), rows.taken(~rows.played)
        for name, part in zip(files_of_rows(stem, group), parts, strict=True):
            self.store.write(self.key(name), encode_rows(part))

    def read_rows(self, names: Iterable[str], without: int | None = None) -> Sequence[PooledRows]:
        """Return the rows of some files, in the order of the names; read when asked for.

        As they are without a group of people, see ``PooledRows.seen_without``.
        """
        return _RowFiles(
            self, tuple(sorted(names)), partial(PooledRows.seen_without, group=without)
        )

    def read_rows_whole(self, names: Iterable[str]) -> Sequence[PooledRows]:
        """Return the same with the columns of all crowds."""
        return _RowFiles(self, tuple(sorted(names)), _as_they_are)

    def write_sample(self, rows: PooledRows) -> None:
        """Write the plays that a search sees."""
        self.store.write(self.key(_SAMPLE), encode_rows(rows))

    def read_sample(self) -> PooledRows:
        """Return the plays that a search sees."""
        return decode_rows(self.store.read(self.key(_SAMPLE)), self.key(_SAMPLE))

    def names(self) -> set[str]:
        """Return the names of the files that are there."""
        return set(self.store.children(join(_FOLDER, self.prefix)))

    def write_model(self, name: str, model: PooledModel) -> None:
        """Write a model, or a half of one."""
        write_model(self.store, self.key(name), model)

    def read_model(self, name: str) -> PooledModel:
        """Return a model."""
        model: PooledModel = read_model(self.store, self.key(name))
        return model

    def remove(self) -> None:
        """Delete everything that was only needed to make the pool."""
        self.store.delete_all(join(_FOLDER, self.prefix))


@dataclass(frozen=True)
class _RowFiles(Sequence[PooledRows]):
    """Rows in the store: those of all people together may be more than a worker can hold."""

    making: Making
    names: tuple[str, ...]
    view: Callable[[PooledRows], PooledRows]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> PooledRows: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PooledRows]: ...

    def __getitem__(self, index: int | slice) -> PooledRows | Sequence[PooledRows]:
        if isinstance(index, slice):
            return _RowFiles(self.making, self.names[index], self.view)
        key = self.making.key(self.names[index])
        return self.view(decode_rows(self.making.store.read(key), key))


def _as_they_are(rows: PooledRows) -> PooledRows:
    return rows


def _crowd_file(outside: Sequence[int]) -> str:
    return f"crowd-{'-'.join(map(str, sorted(outside)))}.parquet"


def remove_unfinished(store: Store) -> None:
    """Delete what nights that were broken off have left of pools."""
    store.delete_all(_FOLDER)


def files_of_rows(stem: str, group: int) -> list[str]:
    """Return the names of the files of some people of a group: of their plays, and the rest."""
    return [f"{what}-{group}-{stem}.parquet" for what in (PLAYS, LEFT)]


def of_plays(names: Sequence[str], without_group: int | None = None) -> list[str]:
    """Return the files that hold plays; those of a group's people may be left out.

    Examples
    --------
    >>> of_plays(["plays-0-a.parquet", "left-0-a.parquet", "plays-3-a.parquet"], 0)
    ['plays-3-a.parquet']
    """
    parts = [(name, name.split("-")) for name in names]
    return [n for n, (what, group, *_) in parts if what == PLAYS and group != str(without_group)]


def group_of_file(name: str) -> int:
    """Return the group of the people that a file of rows is of.

    Examples
    --------
    >>> group_of_file("plays-3-a.parquet")
    3
    """
    return int(name.split("-")[1])
