"""What many people's plays say of movies: counts, opinions, and what is picked together.

A crowd is a few numbers and factors a movie, no list of anybody's plays. There are up to
`MOST_FACTORS`, though: of a crowd of few hundred people nearly everybody's plays and favourites
can be worked out again. It is as personal as they are. Whoever is scored
with one must not be part of it: people are put into groups by a hash, and each group is given
the crowd of all others (`Crowds`). A statistic that leaves out only the row's own person tells
her label by what it lacks; of a fifth of all people left out together little shows. It is enough
to tell trees whose other rows' crowds had her label among theirs: who is to be measured by models
that have not seen her is in no crowd of the rows that they learn from (`crowds_apart`).

Who picks one movie picks another: EASE (Steck 2019), a ridge regression of every movie on all
others. With A the people's plays, P = (AᵀA + λI)⁻¹ and A = U S Vᵀ,

    P = (I - V W Vᵀ) / λ,  W = S² / (S² + λ),

so that a movie that a person has not played scores (V W Vᵀ x)ᵢ / (1 - (V W Vᵀ)ᵢᵢ), x her plays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags
from sklearn.utils.extmath import randomized_svd

from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Floats, Ints

#: A favourite counts so many plays where plays and favourites are weighed together.
FAVORITE_WEIGHT = 4.0
BIAS_SHRINKAGE = 15.0  # people's worth of 'average' in a movie's opinion
MOST_FACTORS = 256
N_GROUPS = 5
#: People from which on a crowd has something to tell; fewer tell of themselves.
FEWEST = 20

# λ of EASE, for plays with favourites and for favourites alone: chosen on public ratings.
_PENALTIES = {"together": 1000.0, "loved": 100.0}
_EXACT = 3000  # people up to whom the decomposition is exact
_SEED = 0


@dataclass(frozen=True, eq=False)
class Factors:
    """V and W of EASE."""

    vectors: Floats  # (n_movies, n_factors) V
    weights: Floats  # (n_factors,) W

    def scores(self, positions: Ints, values: Floats) -> Floats:
        """Score every movie for somebody with these plays.

        Parameters
        ----------
        positions, values
            Her plays and their weights, shape (n_plays,).

        Returns
        -------
        Floats
            Shape (n_movies,). Those of her own plays mean nothing.
        """
        profile = self.weights * (values @ self.vectors[positions])
        return np.asarray(self.vectors @ profile / self._left)

    @cached_property
    def _left(self) -> Floats:
        return np.maximum(1.0 - (self.vectors**2) @ self.weights, 1e-3)

    def at(self, positions: Ints) -> Factors:
        """Return the factors of some movies; position -1: a movie nobody knows."""
        return replace(self, vectors=_rows(self.vectors, positions))


@dataclass(frozen=True, eq=False)
class Crowd:
    """What a crowd knows of each movie of a catalogue."""

    n_people: int
    n_plays: Floats  # (n_movies,) people who played it
    n_likes: Floats  # (n_movies,) people whose favourite it is
    bias: Floats  # (n_movies,) mean of (liked - the person's share of liked), shrunk to 0
    factors: Mapping[str, Factors]  # together: plays and favourites; loved: favourites alone

    def at(self, positions: Ints) -> Crowd:
        """Return the crowd over another catalogue.

        Parameters
        ----------
        positions
            Where each of its movies is in this one, shape (n,); -1: nowhere.
        """
        return Crowd(
            self.n_people,
            _rows(self.n_plays, positions),
            _rows(self.n_likes, positions),
            _rows(self.bias, positions),
            {name: factors.at(positions) for name, factors in self.factors.items()},
        )

    def unaware_of(self, unknown: Bools) -> Crowd:
        """Return the crowd as if it had not heard of some movies, shape (n_movies,): no counts.

        That nobody played a movie says something of it; that the crowd is older, or has had no
        time for it, does not.
        """
        if not unknown.any():
            return self
        known = self.at(np.where(unknown, -1, np.arange(len(unknown))))
        return replace(
            known,
            n_plays=np.where(unknown, np.nan, known.n_plays),
            n_likes=np.where(unknown, np.nan, known.n_likes),
        )


@dataclass(frozen=True, eq=False)
class Member:
    """A person as a crowd counts her."""

    user_id: str
    played: Ints  # (n_played,) positions in the crowd's catalogue, ascending
    liked: Bools  # (n_played,)


@dataclass(frozen=True, eq=False)
class Crowds:
    """For each group of people the crowd of everybody else; None: too few to tell anything."""

    of_group: Sequence[Crowd | None]

    def of(self, user_id: str) -> Crowd | None:
        """Return the crowd that a person may be scored with; she need not be known."""
        return self.of_group[group_of(user_id, len(self.of_group))]


def group_of(user_id: str, n_groups: int) -> int:
    """Return a person's group, by a hash of her id."""
    return int(stable_fractions("group of people", [user_id])[0] * n_groups)


