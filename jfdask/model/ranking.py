"""Which movies stand in a person's list, and in which order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jfdask.model.catalogue import TEXT_KERNEL_WEIGHT, Catalogue
from jfdask.model.facts import Facts
from jfdask.model.history import History
from jfdask.model.inputs import Floats, Ints

N_FIRST = 10
DIVERSITY = 0.2
#: Movies that diversity puts in another order: nobody reads on, and memory is bounded.
N_DIVERSE = 300
# Scores closer than this are ties: the last bits differ between machines.
_DIGITS = 9


def candidates_of(history: History, facts: Facts) -> Ints:
    """Return the positions of what may be recommended, ascending.

    These are the movies that the person may see, has not played, has not begun and has not
    rated; of a series only the next unseen part: every earlier part that she may see is played,
    rated or given up. Later parts are not in the list at all.
    """
    unplayed = np.setdiff1d(history.unplayed, np.r_[history.turned_down, history.rated_up])
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


def rank(
    catalogue: Catalogue,
    candidates: Ints,
    scores: Floats,
    facts: Facts,
    max_per_collection: int,
    diversity: float = DIVERSITY,
) -> Ints:
    """Return indices into the candidates, the best first.

    Parameters
    ----------
    candidates
        Positions, shape (n,), ascending.
    scores
        The greater the better, shape (n,); ties break by movie id.
    max_per_collection
        Movies of one collection among the first ten; others of it come right after those.
    diversity
        See ``diversified``.
    """
    by_score = np.lexsort((candidates, -np.round(scores, _DIGITS)))
    first = by_score[:N_DIVERSE]
    reordered = diversified(catalogue, candidates[first], scores[first], diversity)
    order = np.r_[first[reordered], by_score[N_DIVERSE:]]
    return _spaced(order, facts.collection_ids[candidates], max_per_collection)


def diversified(catalogue: Catalogue, best: Ints, scores: Floats, diversity: float) -> Ints:
    """Return the order in which each movie is good and unlike those before it.

    This is maximal marginal relevance (Carbonell and Goldstein 1998): next is the movie with
    the greatest (1 - d)·relevance - d·(greatest likeness to one that stands already). The
    relevance is the score, the worst of these movies 0, the best 1; the likeness is
    ``likeness``: films of one year are not alike to who reads a list.

    Parameters
    ----------
    best
        Positions, shape (n,), the best first: a few hundred, as likeness has n x n numbers.
    scores
        Theirs, shape (n,).
    diversity
        d, 0 to 1.

    Returns
    -------
    Ints
        Indices into ``best``, shape (n,). Of movies as good as each other the first one.
    """
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    if not diversity or not spread:
        return np.arange(len(best), dtype=np.int64)
    relevance = (scores - scores.min()) / spread
    alike = likeness(catalogue, best)
    greatest = np.zeros(len(best))
    is_left = np.ones(len(best), dtype=np.bool_)
    order = np.empty(len(best), dtype=np.int64)
    for place in range(len(best)):
        worth = np.round((1 - diversity) * relevance - diversity * greatest, _DIGITS)
        order[place] = chosen = int(np.argmax(np.where(is_left, worth, -np.inf)))
        is_left[chosen] = False
        closer = alike[:, chosen]
        greatest = closer if place == 0 else np.maximum(greatest, closer)
    return order


def likeness(catalogue: Catalogue, movies: Ints) -> Floats:
    """Return how alike movies are in people, genres, collections and texts, 0 to 1.

    Parameters
    ----------
    movies
        Positions, shape (n,): a few hundred.

    Returns
    -------
    Floats
        Shape (n, n): cosines of the kernel without its numbers.
    """
    tokens, text = catalogue.kernel_tokens[movies], catalogue.text[movies]
    kernel = (tokens @ tokens.T).toarray() + TEXT_KERNEL_WEIGHT * (text @ text.T).toarray()
    length = np.sqrt(np.maximum(np.diag(kernel), np.finfo(np.float64).tiny))
    return np.asarray(kernel / length[:, None] / length[None, :], dtype=np.float64)


def _spaced(order: Ints, collection_ids: npt.NDArray[np.object_], most: int) -> Ints:
    """Return the order with at most so many of one collection among the first ten."""
    first: list[int] = []
    held_back: list[int] = []
    n_of: dict[str, int] = {}
    taken = 0
    for index in order.tolist():
        if len(first) == N_FIRST:
            break
        taken += 1
        collection = collection_ids[index]
        if collection and n_of.get(collection, 0) >= most:
            held_back.append(index)
            continue
        n_of[collection] = n_of.get(collection, 0) + 1
        first.append(index)
    return np.array([*first, *held_back, *order[taken:]], dtype=np.int64)
