"""A search by dask-ml, begun by a task: searches go side by side with all else.

dask-ml puts X, y and the estimator into the task graph. Here X is row numbers, y is not given,
and the estimator and the scorer find the rows in their worker's cache: nobody's history
travels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distributed import get_worker, worker_client
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator

from jfdask.errors import DataError
from jfdask.model.search import score_people
from jfdask.stages.units import Night
from jfdask.stages.window import Call, Work

logger = logging.getLogger(__name__)

#: A candidate that fails gets this score; no AUC is that low. With "raise", dask-ml would try
#: a failing fit again without end.
FAILED = -1.0


def cross_validated(
    estimator: BaseEstimator,
    grid: Mapping[str, Sequence[Any]],
    cv: BaseCrossValidator,
    n_rows: int,
    topic: str,
    *,
    drawn: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return dask-ml's results; leaves the task's thread to the fits, which are tasks, too.

    Parameters
    ----------
    topic
        Where the end of every fit is told, through the scheduler's events.
    drawn
        How many candidates are drawn from the grid, and the seed; None: all are tried.

    Raises
    ------
    DataError
        The search as a whole failed.
    """
    # They take half a second to load, and most nights search for nothing.
    import dask.array as da
    from dask_ml.model_selection import GridSearchCV, RandomizedSearchCV

    with worker_client() as client:
        common = {
            "estimator": estimator,
            "cv": cv,
            "refit": False,
            "iid": False,
            "return_train_score": False,
            "cache_cv": False,
            "error_score": FAILED,
            "scheduler": client,
            "scoring": _Score(topic),
        }
        if drawn is None:
            search = GridSearchCV(param_grid=dict(grid), **common)
        else:
            n_iter, seed = drawn
            search = RandomizedSearchCV(
                param_distributions=dict(grid), n_iter=n_iter, random_state=seed, **common
            )
        try:
            search.fit(da.arange(n_rows, chunks=n_rows))
        except Exception as error:
            # Of a night that is stopped the fits are taken from it: nothing has failed.
            if client.status == "running":
                logger.exception("A search failed")
            raise DataError(f"The search failed with {type(error).__name__}") from None
    results: dict[str, Any] = search.cv_results_
    return results


def fits_told(
    night: Night, calls: Sequence[Call], topic: str, told: Callable[[int], None]
) -> Work[list[Any]]:
    """Begin searches, and tell how many of their fits are done; return the calls' answers."""
    n_done = 0

    def tell(_: object) -> None:
        nonlocal n_done
        n_done += 1
        told(n_done)

    if not calls:
        return []
    night.client.subscribe_topic(topic, tell)
    try:
        answers = yield calls
    finally:
        night.client.unsubscribe_topic(topic)
    return answers


@dataclass(frozen=True)
class _Score:
    """``score_people`` that says when it is done."""

    topic: str

    def __call__(self, estimator: Any, X: Any, y: object = None) -> float:
        score = score_people(estimator, X, y)
        get_worker().log_event(self.topic, "fit")
        return score
