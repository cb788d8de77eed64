"""A library whose tastes are planted, so that the right answer is known by construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from jfdask.features.matrix import LABEL_FREE_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.features.names import display_names
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.facts import Facts, facts_of
from jfdask.model.history import History, history_of
from jfdask.model.inputs import InMemory
from jfdask.tables import MOVIES, PLAYS

N_MOVIES, N_DIRECTORS, N_ACTORS, N_STUDIOS = 420, 42, 140, 14
GENRES = ("Action", "Comedy", "Crime", "Drama", "Horror", "Romance", "War", "Western")
COLLECTION = {7: 1, 19: 2, 53: 3, 111: 4}  # position -> part of the one collection


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
            }
        )
        return PLAYS.from_arrow(PLAYS.to_arrow(frame.assign(**columns)))

    def history(self, user_id, played, liked, **columns) -> History:
        plays = self.plays(np.asarray(played), np.asarray(liked, dtype=bool), **columns)
        return history_of(user_id, plays, self.features.movie_ids)


def make_library(seed: int, n: int = N_MOVIES) -> Library:
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
