"""What a household gets: the functions that its night calls, on the plays that are visible."""

from __future__ import annotations

from jfdask.model.personal import LearnOptions, fit, score_movies

from .baselines import Scores
from .people import N_FOLDS, Case
from .world import World

# A fifth of the favourites is hidden here, that a household would have: who has just enough
# for a model of her own has it here, too.
_MIN_FAVORITES = LearnOptions().min_favorites * (N_FOLDS - 1) // N_FOLDS


def affinity(world: World, case: Case, tasks: str) -> Scores:
    """One person's data alone. A: P(favourite). B: what her list is ordered by."""
    options = LearnOptions(method="affinity", min_favorites=_MIN_FAVORITES)
    learned = fit(case.history, world.matrix, options)
    scores: Scores = {}
    if "B" in tasks:
        scores["B"] = score_movies(learned, world.catalogue, world.facts, case.candidates)
    if "A" in tasks and learned.favorite is not None:
        scores["A"] = learned.favorite.predict_proba(case.hidden)[:, 1]
    elif "A" in tasks:
        scores["A"] = score_movies(learned, world.catalogue, world.facts, case.hidden)
    return scores
