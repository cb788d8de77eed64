"""The search for hyperparameters by our stage, against scikit-learn's own.

    python benchmarks/search.py [--rows 430] [--columns 430] [--repeats 1] [--out FILE.json]

One person with as many plays as the method was first tried on; the 20 of 768 candidates that
its grid and seed draw, five folds, no fewer trees than they ask for. Ours is what the stage
`train` calls, on a warm cluster of two workers: rows and labels come from the store. The
baseline is scikit-learn's RandomizedSearchCV with two processes on the same rows, folds,
candidates and columns, in memory and warm. Printed as JSON: `ratio`, ours to the baseline's
seconds, and whether both found the same winner with the same score.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from speed_bench.quiet import N_WORKERS, close_unit, done, night_in, two_workers
from speed_bench.timing import in_turns, tell

from jfdask.model.forest import FOREST_PARAMETERS
from jfdask.model.grid import chosen_params, plan_search
from jfdask.model.history import history_of
from jfdask.model.search import SearchRows, search_rows
from jfdask.model.seed import SeedClassifier
from jfdask.stages.files import COLUMNS, FEATURIZE, FETCH, PLAYS_TABLE, matrix_part, svd_part
from jfdask.stages.night import Night
from jfdask.stages.train.parameters import parameters
from jfdask.store.keys import person
from jfdask.store.units import UnitWriter
from jfdask.tables import PLAYS

USER_ID = "a" * 32
NIGHT = pd.Timestamp("2026-06-01")
TRAIN = {"method": "seed", "search": "seed", "held_out": 0.0, "random_state": 42}


def main(argv: Sequence[str] | None = None) -> int:
    """Search in both ways and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=430, help="plays of the person")
    parser.add_argument("--columns", type=int, default=430, help="components of the SVD")
    parser.add_argument("--repeats", type=int, default=1, help="the median of so many counts")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="jfdask-search-") as folder, two_workers() as client:
        night = night_in(Path(folder), client, train=TRAIN)
        tell(measure(night, options.rows, options.columns, options.repeats), options.out)
    return 0


def measure(night: Night, rows: int, columns: int, repeats: int) -> dict[str, Any]:
    """Search in both ways, in turns; return seconds, their ratio, and both winners."""
    vectors, plays = taste(rows, columns)
    table = rows_of(vectors, plays)
    searches: dict[str, Any] = {}
    names = (f"home{i}" for i in count())  # a household anew: what was found is remembered

    def ours(train: dict[str, Any] = TRAIN) -> None:
        searches["ours"] = search_in_stage(night, next(names), train)

    def sklearn(n_candidates: int | None = None) -> None:
        searches["sklearn"] = search_with_sklearn(table, n_candidates)

    # Warm: imports, processes, and everything that is loaded once.
    for i in range(repeats + 1):
        store(night, f"home{i}", vectors, plays)
    ours({**TRAIN, "search": {"n_estimators": [10, 20], "max_depth": [2, 4]}})
    sklearn(n_candidates=2)
    seconds = in_turns({"ours": ours, "sklearn": sklearn}, repeats)
    planned = plan_search("seed", "seed")
    return {
        "rows": rows,
        "columns": columns,
        "candidates": planned.n_candidates if planned else 0,
        "seconds": seconds["ours"],
        "sklearn_seconds": seconds["sklearn"],
        "ratio": seconds["ours"] / seconds["sklearn"],
        "same_winner": searches["ours"][0] == searches["sklearn"][0],
        "same_score": bool(np.isclose(searches["ours"][1], searches["sklearn"][1])),
        "winner": searches["ours"][0],
        "auc": searches["ours"][1],
    }


