"""Which film of a pool a household's movie is: by its ids, else by title and year."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jfdask.model.inputs import Ints
from jfdask.tables import FILMS, MOVIES

_ARTICLES = frozenset(
    {"a", "an", "the"}  # and of titles in other languages
    | {"le", "la", "les", "l", "un", "une", "der", "die", "das", "ein", "eine"}
    | {"el", "los", "las", "lo", "il", "gli", "i", "de", "het", "en", "ett"}
)
_YEARS_NEARBY = ((0,), (-1, 1))  # a festival's year and a cinema's differ by one
_COLUMNS = ["film_id", "tmdb_id", "imdb_id", "title", "other_title", "year"]
_NAMES_IN_MOVIES = {"name": "title", "original_title": "other_title", "production_year": "year"}


def films_of(movies: pd.DataFrame) -> pd.DataFrame:
    """Return the FILMS of one or several households' MOVIES, each film once.

    One that a household knows by its Imdb id alone is the one that another has both ids of.

    Parameters
    ----------
    movies
        MOVIES, or several under each other.
    """
    films = movies.rename(columns=_NAMES_IN_MOVIES)[_COLUMNS].assign(in_crowd=True)
    films["imdb_id"] = films.groupby("film_id")["imdb_id"].transform("first")
    films = films.drop_duplicates("film_id")
    imdb_id, has_tmdb = films["imdb_id"], films["film_id"].str.startswith("tmdb:")
    is_known = films["film_id"].str.startswith("imdb:") & imdb_id.isin(imdb_id[has_tmdb].dropna())
    return FILMS.from_arrow(FILMS.to_arrow(films[~is_known]))


def positions_of(films: pd.DataFrame, movies: pd.DataFrame) -> Ints:
    """Return which of a pool's films each movie of a household is.

    A film's id decides, The Movie Database's before IMDb's. Title and year do where the film or
    the movie has no id that could be compared, and only if they name one film.

    Parameters
    ----------
    films
        FILMS, n_films of them.
    movies
        MOVIES of one household, in any order.

    Returns
    -------
    Ints
        Shape (n_movies,), in the order of the movies' ids, as features have them: rows of
        ``films``; -1: none of them.
    """
    known: list[Any] = [*films.itertuples(index=False)]
    by_id: dict[str, int] = {}
    for row, film in enumerate(known):
        for key in _id_keys(film):
            by_id.setdefault(key, row)
    wanted: list[Any] = [
        *movies.sort_values(MOVIES.key)
        .rename(columns=_NAMES_IN_MOVIES)[_COLUMNS]
        .itertuples(index=False)
    ]
    found = np.array(
        [next((by_id[k] for k in _id_keys(movie) if k in by_id), -1) for movie in wanted],
        dtype=np.int64,
    )
    left = [wanted[i] for i in np.flatnonzero(found < 0)]
    found[found < 0] = _by_titles(left, known)
    return found


def plain_title(title: str) -> str:
    """Return a title without case, accents, punctuation, and an article at either end.

    Examples
    --------
    >>> plain_title("Matrix, The"), plain_title("The Matrix"), plain_title("Amélie & Zoé")
    ('matrix', 'matrix', 'amelie and zoe')
    """
    decomposed = unicodedata.normalize("NFKD", title.replace("&", " and ").casefold())
    words = re.findall(r"\w+", "".join(c for c in decomposed if not unicodedata.combining(c)))
    if len(words) > 1 and words[-1] in _ARTICLES and re.search(r",\s*\S+\s*$", title):
        words.pop()
    if len(words) > 1 and words[0] in _ARTICLES:
        words.pop(0)
    return " ".join(words)


def plain_imdb_id(imdb_id: str) -> str:
    """Return IMDb's id of a film in its one form.

    Examples
    --------
    >>> plain_imdb_id("0114709"), plain_imdb_id("tt0114709"), plain_imdb_id("114709")
    ('tt0114709', 'tt0114709', 'tt0114709')
    """
    return f"tt{imdb_id.strip().lower().removeprefix('tt').lstrip('0').zfill(7)}"


def _id_keys(film: Any) -> Iterator[str]:
    """Yield the keys of a film, the most certain first."""
    if _is_text(film.tmdb_id):
        yield f"tmdb:{film.tmdb_id}"
    # Of copies that are one film the one that speaks for it may lack the id that it goes by.
    yield film.film_id
    if _is_text(film.imdb_id):
        yield f"imdb:{plain_imdb_id(film.imdb_id)}"


def _titles(film: Any) -> set[str]:
    names = filter(_is_text, (film.title, film.other_title))
    return {plain for name in names if (plain := plain_title(name))}


def _by_titles(movies: Sequence[Any], known: Sequence[Any]) -> Ints:
    """Return the row of the one film of each movie's title and year, -1: none, or several.

    The nearest year that names any decides; a year that nobody knows is NaN, and equals none.
    """
    kinds = {_ids_of(movie) for movie in movies}
    by_title: dict[tuple[str, float], set[int]] = {}
    for row, film in enumerate(known):
        ids = _ids_of(film)
        # Most films have an id like all of the movies: their titles are not asked for.
        if any(not _comparable(ids, kind) for kind in kinds):
            for title in _titles(film):
                by_title.setdefault((title, film.year), set()).add(row)

    def row_of(movie: Any) -> int:
        ids, titles = _ids_of(movie), _titles(movie)
        for years in _YEARS_NEARBY:
            named = [
                {
                    row
                    for year in years
                    for row in by_title.get((title, movie.year + year), ())
                    if not _comparable(ids, _ids_of(known[row]))
                }
                for title in titles
            ]
            # Of two films of one title and year the other title may tell which.
            if rows := set().union(*named):
                rows.intersection_update(*filter(None, named))
                return rows.pop() if len(rows) == 1 else -1
        return -1

    return np.array([row_of(movie) for movie in movies], dtype=np.int64)


def _ids_of(film: Any) -> tuple[bool, bool]:
    return _is_text(film.tmdb_id), _is_text(film.imdb_id)


def _comparable(one: tuple[bool, bool], other: tuple[bool, bool]) -> bool:
    """Tell whether both have an id at the same place: then these have the say."""
    return any(mine and theirs for mine, theirs in zip(one, other, strict=True))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
