"""One person's models on one core: learned from her plays, scored for a whole library.

    python benchmarks/person.py [--movies 9700] [--plays 1000] [--repeats 3] [--out FILE.json]

The library is invented, and so are its people. Each repetition has people of its own, so that
nothing of them is remembered; what is derived of the library is there, as it is on a worker.
Seconds are of processor time, with one thread, and medians of the repetitions.

Printed as JSON: the `seconds` of

- `favorite_fit` and `played_fit`: P(favourite) and P(played) learned;
- `score`: all movies not played scored for a list;
- `sklearn`: scikit-learn's own forests of the same settings on the same rows, fitted, and asked
  for the same movies;
- `learn`: both learned and measured, which takes six more fits of P(favourite);
- `pooled_rows`: her rows for a model of all people, made if her plays have changed;
- `pooled_fit`, `pooled_score`: both her models learned beside one of all people, and all movies
  scored by them.

`person_seconds` is the sum of the first three, `ratio` that sum to scikit-learn's seconds;
`pooled_person_seconds` the sum of the last two.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from speed_bench.invented import invented_movies
from speed_bench.invented_people import invented_history
from speed_bench.timing import tell
from threadpoolctl import threadpool_limits

from jfdask.features.matrix import LABEL_FREE_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.crowd import Crowds, Member, crowd_of
from jfdask.model.forest import AffinityClassifier, forest_of
from jfdask.model.history import History
from jfdask.model.inputs import InMemory
from jfdask.model.kernel import own_kernel
from jfdask.model.others import Pool
from jfdask.model.personal import Learned, LearnOptions, fit, learn, new_classifier
from jfdask.model.personal_list import score_movies
from jfdask.model.played import PlayedClassifier, sampled_negatives
from jfdask.model.pooled import PooledModel, training_rows_of
from jfdask.model.rows import contrast_rows, inner_folds, scoring_rows, training_rows

SEED = 42
_CROWD, _TAUGHT = 60, 5  # people whom the pooled model knows, and whom it learns from
_CROWD_PLAYS = 150

Result = TypeVar("Result")


def main(argv: Sequence[str] | None = None) -> int:
    """Learn and score, and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--movies", type=int, default=9_700)
    parser.add_argument("--plays", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    tell(measure(options.movies, options.plays, options.repeats), options.out)
    return 0


@threadpool_limits.wrap(limits=1)
def measure(n_movies: int, n_plays: int, repeats: int) -> dict[str, Any]:
    """Learn and score; return the seconds of each part."""
    movies = invented_movies(n_movies)
    fitted = fit_blocks(movies, None, LABEL_FREE_BLOCKS)
    movie_ids = movies["movie_id"].to_numpy(dtype=str)
    features = FeatureMatrix(movie_ids, fitted.transform(movies), fitted.columns)
    catalogue = catalogue_of(features)
    own_kernel(catalogue, np.arange(2))  # what is derived of a library at its first use
    pool = _pool(catalogue)
    taken = []
    for repeat in range(repeats):
        one, two, three = (
            invented_history(catalogue, f"{repeat} {i}", n_plays, SEED + 3 * repeat + i)
            for i in range(3)
        )
        own, models = _own(features, one)
        measured = _timed(lambda who=two: learn(who, features, LearnOptions()))[1]
        baseline = _timed(_sklearn(catalogue, one, *models))[1]
        taken.append(
            {**own, "sklearn": baseline, "learn": measured, **_pooled(features, pool, three)}
        )
    seconds = {name: median(times[name] for times in taken) for name in taken[0]}
    person = sum(seconds[name] for name in own)
    return {
        "movies": catalogue.n_movies,
        "plays": n_plays,
        "seconds": seconds,
        "person_seconds": person,
        "ratio": person / seconds["sklearn"],
        "pooled_person_seconds": seconds["pooled_fit"] + seconds["pooled_score"],
    }


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def _own(
    features: FeatureMatrix, history: History
) -> tuple[dict[str, float], tuple[AffinityClassifier, PlayedClassifier]]:
    """Return the seconds of one person's own models, and the models."""
    source, catalogue = InMemory(features), catalogue_of(features)
    taste, left = history.taste, history.left
    favorite = new_classifier(LearnOptions()).set_params(features=source)
    played = PlayedClassifier(source, random_state=SEED)
    learned = Learned(history.user_id, "affinity", None, favorite, played, {})
    steps: dict[str, Callable[[], Any]] = {
        "favorite_fit": lambda: favorite.fit(taste.positions, taste.liked, taste.weight),
        "played_fit": lambda: played.fit(history.played, history.liked, others=left),
        "score": lambda: score_movies(learned, catalogue, left),
    }
    return {name: _timed(step)[1] for name, step in steps.items()}, (favorite, played)


def _sklearn(
    catalogue: Catalogue, history: History, favorite: AffinityClassifier, played: PlayedClassifier
) -> Callable[[], None]:
    """Return what fits the same forests by scikit-learn and scores; the rows are made before."""
    taste, left = history.taste, history.left
    labelled = taste.positions, taste.liked
    forests = [forest_of(favorite, SEED + i) for i in range(favorite.repetitions)]
    rows = [training_rows(catalogue, *labelled, i, SEED) for i in range(len(forests))]
    query = scoring_rows(catalogue, left, *labelled)
    negatives, negative_folds = sampled_negatives(catalogue, left, len(history.played), SEED)
    folds = inner_folds(catalogue, history.played, 0, SEED)
    both = contrast_rows(catalogue, history.played, history.liked, folds, negatives, negative_folds)
    names = ("n_estimators", "min_samples_leaf", "max_features", "random_state")
    settings = {name: getattr(played, name) for name in names}
    tasks = [*((forest, X, taste.liked, query) for forest, X in zip(forests, rows, strict=True))]
    asked = np.hstack([query, catalogue.completeness[left]])
    is_played = np.arange(len(both)) < len(history.played)
    tasks.append((RandomForestClassifier(**settings, n_jobs=1), both, is_played, asked))

    def work() -> None:
        for forest, X, y, wanted in tasks:
            forest.fit(X, y).predict_proba(wanted)

    return work


def _pool(catalogue: Catalogue) -> Pool:
    """Return a model of all people, who are others than those measured."""
    others = [
        invented_history(
            catalogue, f"other {i}", min(_CROWD_PLAYS, catalogue.n_movies // 2), 10_000 + i
        )
        for i in range(_CROWD)
    ]
    crowd = crowd_of([Member(h.user_id, h.played, h.liked) for h in others], catalogue.n_movies)
    rows = [training_rows_of(catalogue, crowd, other, SEED) for other in others[:_TAUGHT]]
    return Pool(PooledModel(random_state=SEED).fit(rows), Crowds((crowd,)))


def _pooled(features: FeatureMatrix, pool: Pool, history: History) -> dict[str, float]:
    """Return the seconds of one person's part in a model of all people."""
    catalogue = catalogue_of(features)
    crowd = pool.crowds.of(history.user_id)
    pooled, fitting = _timed(lambda: fit(history, features, LearnOptions(), pool=pool))
    steps: dict[str, Callable[[], Any]] = {
        "pooled_rows": lambda: training_rows_of(catalogue, crowd, history, SEED),
        "pooled_score": lambda: score_movies(pooled, catalogue, history.unplayed),
    }
    seconds = {name: _timed(step)[1] for name, step in steps.items()}
    return {"pooled_fit": fitting, **seconds}


if __name__ == "__main__":
    sys.exit(main())