def taste(n_plays: int, n_columns: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return U·S of twice as many movies as there are plays, and plays that follow a few of it."""
    rng = np.random.default_rng(0)
    n_movies = 2 * n_plays
    scale = 10.0 / np.sqrt(np.arange(1, n_columns + 1))
    vectors = rng.normal(size=(n_movies, n_columns)) * scale
    liking = vectors[:, : min(12, n_columns)] @ rng.normal(size=min(12, n_columns))
    liking += rng.normal(scale=liking.std(), size=n_movies)
    played = np.zeros(n_movies, dtype=bool)
    played[rng.choice(n_movies, n_plays, replace=False)] = True
    favourite = played & (liking > np.median(liking))
    rows = [
        {"movie_id": movie_id, "item_id": movie_id, "played": bool(p), "play_count": float(p),
         "is_favorite": bool(f), "position_fraction": 0.0, "last_played": NIGHT}
        for movie_id, p, f in zip(movie_ids(n_movies), played, favourite, strict=True)
    ]  # fmt: skip
    return vectors, PLAYS.frame(rows)


def movie_ids(n: int) -> np.ndarray:
    """Return ids of movies, sorted."""
    return np.array([f"{i:032x}" for i in range(1, n + 1)])


def store(night: Night, household: str, vectors: np.ndarray, plays: pd.DataFrame) -> None:
    """Write what the stages before leave of a household to the store, through its writers."""
    ids = movie_ids(len(vectors))
    fetched = UnitWriter(night.store, night.run_id, FETCH, household)
    fetched.table(person(USER_ID, PLAYS_TABLE), PLAYS, plays)
    close_unit(night, FETCH, household, fetched.receipts, {})
    made = UnitWriter(night.store, night.run_id, FEATURIZE, household)
    # The search of the method seed reads no more of the matrix than whose rows it has.
    made.csr(matrix_part(0), ids, csr_matrix((len(ids), 1), dtype=np.float64))
    made.json(COLUMNS, ["date__year"])
    made.array(svd_part(0), ids, vectors)
    close_unit(night, FEATURIZE, household, made.receipts, {})


def rows_of(vectors: np.ndarray, plays: pd.DataFrame) -> SearchRows:
    """Return the rows of the search as a worker finds them."""
    ids = movie_ids(len(vectors))
    return search_rows(
        [history_of(USER_ID, plays, ids)], ids, vectors, held_out=0.0, min_favorites=10
    )


def search_in_stage(night: Night, household: str, train: dict[str, Any]) -> tuple[dict, float]:
    """Search as the stage does; return the winner and its score."""
    settings = night.settings.model_copy(
        update={"train": type(night.settings.train).model_validate(train)}
    )
    own = Night(settings, night.store, night.client, night.run_id, None, night.progress)
    found = done(own, parameters(own.place(household), (USER_ID,), own))
    if found.problems:
        raise SystemExit(found.problems[0])
    return dict(found.by_person[USER_ID]), found.summary["auc"]


class FirstColumns(TransformerMixin, BaseEstimator):
    """As many columns as there are training rows: the original's choice, so part of the method."""

    def fit(self, X: np.ndarray, y: object = None) -> FirstColumns:  # noqa: ARG002
        """Count the rows."""
        self.n_columns_ = min(X.shape)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the first columns, shape (n_rows, n_columns_)."""
        return X[:, : self.n_columns_]


def search_with_sklearn(rows: SearchRows, n_candidates: int | None = None) -> tuple[dict, float]:
    """Search with scikit-learn alone; return the winner, chosen as ours is, and its score."""
    planned = plan_search("seed", "seed")
    if planned is None:
        raise SystemExit("There is nothing to search for.")
    # Our classifier sorts its rows by movie: a bootstrap draws positions of rows.
    order = np.argsort(rows.movie)
    fold = (np.arange(len(rows)) % 5)[order]
    ours = SeedClassifier(random_state=TRAIN["random_state"])
    same = {name: getattr(ours, name) for name in (*FOREST_PARAMETERS, "random_state")}
    search = RandomizedSearchCV(
        Pipeline([("columns", FirstColumns()), ("forest", RandomForestClassifier(**same))]),
        planned.prefixed("forest__"),
        n_iter=n_candidates or planned.n_candidates,
        random_state=TRAIN["random_state"],
        scoring="roc_auc",
        cv=[(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(5)],
        refit=False,
        n_jobs=N_WORKERS,
    )
    search.fit(rows.features[rows.movie[order]], rows.liked[order])
    results = search.cv_results_
    winner = chosen_params(results, 5, ours.get_params())
    best = next(
        i
        for i, params in enumerate(results["params"])
        if {name.removeprefix("forest__"): v for name, v in params.items()} == winner
    )
    return winner, float(results["mean_test_score"][best])


if __name__ == "__main__":
    sys.exit(main())
