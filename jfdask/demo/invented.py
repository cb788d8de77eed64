"""Movies that nobody made: names, people, texts and ratings in any number, quickly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from jfdask.demo.records import EPOCH, TICKS_PER_SECOND, Credit, Item, sort_name, stable_id

INVENTED_GENRES = (
    "Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Family",
    "Fantasy", "History", "Horror", "Music", "Mystery", "Romance", "Science Fiction",
    "Thriller", "War", "Western",
)  # fmt: skip
VOCABULARY_SIZE = 20_000
WORDS_PER_OVERVIEW = 50
ZIPF_EXPONENT = 1.05

_CERTIFICATES = ("G", "PG", "PG-13", "R", None)
_CERTIFICATE_SHARES = (0.08, 0.22, 0.3, 0.35, 0.05)
_ONSETS = ["b", "br", "c", "d", "dr", "f", "g", "h", "k", "l", "m",
           "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "w"]  # fmt: skip
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_CODAS = ["", "n", "r", "l", "s", "nd", "th", "m"]

Series = list[tuple[str, list[Item]]]


def invent_words(n: int, rng: np.random.Generator) -> list[str]:
    """Return ``n`` different made-up words of one to three syllables, short ones first."""
    words: dict[str, None] = {}
    for syllables, quota in ((1, n // 20), (2, n // 2), (3, n)):
        while len(words) < quota:
            drawn = rng.random((n, syllables, 3)).tolist()
            for word in drawn:
                words["".join(_syllable(*sounds) for sounds in word)] = None
                if len(words) >= quota:
                    break
    return list(words)[:n]


def _syllable(onset: float, vowel: float, coda: float) -> str:
    """Return a syllable for three numbers in [0, 1)."""
    parts = zip((_ONSETS, _VOWELS, _CODAS), (onset, vowel, coda), strict=True)
    return "".join(sounds[int(share * len(sounds))] for sounds, share in parts)


def invent_library(
    n: int, folder_id: str, path: str, rng: np.random.Generator
) -> tuple[list[Item], Series, list[str]]:
    """Return movies, the series among them and the people that occur most.

    Parameters
    ----------
    n
        Movies wanted.
    folder_id, path
        Their library.
    rng
        All chance comes from here.

    Returns
    -------
    movies
        ``n`` items of type Movie.
    series
        Name and movies of each series of two to six parts, a twelfth of the library in all.
    stars
        Names of directors and actors, the busiest first.
    """
    words = invent_words(VOCABULARY_SIZE, rng)
    texts = _texts(words, n, rng)
    directors = _names(words, max(3, n // 6), 0)
    actors = _names(words, max(12, n // 2), 1)
    crew = _names(words, max(6, n // 4), 2)
    casts = _busy(len(actors), (n, 8), rng)
    direct = _busy(len(directors), (n,), rng)
    write = _busy(len(crew), (n, 2), rng)
    numbers = _Numbers(n, rng)
    movies = []
    for i in range(n):
        credits_ = [Credit(actors[a], "Actor") for a in dict.fromkeys(casts[i])]
        credits_.append(Credit(directors[direct[i]], "Director"))
        credits_ += [Credit(crew[write[i][0]], "Writer"), Credit(crew[write[i][1]], "Producer")]
        title = " ".join(texts[i].split()[:2]).title().rstrip(".") + f" {i}"
        movies.append(numbers.movie(i, title, texts[i], credits_, folder_id, path))
    n_stars = max(4, len(directors) // 20)
    stars = directors[:n_stars] + actors[: 2 * n_stars]
    return movies, list(_series(movies, rng)), stars


def _texts(words: list[str], n: int, rng: np.random.Generator) -> list[str]:
    lengths = rng.poisson(WORDS_PER_OVERVIEW, n).clip(8)
    weights = np.arange(1, len(words) + 1) ** -ZIPF_EXPONENT
    # The inverse of the cumulative weights is faster than choice(p=…).
    cumulative = np.cumsum(weights) / weights.sum()
    drawn = np.searchsorted(cumulative, rng.random(int(lengths.sum())))
    ends = np.cumsum(lengths)
    flat = [words[k] for k in np.minimum(drawn, len(words) - 1).tolist()]
    starts = ends - lengths
    return [
        " ".join(flat[a:b]).capitalize() + "."
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _names(words: list[str], n: int, offset: int) -> list[str]:
    # Two coprime strides through the vocabulary: all names differ.
    size = len(words)
    firsts = (words[(7 * i + offset) % size] for i in range(n))
    lasts = (words[(11 * i + 5 * offset + i // size) % size] for i in range(n))
    return [f"{first} {last}".title() for first, last in zip(firsts, lasts, strict=True)]


def _busy(n: int, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return lists of positions below ``n``; small ones occur more often, as in real casts."""
    return np.floor(n * rng.random(shape) ** 2.2).astype(int).tolist()


class _Numbers:
    """Everything drawn of a movie that is not a word, for all movies at once."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.years = (2024 - rng.gamma(2.0, 11.0, n)).clip(1920).astype(int).tolist()
        self.days = rng.integers(0, 365, n).tolist()
        self.minutes = rng.normal(108, 20, n).clip(61, 240).astype(int).tolist()
        self.community = rng.normal(6.6, 0.9, n).clip(1.5, 9.2).round(1).tolist()
        self.critic = rng.normal(62, 18, n).clip(5, 99).round().tolist()
        self.has_critic = (rng.random(n) < 0.85).tolist()
        self.certificates = rng.choice(5, n, p=_CERTIFICATE_SHARES).tolist()
        self.studios = _busy(60, (n,), rng)
        self.n_genres = rng.integers(1, 4, n).tolist()
        self.genres = rng.random((n, len(INVENTED_GENRES))).argsort(axis=1)[:, :3].tolist()

    def movie(
        self, i: int, title: str, text: str, people: list[Credit], folder_id: str, path: str
    ) -> Item:
        year = self.years[i]
        file = f"{path}/{title} ({year})/{title} ({year}).mkv"
        return Item(
            item_id=stable_id("Movie", file),
            type="Movie",
            name=title,
            created=EPOCH - timedelta(minutes=37 * i),
            folder_id=folder_id,
            original_title=title,
            overview=text,
            genres=[INVENTED_GENRES[g] for g in self.genres[i][: self.n_genres[i]]],
            studios=[f"Studio {self.studios[i]}"],
            credits=people,
            provider_ids={"Tmdb": str(900_000_000 + i), "Imdb": f"tt{900_000_000 + i}"},
            premiere=datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=self.days[i]),
            year=year,
            certificate=_CERTIFICATES[self.certificates[i]],
            community_rating=self.community[i],
            critic_rating=self.critic[i] if self.has_critic[i] else None,
            runtime_ticks=self.minutes[i] * 60 * TICKS_PER_SECOND,
            path=file,
        )


def _series(movies: list[Item], rng: np.random.Generator) -> Iterator[tuple[str, list[Item]]]:
    order = rng.permutation(len(movies)).tolist()[: len(movies) // 12]
    while len(order) >= 2:
        size = min(len(order), int(rng.integers(2, 7)))
        parts = [movies[order.pop()] for _ in range(size)]
        yield f"{sort_name(parts[0].name).title()} Collection", parts
