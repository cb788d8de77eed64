"""What is learned of one person from her history, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from jfdask.errors import NotEnoughPlays, StaleModel
from jfdask.model.calibration import Calibration, Reliability
from jfdask.model.catalogue import catalogue_of
from jfdask.model.forest import AffinityClassifier
from jfdask.model.history import History
from jfdask.model.holdout import stable_seed
from jfdask.model.inputs import Features, Floats, InMemory, Texts
from jfdask.model.metrics import Metrics
from jfdask.model.others import Others, Pool
from jfdask.model.played import PlayedClassifier
from jfdask.model.pooled_classifiers import PooledFavorite, PooledPlayed
from jfdask.model.seed import SeedClassifier
from jfdask.model.validation import validate

Method = Literal["affinity", "seed"]
Kind = Literal["pooled", "affinity", "seed", "played-only", "newcomer"]
Favorite = AffinityClassifier | PooledFavorite | SeedClassifier
Played = PlayedClassifier | PooledPlayed

#: Plays from which on P(played) is learned; it takes two.
MIN_PLAYS = 2
# Share by which what there is to learn from may grow or shrink while forests stay: that of a
# quarter more hearts (1.25^1.5) where few are clicked.
_NEWS = 0.4


@dataclass(frozen=True)
class LearnOptions:
    """How a person's taste is learned."""

    method: Method = "affinity"
    params: Mapping[str, Any] = field(default_factory=dict)  # of the classifier, by a search
    min_favorites: float = 10  # liked (or other) movies that weigh as public ratings in a list
    held_out: float = 0.2  # share of plays that the held-out figures are measured on
    n_folds: int = 5
    random_state: int = 42


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of a person, and how good it is."""

    user_id: str
    kind: Kind
    notice: str | None  # why it is not more, for the person
    favorite: Favorite | None  # with features attached
    played: Played | None
    metrics: Mapping[str, Mapping[str, Metrics]]  # out_of_fold, held_out -> method -> figures
    calibration: Calibration | None = None  # of P(favourite); None: not measured
    reliability: Reliability | None = None  # of the calibrated P(favourite)
    others: Others | None = None  # what many people tell of her


def learn(
    history: History,
    features: Features,
    options: LearnOptions,
    *,
    vectors: Floats | None = None,
    pool: Pool | None = None,
) -> Learned:
    """Learn what a person likes and plays, and measure how well.

    Parameters are ``fit``'s. The models are fitted on all her plays. Of a pool she is in, it is
    measured on the models that have not seen her.
    """
    learned = fit(history, features, options, vectors=vectors, pool=pool)
    if learned.favorite is None:
        return learned
    model = learned.favorite
    if isinstance(model, PooledFavorite) and pool is not None:
        unseen = InMemory(pool.unseen_of(history.user_id))
        model = clone(model).set_params(others=unseen)
    measured = validate(
        history,
        catalogue_of(features),
        model,
        held_out=options.held_out,
        n_folds=options.n_folds,
        random_state=options.random_state,
    )
    return replace(
        learned,
        metrics=measured.metrics,
        calibration=measured.calibration,
        reliability=measured.reliability,
    )


def fit(
    history: History,
    features: Features,
    options: LearnOptions,
    *,
    vectors: Floats | None = None,
    pool: Pool | None = None,
) -> Learned:
    """Learn what a person likes and plays, without measuring it.

    Parameters
    ----------
    history
        Hers, all of it: no more than ``MOST_PLAYS`` plays of it are learned from.
    features
        The catalogue's label-free features.
    options
        Plain values.
    vectors
        U·S of the SVD, shape (n_movies, n_components): needed by the method seed.
    pool
        What was learned of many people, over the same catalogue; None: she is learned of alone.
        The method seed knows none.

    Raises
    ------
    ValueError
        The method is seed, and there are no vectors.
    """
    if options.method == "seed" and vectors is None:
        raise ValueError("The method seed learns from the SVD's vectors: give vectors.")
    others = None
    if pool is not None and options.method == "affinity":
        others = pool.of(history.user_id)
    taught = history.thinned(features.movie_ids)
    taste = taught.taste
    if not taste.has_both:
        played = _fit_played(taught, features, options, others)
        kind: Kind = "played-only" if played else "newcomer"
        notice = _notice(history, kind, 0.0, has_others=others is not None)
        return Learned(history.user_id, kind, notice, None, played, {}, others=others)
    source = InMemory(vectors if options.method == "seed" else features)
    model = new_classifier(options, others).set_params(features=source)
    model.fit(taste.positions, taste.liked, sample_weight=taste.weight)
    needs_plays = options.method == "affinity" or model.trust_ < 1.0
    played = _fit_played(taught, features, options, others) if needs_plays else None
    kind = options.method if others is None else "pooled"
    notice = _notice(history, kind, _listed_trust(model), has_others=others is not None)
    return Learned(history.user_id, kind, notice, model, played, {}, others=others)


def renew(learned: Learned, history: History, movie_ids: Texts) -> Learned | None:
    """Return what was learned on an earlier night, of tonight's plays; None: learn it anew.

    Its forests stay, and its figures: see ``AffinityClassifier.renewed``.

    Parameters
    ----------
    learned
        With models whose features are tonight's.
    history
        Hers, all of it.
    movie_ids
        The catalogue's ids, sorted.
    """
    model = learned.favorite
    if model is None or isinstance(model, SeedClassifier) or learned.played is None:
        return None
    taught = history.thinned(movie_ids)
    taste = taught.taste
    if not taste.has_both:
        return None
    if np.isin(learned.played.movie_ids_, movie_ids[history.played]).mean() < 0.5:
        return None  # it was grown on what she had marked
    # Ten hearts more among a thousand plays are little news, but much if there were two.
    if abs(taste.evidence - model.grown_evidence_) > _NEWS * model.grown_evidence_:
        return None
    labels = taste.positions, taste.liked, taste.weight
    plays = taught.played, taught.liked
    try:
        favorite = model.renewed(*labels)
        played = learned.played.renewed(*plays, others=taught.left)
    except (StaleModel, NotEnoughPlays):
        return None
    has_others = learned.others is not None
    notice = _notice(history, learned.kind, _listed_trust(favorite), has_others=has_others)
    return replace(learned, favorite=favorite, played=played, notice=notice)


def new_classifier(options: LearnOptions, others: Others | None = None) -> Favorite:
    """Return the method's unfitted classifier with the searched parameters."""
    if others is not None:
        own = AffinityClassifier(random_state=options.random_state, prior_strength=0)
        strength = options.min_favorites
        return PooledFavorite(own, others=InMemory(others), prior_strength=strength)
    classes = {"affinity": AffinityClassifier, "seed": SeedClassifier}
    unfitted = classes[options.method](
        random_state=options.random_state, prior_strength=options.min_favorites
    )
    return unfitted.set_params(**options.params)


