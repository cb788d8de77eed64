"""What a household gets: the functions that its night calls, on the plays that are visible."""

from __future__ import annotations

import numpy as np

from jfdask.model.inputs import Floats, Ints
from jfdask.model.personal import Learned, LearnOptions, fit, learn, score_movies
from jfdask.model.ranking import DIVERSITY, likeness, rank
from jfdask.settings import RecommendSettings

from .baselines import Scores
from .people import Case
from .world import World


def affinity(world: World, case: Case, tasks: str) -> Scores:
    """One person's data alone. A: P(favourite). B: what her list is ordered by.

    C: P(favourite) calibrated, and the list with diversity. It takes three times as long: the
    calibration comes of scores out of fold.
    """
    options = LearnOptions(method="affinity")
    learned = (learn if "C" in tasks else fit)(case.history, world.matrix, options)
    scores: Scores = {}
    if "C" in tasks and learned.favorite is not None and learned.calibration is not None:
        scores |= _words(world, case, learned)
    if "B" in tasks:
        scores["B"] = score_movies(learned, world.catalogue, case.candidates)
    if "A" in tasks and learned.favorite is not None:
        scores["A"] = learned.favorite.predict_proba(case.hidden)[:, 1]
    elif "A" in tasks:
        scores["A"] = score_movies(learned, world.catalogue, case.hidden)
    return scores


def _words(world: World, case: Case, learned: Learned) -> Scores:
    """Return what task C measures; see ``figures.word_figures``."""
    raw = learned.favorite.predict_proba(case.hidden)[:, 1]
    by_score = score_movies(learned, world.catalogue, case.candidates)
    found = {"raw": raw, "C": learned.calibration.apply(raw)}
    alike = []
    for name, diversity in (("plain", 0.0), ("varied", DIVERSITY)):
        most = RecommendSettings().max_per_collection
        order = rank(world.catalogue, case.candidates, by_score, world.facts, most, diversity)
        found[name] = _places(order)
        first = likeness(world.catalogue, case.candidates[order[:20]])
        alike.append(first[~np.eye(len(first), dtype=bool)].mean())
    return {**found, "likeness": np.array(alike)}


def _places(order: Ints) -> Floats:
    """Return a score by which movies come in this order."""
    places = np.empty(len(order))
    places[order] = -np.arange(len(order), dtype=np.float64)
    return places
