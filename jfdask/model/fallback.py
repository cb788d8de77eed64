"""What can be said of a list for somebody who has played nothing: see ``jfdask.model.prior``."""

from __future__ import annotations

import numpy as np

from jfdask.model.facts import Facts
from jfdask.model.inputs import Bools, Ints
from jfdask.model.reasons import Reason


def newcomer_reasons(candidates: Ints, facts: Facts, much_played: Bools) -> list[list[Reason]]:
    """Return, for each candidate, the honest reasons there are.

    Parameters
    ----------
    much_played
        Whether others play each candidate more than most movies, shape (n_candidates,).
    """
    by_others = Reason("general", "Others play it more than most films.", 0.0)
    return [
        [by_others] * bool(much)
        + [_reason(float(facts.community_rating[p]), float(facts.critic_rating[p]))]
        for p, much in zip(candidates, much_played, strict=True)
    ]


def _reason(community: float, critic: float) -> Reason:
    if np.isfinite(community) and np.isfinite(critic):
        told = f"Rated {community:.1f} of 10 by the public, {critic:.0f} of 100 by critics."
        return Reason("rating", told, 0.0)
    if np.isfinite(community):
        return Reason("rating", f"Rated {community:.1f} of 10 by the public.", 0.0)
    if np.isfinite(critic):
        return Reason("rating", f"Rated {critic:.0f} of 100 by critics.", 0.0)
    return Reason("general", "Not rated; nothing speaks for or against it.", 0.0)
