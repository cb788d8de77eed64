"""What is learned of many people, in the store: written once, read by every night.

    <prefix>/manifest.json           written last: names the others, with checksums
    <prefix>/films-<digest>.parquet  the films it is over
    <prefix>/crowd-<digest>.parquet  a crowd over these films, one file each
    <prefix>/model-<digest>.skops    the pooled model

A file's name has the digest of its content, so that a pool is replaced as a whole: readers find
the old one until the new manifest is there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact, UntrustedModel
from jfdask.model.crowd import Crowd, Crowds, Factors
from jfdask.model.films import positions_of
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.others import Pool
from jfdask.model.pooled import PooledModel
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.filesystem import Store, StoreAddress, open_store, sha256_of
from jfdask.store.keys import MANIFEST, join
from jfdask.store.manifests import Receipt, StoredFile
from jfdask.store.models import decode_model, encode_model
from jfdask.store.tables import decode_arrow, decode_table, encode_arrow, encode_table
from jfdask.tables import FILMS

#: Where the prior lies that `jfdask pretrain` writes, and pools of our own people.
PRIOR, POOLS = "prior", "pools"
logger = logging.getLogger(__name__)

SCHEMA = 1
#: What `read_pool` raises where there is no pool that can be used.
NO_POOL = (MissingArtifact, DamagedArtifact, NewerArtifact, UntrustedModel)
#: Pools that a process keeps: the prior and a household's own.
KEPT = 2
_DIGITS = 16
_COUNTS = ("n_plays", "n_likes", "bias")


@dataclass(frozen=True, eq=False)
class StoredPool:
    """A pool over films of its own, whatever household they are of."""

    model: PooledModel
    films: pd.DataFrame  # FILMS; crowds are over those that are in_crowd, in their order
    crowds: Crowds | None = None  # over the films, for people who are in them
    everybody: Crowd | None = None  # over the films, for people who are not
    summary: Mapping[str, Any] = field(default_factory=dict)  # of what it is; small
    #: By the groups of the crowds, models that were not shown their people: to measure with.
    without_group: tuple[PooledModel, ...] = ()

    def over(self, movies: pd.DataFrame, *, outside: bool) -> Pool:
        """Return the pool over a household's catalogue.

        Parameters
        ----------
        movies
            The household's MOVIES.
        outside
            Whether the people who will be asked for are none of those it was learned from:
            they get the crowd of everybody, the others that of the groups they are not in.
        """
        crowds = Crowds((self.everybody,)) if outside else self.crowds
        if crowds is None or crowds.of_group == (None,):
            whom = "outside of it" if outside else "in it"
            raise MissingArtifact(f"This pool has no crowd for people {whom}.")
        rows = rows_over(self.films, movies)
        # The public has had time for what is new here.
        new = np.zeros(len(movies), dtype=np.bool_) if outside else newly_there(movies)
        over = Crowds(_CrowdsOver(crowds.of_group, rows, new))
        return Pool(self.model, over, () if outside else self.without_group)


class _CrowdsOver(Sequence[Crowd | None]):
    """Crowds over a library, made when they are asked for: in one of them is all of its size."""

    def __init__(self, of_group: Sequence[Crowd | None], rows: Ints, new: Bools) -> None:
        self._of_group, self._rows, self._new = of_group, rows, new
        self._last: tuple[int, Crowd | None] = (-1, None)

    def __len__(self) -> int:
        return len(self._of_group)

    @overload
    def __getitem__(self, index: int) -> Crowd | None: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Crowd | None]: ...

    def __getitem__(self, index: int | slice) -> Crowd | Sequence[Crowd | None] | None:
        if isinstance(index, slice):
            return _CrowdsOver(self._of_group[index], self._rows, self._new)
        last, found = self._last
        if last != index:
            crowd = self._of_group[index]
            found = crowd and crowd_at(crowd, self._rows, self._new)
            self._last = index, found
        return found


#: A film that came so lately, where no more than this share of a library did, has had no time.
NEW_FOR, MOST_NEW = pd.Timedelta(days=60), 0.2
#: Rows of a crowd, where there is none: a film that next to nobody played, one it has not heard of.
RARE, UNKNOWN = -1, -2


def rows_over(films: pd.DataFrame, movies: pd.DataFrame) -> Ints:
    """Return the row of a crowd over FILMS that each movie of a household has, RARE or UNKNOWN."""
    in_crowd = films["in_crowd"].to_numpy(dtype=bool)
    row_of_film = np.where(in_crowd, np.cumsum(in_crowd) - 1, RARE)
    # Position -1, no film, is the last one.
    return np.r_[row_of_film, UNKNOWN][positions_of(films, movies)]


def newly_there(movies: pd.DataFrame) -> Bools:
    """Tell what came into a library within ``NEW_FOR`` of the newest, shape (n_movies,).

    Nothing, where that is more than ``MOST_NEW`` of it: it was filled at once.
    """
    created = movies["date_created"]
    new = (created > created.max() - NEW_FOR).to_numpy(dtype=np.bool_)
    return new if new.sum() <= MOST_NEW * len(new) else np.zeros(len(new), dtype=np.bool_)


def crowd_at(crowd: Crowd, rows: Ints, new: Bools | None = None) -> Crowd:
    """Return a crowd over a library, of float64.

    Parameters
    ----------
    rows
        See `rows_over`.
    new
        What has not been there for long, shape (n_movies,): unknown, unless it has been played
        as much as movies are. None: nothing.
    """
    found = crowd.at(rows)
    unknown = rows == UNKNOWN
    if new is not None and new.any() and not unknown.all():
        unknown |= new & (found.n_plays < found.n_plays[~unknown].mean())
    of_float64 = {
        name: replace(f, vectors=f.vectors.astype(np.float64)) for name, f in found.factors.items()
    }
    return replace(found, factors=of_float64).unaware_of(unknown)


def write_pool(store: Store, prefix: str, pool: StoredPool) -> Receipt:
    """Write a pool, its manifest last, in place of what was there.

    Returns
    -------
    Receipt
        Every file with its checksum, by its name below the prefix, the manifest's among them.
    """
    receipt: Receipt = {}

    def put(stem: str, suffix: str, data: bytes) -> str:
        name = f"{stem}-{sha256_of(data)[:_DIGITS]}.{suffix}"
        store.write(join(prefix, name), data)
        receipt[name] = StoredFile(sha256_of(data), len(data))
        return name

    def put_crowd(crowd: Crowd | None) -> str | None:
        return None if crowd is None else put("crowd", "parquet", encode_crowd(crowd))

    document = {
        "schema": SCHEMA,
        "kind": "pool",
        "films": put("films", "parquet", encode_table(FILMS, pool.films)),
        "model": put("model", "skops", encode_model(pool.model)),
        "groups": pool.crowds and [put_crowd(crowd) for crowd in pool.crowds.of_group],
        "everybody": put_crowd(pool.everybody),
        "without_group": [put("model", "skops", encode_model(m)) for m in pool.without_group],
        "files": {name: asdict(file) for name, file in receipt.items()},
        "summary": pool.summary,
    }
    data = encode_json(document)
    store.write(join(prefix, MANIFEST), data)
    receipt[MANIFEST] = StoredFile(sha256_of(data), len(data))
    for name in set(store.children(prefix)) - receipt.keys():
        store.delete(join(prefix, name))
    return receipt


def read_pool(store: Store, prefix: str, sha256: str | None = None) -> StoredPool:
    """Return a pool; a process keeps the last ones.

    Parameters
    ----------
    sha256
        Of the manifest that it must have; None: any.

    Raises
    ------
    MissingArtifact
        There is none, or another, or a file of it is gone.
    DamagedArtifact, NewerArtifact, UntrustedModel
        It is not what it should be, or not for this version.
    """
    found = sha256_of(store.read(join(prefix, MANIFEST)))
    if sha256 not in (None, found):
        raise MissingArtifact(
            f"{prefix!r} was replaced since stage pool chose it. Run first: jfdask pool."
        )
    return _load(store.address, prefix, found)


@dataclass(frozen=True)
class FoundPool:
    """A pool that is in the store; what it is, without having read it."""

    prefix: str
    sha256: str  # of its manifest
    summary: Mapping[str, Any]

    @property
    def n_people(self) -> int:
        """People that its model was learned from."""
        return int(self.summary.get("n_trained", 0))


def find_pool(store: Store, prefix: str) -> FoundPool | None:
    """Return what lies at a prefix; None if that is no pool, not a whole one, or a newer one.

    Its files are not read: `read_pool` tells whether they are what they should be.
    """
    key = join(prefix, MANIFEST)
    try:
        data = store.read(key)
        document = _manifest(data, key)
    except MissingArtifact:
        return None
    except (DamagedArtifact, NewerArtifact) as error:
        logger.warning("Not used: %s", error)
        return None
    if gone := sorted(document["files"].keys() - set(store.children(prefix))):
        logger.warning("Not used: %r lacks the file %s.", key, gone[0])
        return None
    return FoundPool(prefix, sha256_of(data), document["summary"])


def prior_summary(store: Store) -> Mapping[str, Any] | None:
    """Return what is told of the prior; None if there is none that can be used."""
    try:
        return read_pool(store, PRIOR).summary
    except NO_POOL:
        return None


def prune_pools(store: Store, kept: Collection[str]) -> None:
    """Delete pools of our own people but those at some prefixes."""
    for name in store.children(POOLS):
        if join(POOLS, name) not in kept:
            store.delete_all(join(POOLS, name))


def encode_crowd(crowd: Crowd) -> bytes:
    """Return a crowd as parquet: a row a film, factors as lists of float32."""
    columns: dict[str, Any] = {name: pa.array(getattr(crowd, name)) for name in _COUNTS}
    of_factors = {}
    for name, factors in sorted(crowd.factors.items()):
        n_films, n_factors = factors.vectors.shape
        offsets = pa.array(np.arange(n_films + 1, dtype=np.int32) * np.int32(n_factors))
        vectors = pa.array(factors.vectors.astype(np.float32).ravel())
        columns[name] = pa.ListArray.from_arrays(offsets, vectors)
        of_factors[name] = factors.weights.tolist()
    told = {"n_people": crowd.n_people, "weights": of_factors}
    metadata = {b"crowd": json.dumps(told, sort_keys=True).encode()}
    return encode_arrow(pa.table(columns).replace_schema_metadata(metadata))


def decode_crowd(data: bytes, key: str) -> Crowd:
    """Return the crowd of ``encode_crowd``'s bytes; its vectors are float32."""
    table = decode_arrow(data, key)
    try:
        told = json.loads(table.schema.metadata[b"crowd"])
        factors = {
            name: _factors(table[name], np.asarray(weights, dtype=np.float64), len(table))
            for name, weights in told["weights"].items()
        }
        n_plays, n_likes, bias = (_numbers(table[name]) for name in _COUNTS)
        return Crowd(int(told["n_people"]), n_plays, n_likes, bias, factors)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedArtifact(f"{key!r} holds no crowd ({error}). Pretrain again.") from error


