"""A search by dask-ml, over the cluster, beside all else.

dask-ml puts X, y and the estimator into the task graph. Here X is row numbers, y is not given,
and the estimator and the scorer find the rows in their worker's cache: nobody's history
travels.

Its ``fit`` waits for the cluster. So it is called twice: for the graph, which the night computes
like all else of it, and with what came of it. A night that is stopped leaves no fits behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dask.base import tokenize
from dask.delayed import Delayed
from distributed import get_worker
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator

from jfdask.errors import DataError, JfdaskError
from jfdask.model.search import score_people
from jfdask.stages.units import Night
from jfdask.stages.window import Compute, Work, together

logger = logging.getLogger(__name__)

#: A candidate that fails gets this score; no AUC is that low.
FAILED = -1.0


@dataclass(frozen=True)
class Topic:
    """Where fits are told of: a scheduler keeps a topic for ever, so each night has the same."""

    name: str
    run_id: str


def cross_validated(
    estimator: BaseEstimator,
    grid: Mapping[str, Sequence[Any]],
    cv: BaseCrossValidator,
    n_rows: int,
    topic: Topic,
    *,
    drawn: tuple[int, int] | None = None,
) -> Work[dict[str, Any]]:
    """Return dask-ml's results.

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

    common = {
        "estimator": estimator,
        "cv": cv,
        "refit": False,
        "iid": False,
        "return_train_score": False,
        "cache_cv": False,
        "error_score": FAILED,
        "scoring": _Score(topic),
    }
    if drawn is None:
        search = GridSearchCV(param_grid=dict(grid), **common)
    else:
        n_iter, seed = drawn
        search = RandomizedSearchCV(
            param_distributions=dict(grid), n_iter=n_iter, random_state=seed, **common
        )
    X = da.arange(n_rows, chunks=n_rows)
    graph, keys = _graph_of(search, X)
    name = f"search-{tokenize(keys)}"
    scores = Delayed(name, {**graph, name: (list, keys)})
    [answer] = yield [Compute(scores, what="a search")]
    if isinstance(answer, JfdaskError):
        raise DataError(f"The search failed: {answer}")
    _fit(search, X, lambda *_, **__: answer)
    results: dict[str, Any] = search.cv_results_
    return results


def _graph_of(search: Any, X: Any) -> tuple[dict[Any, Any], list[Any]]:
    """Return the graph that a search wants computed, and the keys of its results."""

    def ask(graph: dict[Any, Any], keys: list[Any], **_: Any) -> None:
        raise _Asked(graph, keys)

    try:
        _fit(search, X, ask)
    except _Asked as asked:
        graph, keys = asked.args
        return dict(graph), list(keys)
    raise RuntimeError("dask-ml's search asked for nothing to be computed.")


def _fit(search: Any, X: Any, scheduler: Callable[..., Any]) -> None:
    """Let a search have its graph computed by a function of graph and keys."""
    try:
        search.set_params(scheduler=scheduler).fit(X)
    except _Asked:
        raise
    except Exception as error:
        logger.exception("A search failed")
        raise DataError(f"The search failed with {type(error).__name__}") from None


class _Asked(Exception):
    """A graph, and the keys of what is wanted of it."""


def fits_told(
    night: Night, searches: Sequence[Work[Any]], topic: Topic, told: Callable[[int], None]
) -> Work[list[Any]]:
    """Do searches side by side, and tell how many of their fits are done.

    Returns
    -------
    list
        What each found, or the `JfdaskError` that ended it.
    """
    n_done = 0

    def tell(event: tuple[float, str]) -> None:
        nonlocal n_done
        if event[1] == topic.run_id:
            n_done += 1
            told(n_done)

    if not searches:
        return []
    night.client.subscribe_topic(topic.name, tell)
    try:
        return (yield from together(searches))
    finally:
        if night.client.status == "running":
            night.client.unsubscribe_topic(topic.name)


@dataclass(frozen=True)
class _Score:
    """``score_people`` that says when it is done."""

    topic: Topic

    def __call__(self, estimator: Any, X: Any, y: object = None) -> float:
        score = score_people(estimator, X, y)
        get_worker().log_event(self.topic.name, self.topic.run_id)
        return score
