"""What a household gets: the functions that its night calls, on the plays that are visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jfdask.model.crowd import FEWEST, Crowds, Member, crowd_of, crowds_apart, crowds_of
from jfdask.model.history import History
from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.others import Pool, learn_pool
from jfdask.model.personal import Learned, LearnOptions, fit, learn
from jfdask.model.personal_list import score_movies
from jfdask.model.pooled import FEWEST_PLAYS, PooledModel, of_any_household, training_rows_of
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


@dataclass(frozen=True, order=True)
class Wanted:
    """A pool that people are scored by."""

    method: str  # pooled or prior
    whose: str  # ALL, or a half
    fold: int  # which everybody has hidden
    to_measure: bool = False  # whether the models that have not seen a group are needed, too


def affinity(world: World, case: Case, tasks: str) -> Scores:
    """One person's data alone. A: P(favourite). B: what her list is ordered by.

    C: P(favourite) calibrated, and the list with diversity. It takes three times as long: the
    calibration comes of scores out of fold.
    """
    return _scores(world, case, tasks, None)


def pooled(world: World, case: Case, tasks: str) -> Scores:
    """All people together: the trees of everybody's visible plays, and her own model."""
    wanted = Wanted("pooled", ALL, case.fold, to_measure="C" in tasks)
    return _scores(world, case, tasks, pool_of(world, wanted))


def prior(world: World, case: Case, tasks: str) -> Scores:
    """One person alone, with a prior learned of people she is not among: see ``pools_of``.

    They are of public ratings: however few hearts are clicked here, all of theirs are known.
    """
    [whose] = pools_of(world, case.history.user_id, "prior")
    pool = pool_of(world.public or world, Wanted("prior", whose, case.fold))
    return _scores(world, case, tasks, pool)


def pool_of(world: World, wanted: Wanted) -> Pool | None:
    """Return what some people's visible plays teach; None if nobody has enough."""

    def make() -> Pool | None:
        whose = wanted.whose
        seen = [s for s in world.visible(wanted.fold) if whose in (ALL, s[0].half)]
        return _pool(world, seen, wanted)

    pool: Pool | None = world.once(wanted, make)
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
        for whose in {w for person in people for w in pools_of(world, person.user_id, method)}
    )
    if fewest >= n_needed:
        return None
    return (
        f"{method} learns of {fewest} people with {n_plays} visible plays or more, a night of "
        f"{n_needed} at least: its figures are of a pool that no night makes, and where nobody has "
        f"{FEWEST_PLAYS} plays those of affinity. Name more people by --crowd."
    )


def pools_of(world: World, user_id: str, method: str) -> tuple[str, ...]:
    """Return of whom the pool is learned that a method takes for a person, if it takes one.

    A prior is of public ratings, which she is not in: of the half of the crowd that she is not
    in, or of everybody, if nobody of the crowd is measured.
    """
    if method == "prior":
        public = world.public or world
        return (OTHER_HALF[half_of(user_id)] if public.is_measured_on_crowd else ALL,)
    return (ALL,) if method == "pooled" else ()


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
    world: World, visible: Sequence[tuple[Person, Ints, Bools]], wanted: Wanted
) -> Pool | None:
    catalogue = world.catalogue
    histories = [whole_history(p.user_id, *seen, catalogue.movie_ids) for p, *seen in visible]
    enough = [h for h in histories if len(h.played) >= _NEEDED[wanted.method][1]]
    if not enough:
        return None
    name = f"{wanted.method}-{wanted.whose}-{wanted.fold}-{wanted.to_measure}"
    seed = LearnOptions().random_state
    if wanted.method == "prior":
        return _prior(world, histories, enough, name, seed)
    members = [Member(h.user_id, h.played, h.liked) for h in enough]
    crowds = crowds_of(members, catalogue.n_movies)

    def learn_anew() -> tuple[PooledModel, tuple[PooledModel, ...]]:
        apart = crowds_apart(members, catalogue.n_movies) if wanted.to_measure else {}
        pool = learn_pool(catalogue, crowds, enough, seed, apart)
        return pool.model, pool.without_group

    # The trees take two minutes, and are small: all processes share what one has grown.
    model, without_group = world.kept(name, learn_anew)
    return Pool(model, crowds, without_group)


def _prior(
    world: World, everybody: Sequence[History], enough: Sequence[History], name: str, seed: int
) -> Pool | None:
    """Return what `jfdask pretrain` learns of these people, as somebody else is scored by it."""
    catalogue = world.catalogue
    played = np.concatenate([h.played for h in everybody])
    is_kept = np.bincount(played, minlength=catalogue.n_movies) >= pretrain.FEWEST_RATINGS
    kept = [(h, is_kept[h.played]) for h in everybody]
    members = [Member(h.user_id, h.played[k], h.liked[k]) for h, k in kept if k.any()]
    if not members:
        return None

    def learn_anew() -> PooledModel:
        crowds = crowds_of(members, catalogue.n_movies)
        first = np.argsort(stable_fractions("people", [h.user_id for h in enough]), kind="stable")
        rows = [
            of_any_household(
                training_rows_of(
                    catalogue, crowds.of(h.user_id), h.thinned(catalogue.movie_ids), seed
                )
            )
            for h in (enough[i] for i in first[: pretrain.MOST_TRAINED])
        ]
        return PooledModel(random_state=seed).fit(rows)

    model = world.kept(name, learn_anew)
    return Pool(model, Crowds((crowd_of(members, catalogue.n_movies),)))
