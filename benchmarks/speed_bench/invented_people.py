"""People of an invented library, whose plays and favourites lean to genres and ratings."""

from __future__ import annotations

import numpy as np

from jfdask.model.catalogue import NUMBER_KERNEL, Catalogue
from jfdask.model.history import History
from jfdask.model.labels import STATED, UNKNOWN, Labels

_RATING = list(NUMBER_KERNEL).index("numbers__community_rating")


def invented_history(catalogue: Catalogue, user_id: str, n_plays: int, seed: int) -> History:
    """Return somebody who may see everything; half of what she played is a favourite."""
    rng = np.random.default_rng(seed)
    genres = [i for i, name in enumerate(catalogue.item_names) if name.startswith("tokens__genre:")]
    leaning = catalogue.items[:, genres] @ rng.normal(size=len(genres))
    leaning += 0.5 * catalogue.scaled[:, _RATING]
    # The greatest of leaning and Gumbel's noise: drawn without replacement, by e to the leaning.
    drawn = np.argsort(-(leaning + rng.gumbel(size=catalogue.n_movies)))[:n_plays]
    played = np.sort(drawn).astype(np.int64)
    felt = leaning[played] + rng.normal(size=len(played))
    liked = felt > np.median(felt)
    nothing = np.empty(0, dtype=np.int64)
    return History(
        user_id=user_id,
        played=played,
        liked=liked,
        visible=np.arange(catalogue.n_movies, dtype=np.int64),
        item_ids=catalogue.movie_ids,
        in_progress=nothing,
        favorite_unplayed=nothing,
        labels=Labels(played, liked, np.where(liked, STATED, UNKNOWN)),
    )
