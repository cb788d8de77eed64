"""Histories with a planted taste: what is played, what is a favourite, what was broken off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from jfdask.demo.records import DemoHousehold, Item, Play, User

LAST_EVENING = datetime(2026, 6, 1, 20, tzinfo=UTC)

FAVORITE_SHARE = 0.4  # of the plays
FAVORITE_NOISE = 0.35  # in units of Taste.score
PULL = 0.6  # how much more likely a liked movie is played than another
RESERVED_SHARE = 0.35  # of the liked movies are kept unplayed, to be recommended
LIKED = 1.0  # Taste.score above which a movie is of the liked sort


def plant_history(
    household: DemoHousehold,
    user: User,
    n_plays: int,
    rng: np.random.Generator,
    n_in_progress: int = 3,
    n_wishes: int = 3,
) -> None:
    """Give a user a history that follows her planted taste.

    Movies are drawn with weights that grow with the score; those of the highest score, plus
    noise, become favourites. About a third of the liked movies are never drawn.

    Parameters
    ----------
    household, user
        Whose history; her taste is in ``household.tastes``.
    n_plays
        Plays wanted; fewer if she may not see as many.
    rng
        All chance comes from here.
    n_in_progress
        Movies begun and not finished.
    n_wishes
        Favourites not yet played.
    """
    taste = household.tastes[user.user_id]
    movies = [m for m in household.movies if household.may_see(user, m)]
    scores = np.array([taste.score(m) for m in movies])
    liked = np.flatnonzero(scores >= LIKED)
    reserved = rng.choice(liked, int(RESERVED_SHARE * len(liked)), replace=False)
    # Gumbel noise on log weights and the greatest n of them: a draw without replacement.
    keys = PULL * scores + rng.gumbel(size=len(movies))
    keys[reserved] = -np.inf
    order = np.argsort(-keys, kind="stable")
    played = order[: min(n_plays, len(movies) - len(reserved))]
    noisy = scores[played] + rng.normal(0, FAVORITE_NOISE, len(played))
    n_favorites = round(FAVORITE_SHARE * len(played))
    favorites = set(played[np.argsort(-noisy, kind="stable")[:n_favorites]].tolist())

    plays = household.plays.setdefault(user.user_id, {})
    for position in played.tolist():
        is_favorite = position in favorites
        plays[movies[position].item_id] = _play_of(is_favorite, rng)
    unplayed = np.setdiff1d(np.arange(len(movies)), played)
    middling = unplayed[(scores[unplayed] > -LIKED) & (scores[unplayed] < LIKED)]
    for position in rng.permutation(middling)[:n_in_progress].tolist():
        plays[movies[position].item_id] = _begun(movies[position], rng)
    for position in rng.permutation(reserved)[:n_wishes].tolist():
        plays[movies[position].item_id] = Play(is_favorite=True)


def _play_of(is_favorite: bool, rng: np.random.Generator) -> Play:
    again = int(rng.integers(1, 4)) if rng.random() < (0.4 if is_favorite else 0.03) else 0
    days = float(rng.uniform(1, 900))
    return Play(
        played=True,
        play_count=1 + again,
        is_favorite=is_favorite,
        last_played=_evening(days),
    )


def _begun(movie: Item, rng: np.random.Generator) -> Play:
    share = float(rng.uniform(0.1, 0.8))
    ticks = int(share * (movie.runtime_ticks or 0))
    return Play(position_ticks=ticks, last_played=_evening(float(rng.uniform(1, 60))))


def _evening(days_ago: float) -> datetime:
    return (LAST_EVENING - timedelta(days=days_ago)).replace(microsecond=0)
