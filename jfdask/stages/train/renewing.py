"""Which models of an earlier night may stay for tonight, and having them.

Growing a person's forests and measuring them is most of a night's work. They stay while little
has changed since they were grown: of her history, and of the library. What she played last
counts all the same: see `jfdask.model.personal.renew`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from jfdask.errors import DamagedArtifact, MissingArtifact
from jfdask.model.calibration import Reliability
from jfdask.model.personal import Learned, renew
from jfdask.stages.files import (
    FETCH,
    LEARNED,
    METRICS,
    MOVIES_TABLE,
    PLAYS_TABLE,
    TRAIN,
)
from jfdask.stages.household import features, history
from jfdask.stages.learned import read_learned
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import StoreAddress
from jfdask.store.keys import person
from jfdask.store.manifests import Manifest, load_unit
from jfdask.store.runs import run_ids
from jfdask.store.tables import decode_arrow, decode_table
from jfdask.tables import PLAYS

#: Share of a person's plays, or of the library, that may have changed.
LARGEST_NEWS = 0.05


@dataclass(frozen=True)
class Renewed:
    """Models of an earlier night, of tonight's plays."""

    learned: Learned
    grown_on: Mapping[str, str]  # checksums of the tables that its forests were grown on
    metrics: bytes
    summary: Mapping[str, Any]


def grown_on(place: Place, user_id: str) -> dict[str, str]:
    """Return the checksums of the tables that a person's forests are grown on tonight."""
    files = reader(place, FETCH).manifest.files
    return {
        "movies": files[MOVIES_TABLE].sha256,
        "plays": files[person(user_id, PLAYS_TABLE)].sha256,
    }


def renewed(place: Place, user_id: str, learned_by: str) -> Renewed | None:
    """Return a person's models of the run before, of tonight's plays; None: learn them anew.

    Parameters
    ----------
    learned_by
        Digest of the settings and the code that they must have been learned by.
    """
    if place.previous is None:
        return None
    try:
        trained = reader(replace(place, run_id=place.previous), TRAIN)
        document = trained.json(person(user_id, LEARNED))
        if document.get("learned_by") != learned_by:
            return None
        before, now = document["grown_on"], grown_on(place, user_id)
        if _changed_plays(place, user_id, before["plays"], now["plays"]) > LARGEST_NEWS:
            return None
        where = place.address, place.household
        if _changed_movies(*where, before["movies"], now["movies"]) > LARGEST_NEWS:
            return None
        metrics = trained.json(person(user_id, METRICS))
        known = read_learned(trained, place, user_id, metrics)
    except (MissingArtifact, DamagedArtifact):
        # The run in which they were grown is pruned, say.
        return None
    if "reliability" in document["summary"]:
        # Written anew beside the models: what was measured stays.
        measured = Reliability.from_rows(document["summary"]["reliability"])
        known = replace(known, reliability=measured)
    learned = renew(known, history(place, user_id), features(place).movie_ids)
    if learned is None:
        return None
    # What was measured stays; how much her taste counts goes by tonight's labels.
    told = encode_json({**metrics, "notice": learned.notice})
    return Renewed(learned, before, told, document["summary"])


def share_changed(before: Mapping[str, Hashable], now: Mapping[str, Hashable]) -> float:
    """Return how many keys came, went or have another value, as a share of those there were.

    Examples
    --------
    >>> share_changed({"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 0, "d": 4, "e": 5})
    0.75
    """
    changed = sum(before.get(key) != now.get(key) for key in before.keys() | now.keys())
    return changed / max(len(before), 1)


def _changed_plays(place: Place, user_id: str, before: str, now: str) -> float:
    name = person(user_id, PLAYS_TABLE)
    where = place.address, place.household
    tables = (decode_table(*_fetched(*where, name, sha256), PLAYS) for sha256 in (before, now))
    return share_changed(*map(_touched, tables))


def _touched(plays: pd.DataFrame) -> dict[str, Hashable]:
    """Return what a person has to do with those movies that she has to do with."""
    has_label = plays["is_favorite"] | plays["rating"].notna() | plays["abandoned"].eq(True)
    is_touched = plays["played"] | has_label
    columns = ["played", "play_count", "is_favorite", "rating", "abandoned"]
    rows = plays[is_touched].fillna({"rating": -1.0, "abandoned": False})
    values = rows[columns].itertuples(index=False, name=None)
    return dict(zip(rows["movie_id"], values, strict=True))


# Asked once for every person of a household.
@lru_cache(maxsize=4)
def _changed_movies(address: StoreAddress, household: str, before: str, now: str) -> float:
    found = (_fetched(address, household, MOVIES_TABLE, sha256) for sha256 in (before, now))
    return share_changed(*(_rows(decode_arrow(data, key)) for data, key in found))


def _rows(movies: pa.Table) -> dict[str, Hashable]:
    """Return all that is known of each movie, as one text: by far the quickest to compare."""
    texts = map(_as_text, movies.columns)
    rows = pc.binary_join_element_wise(
        *texts, "\x1e", null_handling="replace", null_replacement="\x00"
    )
    return dict(zip(movies["movie_id"].to_pylist(), rows.to_pylist(), strict=True))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "\x1f")
    return column.cast(pa.string())


def _fetched(address: StoreAddress, household: str, name: str, sha256: str) -> tuple[bytes, str]:
    """Return a table that was fetched, and its key, from the newest run that has it."""
    place = Place(address, "", household)
    for run_id in run_ids(place.store):
        try:
            unit = _unit(address, run_id, household)
        except MissingArtifact:
            continue
        if name in unit.files and unit.files[name].sha256 == sha256:
            key = unit.key(name)
            return place.store.read_checked(key, sha256), key
    raise MissingArtifact(f"No run has {name} of checksum {sha256} any more.")


# Of one night's runs the same few are asked for by everybody.
@lru_cache(maxsize=32)
def _unit(address: StoreAddress, run_id: str, household: str) -> Manifest:
    return load_unit(Place(address, run_id, household).store, run_id, FETCH, household)