def crowds_of(members: Sequence[Member], n_movies: int, n_groups: int = N_GROUPS) -> Crowds:
    """Return the crowd outside of each group.

    Parameters
    ----------
    members
        Everybody, in any order.
    n_movies
        Movies of the catalogue that their positions refer to.
    """
    outside = (crowd_outside(members, (group,), n_movies, n_groups) for group in range(n_groups))
    return Crowds(tuple(outside))


def crowds_apart(
    members: Sequence[Member], n_movies: int, n_groups: int = N_GROUPS
) -> dict[tuple[int, int], Crowd | None]:
    """Return, by any two groups in ascending order, the crowd outside of both.

    Of little more than ``FEWEST`` people there is often none: rows are told nothing by it then.
    """
    pairs = combinations(range(n_groups), 2)
    return {pair: crowd_outside(members, pair, n_movies, n_groups) for pair in pairs}


def crowd_outside(
    members: Sequence[Member], groups: Sequence[int], n_movies: int, n_groups: int = N_GROUPS
) -> Crowd | None:
    """Return the crowd outside of some groups; None: too few to tell anything."""
    outside = [m for m in members if group_of(m.user_id, n_groups) not in groups]
    # Should most people be of one group, those outside of it are none.
    if min(len(members), 2 * len(outside)) < FEWEST:
        return None
    return crowd_of(sorted(outside, key=lambda m: m.user_id), n_movies)


def crowd_of(members: Sequence[Member], n_movies: int) -> Crowd:
    """Return what these people know of each movie, shape (n_movies,)."""
    plays, likes = _matrices(members, n_movies)
    n_plays, n_likes = _column_sums(plays), _column_sums(likes)
    n_played = np.asarray(plays.sum(axis=1), dtype=np.float64).ravel()
    n_liked = np.asarray(likes.sum(axis=1), dtype=np.float64).ravel()
    share = (n_liked + 1.0) / (n_played + 2.0)
    opinions = n_likes - _column_sums(csr_matrix(diags(share) @ plays))
    together = csr_matrix(plays + (FAVORITE_WEIGHT - 1.0) * likes)
    return Crowd(
        n_people=len(members),
        n_plays=n_plays,
        n_likes=n_likes,
        bias=opinions / (n_plays + BIAS_SHRINKAGE),
        factors={
            "together": factors_of(together, _PENALTIES["together"]),
            "loved": factors_of(likes, _PENALTIES["loved"]),
        },
    )


def factors_of(A: csr_matrix, penalty: float) -> Factors:
    """Return EASE's factors of a matrix of people by movies, the greatest first."""
    n_factors = min(MOST_FACTORS, *A.shape)
    if A.shape[0] <= _EXACT:
        squares, U = eigh((A @ A.T).toarray())
        squares, U = squares[::-1][:n_factors], U[:, ::-1][:, :n_factors]
        known = squares > 1e-9 * max(float(squares[0]), 1.0)
        squares, U = squares[known], U[:, known]
        vectors = (A.T @ U) / np.sqrt(squares)
    else:
        _, s, Vt = randomized_svd(A, n_factors, n_iter=4, random_state=_SEED)
        squares, vectors = s**2, Vt.T
    return Factors(np.asarray(vectors, dtype=np.float64), squares / (squares + penalty))


def _matrices(members: Sequence[Member], n_movies: int) -> tuple[csr_matrix, csr_matrix]:
    indptr = np.cumsum([0, *(len(m.played) for m in members)])
    indices = np.concatenate([m.played for m in members]) if members else np.empty(0, int)
    liked = np.concatenate([m.liked for m in members]) if members else np.empty(0, bool)
    shape = (len(members), n_movies)
    plays = csr_matrix((np.ones(len(indices)), indices, indptr), shape)
    likes = csr_matrix((liked.astype(np.float64), indices, indptr), shape, copy=True)
    likes.eliminate_zeros()
    return plays, likes


def _column_sums(matrix: csr_matrix) -> Floats:
    return np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()


def _rows(values: Floats, positions: Ints) -> Floats:
    taken = values[np.maximum(positions, 0)]
    taken[positions < 0] = 0.0
    return taken
