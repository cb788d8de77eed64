"""Dumps of public ratings, of people who were invented over a library's films."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

N_PEOPLE, N_RATED = 120, 70


@dataclass(frozen=True)
class Invented:
    """People who like films of one genre and no others, over a library's films."""

    movies: pd.DataFrame  # MOVIES
    ratings: pd.DataFrame  # userId, movieId, rating, timestamp
    loved: tuple[str, ...]  # the genre that each person likes

    def write_csv(self, folder: Path) -> Path:
        """Write ratings.csv and links.csv into a folder of their own."""
        dump = folder / "ml-invented"
        dump.mkdir(parents=True)
        self.ratings.to_csv(dump / "ratings.csv", index=False)
        links = pd.DataFrame(
            {
                "movieId": np.arange(len(self.movies)) + 1,
                "imdbId": self.movies["imdb_id"].str.removeprefix("tt"),
                "tmdbId": self.movies["tmdb_id"],
            }
        )
        links.to_csv(dump / "links.csv", index=False)
        return dump

    def write_dat(self, folder: Path) -> Path:
        """Write ratings.dat and movies.dat: titles and years, no ids."""
        dump = folder / "ml-invented-dat"
        dump.mkdir(parents=True)
        lines = [
            "::".join(map(str, row)) for row in self.ratings.astype({"rating": int}).to_numpy()
        ]
        (dump / "ratings.dat").write_text("\n".join(lines) + "\n", encoding="latin-1")
        known = zip(self.movies["name"], self.movies["production_year"], strict=True)
        titles = [f"{i}::{name} ({year:.0f})::Drama\n" for i, (name, year) in enumerate(known, 1)]
        (dump / "movies.dat").write_text("".join(titles), encoding="latin-1", errors="replace")
        return dump


def zipped(folder: Path) -> Path:
    """Return a zip file beside a dump's folder, with the folder in it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    return path


def invent(movies: pd.DataFrame) -> Invented:
    """Invent people over these MOVIES: each loves one of four genres, and plays more of it."""
    rng = np.random.default_rng(0)
    genres = movies["genres"].explode().value_counts().index[:4]
    rows, loved = [], []
    for person in range(1, N_PEOPLE + 1):
        genre = genres[person % len(genres)]
        loved.append(genre)
        is_loved = np.array([genre in some for some in movies["genres"]])
        weight = np.where(is_loved, 3.0, 1.0)
        rated = rng.choice(len(movies), N_RATED, replace=False, p=weight / weight.sum())
        for at, film in enumerate(rated):
            stars = 4 + rng.integers(2) if is_loved[film] else 1 + rng.integers(3)
            rows.append((person, film + 1, stars, 1_000_000 + at))
    names = ["userId", "movieId", "rating", "timestamp"]
    ratings = pd.DataFrame(rows, columns=names).astype({"rating": float})
    # Not person by person, as a dump may be.
    return Invented(movies, ratings.sample(frac=1, random_state=0), tuple(loved))
