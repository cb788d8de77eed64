"""What predictions are compared with: simple rules, other people's ways, the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csr_matrix

from jfdask.errors import DataError
from jfdask.model.catalogue import number
from jfdask.model.inputs import Floats
from jfdask.model.personal import LearnOptions, fit
from jfdask.model.personal_list import score_movies

from .people import Case
from .world import World

Scores = dict[str, Floats]  # task -> scores: A of the hidden plays, B of the candidates

_PROFILE_BLOCKS = ("tokens__genre:", "tokens__director:", "tokens__actor:", "tokens__writer:")

# Chosen for the best NDCG@20 on the half of the people that things are chosen on.
_ALS_FACTORS, _ALS_REGULARIZATION, _ALS_ITERATIONS = 24, 30.0, 15
_ALS_PLAY, _ALS_FAVORITE = 1.0, 4.0


def split(everywhere: Floats, case: Case) -> Scores:
    """Return a score that every movie has, shape (n_movies,), for both tasks."""
    return {"A": everywhere[case.hidden], "B": everywhere[case.candidates]}


def always_true(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Call every movie a favourite; the order is that of the ids."""
    return split(np.ones(world.catalogue.n_movies), case)


def community_rating(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Score by the public's rating; without one a movie counts as the median of the plays."""
    rating = number(world.matrix, "numbers__community_rating")
    known = rating[case.history.played]
    known = known[np.isfinite(known)]
    median = float(np.median(known)) if len(known) else 0.0
    return split(np.where(np.isfinite(rating), rating, median), case)


def popularity(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Score by how many of the crowd played it."""
    counts = world.once(("popularity", case.fold), lambda: _plays(world, case.fold))
    return split(counts, case)


def seed(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Score by the original method: its blocks, SVD and the best forest its search found."""
    vectors = world.once("seed vectors", world.seed_vectors)
    options = LearnOptions(method="seed", min_favorites=0)
    learned = fit(case.history, world.matrix, options, vectors=vectors)
    return by_candidates(score_movies(learned, world.catalogue, case.candidates), case)


def tfidf(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Score by the cosine to the sum of the favourites' genres and people, idf-weighted."""
    profiles = world.once("profiles", lambda: _profiles(world))
    favourites = case.history.played[case.history.liked]
    taste = np.asarray(profiles[favourites].sum(axis=0)).ravel()
    length = np.linalg.norm(taste)
    return split(np.asarray(profiles @ taste) / (length if length > 0 else 1.0), case)


def als(world: World, case: Case, tasks: str) -> Scores:  # noqa: ARG001
    """Score by Hu, Koren and Volinsky's (2008) factors of plays; favourites weigh more.

    The person's own factors are computed from her visible plays, whether or not she is one of
    the crowd.
    """
    model = world.once(("als", case.fold), lambda: _als_model(world, case.fold))
    if model is None:
        return split(np.zeros(world.catalogue.n_movies), case)
    weight = np.where(case.history.liked, _ALS_FAVORITE, _ALS_PLAY)
    n = world.catalogue.n_movies
    row = csr_matrix(
        (weight, (np.zeros(len(weight), dtype=int), case.history.played)), (1, n), dtype=np.float32
    )
    factors = np.asarray(model.recalculate_user(0, row), dtype=np.float64).ravel()
    return split(np.asarray(model.item_factors, dtype=np.float64) @ factors, case)


def by_candidates(scores: Floats, case: Case) -> Scores:
    """Return scores of the candidates for both tasks: hidden plays are among these."""
    return {"A": scores[np.searchsorted(case.candidates, case.hidden)], "B": scores}


def _plays(world: World, fold: int) -> Floats:
    counts = np.zeros(world.catalogue.n_movies)
    for _, played, _ in world.visible(fold):
        counts[played] += 1.0
    return counts


def _profiles(world: World) -> csr_matrix:
    blocks = csr_matrix(sparse.hstack([world.matrix.block(p) for p in _PROFILE_BLOCKS]))
    lengths = np.sqrt(np.asarray(blocks.multiply(blocks).sum(axis=1)).ravel())
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return csr_matrix(sparse.diags(inverse) @ blocks)


def _als_model(world: World, fold: int) -> Any:
    """Return the factors of everybody's visible plays; None if there are none."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise DataError(
            "The method als needs the package implicit: install the development dependencies, "
            "or leave als out of --methods."
        ) from error
    visible = world.visible(fold)
    if not any(len(played) for _, played, _ in visible):
        return None
    rows = np.concatenate([np.full(len(p), i) for i, (_, p, _) in enumerate(visible)])
    columns = np.concatenate([played for _, played, _ in visible])
    liked = np.concatenate([likes for _, _, likes in visible])
    weight = np.where(liked, _ALS_FAVORITE, _ALS_PLAY)
    shape = (len(visible), world.catalogue.n_movies)
    model = AlternatingLeastSquares(
        factors=_ALS_FACTORS,
        regularization=_ALS_REGULARIZATION,
        iterations=_ALS_ITERATIONS,
        random_state=42,
        num_threads=1,
    )
    model.fit(csr_matrix((weight, (rows, columns)), shape, dtype=np.float32), show_progress=False)
    return model
