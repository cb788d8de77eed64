"""What a person thinks of a movie, graded from what a server knows of her.

| what the server knows, the first that holds | label | weight |
|---|---|---|
| marked as favourite, played or not | liked | 1 |
| an own rating | liked from 6.5 of 10 on | 1 |
| played more than once | liked | ½ |
| left between 5 and 90 %, over a month ago, never played to the end | not liked | ½ |
| played, and nothing else | not liked, as far as is known | ½ |

Plays that nothing is known of stand in for what she did not like: all of them if she never
said or showed of any film that she did not like it, a share 3 / (3 + n) if she did of n.

Jellyfin's thumbs up and down are ratings (10 and 1). It counts a play when a film is started,
so that one seen in two sittings has two: half a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Floats, Ints

LIKED_RATING = 6.5  # Jellyfin's own limit between thumbs down and up
REWATCHED = 2  # plays
STATED = 1.0  # weight of what a person said: a heart, a rating
SHOWN = 0.5  # of what she did: watched again, gave up
UNKNOWN = 0.5  # of a play that nothing is known of
_STANDING_IN = 3.0  # such a weight of known dislikes halves the plays that stand in for them


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled movies of one person, as positions in a catalogue."""

    positions: Ints  # (n,) ascending
    liked: Bools  # (n,)
    weight: Floats  # (n,) above 0, at most 1: how much each label is worth

    @cached_property
    def evidence(self) -> float:
        """How many labels of the rarer class they are worth; see ``evidence_of``."""
        return evidence_of(self.liked, self.weight)

    @property
    def has_both(self) -> bool:
        """Whether something is liked and something is not."""
        return bool(self.liked.any() and not self.liked.all())

    def without(self, hidden: Ints) -> Labels:
        """Return the labels of all but some positions."""
        kept = ~np.isin(self.positions, hidden)
        return Labels(self.positions[kept], self.liked[kept], self.weight[kept])


def evidence_of(liked: Bools, weight: Floats) -> float:
    """Return how many labels of the rarer class those are worth that there are.

    With s the share that is liked of all but stated dislikes, it is
    min(weight of the liked ones, number of others) · min(1, √(2s)). Who likes half of what she
    plays says so wherever it holds. Who clicks few hearts says it of few of those that she
    likes, and a play without one tells little; to have said of a film that she does not like it
    is no such play.

    Examples
    --------
    >>> evidence_of(np.array([True, True, False, False]), np.array([1.0, 0.5, 0.5, 0.5]))
    1.5
    >>> evidence_of(np.array([True] + 7 * [False]), np.array([1.0] + 7 * [0.5]))
    0.5
    >>> evidence_of(np.array([True] + 7 * [False]), np.ones(8))
    1.0
    """
    n_liked = np.count_nonzero(liked)
    if not n_liked:
        return 0.0
    rarer = min(weight[liked].sum(), len(liked) - n_liked)
    unsaid = np.count_nonzero(~liked & (weight < STATED))
    return float(rarer * np.sqrt(min(1.0, 2.0 * n_liked / (n_liked + unsaid))))


def within_classes(liked: Bools, weight: Floats) -> Floats:
    """Return weights whose mean is 1 in either class.

    Examples
    --------
    >>> within_classes(np.array([True, False, False]), np.array([1.0, 0.25, 0.75]))
    array([1. , 0.5, 1.5])
    """
    mean = np.where(liked, weight[liked].mean(), weight[~liked].mean())
    return np.asarray(weight / mean, dtype=np.float64)


def graded(user_id: str, plays: pd.DataFrame) -> tuple[Bools, Floats]:
    """Return the label of each row of a PLAYS frame, and its weight; 0: there is none.

    Parameters
    ----------
    user_id
        The person: which of her plays stand in is a hash of person and movie.
    plays
        Shape (n, …).

    Returns
    -------
    Bools, Floats
        Liked and weight, shape (n,).
    """
    played = plays["played"].to_numpy(dtype=bool)
    favorite = plays["is_favorite"].to_numpy(dtype=bool)
    rating = plays["rating"].to_numpy(dtype=float)
    again = played & (plays["play_count"].fillna(0.0).to_numpy(dtype=float) >= REWATCHED)
    abandoned = plays["abandoned"].eq(True).to_numpy(dtype=bool) & ~played
    cases = [favorite, np.isfinite(rating), again, abandoned, played]
    liked = np.select(cases, [favorite, rating >= LIKED_RATING, again, ~abandoned, ~played], False)
    weight = np.select(cases, [STATED, STATED, SHOWN, SHOWN, UNKNOWN], 0.0)
    is_known = np.logical_or.reduce(cases[:-1])
    disliked = weight[is_known & ~liked].sum()
    standing_in = np.flatnonzero(played & ~is_known)
    ids = plays["movie_id"].iloc[standing_in]
    drawn = stable_fractions(f"stands in of {user_id}", ids)
    weight[standing_in[drawn >= _STANDING_IN / (_STANDING_IN + disliked)]] = 0.0
    return liked.astype(np.bool_), weight
