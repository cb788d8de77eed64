"""Which movies stand in a person's list, and in which order."""

from __future__ import annotations

import numpy as np

from jfdask.model.facts import Facts
from jfdask.model.history import History
from jfdask.model.inputs import Floats, Ints

N_FIRST = 10
# Scores closer than this are ties: the last bits differ between machines.
_DIGITS = 9


def candidates_of(history: History, facts: Facts) -> Ints:
    """Return the positions of what may be recommended, ascending.

    These are the movies that the person may see, has not played and has not begun; of a
    collection only the next unseen part: every earlier part that she may see is played. Later
    parts are not in the list at all.
    """
    unplayed = history.unplayed
    next_part: dict[str, tuple[float, int]] = {}
    for position in unplayed:
        collection, order = facts.collection_ids[position], facts.collection_order[position]
        if collection and np.isfinite(order):
            part = (float(order), int(position))
            next_part[collection] = min(part, next_part.get(collection, part))
    is_next = [
        not facts.collection_ids[p]
        or not np.isfinite(facts.collection_order[p])
        or next_part[facts.collection_ids[p]][1] == p
        for p in unplayed
    ]
    # A part in progress is unseen: it holds its successors back, and is itself left out.
    kept = unplayed[np.array(is_next, dtype=np.bool_)]
    return np.setdiff1d(kept, history.in_progress)


def rank(candidates: Ints, scores: Floats, facts: Facts, max_per_collection: int) -> Ints:
    """Return indices into the candidates, the best first.

    Parameters
    ----------
    candidates
        Positions, shape (n,), ascending.
    scores
        The greater the better, shape (n,); ties break by movie id.
    max_per_collection
        Movies of one collection among the first ten; others of it come right after those.
    """
    order = np.lexsort((candidates, -np.round(scores, _DIGITS)))
    first: list[int] = []
    held_back: list[int] = []
    n_of: dict[str, int] = {}
    taken = 0
    for index in order:
        if len(first) == N_FIRST:
            break
        taken += 1
        collection = facts.collection_ids[candidates[index]]
        if collection and n_of.get(collection, 0) >= max_per_collection:
            held_back.append(int(index))
            continue
        n_of[collection] = n_of.get(collection, 0) + 1
        first.append(int(index))
    return np.array([*first, *held_back, *order[taken:]], dtype=np.int64)
