"""Columns that tell one person from another, for models of all people together.

They are made of a reference set of her plays, like affinities: p̄ and the difference between
liked and other plays hold labels, so a row's own play must not be among them.
"""

from __future__ import annotations

import numpy as np

from jfdask.model.affinity import References
from jfdask.model.catalogue import ITEM_COLUMNS, Catalogue
from jfdask.model.inputs import Bools, Floats, Ints

_NUMBERS = (
    "numbers__community_rating",
    "numbers__critic_rating",
    "numbers__year",
    "numbers__runtime_hours",
)
_WHICH = np.array([ITEM_COLUMNS.index(name) for name in _NUMBERS])
PERSON_COLUMNS = (
    "person__share_liked",
    "person__log_plays",
    "person__logit_share_liked",
    *(f"person__mean_{name.removeprefix('numbers__')}" for name in _NUMBERS),
    *(f"person__deviation_{name.removeprefix('numbers__')}" for name in _NUMBERS),
    *(f"person__liked_minus_{name.removeprefix('numbers__')}" for name in _NUMBERS),
)


def person_columns(catalogue: Catalogue, group: Ints, references: References) -> Floats:
    """Return the columns of rows of these groups, shape (n_rows, len(PERSON_COLUMNS))."""
    numbers = catalogue.items[references.positions][:, _WHICH]
    of_group = [_columns(numbers[m], references.liked[m]) for m in references.members.T]
    return np.asarray(of_group)[group]


def _columns(numbers: Floats, liked: Bools) -> Floats:
    share = (liked.sum() + 1.0) / (len(liked) + 2.0)
    mean = _means(numbers)
    deviation = np.sqrt(_means((numbers - mean) ** 2))
    difference = _means(numbers[liked]) - _means(numbers[~liked])
    own = [share, np.log1p(len(liked)), np.log(share / (1.0 - share))]
    return np.concatenate([own, mean, deviation, difference])


def _means(numbers: Floats) -> Floats:
    """Return the mean of each column over what is known; NaN where nothing is."""
    known = np.isfinite(numbers)
    n_known = known.sum(axis=0)
    sums = np.where(known, numbers, 0.0).sum(axis=0)
    return np.divide(sums, n_known, out=np.full(numbers.shape[1], np.nan), where=n_known > 0)
