"""A household's tables and features on a worker: loaded once, kept while they are of use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack

from jfdask.features.matrix import FeatureMatrix
from jfdask.features.names import display_names
from jfdask.model.facts import Facts, facts_of
from jfdask.model.history import History, history_of
from jfdask.model.others import Pool
from jfdask.model.search import SearchRows, search_rows
from jfdask.stages.files import (
    CHOICE,
    COLUMNS,
    FEATURIZE,
    FETCH,
    MOVIES_TABLE,
    PLAYS_TABLE,
    POOL,
)
from jfdask.stages.places import Place
from jfdask.stages.pools import read_pool
from jfdask.stages.unit_tasks import reader
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import sha256_of
from jfdask.store.keys import person
from jfdask.tables import MOVIES, PLAYS

#: Households a worker keeps; a library of 10,000 movies takes some 100 MB.
KEPT = 2


def features(place: Place) -> FeatureMatrix:
    """Return the household's feature matrix, movies sorted by id."""
    return _features(place, reader(place, FEATURIZE).manifest.sha256)


def features_digest(place: Place) -> str:
    """Return the digest of tonight's features: a model is asked about those that it was given."""
    return sha256_of(encode_json(reader(place, FEATURIZE).manifest.checksums()))


def pool_digest(place: Place) -> str:
    """Return the checksum of tonight's choice of a pool, none among them: likewise."""
    return reader(place, POOL).manifest.files[CHOICE].sha256


def vectors(place: Place) -> np.ndarray:
    """Return U·S of the SVD, shape (n_movies, n_components), in the order of the features."""
    return _vectors(place, reader(place, FEATURIZE).manifest.sha256)


def facts(place: Place) -> Facts:
    """Return what can be told of the household's movies."""
    return _facts(place, reader(place, FEATURIZE).manifest.sha256)


def history(place: Place, user_id: str) -> History:
    """Return a person's history, all of it."""
    plays = reader(place, FETCH).table(person(user_id, PLAYS_TABLE), PLAYS)
    return history_of(user_id, plays, features(place).movie_ids)


def pool(place: Place) -> Pool | None:
    """Return what was learned of many people, over the household's library; None: nothing."""
    choice = reader(place, POOL).json(CHOICE)
    if choice["prefix"] is None:
        return None
    movies = reader(place, FETCH).manifest.files[MOVIES_TABLE].sha256
    return _pool(place, choice["prefix"], choice["sha256"], movies, outside=choice["outside"])


@dataclass(frozen=True)
class FeatureSource:
    """Finds the features where it arrives; what the method's estimator is given."""

    place: Place
    method: str

    def load(self) -> Any:
        """Return the feature matrix, or the SVD's vectors for the method seed."""
        return vectors(self.place) if self.method == "seed" else features(self.place)


@dataclass(frozen=True)
class RowsSource:
    """Finds the rows of a search where it arrives."""

    place: Place
    method: str
    user_ids: tuple[str, ...]
    held_out: float
    min_favorites: float

    def load(self) -> SearchRows:
        """Return the rows; the same object each time."""
        units = (reader(self.place, stage).manifest.sha256 for stage in (FETCH, FEATURIZE))
        return _rows(self, *units)


@lru_cache(maxsize=KEPT)
def _features(place: Place, _sha256: str) -> FeatureMatrix:
    unit = reader(place, FEATURIZE)
    parts = [unit.csr(name) for name in unit.names("matrix-")]
    columns = tuple(unit.json(COLUMNS))
    if not parts:
        return FeatureMatrix(np.empty(0, dtype="U1"), csr_matrix((0, len(columns))), columns)
    movie_ids = np.concatenate([np.asarray(ids, dtype=str) for ids, _ in parts])
    return FeatureMatrix(movie_ids, csr_matrix(vstack([X for _, X in parts])), columns)


@lru_cache(maxsize=KEPT)
def _vectors(place: Place, _sha256: str) -> np.ndarray:
    unit = reader(place, FEATURIZE)
    parts = [unit.array(name)[1] for name in unit.names("svd-")]
    return np.concatenate(parts) if parts else np.zeros((len(features(place).movie_ids), 0))


@lru_cache(maxsize=KEPT)
def _facts(place: Place, _sha256: str) -> Facts:
    movies = reader(place, FETCH).table(MOVIES_TABLE, MOVIES)
    return facts_of(movies, features(place).movie_ids, display_names(movies))


@lru_cache(maxsize=KEPT)
def _pool(place: Place, prefix: str, sha256: str, _movies: str, *, outside: bool) -> Pool:
    movies = reader(place, FETCH).table(MOVIES_TABLE, MOVIES)
    return read_pool(place.store, prefix, sha256).over(movies, outside=outside)


@lru_cache(maxsize=KEPT)
def _rows(source: RowsSource, _fetched: str, _features: str) -> SearchRows:
    return search_rows(
        [history(source.place, user_id) for user_id in source.user_ids],
        features(source.place).movie_ids,
        FeatureSource(source.place, source.method).load(),
        held_out=source.held_out,
        min_favorites=source.min_favorites,
    )