def _factors(column: pa.ChunkedArray, weights: Floats, n_films: int) -> Factors:
    flat = np.array(column.combine_chunks().flatten())
    return Factors(flat.reshape(n_films, len(weights)), weights)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.array(column, dtype=np.float64)


@lru_cache(maxsize=KEPT)
def _load(address: StoreAddress, prefix: str, sha256: str) -> StoredPool:
    store, key = open_store(address), join(prefix, MANIFEST)
    document = _manifest(store.read_checked(key, sha256), key)

    def data(name: str) -> tuple[bytes, str]:
        file = join(prefix, name)
        return store.read_checked(file, document["files"][name]["sha256"]), file

    def crowd(name: str | None) -> Crowd | None:
        return None if name is None else decode_crowd(*data(name))

    groups = document["groups"]
    return StoredPool(
        model=decode_model(*data(document["model"])),
        films=decode_table(*data(document["films"]), FILMS),
        crowds=None if groups is None else Crowds(tuple(crowd(name) for name in groups)),
        everybody=crowd(document["everybody"]),
        summary=document["summary"],
        without_group=tuple(decode_model(*data(name)) for name in document["without_group"]),
    )


def _manifest(data: bytes, key: str) -> dict[str, Any]:
    document = decode_json(data, key)
    types = {"schema": int, "files": dict, "summary": dict}
    if (
        not isinstance(document, dict)
        or document.get("kind") != "pool"
        or not all(isinstance(document.get(name), of) for name, of in types.items())
    ):
        raise DamagedArtifact(f"{key!r} is no manifest of a pool. Make it again.")
    if document["schema"] > SCHEMA:
        raise NewerArtifact(
            f"{key!r} was written by a newer jfdask (schema {document['schema']}, known is "
            f"{SCHEMA}). Upgrade jfdask on this machine."
        )
    return document
