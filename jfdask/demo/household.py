"""The households that the demo serves: a fixed one of real films, and grown ones of any size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from jfdask.demo.films import (
    FIRST_YEAR_OF_MOVIES,
    collection_of,
    collections_of,
    movie_of,
    read_films,
)
from jfdask.demo.invented import INVENTED_GENRES, invent_library
from jfdask.demo.records import (
    EPOCH,
    DemoHousehold,
    Folder,
    Item,
    Play,
    Taste,
    User,
    stable_id,
)
from jfdask.demo.tastes import plant_history

__all__ = ["DemoHousehold", "demo_household", "grown_household"]

FIRST_PERSON_PLAYS = 540  # as many as the household that the method was first tried on
OTHER_PEOPLE_PLAYS = (80, 300)


def _folder(name: str, kind: str, path: str) -> Folder:
    return Folder(stable_id("Folder", path), name, kind, path, path.rsplit("/", 1)[1])


MOVIES = _folder("Movies", "movies", "/media/movies")
CLASSICS = _folder("Classics", "movies", "/media/classics")
SHOWS = _folder("Shows", "tvshows", "/media/shows")
COLLECTIONS = _folder("Collections", "boxsets", "/config/data/data/collections")


@dataclass(frozen=True)
class _Person:
    name: str
    n_plays: int
    taste: Taste
    limits: User


def _user(name: str, **kwargs: object) -> User:
    user = User(stable_id("User", name), name)
    return replace(user, **kwargs)  # type: ignore[arg-type]


_FOUR = (
    _Person(
        "ingrid", 150,
        Taste("Science Fiction", "Romance", (
            "Ridley Scott", "James Cameron", "Christopher Nolan", "Steven Spielberg",
            "Harrison Ford", "Sigourney Weaver",
        )),
        _user("ingrid", is_admin=True),
    ),
    _Person(
        "marco", 130,
        Taste("Crime", "Animation", (
            "Martin Scorsese", "Quentin Tarantino", "Joel Coen", "David Fincher",
            "Robert De Niro", "Al Pacino",
        )),
        _user("marco", folder_ids=(MOVIES.folder_id, COLLECTIONS.folder_id)),
    ),
    _Person(
        "lea", 140,
        Taste("Romance", "Action", (
            "Nora Ephron", "Richard Linklater", "Woody Allen", "Mike Newell",
            "Hugh Grant", "Julia Roberts",
        )),
        _user("lea"),
    ),
    _Person(
        "tom", 84,
        Taste("Animation", "Drama", (
            "Hayao Miyazaki", "John Lasseter", "Pete Docter", "Tom Hanks",
        )),
        _user("tom", max_age_score=10, blocks_unrated=True),
    ),
)  # fmt: skip


def demo_household(seed: int = 0) -> DemoHousehold:
    """Return the fixed household: 340 real films, four people, a newcomer and a disabled user.

    ``ingrid`` likes science fiction, ``marco`` crime (he has no access to the classics),
    ``lea`` romance, ``tom``, a child limited to PG, animation. ``newcomer`` has played nothing.
    One film lies there in two copies, and there is a series beside the movies.

    Parameters
    ----------
    seed
        Of the chance in the histories. The same seed gives the same household.
    """
    films = read_films()
    movies = [movie_of(f, MOVIES if f["year"] >= FIRST_YEAR_OF_MOVIES else CLASSICS) for f in films]
    twice = next(f for f in films if f["title"] == "Blade Runner")
    copy = movie_of(twice, MOVIES, cut="Final Cut")
    people = [replace(p.limits) for p in _FOUR]
    others = [_user("newcomer"), _user("old-tablet", is_disabled=True)]
    household = DemoHousehold(
        server_id=stable_id("Server", "demo", seed),
        users=sorted([*people, *others], key=lambda u: u.name),
        folders=[MOVIES, CLASSICS, SHOWS, COLLECTIONS],
        items={},
        tastes={u.user_id: p.taste for u, p in zip(people, _FOUR, strict=True)},
    )
    household.add([*movies, copy, *collections_of(films, movies, COLLECTIONS), *_a_series()])
    for person, user in zip(_FOUR, people, strict=True):
        plant_history(household, user, person.n_plays, _rng(seed, user))
    _play_one_copy(household, movies, copy, people[0])
    _mark_logins(household)
    return household


def _play_one_copy(household: DemoHousehold, movies: list[Item], copy: Item, fan: User) -> None:
    """Let one user have seen a film in one of its two copies only."""
    original = next(m for m in movies if m.name == copy.name)
    for user_id in household.tastes:
        for item in (original, copy):
            household.plays[user_id].pop(item.item_id, None)
    seen = Play(played=True, play_count=2, is_favorite=True, last_played=EPOCH)
    household.plays[fan.user_id][copy.item_id] = seen


def grown_household(
    movies: int = 3000, people: int = 12, seed: int = 0, plays: int | None = None
) -> DemoHousehold:
    """Return a household of any size, all invented, for benchmarks.

    Parameters
    ----------
    movies
        Movies in the library. Overviews have about 50 words of a made vocabulary of 20,000,
        drawn by Zipf's law.
    people
        Users, each with a planted taste.
    seed
        Of everything random.
    plays
        Plays a person; None: 540 for the first, 80 to 300 for the others.
    """
    rng = np.random.default_rng([seed, 1])
    items, series, stars = invent_library(movies, MOVIES.folder_id, MOVIES.path, rng)
    names = [f"person{i:02d}" for i in range(people)]
    users = [_user(name, is_admin=i == 0) for i, name in enumerate(names)]
    household = DemoHousehold(
        server_id=stable_id("Server", "grown", movies, people, seed),
        users=users,
        folders=[MOVIES, COLLECTIONS],
        items={},
    )
    boxes = [collection_of(name, parts, COLLECTIONS) for name, parts in series]
    household.add([*items, *boxes])
    for i, user in enumerate(users):
        liked, disliked = (INVENTED_GENRES[(i + k) % len(INVENTED_GENRES)] for k in (0, 5))
        loved = rng.choice(stars, min(12, len(stars)), replace=False)
        household.tastes[user.user_id] = Taste(liked, disliked, tuple(sorted(loved.tolist())))
        few, many = OTHER_PEOPLE_PLAYS
        drawn = FIRST_PERSON_PLAYS if i == 0 else int(rng.integers(few, many + 1))
        plant_history(household, user, drawn if plays is None else plays, _rng(seed, user))
    _mark_logins(household)
    return household


def _rng(seed: int, user: User) -> np.random.Generator:
    return np.random.default_rng([seed, int(stable_id("plays", user.name)[:8], 16)])


def _mark_logins(household: DemoHousehold) -> None:
    for user in household.users:
        dates = [p.last_played for p in household.plays.get(user.user_id, {}).values()]
        known = [d for d in dates if d is not None]
        if known:
            user.last_login = max(known) - timedelta(hours=2)
            user.last_activity = max(known)


def _a_series() -> list[Item]:
    """Return one invented series: what a listing of an unknown type shows beside movies."""
    names = ("The Harbour Lights", "Season 1", "First Tide", "Second Tide")
    kinds = ("Series", "Season", "Episode", "Episode")
    return [
        Item(stable_id(kind, name), kind, name, folder_id=SHOWS.folder_id, path=SHOWS.path)
        for kind, name in zip(kinds, names, strict=True)
    ]
