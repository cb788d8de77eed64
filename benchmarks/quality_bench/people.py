"""Who is evaluated, on which folds; who else is there to learn from. Nobody counts twice."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from jfdask.model.history import History
from jfdask.model.holdout import folds_of, stable_fractions
from jfdask.model.inputs import Bools, Ints, Texts
from jfdask.model.labels import STATED, UNKNOWN, Labels

from .reading import FAVORITE_STARS, Rating, Ratings, Stars

N_FOLDS = 5
MIN_PLAYS, MIN_OF_EITHER = 100, 10
#: Two histories are one person's who share so much of the shorter one, and so many ratings that
#: are so much of the longer one.
SAME_SHARE, SAME_RATINGS, SAME_OF_LONGER = 0.8, 20, 0.25
#: Or so much of the shorter one with the time of each, if these are so many different ones.
SAME_SHARE_IN_TIME, SAME_TIMES = 0.5, 3
#: A movie, stars and time of more people than this: the times tell nothing.
_MOST_AT_ONCE = 20


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody's plays, as positions in the catalogue, and the fold of each."""

    user_id: str
    played: Ints  # (n_played,) ascending
    liked: Bools  # (n_played,)
    folds: Ints  # (n_played,) 0 to N_FOLDS - 1, stratified, from a hash of person and movie

    @property
    def is_evaluated(self) -> bool:
        """Whether there is enough of her to be measured on."""
        n_liked = int(self.liked.sum())
        fewer = min(n_liked, len(self.liked) - n_liked)
        return len(self.played) >= MIN_PLAYS and fewer >= MIN_OF_EITHER

    @property
    def is_like_the_author(self) -> bool:
        """Whether she has 300 plays or more, 40 to 60 % of them favourites."""
        return len(self.played) >= 300 and 0.4 <= self.liked.mean() <= 0.6

    @property
    def half(self) -> str:
        """``choose`` or ``quote``: what is tried is judged on one, told of the other."""
        return half_of(self.user_id)


@dataclass(frozen=True, eq=False)
class Case:
    """One person with one fold of hers hidden: all that a method is told."""

    fold: int
    history: History  # hidden plays are movies not yet played
    hidden: Ints  # (n_hidden,) positions, ascending: what task A scores

    @cached_property
    def candidates(self) -> Ints:
        """All that she has not played: what task B ranks; hidden plays are among it."""
        return self.history.unplayed


def half_of(user_id: str) -> str:
    """Return the half that a person is in, by a hash of her id."""
    return "choose" if stable_fractions("half", [user_id])[0] < 0.5 else "quote"


def whole_history(user_id: str, played: Ints, liked: Bools, movie_ids: Texts) -> History:
    """Return the history of somebody who may see everything."""
    everything = np.arange(len(movie_ids), dtype=np.int64)
    nothing = np.empty(0, dtype=np.int64)
    # As a server tells it: a heart is a statement, a play without one says little.
    labels = Labels(played, liked, np.where(liked, STATED, UNKNOWN))
    return History(user_id, played, liked, everything, movie_ids, nothing, nothing, labels)


def case_of(person: Person, fold: int, movie_ids: Texts) -> Case:
    """Return a person with one fold hidden."""
    inside = person.folds == fold
    whole = whole_history(person.user_id, person.played, person.liked, movie_ids)
    return Case(fold, whole.without(inside), person.played[inside])


def with_hearts(person: Person, percent: float, movie_ids: Texts) -> Person:
    """Return a person who clicked so many of her favourites; the others are plain plays.

    Which ones is a hash of person and movie: of more hearts the fewer are part.
    """
    drawn = stable_fractions(f"hearts of {person.user_id}", movie_ids[person.played])
    return replace(person, liked=person.liked & (drawn < percent / 100))


def person_of(ratings: Ratings, movie_ids: Texts) -> Person:
    """Return a person's plays: rated is played; a favourite if it has stars enough."""
    liked = {movie_id: stars >= FAVORITE_STARS for movie_id, stars in ratings.stars}
    ids = sorted(liked)
    likes = np.array([liked[i] for i in ids], dtype=np.bool_)
    positions = np.searchsorted(movie_ids, np.array(ids, dtype=np.str_)).astype(np.int64)
    folds = folds_of(f"quality of {ratings.user_id}", ids, likes, N_FOLDS)
    return Person(ratings.user_id, positions, likes, folds)


def distinct(known: Iterable[Ratings], given: Iterable[Ratings]) -> list[Ratings]:
    """Return the given people, each once; who is known already is returned as she is known.

    Files name and number people as they like, so ids prove nothing, nor do times, which may be
    missing or of another unit: see ``_is_same``. Of the same people the first is kept.
    """
    people = [*known]
    n_known = len(people)
    people += given
    twins = _twins_before(people)
    kept = set(range(n_known))
    found: dict[int, None] = {}
    for i in range(n_known, len(people)):
        same = sorted(twins[i] & kept)
        if not same:
            kept.add(i)
        found.update(dict.fromkeys(same or [i]))
    return [people[i] for i in found]


def _twins_before(people: Sequence[Ratings]) -> list[set[int]]:
    """Return for each which of those before her are the same person."""
    rated_by: defaultdict[Stars, list[int]] = defaultdict(list)
    rated_at: defaultdict[Rating, list[int]] = defaultdict(list)
    for i, person in enumerate(people):
        for pair in person.stars:
            rated_by[pair].append(i)
        for rating in person.ratings:
            rated_at[rating].append(i)
    twins: list[set[int]] = [set() for _ in people]
    for i, person in enumerate(people):
        # Whoever shares so much of her has one of any so many pairs: of the rarest, few do. Whose
        # history is the shorter one finds the other.
        n_others = len(person.stars) - math.ceil(SAME_SHARE * len(person.stars))
        rarest = sorted(person.stars, key=lambda pair: len(rated_by[pair]))[: n_others + 1]
        at_once = [rated_at[r] for r in person.ratings if len(rated_at[r]) <= _MOST_AT_ONCE]
        for j in {j for some in at_once for j in some}.union(*map(rated_by.get, rarest)) - {i}:
            if len(person.stars) <= len(people[j].stars) and _is_same(person, people[j]):
                twins[max(i, j)].add(min(i, j))
    return twins


def _is_same(shorter: Ratings, longer: Ratings) -> bool:
    """Return whether two histories are one person's.

    Most of the shorter one (movie and stars) is in the other; and it is much, no handful of movies
    that everybody has seen, and no small part of the other: by chance a short history is found in
    a very long one if there are but two kinds of stars. Or their times tell. Of histories too short
    for either all has to be the same.
    """
    at_once = shorter.ratings & longer.ratings
    n_times = len({when for _, _, when in at_once})
    if (
        len(at_once) >= SAME_SHARE_IN_TIME * len(shorter.ratings)
        and n_times >= min(SAME_TIMES, len(shorter.ratings)) > 0
    ):
        return True
    n_shared = len(shorter.stars & longer.stars)
    if n_shared < SAME_SHARE * len(shorter.stars):
        return False
    is_much = n_shared >= SAME_RATINGS and n_shared >= SAME_OF_LONGER * len(longer.stars)
    return is_much or shorter.ratings == longer.ratings


def in_fixed_order(people: Iterable[Person]) -> list[Person]:
    """Return people in the order of a hash: the first few are a fair sample."""
    people = list(people)
    order = stable_fractions("order of people", [p.user_id for p in people])
    return [people[i] for i in np.argsort(order, kind="stable")]
