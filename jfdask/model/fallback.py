"""What can be said of a list for somebody of whose taste nothing is known: `jfdask.model.prior`."""

from __future__ import annotations

import numpy as np

from jfdask.model.facts import Facts
from jfdask.model.inputs import Ints
from jfdask.model.reasons import MARKED, Reason


def newcomer_reasons(
    candidates: Ints, facts: Facts, favorites: Ints, n_reasons: int
) -> list[list[Reason]]:
    """Return the honest reasons there are, for each candidate: one, or two of what she marked.

    What others play is told by the list's notice and by what its score means, not beside a movie.

    Parameters
    ----------
    candidates, favorites
        Positions; favorites are marked, and not played.
    n_reasons
        Reasons a movie at most.
    """
    marked = np.isin(candidates, favorites)
    reasons = [
        [MARKED] * bool(is_marked)
        + [_reason(float(facts.community_rating[p]), float(facts.critic_rating[p]))]
        for p, is_marked in zip(candidates, marked, strict=True)
    ]
    return [some[:n_reasons] for some in reasons]


def _reason(community: float, critic: float) -> Reason:
    if np.isfinite(community) and np.isfinite(critic):
        told = f"Rated {community:.1f} of 10 by the public, {critic:.0f} of 100 by critics."
        return Reason("rating", told, 0.0)
    if np.isfinite(community):
        return Reason("rating", f"Rated {community:.1f} of 10 by the public.", 0.0)
    if np.isfinite(critic):
        return Reason("rating", f"Rated {critic:.0f} of 100 by critics.", 0.0)
    return Reason("general", "Not rated.", 0.0)
