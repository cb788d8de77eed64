"""People of a stream of ratings: a bounded sample of them, with all that each has rated.

Which people are taken is a matter of a hash of their ids, the smallest first: it is the same
whatever the order of the ratings, and however they were cut into chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jfdask.model.crowd import Member
from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Ints

#: Stars from which on a film counts as liked.
LIKED = 4.0
_SALT = "people of a dump"


@dataclass(frozen=True, eq=False)
class SampledPeople:
    """People of a dump, by their hash; films are positions."""

    user_ids: tuple[str, ...]
    bounds: Ints  # (n_people + 1,) where each one's plays begin
    films: Ints  # (n_plays,) ascending for each person
    liked: Bools  # (n_plays,)

    def __len__(self) -> int:
        """Return how many people there are."""
        return len(self.user_ids)

    def member(self, number: int) -> Member:
        """Return a person as a crowd counts her."""
        own = slice(self.bounds[number], self.bounds[number + 1])
        return Member(self.user_ids[number], self.films[own], self.liked[own])

    def members(self) -> list[Member]:
        """Return everybody, sorted by id."""
        return sorted(map(self.member, range(len(self))), key=lambda m: m.user_id)


class PeopleSample:
    """Takes ratings chunk by chunk and keeps those of at most so many people.

    Parameters
    ----------
    most_people
        How many.

    Attributes
    ----------
    n_ratings : int
        Ratings seen.
    """

    def __init__(self, most_people: int) -> None:
        self.most_people = most_people
        self.n_ratings = 0
        self._seen = np.empty(0, dtype=np.int64)
        self._taken: dict[int, float] = {}  # user: fraction
        self._bound = 1.0
        self._rows: list[tuple[NDArray[Any], ...]] = []

    @property
    def n_people(self) -> int:
        """People seen."""
        return len(self._seen)

    def add(self, user: Ints, film: Ints, rating: NDArray[Any], time: Ints) -> None:
        """Take some ratings.

        Parameters
        ----------
        user, film, rating, time
            Shape (n,); film -1: one that nobody knows, which is counted and left out.
        """
        self.n_ratings += len(user)
        users, inverse = np.unique(user, return_inverse=True)
        self._seen = np.union1d(self._seen, users)
        fractions = stable_fractions(_SALT, map(str, users))
        self._taken |= {
            int(u): f for u, f in zip(users, fractions, strict=True) if f <= self._bound
        }
        if len(self._taken) > self.most_people:
            self._bound = sorted(self._taken.values())[self.most_people - 1]
            self._taken = {u: f for u, f in self._taken.items() if f <= self._bound}
            self._rows = [self._of_taken(rows) for rows in self._rows]
        kept = (fractions <= self._bound)[inverse] & (film >= 0)
        given = (user, film.astype(np.int32), rating.astype(np.float32), time)
        self._rows.append(tuple(values[kept] for values in given))

    def people(self, fewest_ratings: int, most_films: int) -> tuple[SampledPeople, Ints]:
        """Return the people, and which films they are over.

        Parameters
        ----------
        fewest_ratings
            Films with fewer of these people's ratings are left out.
        most_films
            Of more films those with the most ratings are kept.

        Returns
        -------
        SampledPeople
            Of two ratings of one film by one person the later one counts.
        Ints
            The films that are kept, as they were numbered, ascending.
        """
        user, film, rating, time = (np.concatenate(c) for c in zip(*self._rows, strict=True))
        order = np.lexsort((rating, time, film, user))
        user, film, rating = user[order], film[order], rating[order]
        last = np.ones(len(user), dtype=bool)
        last[:-1] = (user[1:] != user[:-1]) | (film[1:] != film[:-1])
        user, film, liked = user[last], film[last], rating[last] >= LIKED
        kept = _most_rated(film, fewest_ratings, most_films)
        inside = np.isin(film, kept)
        user, film, liked = user[inside], film[inside], liked[inside]
        starts = (
            np.flatnonzero(np.r_[True, user[1:] != user[:-1]]) if len(user) else np.empty(0, int)
        )
        return self._by_hash(user[starts], starts, np.searchsorted(kept, film), liked), kept

    def _by_hash(self, users: Ints, starts: Ints, films: Ints, liked: Bools) -> SampledPeople:
        ends = np.r_[starts[1:], len(films)]
        order = np.argsort([self._taken[int(u)] for u in users], kind="stable")
        where: Sequence[Ints] = [np.arange(starts[i], ends[i]) for i in order]
        rows = np.concatenate(where) if where else np.empty(0, dtype=np.int64)
        bounds = np.cumsum([0, *(len(w) for w in where)])
        ids = tuple(str(u) for u in users[order])
        return SampledPeople(ids, bounds, films[rows].astype(np.int64), liked[rows])

    def _of_taken(self, rows: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        users, inverse = np.unique(rows[0], return_inverse=True)
        taken = np.array([int(u) in self._taken for u in users], dtype=bool)[inverse]
        return tuple(values[taken] for values in rows)


def _most_rated(film: NDArray[Any], fewest: int, most: int) -> Ints:
    films, counts = np.unique(film, return_counts=True)
    enough = counts >= fewest
    films, counts = films[enough], counts[enough]
    order = np.lexsort((films, -counts))[:most]
    return np.sort(films[order]).astype(np.int64)
