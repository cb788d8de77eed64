"""What can be said of a list for somebody who has played nothing: see ``jfdask.model.prior``."""

from __future__ import annotations

import numpy as np

from jfdask.model.facts import Facts
from jfdask.model.inputs import Ints
from jfdask.model.reasons import Reason


def newcomer_reasons(candidates: Ints, facts: Facts) -> list[list[Reason]]:
    """Return, for each candidate, the one honest reason there is.

    What others play is told by the list's notice and by what its score means, not beside a movie.
    """
    return [
        [_reason(float(facts.community_rating[p]), float(facts.critic_rating[p]))]
        for p in candidates
    ]


def _reason(community: float, critic: float) -> Reason:
    if np.isfinite(community) and np.isfinite(critic):
        told = f"Rated {community:.1f} of 10 by the public, {critic:.0f} of 100 by critics."
        return Reason("rating", told, 0.0)
    if np.isfinite(community):
        return Reason("rating", f"Rated {community:.1f} of 10 by the public.", 0.0)
    if np.isfinite(critic):
        return Reason("rating", f"Rated {critic:.0f} of 100 by critics.", 0.0)
    return Reason("general", "Not rated.", 0.0)
