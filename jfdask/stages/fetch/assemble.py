"""What was read, made into tables: copies of a film made one, people and collections joined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from jfdask.tables import MOVIES, PLAYS

DAYS_PER_YEAR = 365.25
#: A movie left at such a part of its length, for so long, was given up.
GIVEN_UP_BETWEEN = (0.05, 0.9)
GIVEN_UP_AFTER = timedelta(days=30)
#: Share of the neighbours in a collection that have to go together for it to be a series.
SERIES_LINKED = 0.5
_WORD = re.compile(r"\w{3,}")
_USUAL_WORDS = frozenset(
    ("and", "das", "der", "des", "die", "for", "from", "les", "part", "the", "with")
)


@dataclass(frozen=True)
class Collection:
    """A collection as the server tells it."""

    collection_id: str
    name: str
    item_ids: tuple[str, ...]


def film_ids(items: pd.DataFrame, server_id: str) -> pd.Series:
    """Return what makes copies one film: the Tmdb id, else the Imdb id, else the item itself.

    The Tmdb id of a copy that has the Imdb id alone is that of a copy with both. An item's id
    comes of its path: other servers have the same one for other films.

    Examples
    --------
    >>> items = pd.DataFrame(
    ...     {
    ...         "item_id": ["a", "b", "c"],
    ...         "tmdb_id": ["7", None, None],
    ...         "imdb_id": ["t1", "t2", "t1"],
    ...     }
    ... )
    >>> list(film_ids(items, "s"))
    ['tmdb:7', 'imdb:t2', 'tmdb:7']
    """
    imdb, tmdb = items["imdb_id"], items["tmdb_id"]
    tmdb_of_imdb = tmdb[imdb.notna() & tmdb.notna()].groupby(imdb).min()
    tmdb = tmdb.where(tmdb.notna(), imdb.map(tmdb_of_imdb.to_dict()))
    film = f"item:{server_id}:" + items["item_id"].astype(str)
    film = film.mask(imdb.notna(), "imdb:" + imdb.astype(str))
    return film.mask(tmdb.notna(), "tmdb:" + tmdb.astype(str))


def movies_of(
    items: pd.DataFrame,
    credits: pd.DataFrame,
    collections: Sequence[Collection],
    server_id: str,
) -> pd.DataFrame:
    """Return the MOVIES table of a household.

    Of several copies the one with the smallest id speaks for the film. Of several collections
    a film is in the series (``_is_series``) with the fewest films, else in the collection with the
    fewest. Only the parts of a series have an order: a hundred best films have none.

    Parameters
    ----------
    items
        ITEMS, shape (n_items, …).
    credits
        CREDITS; an item that is missing there has no people.
    collections
        With their members, which may be items that are unknown here.
    server_id
        Of the server whose items they are.
    """
    if items.empty:
        return MOVIES.frame([])
    items = items.sort_values("item_id").assign(film_id=lambda found: film_ids(found, server_id))
    movies = items.drop_duplicates("film_id").rename(columns={"item_id": "movie_id"})
    people = credits.drop(columns="etag").rename(columns={"item_id": "movie_id"})
    movies = movies.merge(people, on="movie_id", how="left")
    for column in ("person_ids", "person_names", "person_types"):
        lists = [
            v if isinstance(v, np.ndarray) else np.empty(0, dtype=object) for v in movies[column]
        ]
        movies[column] = pd.Series(lists, index=movies.index, dtype=object)
    movies = movies.join(_membership(movies, items, collections), on="movie_id")
    movies["in_collection"] = movies["collection_id"].notna()
    movies["first_in_collection"] = movies["collection_order"] == 1
    return MOVIES.from_arrow(MOVIES.to_arrow(movies[[c.name for c in MOVIES.columns]]))


def movie_of_items(items: pd.DataFrame) -> dict[str, str]:
    """Return which movie each copy is: the smallest id of the copies of its film."""
    first = items["item_id"].groupby(film_ids(items, "")).transform("min")
    return dict(zip(items["item_id"], first, strict=True))


def _membership(
    movies: pd.DataFrame, items: pd.DataFrame, collections: Sequence[Collection]
) -> pd.DataFrame:
    """Return the collection columns, indexed by movie_id, for movies that are in one."""
    movie_of_item = movie_of_items(items)
    when = movies.set_index("movie_id")["premiere_date"]
    year = movies.set_index("movie_id")["production_year"]
    # A film of which just the year is known stands at the end of June.
    mid_year = pd.to_datetime(
        year.map(lambda y: f"{int(y):04d}-06-30" if 1 <= y <= 9999 else None), errors="coerce"
    ).astype("datetime64[us]")
    when_of = when.fillna(mid_year).to_dict()
    members = {
        c.collection_id: sorted({movie_of_item[i] for i in c.item_ids if i in movie_of_item})
        for c in collections
    }
    names = {c.collection_id: c.name for c in collections}
    people_of = dict(zip(movies["movie_id"], map(set, movies["person_ids"]), strict=True))
    word_of = dict(zip(movies["movie_id"], map(_first_word, movies["name"]), strict=True))
    rows: dict[str, dict[str, object]] = {}
    ordered_of = {
        c: sorted(found, key=lambda m: (when_of[m] is pd.NaT, when_of[m], m))
        for c, found in members.items()
    }
    is_series = {
        c: _is_series([people_of[m] for m in ordered], [word_of[m] for m in ordered])
        for c, ordered in ordered_of.items()
    }
    # Series last, largest first: what is set last, by the smallest series, stays.
    for collection_id in sorted(members, key=lambda c: (is_series[c], -len(members[c]), c)):
        ordered = ordered_of[collection_id]
        years = [(when_of[m] - pd.Timestamp(0)).days / DAYS_PER_YEAR for m in ordered]
        for order, movie_id in enumerate(ordered):
            rows[movie_id] = {
                "collection_id": collection_id,
                "collection_name": names[collection_id],
                "collection_size": float(len(ordered)),
                "collection_order": order + 1.0 if is_series[collection_id] else np.nan,
                "collection_age_years": float(np.nanmax(years) - np.nanmin(years))
                if np.isfinite(years).any()
                else np.nan,
                "years_since_previous": years[order] - years[order - 1]
                if order and is_series[collection_id]
                else np.nan,
            }
    columns = [
        "collection_id", "collection_name", "collection_size", "collection_order",
        "collection_age_years", "years_since_previous",
    ]  # fmt: skip
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return frame.astype(dict.fromkeys(columns[:2], "str") | dict.fromkeys(columns[2:], "float64"))


def _first_word(title: object) -> str:
    words = _WORD.findall(title.casefold()) if isinstance(title, str) else []
    return next((word for word in words if word not in _USUAL_WORDS), "")


def _is_series(people: Sequence[set[str]], words: Sequence[str]) -> bool:
    """Tell whether one film after the other shares people, or a title's beginning, with the last.

    Of 533 series of public data all but ten do. Of the best films, those of a year, or those with
    a word such as Christmas in their titles, one in four to one in thirty does.
    """
    linked = [
        bool(people[i] & people[i - 1]) or words[i] == words[i - 1] != ""
        for i in range(1, len(people))
    ]
    return not linked or bool(np.mean(linked) >= SERIES_LINKED)


def plays_of(
    item_plays: pd.DataFrame, movie_of_item: Mapping[str, str], tonight: datetime | None
) -> pd.DataFrame:
    """Return the PLAYS table of one person: her copies of a film made one.

    Parameters
    ----------
    item_plays
        ITEM_PLAYS of one person, a row for every copy she may see.
    movie_of_item
        Which movie each copy is; copies not in it are left out.
    tonight
        When this was read, by the server's clock; None: not known, and nothing counts as
        given up.
    """
    # One look-up for each copy: another one for which copies are known is a third of all this.
    found = item_plays.assign(movie_id=item_plays["item_id"].map(movie_of_item))
    known = found[found["movie_id"].notna()].sort_values("item_id")
    # Nearly all films are there once; what groups cost goes by how many there are.
    is_copy = known.duplicated("movie_id", keep=False)
    by_movie = known[is_copy].groupby("movie_id", sort=True)
    position = by_movie["position_fraction"]
    furthest, is_told = position.max(), position.count() == position.size()
    copies = pd.DataFrame(
        {
            "item_id": by_movie["item_id"].first(),
            "played": by_movie["played"].any(),
            # A server shares a count among copies, or a person ticks all of them.
            "play_count": by_movie["play_count"].max(),
            "is_favorite": by_movie["is_favorite"].any(),
            "rating": by_movie["rating"].max(),
            # Begun, nobody knows how far, is further than not begun.
            "position_fraction": furthest.where((furthest > 0.0) | is_told),
            "last_played": by_movie["last_played"].max(),
        }
    )
    frame = pd.concat([known[~is_copy].set_index("movie_id"), copies])
    frame["abandoned"] = _given_up(frame, tonight)
    return PLAYS.from_arrow(PLAYS.to_arrow(frame.rename_axis("movie_id").reset_index()))


def _given_up(plays: pd.DataFrame, tonight: datetime | None) -> pd.Series:
    """Tell what was begun, not played to its end in any copy, and left alone since long."""
    if tonight is None:
        return pd.Series(False, index=plays.index)
    since = pd.Timestamp(tonight - GIVEN_UP_AFTER)
    since = since if since.tzinfo is None else since.tz_convert("UTC").tz_localize(None)
    left = plays["position_fraction"].between(*GIVEN_UP_BETWEEN)
    return ~plays["played"].astype(bool) & left & (plays["last_played"] < since)
