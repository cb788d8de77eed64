"""A library whose tastes are planted, so that the right answer is known by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jfdask.features.matrix import LABEL_FREE_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.features.names import display_names
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.crowd import Member, crowds_of
from jfdask.model.facts import Facts, facts_of
from jfdask.model.history import History, history_of
from jfdask.model.inputs import InMemory
from jfdask.model.personal_list import recommend
from jfdask.model.trees import Trees
from jfdask.tables import MOVIES, PLAYS

N_MOVIES, N_DIRECTORS, N_ACTORS, N_STUDIOS = 420, 42, 140, 14
GENRES = ("Action", "Comedy", "Crime", "Drama", "Horror", "Romance", "War", "Western")
COLLECTION = {7: 1, 19: 2, 53: 3, 111: 4}  # position -> part of the one collection


Change = Callable[[list[dict[str, Any]], np.random.Generator], None]


@dataclass(frozen=True)
class Library:
    movies: pd.DataFrame
    features: FeatureMatrix
    facts: Facts
    director: np.ndarray  # (n,) number of each movie's director

    @property
    def source(self) -> InMemory:
        return InMemory(self.features)

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(self.features)

    def plays(self, played, liked, **columns) -> pd.DataFrame:
        n = len(self.movies)
        frame = pd.DataFrame(
            {
                "movie_id": self.movies["movie_id"],
                "item_id": self.movies["movie_id"] + "-copy",
                "played": np.isin(np.arange(n), played),
                "play_count": np.nan,
                "is_favorite": np.isin(np.arange(n), np.asarray(played)[np.asarray(liked)]),
                "rating": np.nan,
                "position_fraction": 0.0,
                "last_played": pd.NaT,
                "abandoned": False,
            }
        )
        return PLAYS.from_arrow(PLAYS.to_arrow(frame.assign(**columns)))

    def history(self, user_id, played, liked, **columns) -> History:
        plays = self.plays(np.asarray(played), np.asarray(liked, dtype=bool), **columns)
        return history_of(user_id, plays, self.features.movie_ids)


def make_library(seed: int, n: int = N_MOVIES, change: Change | None = None) -> Library:
    rng = np.random.default_rng(seed)
    words = [f"{a}{b}o" for a in "bdfgklmnprst" for b in ("al", "er", "in", "ou", "ay")]
    director = rng.permutation(np.arange(n) % N_DIRECTORS)
    rows = []
    for i in range(n):
        actors = rng.choice(N_ACTORS, 4, replace=False)
        people = [f"a{a:03}" for a in actors] + [f"d{director[i]:03}"]
        studio = int(rng.integers(N_STUDIOS))
        part = COLLECTION.get(i)
        rows.append(
            {
                "movie_id": f"m{i:04}",
                "film_id": f"item:m{i:04}",
                "name": f"Title {i}",
                "overview": " ".join(rng.choice(words, 12)),
                "taglines": [],
                "genres": [str(g) for g in rng.choice(GENRES, rng.integers(1, 4), replace=False)],
                "tags": [],
                "studio_ids": [f"s{studio:02}"],
                "studio_names": [f"Studio {studio}"],
                "production_year": float(rng.integers(1970, 2024)),
                "premiere_date": None,
                "date_created": None,
                "official_rating": str(rng.choice(["PG", "R", "G"])),
                "community_rating": round(float(np.clip(rng.normal(6.5, 1), 1, 10)), 1),
                "critic_rating": float(rng.integers(10, 100)) if rng.random() < 0.7 else None,
                "runtime_hours": float(rng.uniform(1.2, 3)),
                "person_ids": people,
                "person_names": [f"Name of {p}" for p in people],
                "person_types": ["Actor"] * 4 + ["Director"],
                "collection_id": "c1" if part else None,
                "collection_name": "The Saga" if part else None,
                "collection_size": float(len(COLLECTION)) if part else None,
                "collection_order": float(part) if part else None,
                "first_in_collection": part == 1,
                "in_collection": bool(part),
            }
        )
    if change:
        change(rows, rng)
    movies = MOVIES.frame(rows)
    fitted = fit_blocks(movies, None, LABEL_FREE_BLOCKS)
    ids = movies["movie_id"].to_numpy(dtype=str)
    features = FeatureMatrix(ids, fitted.transform(movies), fitted.columns)
    return Library(movies, features, facts_of(movies, ids, display_names(movies)), director)


@pytest.fixture(scope="session")
def library() -> Library:
    return make_library(0)


@pytest.fixture(scope="session")
def planted(library: Library) -> tuple[History, np.ndarray]:
    """Somebody who likes what three directors made, and nothing else; and those directors."""
    return plant(library, "anna", seed=1)


def plant(library: Library, user_id: str, seed: int) -> tuple[History, np.ndarray]:
    rng = np.random.default_rng(seed)
    directors = rng.choice(N_DIRECTORS, 4, replace=False)
    loved = np.flatnonzero(np.isin(library.director, directors))
    others = np.setdiff1d(np.arange(len(library.movies)), loved)
    # Six of ten of each beloved director are seen: four of each are left to be found.
    seen = np.concatenate(
        [rng.permutation(loved[library.director[loved] == d])[:6] for d in directors]
    )
    played = np.sort(np.r_[seen, rng.choice(others, 56, replace=False)])
    return library.history(user_id, played, np.isin(played, loved)), directors


@pytest.fixture(scope="session")
def planting(library: Library):
    """Return ``plant(user_id, seed)``: other people of the same kind."""
    return lambda user_id, seed: plant(library, user_id, seed)


CAUSES = ("director", "actor", "genre", "collection", "similar")
N_GROUPS, GROUP_SIZE, SEEN_OF_GROUP = 4, 10, 6


@dataclass(frozen=True)
class Cause:
    """Somebody who likes just what has one thing, and where it is."""

    library: Library
    history: History
    group: np.ndarray  # (n,) which of several such things each movie has; -1: none


def plant_cause(kind: str, seed: int, noise: float = 0.0) -> Cause:
    """Plant a cause in 40 movies (4 directors, 4 actors, ..., one genre); 24 of them are seen.

    With noise, so many plays are labelled the other way round.
    """
    group = np.full(N_MOVIES, -1)

    def change(rows, rng):
        chosen = rng.permutation(np.setdiff1d(np.arange(N_MOVIES), list(COLLECTION)))
        for g in range(N_GROUPS):
            mine = np.sort(chosen[g * GROUP_SIZE : (g + 1) * GROUP_SIZE])
            group[mine] = 0 if kind == "genre" else g
            for part, position in enumerate(mine, start=1):
                _give(rows[position], kind, g, part, rng)

    library = make_library(seed, change=change)
    rng = np.random.default_rng(seed)
    loved, others = np.flatnonzero(group >= 0), np.flatnonzero(group < 0)
    seen = np.concatenate(
        [
            np.flatnonzero(group == g)[: SEEN_OF_GROUP * (4 if kind == "genre" else 1)]
            for g in np.unique(group[loved])
        ]
    )
    played = np.sort(np.r_[seen, rng.choice(others, 56, replace=False)])
    liked = np.isin(played, loved) ^ (rng.random(len(played)) < noise)
    return Cause(library, library.history(f"{kind} {seed}", played, liked), group)


def _give(row: dict[str, Any], kind: str, g: int, part: int, rng: np.random.Generator) -> None:
    people, names, types = row["person_ids"], row["person_names"], row["person_types"]
    if kind == "director":
        people[-1], names[-1] = f"d9{g}", f"Beloved {g}"
    elif kind == "actor":
        billing = int(rng.integers(3))
        people[billing], names[billing] = f"a9{g}", f"Beloved {g}"
    elif kind == "genre":
        row["genres"] = [*row["genres"][:1], "Beloved 0"]
    elif kind == "collection":
        row["collection_id"], row["collection_name"] = f"c9{g}", f"Beloved {g}"
        row["collection_size"], row["collection_order"] = float(GROUP_SIZE), float(part)
        row["first_in_collection"], row["in_collection"] = part == 1, True
    else:
        theme = [f"zu{g}{letter}" for letter in "abcdefgh"]
        row["overview"] = " ".join([*rng.choice(theme, 5, replace=False), row["overview"]])
    assert len(people) == len(names) == len(types)


@pytest.fixture(scope="session")
def planting_cause():
    """Return ``plant_cause(kind, seed)``."""
    return plant_cause


@pytest.fixture(scope="session")
def histories(planting):
    """Return thirty people with planted tastes."""
    return [planting(f"u{i:02}", 100 + i)[0] for i in range(30)]


@pytest.fixture(scope="session")
def crowds(library):
    """Return what makes the crowds of some people."""

    def make(people):
        members = [Member(h.user_id, h.played, h.liked) for h in people]
        return crowds_of(members, library.catalogue.n_movies)

    return make


@pytest.fixture(scope="session")
def listed(library):
    """Return a list by the score alone, unless diversity is asked for."""

    def make(history, learned, **changes):
        given = {"diversity": 0.0, **changes}
        return recommend(learned, history, library.features, library.facts, **given)

    return make


@pytest.fixture
def trees_of():
    """Our trees of scikit-learn's fitted forests."""
    return lambda forest: Trees([estimator.tree_ for estimator in forest.estimators_])
