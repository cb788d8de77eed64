"""What many people tell of one: a pool of them, and what it is for one person.

A pool is learned of all people of all households, or of a public dump of ratings. It holds
counts, factors and trees, and is as personal as plays are: see `jfdask.model.crowd`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import logit
from sklearn.base import clone

from jfdask.model.catalogue import Catalogue
from jfdask.model.crowd import Crowd, Crowds, group_of
from jfdask.model.forest import clipped
from jfdask.model.history import History
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.pooled import (
    FEWEST_PLAYS,
    PooledModel,
    PooledRows,
    label_columns,
    scoring_rows_of,
    training_rows_of,
)
from jfdask.model.prior import favorite_log_odds

_FEW = 2.0  # plays up to which movies are alike: a list does not tell what one person played
_OPINIONS = 10.0  # people's worth of 'average' in what a crowd thinks of a movie


@dataclass(frozen=True, eq=False)
class Pool:
    """What is learned of many people, over one catalogue: enough to score anybody."""

    model: PooledModel
    crowds: Crowds
    #: By the groups of the crowds, models that were not shown anybody of the group: to measure
    #: on people who are in the pool. Empty: nobody who is asked for is in it.
    without_group: tuple[PooledModel, ...] = ()

    def of(self, user_id: str) -> Others:
        """Return what others tell of a person; she may be one of the pool."""
        return Others(self.model, self.crowds.of(user_id))

    def unseen_of(self, user_id: str) -> Others:
        """Return the same of models that have not seen her plays: to measure with."""
        if not self.without_group:
            return self.of(user_id)
        group = group_of(user_id, len(self.without_group))
        return Others(self.without_group[group], self.crowds.of(user_id))


def learn_pool(
    catalogue: Catalogue,
    crowds: Crowds,
    histories: Sequence[History],
    random_state: int,
    apart: Mapping[tuple[int, int], Crowd | None] = MappingProxyType({}),
) -> Pool:
    """Learn from people over one catalogue, those with ``FEWEST_PLAYS`` or more.

    Parameters
    ----------
    crowds
        Of the same people.
    apart
        The ``crowds_apart`` of the same people: models of P(favourite) without each group are
        fitted, too. Nothing: they are not.
    """
    enough = sorted(
        (h.thinned(catalogue.movie_ids) for h in histories if len(h.played) >= FEWEST_PLAYS),
        key=lambda h: h.user_id,
    )
    n_groups = len(crowds.of_group)
    own = [group_of(h.user_id, n_groups) for h in enough]

    def beside(history: History, group: int) -> dict[int, Floats]:
        """Return what the crowds tell of her labels that another group is not in, either."""
        return {
            other: label_columns(catalogue, crowd, history, random_state)
            for pair, crowd in apart.items()
            for other in set(pair) - {group}
            if group in pair
        }

    rows = [
        training_rows_of(catalogue, crowds.of(h.user_id), h, random_state, beside(h, group))
        for h, group in zip(enough, own, strict=True)
    ]
    unfitted = PooledModel(random_state=random_state)
    without_group = [
        clone(unfitted).fit_favorite(
            [r.seen_without(g) for r, group in zip(rows, own, strict=True) if group != g]
        )
        for g in range(n_groups if apart else 0)
    ]
    everybody = unfitted.fit([r.seen_without(None) for r in rows])
    return Pool(everybody, crowds, tuple(without_group))


@dataclass(frozen=True, eq=False)
class Others:
    """What many people tell of one: trees over everybody's rows, and the crowd she is not in."""

    model: PooledModel
    crowd: Crowd | None

    def rows(self, catalogue: Catalogue, positions: Ints, liked: Bools, query: Ints) -> PooledRows:
        """Return the rows of movies to be scored; see ``scoring_rows_of``."""
        return scoring_rows_of(catalogue, self.crowd, positions, liked, query)

    def favorite_log_odds(self, catalogue: Catalogue) -> Floats:
        """Return what is thought of each movie anyway, shape (n_movies,).

        The log odds by the public's rating, and how far the crowd's favourites say otherwise.
        """
        public = favorite_log_odds(catalogue)
        if self.crowd is None:
            return public
        n_likes, n_plays = self.crowd.n_likes, self.crowd.n_plays
        share = (np.nansum(n_likes) + 1.0) / (np.nansum(n_plays) + 2.0)
        chance = (n_likes + _OPINIONS * share) / (n_plays + _OPINIONS)
        says = logit(clipped(chance)) - logit(clipped(np.array(share)))
        return np.asarray(public + np.where(np.isnan(n_plays), 0.0, says))

    def played_log_odds(self, catalogue: Catalogue) -> Floats:
        """Return how likely anybody plays each movie, shape (n_movies,); 0 without a crowd.

        A movie that the crowd has not heard of is as likely as the others are on average.
        """
        if self.crowd is None or np.isnan(self.crowd.n_plays).all():
            return np.zeros(catalogue.n_movies)
        n_plays = self.crowd.n_plays
        n_plays = np.where(np.isnan(n_plays), np.nanmean(n_plays), n_plays)
        n_plays = np.maximum(n_plays, _FEW)
        return np.asarray(logit((n_plays + 0.5) / (self.crowd.n_people + 1.0)))
