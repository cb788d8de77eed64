"""What workers do to learn of all people together. Every function is one Dask task."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact
from jfdask.model.catalogue import catalogue_of
from jfdask.model.crowd import (
    N_GROUPS,
    Crowd,
    Member,
    crowd_outside,
    crowds_of,
    group_of,
)
from jfdask.model.films import films_of, positions_of
from jfdask.model.history import history_of
from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.labels import graded
from jfdask.model.pooled import FEWEST_PLAYS, PooledModel, label_columns, training_rows_of
from jfdask.stages.files import CHOICE, FEATURIZE, FETCH, MOVIES_TABLE, PLAYS_TABLE, POOL
from jfdask.stages.household import KEPT, features, history
from jfdask.stages.places import Place
from jfdask.stages.pool.making import FILMS_FILE, Making, files_of_rows, of_plays
from jfdask.stages.pooled_rows import beneath
from jfdask.stages.pools import (
    NO_POOL,
    FoundPool,
    StoredPool,
    crowd_at,
    find_pool,
    newly_there,
    read_pool,
    rows_over,
    write_pool,
)
from jfdask.stages.unit_tasks import reader, unit_writer
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import StoreAddress, open_store, sha256_of
from jfdask.store.keys import MANIFEST, person
from jfdask.store.manifests import Receipt
from jfdask.tables import MOVIES, PLAYS

logger = logging.getLogger(__name__)

#: People whose plays are counted at most; of more a sample, by a hash.
MOST_MEMBERS = 20_000
_PLAYED = "played.skops"


@dataclass(frozen=True)
class Headcount:
    """How much there is to learn from in a household; nobody's plays."""

    n_people: int  # with plays enough
    n_plays: int
    n_liked: int
    n_films: int  # of the library
    who: str  # digest of who they are
    digest: str  # digest of all that is learned from

    def to_dict(self) -> dict[str, Any]:
        """Return what a pool keeps of it, to tell later how much has changed."""
        told = asdict(self)
        del told["digest"]
        return told


def count_people(place: Place) -> Headcount:
    """Return how much there is to learn from in a household."""
    unit = reader(place, FETCH)
    files = unit.manifest.files
    made_of, n_plays, n_liked = {}, 0, 0
    for user_id, plays in _people(place):
        made_of[user_id] = files[person(user_id, PLAYS_TABLE)].sha256
        played = plays["played"].to_numpy(dtype=bool)
        n_plays += int(played.sum())
        liked, weight = graded(user_id, plays)
        n_liked += int((liked & (weight > 0)).sum())
    who = list(made_of)
    made_of[""] = files[MOVIES_TABLE].sha256
    made_of |= reader(place, FEATURIZE).manifest.checksums("matrix-")
    return Headcount(
        n_people=len(who),
        n_plays=n_plays,
        n_liked=n_liked,
        n_films=int(unit.manifest.summary["n_movies"]),
        who=sha256_of(encode_json(who)),
        digest=sha256_of(encode_json(made_of)),
    )


def who_teaches(place: Place) -> tuple[str, ...]:
    """Return the ids of the people with plays enough to learn from, sorted."""
    return tuple(user_id for user_id, _ in _people(place))


def make_crowds(making: Making, places: Sequence[Place]) -> None:
    """Count what everybody of all households has played and liked, and what goes together."""
    if making.has(FILMS_FILE):
        return
    movies = [reader(place, FETCH).table(MOVIES_TABLE, MOVIES) for place in places]
    films = films_of(pd.concat(movies, ignore_index=True))
    members = []
    for place, own in zip(places, movies, strict=True):
        film_of = positions_of(films, own)
        for user_id, plays in _people(place):
            known = history_of(user_id, plays, own["movie_id"].sort_values().to_numpy(dtype=str))
            # Two movies of hers may be one film to a household that knows more ids.
            played, liked = np.unique(film_of[known.played]), film_of[known.played[known.liked]]
            members.append(Member(user_id, played, np.isin(played, liked)))
    drawn = stable_fractions("members", [m.user_id for m in members])
    chosen = [members[i] for i in np.argsort(drawn, kind="stable")[:MOST_MEMBERS]]
    for pair in combinations(range(N_GROUPS), 2):
        making.write_crowd(crowd_outside(chosen, pair, len(films)), *pair)
    making.write_crowds(StoredPool(PooledModel(), films, crowds_of(chosen, len(films))))


