"""One search by dask-ml, begun by a task: the searches of many households go side by side.

dask-ml puts X, y and the estimator into the task graph. Here X is row numbers, y is not given,
and the estimator and the scorer find the rows in their worker's cache: nobody's history
travels.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import get_worker, worker_client

from jfdask.errors import DataError
from jfdask.model.grid import SearchPlan, chosen_params
from jfdask.model.personal import LearnOptions, new_classifier
from jfdask.model.search import HouseholdClassifier, RowFolds, score_people
from jfdask.settings import TrainSettings
from jfdask.stages.household import RowsSource

logger = logging.getLogger(__name__)

#: A candidate that fails gets this score; no AUC is that low. With "raise", dask-ml would try
#: a failing fit again without end.
FAILED = -1.0

#: The best candidate, and its score: the mean over people of the AUC.
Found = tuple[dict[str, Any], float]


def search(
    source: RowsSource, n_rows: int, planned: SearchPlan, settings: TrainSettings, topic: str
) -> Found:
    """Return the best candidate; a task that leaves its thread to the fits, which are tasks, too.

    Parameters
    ----------
    topic
        Where the end of every fit is told, through the scheduler's events.

    Raises
    ------
    DataError
        A candidate, or the search as a whole, failed.
    """
    # They take half a second to load, and most nights search for nothing.
    import dask.array as da
    from dask_ml.model_selection import GridSearchCV, RandomizedSearchCV

    inner = new_classifier(
        LearnOptions(
            settings.method,
            min_favorites=settings.min_favorites,
            random_state=settings.random_state,
        )
    )
    # Few trees tell which settings are better, unless their number is itself searched for.
    n_trees = {} if "n_estimators" not in planned.grid else {"max_trees": None}
    with worker_client() as client:
        common = {
            "estimator": HouseholdClassifier(source, inner, **n_trees),
            "cv": RowFolds(settings.folds),
            "refit": False,
            "iid": False,
            "return_train_score": False,
            "cache_cv": False,
            "error_score": FAILED,
            "scheduler": client,
            "scoring": _Score(topic),
        }
        grid = planned.prefixed("inner__")
        if planned.is_exhaustive:
            search = GridSearchCV(param_grid=grid, **common)
        else:
            search = RandomizedSearchCV(
                param_distributions=grid,
                n_iter=planned.n_candidates,
                random_state=settings.random_state,
                **common,
            )
        try:
            search.fit(da.arange(n_rows, chunks=n_rows))
        except Exception as error:
            logger.exception("A search failed")
            raise DataError(
                f"The search failed with {type(error).__name__}; default parameters are used. "
                'train.search = "off" does without a search.'
            ) from None
    return _best(search.cv_results_, settings.folds, inner.get_params(), planned.n_candidates)


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


@dataclass(frozen=True)
class _Score:
    """``score_people`` that says when it is done."""

    topic: str

    def __call__(self, estimator: HouseholdClassifier, X: Any, y: object = None) -> float:
        score = score_people(estimator, X, y)
        get_worker().log_event(self.topic, "fit")
        return score
