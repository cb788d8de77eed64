"""What many people tell of one: a pool of them, and what it is for one person.

A pool is learned of all people of all households, or of a public dump of ratings. It holds
counts, factors and trees, and is as personal as plays are: see `jfdask.model.crowd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    *,
    to_measure: bool = False,
) -> Pool:
    """Learn from people over one catalogue, those with ``FEWEST_PLAYS`` or more.

    Parameters
    ----------
    crowds
        Of the same people.
    to_measure
        Whether models of P(favourite) without each group are fitted, too.
    """
    enough = sorted(
        (h.thinned(catalogue.movie_ids) for h in histories if len(h.played) >= FEWEST_PLAYS),
        key=lambda h: h.user_id,
    )
    rows = [training_rows_of(catalogue, crowds.of(h.user_id), h, random_state) for h in enough]
    unfitted = PooledModel(random_state=random_state)
    groups = [group_of(h.user_id, len(crowds.of_group)) for h in enough]
    without_group = [
        clone(unfitted).fit_favorite(
            [r for r, own in zip(rows, groups, strict=True) if own != group]
        )
        for group in range(len(crowds.of_group))
        if to_measure
    ]
    return Pool(unfitted.fit(rows), crowds, tuple(without_group))


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