def make_rows(making: Making, place: Place, user_ids: Sequence[str], seed: int) -> list[str]:
    """Write the rows of some people of one group; return the names of the files."""
    [group] = {group_of(user_id, N_GROUPS) for user_id in user_ids}
    stem = f"{place.household}-{sha256_of(encode_json(list(user_ids)))[:12]}"
    names = files_of_rows(stem, group)
    if making.has(*names):
        return names
    catalogue = catalogue_of(features(place))
    people = [history(place, user_id).thinned(catalogue.movie_ids) for user_id in user_ids]
    apart: list[dict[int, Floats]] = [{} for _ in people]
    for other in range(N_GROUPS):
        if other != group:
            # One after the other: over a large library each crowd is some 40 MB.
            crowd = _over(making, place, _crowd(making, group, other))
            for beside, one in zip(apart, people, strict=True):
                beside[other] = label_columns(catalogue, crowd, one, seed)
    crowd = _over(making, place, _crowd(making, group))
    rows = [
        training_rows_of(catalogue, crowd, one, seed, beside)
        for one, beside in zip(people, apart, strict=True)
    ]
    making.write_rows(stem, group, beneath(rows))
    return names


def fit_favorite(
    making: Making, names: Sequence[str], unfitted: PooledModel, without: int | None
) -> None:
    """Fit P(favourite) on everybody's plays, or on those of people outside of a group."""
    if not making.has(_favorite(without)):
        rows = making.read_rows(of_plays(names, without), without)
        making.write_model(_favorite(without), clone(unfitted).fit_favorite(rows))


def fit_played(making: Making, names: Sequence[str], unfitted: PooledModel) -> None:
    """Fit P(played) on everybody's rows."""
    if not making.has(_PLAYED):
        making.write_model(_PLAYED, clone(unfitted).fit_played(making.read_rows(names)))


def publish(making: Making, summary: Mapping[str, Any]) -> str:
    """Write the pool and delete what it was made of; return its manifest's checksum.

    Should the worker die before its answer is delivered, Dask does this again: the pool is there.
    """
    there = find_pool(making.store, making.prefix)
    if there is not None:
        making.remove()
        return there.sha256
    made = making.read_crowds()
    model = making.read_model(_favorite(None))
    model.played_ = making.read_model(_PLAYED).played_
    groups = tuple(making.read_model(_favorite(group)) for group in range(N_GROUPS))
    pool = StoredPool(model, made.films, made.crowds, without_group=groups, summary=summary)
    receipt = write_pool(making.store, making.prefix, pool)
    making.remove()
    return receipt[MANIFEST].sha256


def read_whole(found: FoundPool, address: StoreAddress) -> bool:
    """Tell whether a pool can be read; it is kept for who learns or recommends with it."""
    try:
        read_pool(open_store(address), found.prefix, found.sha256)
    except NO_POOL as error:
        logger.warning("Not used: %s", error)
        return False
    return True


def write_choice(place: Place, choice: Mapping[str, Any]) -> Receipt:
    """Write which pool a household has tonight."""
    return unit_writer(place, POOL).json(CHOICE, dict(choice))


def chosen_before(place: Place) -> str | None:
    """Return the prefix of the pool that a household had in a run; None if it had none.

    A run that is damaged stops no night: its pool is made again.
    """
    try:
        prefix = reader(place, POOL).json(CHOICE)["prefix"]
    except MissingArtifact:
        return None
    except (DamagedArtifact, NewerArtifact) as error:
        logger.warning("%s", error)
        return None
    return None if prefix is None else str(prefix)


@lru_cache(maxsize=N_GROUPS)
def _crowd(making: Making, *outside: int) -> Crowd | None:
    """Return what ``Making.read_crowd`` does: the people of a group are in many files."""
    return making.read_crowd(*outside)


def _over(making: Making, place: Place, crowd: Crowd | None) -> Crowd | None:
    """Return a crowd over a household's library."""
    return None if crowd is None else crowd_at(crowd, *_rows_of_library(making, place))


@lru_cache(maxsize=KEPT)
def _rows_of_library(making: Making, place: Place) -> tuple[Ints, Bools]:
    """Return where each movie of a library is in a crowd, and which are new there."""
    movies = reader(place, FETCH).table(MOVIES_TABLE, MOVIES)
    return rows_over(making.read_films(), movies), newly_there(movies)


def _favorite(without: int | None) -> str:
    return "favorite.skops" if without is None else f"favorite-without-{without}.skops"


def _people(place: Place) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the people with plays enough to learn from, sorted by id, and their PLAYS."""
    unit = reader(place, FETCH)
    for user_id in unit.user_ids():
        name = person(user_id, PLAYS_TABLE)
        if name in unit.manifest.files:
            plays = unit.table(name, PLAYS)
            if int(plays["played"].sum()) >= FEWEST_PLAYS:
                yield user_id, plays