def _fit_played(
    history: History, features: Features, options: LearnOptions, others: Others | None
) -> Played | None:
    plays, liked = history.played, history.liked
    if len(plays) < MIN_PLAYS:
        # What somebody marks who has played nothing yet is what she means to play.
        plays = np.union1d(plays, history.favorite_unplayed)
        liked = np.isin(plays, np.r_[history.played[history.liked], history.favorite_unplayed])
    if len(plays) < MIN_PLAYS or not len(history.left):
        return None
    seed = stable_seed(f"played of {history.user_id}", options.random_state)
    model: Played = PlayedClassifier(random_state=seed)
    if others is not None:
        model = PooledPlayed(model, others=InMemory(others))
    model.set_params(features=InMemory(features))
    return model.fit(plays, liked, others=history.left)


def _listed_trust(favorite: Favorite) -> float:
    """Return which share of what a list thinks she likes was learned of her, 0 to 1."""
    is_own = isinstance(favorite, AffinityClassifier)
    return favorite.listed_trust_ if is_own else favorite.trust_


def _notice(history: History, kind: Kind, share: float, *, has_others: bool) -> str | None:
    """Return why the list is not more of a person's own, for her; None if it is mostly hers."""
    if kind == "newcomer":
        which = "what others play and like" if has_others else "well rated and well known ones"
        return f"{len(history.played)} movies played: the list is of {which}."
    n_liked = int(history.taste.liked.sum())
    n_other = len(history.taste.liked) - n_liked
    known = f"{n_liked} liked movies and {n_other} others are known"
    if kind == "played-only":
        rest = "what is thought by others" if has_others else "the public's ratings"
        by = "played" if len(history.played) >= MIN_PLAYS else "marked"
        return (
            f"{known}: that tells nothing of what you like. The list goes by what was {by} and "
            f"by {rest}."
        )
    if share >= 0.5:
        return None
    rest = "plays and public ratings" if kind == "seed" else "public ratings"
    if has_others:
        rest = "what is thought by others"
    return f"{known}: your own taste counts for {share:.0%} in the list, {rest} for the rest."
