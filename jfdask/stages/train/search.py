"""One search for a household, or one person: its candidates, and the best of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from jfdask.errors import DataError
from jfdask.model.grid import SearchPlan, chosen_params
from jfdask.model.personal import LearnOptions, new_classifier
from jfdask.model.search import HouseholdClassifier, RowFolds
from jfdask.settings import TrainSettings
from jfdask.stages.household import RowsSource
from jfdask.stages.searching import FAILED, Topic, cross_validated
from jfdask.stages.window import Work

#: The best candidate, and its score: the mean over people of the AUC.
Found = tuple[dict[str, Any], float]


def options_of(settings: TrainSettings) -> LearnOptions:
    """Return the settings as plain values for the model room."""
    return LearnOptions(
        method=settings.method,
        min_favorites=settings.min_favorites,
        held_out=settings.held_out,
        n_folds=settings.folds,
        random_state=settings.random_state,
    )


def search(
    source: RowsSource, n_rows: int, planned: SearchPlan, settings: TrainSettings, topic: Topic
) -> Work[Found]:
    """Return the best candidate.

    Parameters
    ----------
    topic
        Where the end of every fit is told, through the scheduler's events.

    Raises
    ------
    DataError
        A candidate, or the search as a whole, failed.
    """
    inner = new_classifier(options_of(settings))
    # Few trees tell which settings are better, unless their number is itself searched for.
    n_trees = {} if "n_estimators" not in planned.grid else {"max_trees": None}
    drawn = None if planned.is_exhaustive else (planned.n_candidates, settings.random_state)
    try:
        results = yield from cross_validated(
            HouseholdClassifier(source, inner, **n_trees),
            planned.prefixed("inner__"),
            RowFolds(settings.folds),
            n_rows,
            topic,
            drawn=drawn,
        )
    except DataError as error:
        raise DataError(
            f'{error}; default parameters are used. train.search = "off" does without a search.'
        ) from None
    return _best(results, settings.folds, inner.get_params(), planned.n_candidates)


def _best(
    results: dict[str, Any], n_folds: int, defaults: dict[str, Any], n_candidates: int
) -> Found:
    by_fold = np.array([results[f"split{i}_test_score"] for i in range(n_folds)])
    failed = np.flatnonzero((by_fold <= FAILED).any(axis=0))
    if len(failed):
        first = results["params"][failed[0]]
        raise DataError(
            f"{len(failed)} of {n_candidates} candidates of the search failed, the first "
            f"with {first}; default parameters are used. Mend train.search, or set it to off."
        )
    params = chosen_params(results, n_folds, defaults)
    score = next(
        float(score)
        for tried, score in zip(results["params"], results["mean_test_score"], strict=True)
        if {name.removeprefix("inner__"): value for name, value in tried.items()} == params
    )
    return {name: _plain(value) for name, value in params.items()}, score


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
