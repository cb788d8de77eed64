"""One person's history, as positions in a catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Ints, Texts
from jfdask.model.labels import STATED, Labels, graded
from jfdask.model.positions import surviving

#: Plays of one person that are learned from at most. Kernel ridge takes memory by their square,
#: and whole libraries get marked as played by one click.
MOST_PLAYS = 3_000


@dataclass(frozen=True, eq=False)
class History:
    """What one person has to do with the movies she may see. Positions are ascending."""

    user_id: str
    played: Ints  # (n_played,)
    liked: Bools  # (n_played,) see jfdask.model.labels; False also where nothing is known
    visible: Ints  # (n_visible,) all that she may see, played or not
    item_ids: Texts  # (n_visible,) the copy of each that she may see
    in_progress: Ints  # begun, not played to the end
    favorite_unplayed: Ints  # marked as favourite without having been played
    labels: Labels | None = None  # of plays, and of others she said or showed something of

    @property
    def n_liked(self) -> int:
        """Played movies that she liked."""
        return int(self.liked.sum())

    @property
    def taste(self) -> Labels:
        """What her taste is learned from: all labels; the plays', all worth the same, if none."""
        if self.labels is not None:
            return self.labels
        return Labels(self.played, self.liked, np.full(len(self.played), STATED))

    @property
    def turned_down(self) -> Ints:
        """Rated down, or given up, without having been played to the end."""
        return np.setdiff1d(self.taste.positions[~self.taste.liked], self.played)

    @property
    def unplayed(self) -> Ints:
        """Visible and not played."""
        return np.setdiff1d(self.visible, self.played)

    @property
    def left(self) -> Ints:
        """Visible, and left alone: not played, begun, marked or rated well."""
        touched = [self.favorite_unplayed, self.in_progress, self.rated_up]
        return np.setdiff1d(self.unplayed, np.concatenate(touched))

    @property
    def rated_up(self) -> Ints:
        """Rated well without having been played here, nor marked: seen elsewhere."""
        liked = self.taste.positions[self.taste.liked]
        return np.setdiff1d(liked, np.r_[self.played, self.favorite_unplayed])

    def without(self, hidden: Bools) -> History:
        """Return the history as if some plays were movies not yet played.

        Parameters
        ----------
        hidden
            Which of ``played``, shape (n_played,).
        """
        return replace(
            self,
            played=self.played[~hidden],
            liked=self.liked[~hidden],
            labels=None if self.labels is None else self.labels.without(self.played[hidden]),
        )

    def thinned(self, movie_ids: Texts) -> History:
        """Return the history as it is learned from: ``at_most`` ``MOST_PLAYS``.

        What she is told, and what may be recommended to her, goes by the whole.
        """
        return self.at_most(MOST_PLAYS, movie_ids)

    def at_most(self, most: int, movie_ids: Texts) -> History:
        """Return the history with so many plays at most, as if she could not see the others.

        There are as many labels at most: hearts and ratings of what was not played count, too.
        Liked ones stay as long as they are no more than half of that many, or there are too few
        others. Which of a kind stay is a matter of a hash: the same ones every night.

        Parameters
        ----------
        most
            How many plays, and how many labels.
        movie_ids
            The catalogue's ids, sorted.
        """
        left = self
        dropped = self.played[self._above(most, self.played, self.liked, movie_ids)]
        if len(dropped):
            left = left.without(np.isin(left.played, dropped))
            seen = ~np.isin(left.visible, dropped)
            left = replace(left, visible=left.visible[seen], item_ids=left.item_ids[seen])
        labels = left.labels
        if labels is not None:
            above = self._above(most, labels.positions, labels.liked, movie_ids)
            if len(above):
                dropped, liked = labels.positions[above], labels.liked[above]
                # What she rated well elsewhere is not left alone, though its label is dropped.
                touched = np.r_[left.played, left.favorite_unplayed]
                seen = ~np.isin(left.visible, np.setdiff1d(dropped[liked], touched))
                left = replace(
                    left,
                    labels=labels.without(dropped),
                    visible=left.visible[seen],
                    item_ids=left.item_ids[seen],
                )
        return left

    def _above(self, most: int, positions: Ints, liked: Bools, movie_ids: Texts) -> Ints:
        """Return which of these movies are too many, as indices into them."""
        n_all, n_liked = len(positions), int(liked.sum())
        if n_all <= most:
            return np.empty(0, dtype=np.int64)
        n_liked = min(n_liked, max(most // 2, most - (n_all - n_liked)))
        drawn = stable_fractions(f"plays of {self.user_id}", movie_ids[positions])
        order = np.argsort(drawn, kind="stable")
        of_liked, others = order[liked[order]], order[~liked[order]]
        return np.r_[of_liked[n_liked:], others[most - n_liked :]]


def history_of(user_id: str, plays: pd.DataFrame, movie_ids: Texts) -> History:
    """Return a person's history.

    Parameters
    ----------
    user_id
        The person.
    plays
        Her PLAYS frame, in any order.
    movie_ids
        The catalogue's ids, sorted. Movies that are not in it are left out.
    """
    rows = np.arange(len(plays))
    positions, rows = surviving(movie_ids, plays["movie_id"].to_numpy(dtype=str), rows)
    order = np.argsort(positions)
    visible, known = positions[order], plays.iloc[rows[order]]
    played = known["played"].to_numpy(dtype=bool)
    favorite = known["is_favorite"].to_numpy(dtype=bool)
    # A server forgets the position of what was hardly begun or played to the end. NaN: begun.
    begun = known["position_fraction"].to_numpy(dtype=float) != 0.0
    liked, weight = graded(user_id, known)
    labelled = weight > 0.0
    return History(
        user_id=user_id,
        played=visible[played],
        liked=liked[played],
        visible=visible,
        item_ids=known["item_id"].to_numpy(dtype=str),
        in_progress=visible[begun & ~played],
        favorite_unplayed=visible[favorite & ~played],
        labels=Labels(visible[labelled], liked[labelled], weight[labelled]),
    )
