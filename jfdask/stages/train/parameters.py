"""The best hyperparameters: remembered, or searched for by dask-ml on the cluster.

dask-ml puts X, y and the estimator into the task graph. Here X is row numbers, y is not given,
and the estimator and the scorer find the rows in their worker's cache: nobody's history
travels.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from distributed import Client, get_worker

from jfdask.errors import DataError
from jfdask.model.grid import SearchPlan, chosen_params, plan_search
from jfdask.model.personal import LearnOptions, new_classifier
from jfdask.model.search import HouseholdClassifier, RowFolds, score_people
from jfdask.stages.household import RowsSource
from jfdask.stages.places import Place
from jfdask.stages.train import tasks
from jfdask.stages.units import Night
from jfdask.stages.window import Call, Work, values
from jfdask.store.manifests import settings_fingerprint

logger = logging.getLogger(__name__)

#: A candidate that fails gets this score; no AUC is that low. With "raise", dask-ml would try
#: a failing fit again without end.
FAILED = -1.0


@dataclass(frozen=True)
class Parameters:
    """What a search found, or an earlier night's did."""

    by_person: Mapping[str, Mapping[str, Any]]
    summary: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def of(self, user_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return the parameters of some people."""
        return {user_id: self.by_person.get(user_id, {}) for user_id in user_ids}


def parameters(place: Place, people: tuple[str, ...], night: Night) -> Work[Parameters]:
    """Return everybody's parameters; search for them where they are not known any more."""
    settings = night.settings.train
    planned = plan_search(settings.search, settings.method)
    if planned is None:
        return Parameters({}, {"searched": 0})
    groups: list[tuple[str, ...]] = [people]
    if settings.search_per == "person":
        groups = [(user_id,) for user_id in people]
    wanted = settings_fingerprint(
        {
            "settings": settings.model_dump(exclude={"people_per_task"}),
            "grid": planned.prefixed(""),
        }
    )
    sources = [
        RowsSource(place, settings.method, group, settings.held_out, settings.min_favorites)
        for group in groups
    ]
    owners = [group[0] if settings.search_per == "person" else None for group in groups]
    known = values(
        (
            yield [
                Call(tasks.known_parameters, (source, owner, wanted), "")
                for source, owner in zip(sources, owners, strict=True)
            ]
        )
    )
    by_person: dict[str, Mapping[str, Any]] = {}
    n_searched = 0
    scores, problems = [], []
    for group, owner, source, found in zip(groups, owners, sources, known, strict=True):
        params = found.params
        if params is None and found.n_rows >= settings.folds:
            try:
                params, score = _search(night, source, found.n_rows, planned)
            except DataError as error:
                problems.append(str(error))
            else:
                n_searched += planned.n_candidates
                scores.append(score)
                kept = tasks.SearchResult(wanted, found.n_rows, params, score)
                values((yield [Call(tasks.keep_parameters, (place, owner, kept), "")]))
        by_person |= dict.fromkeys(group, params or {})
    summary: dict[str, Any] = {"searched": n_searched}
    if scores:
        summary["auc"] = float(np.mean(scores))
    if settings.search_per == "household" and people:
        summary["params"] = dict(by_person[people[0]])
    return Parameters(by_person, summary, tuple(problems))


def _search(
    night: Night, source: RowsSource, n_rows: int, planned: SearchPlan
) -> tuple[dict[str, Any], float]:
    """Return the best candidate and its score: the mean over people of the AUC."""
    # They take half a second to load, and most nights search for nothing.
    import dask.array as da
    from dask_ml.model_selection import GridSearchCV, RandomizedSearchCV

    settings = night.settings.train
    inner = new_classifier(LearnOptions(settings.method, random_state=settings.random_state))
    # Few trees tell which settings are better, unless their number is itself searched for.
    n_trees = {} if "n_estimators" not in planned.grid else {"max_trees": None}
    common = {
        "estimator": HouseholdClassifier(source, inner, **n_trees),
        "cv": RowFolds(settings.folds),
        "refit": False,
        "iid": False,
        "return_train_score": False,
        "cache_cv": False,
        "error_score": FAILED,
        "scheduler": night.client,
    }
    grid = planned.prefixed("inner__")
    n_fits = planned.n_candidates * settings.folds
    with _Counted(night, source.place.household, n_fits) as scoring:
        if planned.is_exhaustive:
            search = GridSearchCV(param_grid=grid, scoring=scoring, **common)
        else:
            search = RandomizedSearchCV(
                param_distributions=grid,
                n_iter=planned.n_candidates,
                random_state=settings.random_state,
                scoring=scoring,
                **common,
            )
        try:
            search.fit(da.arange(n_rows, chunks=n_rows))
        except Exception as error:
            logger.exception("A search failed")
            raise DataError(
                f"The search failed with {type(error).__name__}; default parameters are used. "
                'train.search = "off" does without a search.'
            ) from error
    results = search.cv_results_
    by_fold = np.array([results[f"split{i}_test_score"] for i in range(settings.folds)])
    failed = np.flatnonzero((by_fold <= FAILED).any(axis=0))
    if len(failed):
        first = results["params"][failed[0]]
        raise DataError(
            f"{len(failed)} of {planned.n_candidates} candidates of the search failed, the first "
            f"with {first}; default parameters are used. Mend train.search, or set it to off."
        )
    params = chosen_params(results, settings.folds, inner.get_params())
    score = next(
        float(score)
        for tried, score in zip(results["params"], results["mean_test_score"], strict=True)
        if {name.removeprefix("inner__"): value for name, value in tried.items()} == params
    )
    return {name: _plain(value) for name, value in params.items()}, score


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class _Counted:
    """Scores, and tells the client of every fit that is done, through the scheduler's events."""

    def __init__(self, night: Night, household: str, n_fits: int) -> None:
        self._client: Client = night.client
        self._topic = f"jfdask-search-{household}"
        self._advance = night.progress.advance
        self._household, self._n_fits, self._n_done = household, n_fits, 0

    def __enter__(self) -> _Score:
        self._client.subscribe_topic(self._topic, self._tell)
        return _Score(self._topic)

    def __exit__(self, *_: object) -> None:
        self._client.unsubscribe_topic(self._topic)

    def _tell(self, _: object) -> None:
        self._n_done += 1
        self._advance(self._household, "fits of candidates", self._n_done, self._n_fits)


@dataclass(frozen=True)
class _Score:
    """``score_people`` that says when it is done."""

    topic: str

    def __call__(self, estimator: HouseholdClassifier, X: Any, y: object = None) -> float:
        score = score_people(estimator, X, y)
        get_worker().log_event(self.topic, "fit")
        return score
