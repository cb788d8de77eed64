"""The films of the fixed household: facts of real films, overviews and ratings of our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from jfdask.demo.records import EPOCH, TICKS_PER_SECOND, Credit, Folder, Item, stable_id

FILM_FILES = ("films_1931_1979.json", "films_1980_1999.json", "films_2000_2017.json")
FIRST_YEAR_OF_MOVIES = 1970  # older films lie in the library of classics

_CREW = (("directors", "Director"), ("writers", "Writer"), ("producers", "Producer"))


def read_films() -> list[dict[str, Any]]:
    """Return the films as they stand in the files, by year and title."""
    films: list[dict[str, Any]] = []
    for name in FILM_FILES:
        text = files("jfdask.demo").joinpath(name).read_text(encoding="utf-8")
        films += json.loads(text)["films"]
    return films


def movie_of(film: dict[str, Any], folder: Folder, cut: str = "") -> Item:
    """Return a film as an item of a library.

    Parameters
    ----------
    film
        One of ``read_films``.
    folder
        The library.
    cut
        A name for this copy, where a film lies there twice.
    """
    name = f"{film['title']} ({film['year']})"
    path = f"{folder.path}/{name}/{name}{cut and ' - ' + cut}.mkv"
    item_id = stable_id("Movie", path)
    people = [Credit(actor, "Actor", role) for actor, role in film["actors"]]
    people += [Credit(who, kind) for key, kind in _CREW for who in film[key]]
    ids = {"Imdb": film["imdb"], "Tmdb": film["tmdb"]}
    return Item(
        item_id=item_id,
        type="Movie",
        name=film["title"],
        # Spread over five years by the id, so that the order of arrival means nothing.
        created=EPOCH - timedelta(minutes=int(item_id[:8], 16) % (5 * 365 * 24 * 60)),
        folder_id=folder.folder_id,
        original_title=film["original_title"],
        overview=film["overview"],
        genres=list(film["genres"]),
        studios=list(film["studios"]),
        credits=people,
        provider_ids={k: v for k, v in ids.items() if v},
        premiere=datetime.fromisoformat(film["premiere"]).replace(tzinfo=UTC),
        year=film["year"],
        certificate=film["certificate"],
        community_rating=film["community_rating"],
        critic_rating=film["critic_rating"],
        runtime_ticks=film["minutes"] * 60 * TICKS_PER_SECOND,
        path=path,
    )


def collections_of(films: list[dict[str, Any]], movies: list[Item], folder: Folder) -> list[Item]:
    """Return the collections that two or more of the films belong to, members by premiere."""
    members: dict[str, list[Item]] = {}
    for film, movie in zip(films, movies, strict=True):
        if "collection" in film:
            members.setdefault(film["collection"], []).append(movie)
    return [
        collection_of(name, movies, folder)
        for name, movies in sorted(members.items())
        if len(movies) >= 2
    ]


def collection_of(name: str, movies: list[Item], folder: Folder) -> Item:
    """Return movies as a BoxSet, by premiere."""
    path = f"{folder.path}/{name} [boxset]"
    ordered = sorted(movies, key=lambda m: (m.premiere or EPOCH, m.item_id))
    return Item(
        item_id=stable_id("BoxSet", path),
        type="BoxSet",
        name=name,
        # Jellyfin makes them after the movies have been scanned: they sort last by age.
        created=EPOCH + timedelta(hours=1),
        folder_id=folder.folder_id,
        path=path,
        members=[m.item_id for m in ordered],
    )
