"""Which plays are held out, and folds: by stable hashes, whatever the order or the night."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from jfdask.model.inputs import Bools, Floats, Ints


def stable_fractions(salt: str, ids: Iterable[str]) -> Floats:
    """Return a number in [0, 1) for each id: the same on any machine, on any night.

    Examples
    --------
    >>> stable_fractions("anna", ["movie1", "movie2"]).round(3)
    array([0.544, 0.816])
    """
    prefix = blake2b(salt.encode(), digest_size=16).digest()
    hashes = [
        int.from_bytes(blake2b(str(i).encode(), key=prefix, digest_size=8).digest(), "big")
        for i in ids
    ]
    # 53 bits are what a float holds exactly.
    return np.array([h >> 11 for h in hashes], dtype=np.float64) / 2.0**53


def stable_seed(salt: str, seed: int) -> int:
    """Return a seed in [0, 2**32) of its own for the salt, say a user id."""
    digest = blake2b(f"{seed}:{salt}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def is_held_out(user_id: str, movie_ids: Iterable[str], fraction: float) -> Bools:
    """Tell which of a person's plays no search ever sees.

    Parameters
    ----------
    user_id
        The person.
    movie_ids
        Movies she played, in any order.
    fraction
        Share to be held out, 0 to 1. A larger one holds out the same plays and more.
    """
    held_out: Bools = stable_fractions(f"held out of {user_id}", movie_ids) < fraction
    return held_out


def folds_of(salt: str, movie_ids: Iterable[str], liked: Bools, n_folds: int) -> Ints:
    """Return a fold, 0 to n_folds - 1, for each play: stratified and stable.

    Liked and other plays are each put in the order of a hash and dealt out in turn, so that
    folds differ by at most one of either kind; the order of the input does not matter.

    Parameters
    ----------
    salt
        Whose folds, and for what: a person's id, a repetition.
    liked
        Shape (n,), aligned with ``movie_ids``.
    """
    ids = np.asarray(list(movie_ids), dtype=np.str_)
    folds = np.zeros(len(ids), dtype=np.int64)
    order = np.lexsort((ids, stable_fractions(f"folds of {salt}", ids), ~liked))
    # Dealt through both kinds without a break: the last fold is not short of both.
    folds[order] = np.arange(len(ids)) % n_folds
    return folds
