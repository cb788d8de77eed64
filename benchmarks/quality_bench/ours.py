"""What a household gets: the functions that its night calls, on the plays that are visible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jfdask.model.crowd import FEWEST, Member, crowds_of
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.others import Pool, learn_pool
from jfdask.model.personal import Learned, LearnOptions, fit, learn
from jfdask.model.personal_list import score_movies
from jfdask.model.pooled import FEWEST_PLAYS, PooledModel
from jfdask.model.ranking import DIVERSITY, likeness, rank
from jfdask.settings import RecommendSettings
from jfdask.stages.pretrain import tasks as pretrain

from .baselines import Scores
from .people import Case, Person, half_of, whole_history
from .world import World

#: Whom a pool is learned of: everybody, or a half.
ALL = "all"
OTHER_HALF = {"choose": "quote", "quote": "choose"}
# People that a night needs, and the plays of each.
_NEEDED = {
    "pooled": (FEWEST, FEWEST_PLAYS),
    "prior": (pretrain.FEWEST_PEOPLE, pretrain.FEWEST_PLAYS),
}


def affinity(world: World, case: Case, tasks: str) -> Scores:
    """One person's data alone. A: P(favourite). B: what her list is ordered by.

    C: P(favourite) calibrated, and the list with diversity. It takes three times as long: the
    calibration comes of scores out of fold.
    """
    return _scores(world, case, tasks, None)


def pooled(world: World, case: Case, tasks: str) -> Scores:
    """All people together: the trees of everybody's visible plays, and her own kernel ridge."""
    return _scores(world, case, tasks, pool_of(world, ALL, case.fold, to_measure="C" in tasks))


def prior(world: World, case: Case, tasks: str) -> Scores:
    """One person alone, with a prior learned from people of the half that she is not in.

    They are of public ratings: however few hearts are clicked here, all of theirs are known.
    """
    others, public = OTHER_HALF[half_of(case.history.user_id)], world.public or world
    return _scores(world, case, tasks, pool_of(public, others, case.fold, to_measure=False))


def pool_of(world: World, whose: str, fold: int, *, to_measure: bool) -> Pool | None:
    """Return what some people's visible plays teach; None if nobody has enough.

    Parameters
    ----------
    whose
        ``ALL``, or a half.
    to_measure
        Whether the models that have not seen a group are needed, too.
    """

    def make() -> Pool | None:
        seen = [s for s in world.visible(fold) if whose in (ALL, s[0].half)]
        return _pool(world, seen, f"{whose}-{fold}-{to_measure}", to_measure=to_measure)

    pool: Pool | None = world.once(("pool", whose, fold, to_measure), make)
    return pool


def too_few(world: World, people: Sequence[Person], method: str) -> str | None:
    """Return a sentence if a method learns of fewer people than a night would; None: of enough.

    Parameters
    ----------
    people
        Those who are measured, one at least.
    """
    if method not in _NEEDED:
        return None
    n_needed, n_plays = _NEEDED[method]
    fewest = min(
        sum(whose in (ALL, p.half) and len(played) >= n_plays for p, played, _ in visible)
        for visible in map(world.visible, range(world.n_folds))
        for whose in {whose for person in people for whose in pools_of(person, method)}
    )
    if fewest >= n_needed:
        return None
    return (
        f"{method} learns of {fewest} people with {n_plays} visible plays or more, a night of "
        f"{n_needed} at least: its figures are of a pool that no night makes, and where nobody has "
        f"{FEWEST_PLAYS} plays those of affinity. Name more people by --crowd."
    )


def pools_of(person: Person, method: str) -> tuple[str, ...]:
    """Return whom the pool is learned of that a method takes for a person, if it takes one."""
    return {"pooled": (ALL,), "prior": (OTHER_HALF[person.half],)}.get(method, ())


def _scores(world: World, case: Case, tasks: str, pool: Pool | None) -> Scores:
    options = LearnOptions(method="affinity")
    learned = (learn if "C" in tasks else fit)(case.history, world.matrix, options, pool=pool)
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
    if learned.reliability is not None:
        found["own"] = np.array(learned.reliability.to_rows())
    return {**found, "likeness": np.array(alike)}


def _places(order: Ints) -> Floats:
    """Return a score by which movies come in this order."""
    places = np.empty(len(order))
    places[order] = -np.arange(len(order), dtype=np.float64)
    return places


def _pool(
    world: World, visible: Sequence[tuple[Person, Ints, Bools]], name: str, *, to_measure: bool
) -> Pool | None:
    ids = world.catalogue.movie_ids
    histories = [whole_history(p.user_id, played, liked, ids) for p, played, liked in visible]
    if not any(len(h.played) >= FEWEST_PLAYS for h in histories):
        return None
    members = [Member(h.user_id, h.played, h.liked) for h in histories]
    crowds = crowds_of(members, world.catalogue.n_movies)
    seed = LearnOptions().random_state

    def learn_anew() -> Pool:
        return learn_pool(world.catalogue, crowds, histories, seed, to_measure=to_measure)

    # The trees take two minutes, and are small: all processes share what one has grown.
    model, without_group = world.kept(f"pool-{name}", lambda: _trees_of(learn_anew()))
    return Pool(model, crowds, without_group)


def _trees_of(pool: Pool) -> tuple[PooledModel, tuple[PooledModel, ...]]:
    return pool.model, pool.without_group
