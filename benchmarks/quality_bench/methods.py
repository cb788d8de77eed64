"""The methods by name. One more is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jfdask.errors import SettingsError

from . import baselines, ours
from .people import Case
from .world import World


@dataclass(frozen=True)
class Method:
    """A way to score movies."""

    #: (world, case, tasks) -> {"A": scores of case.hidden, "B": scores of case.candidates},
    #: the greater the better; for the tasks asked for at least. What it learns of others it
    #: takes from world.visible(case.fold).
    scores: Callable[[World, Case, str], baselines.Scores]
    is_probability: bool  # whether A's scores are, so that ½ and a log loss mean something


METHODS = {
    "always_true": Method(baselines.always_true, is_probability=False),
    "community_rating": Method(baselines.community_rating, is_probability=False),
    "popularity": Method(baselines.popularity, is_probability=False),
    "seed": Method(baselines.seed, is_probability=True),
    "tfidf": Method(baselines.tfidf, is_probability=False),
    "als": Method(baselines.als, is_probability=False),
    "affinity": Method(ours.affinity, is_probability=True),
    "pooled": Method(ours.pooled, is_probability=True),
    "prior": Method(ours.prior, is_probability=True),
}
BASELINES = ("always_true", "community_rating", "popularity", "seed", "tfidf", "als")


def check_methods(names: Sequence[str]) -> None:
    """Raise SettingsError if a method does not exist."""
    for name in names:
        if name not in METHODS:
            raise SettingsError(f"No method {name!r}; there are {', '.join(METHODS)}.")
