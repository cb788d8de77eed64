"""The best hyperparameters of a household: remembered, or searched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jfdask.errors import JfdaskError
from jfdask.model.grid import SearchPlan, plan_search
from jfdask.stages.household import RowsSource
from jfdask.stages.places import Place
from jfdask.stages.searching import Topic, fits_told
from jfdask.stages.train import tasks
from jfdask.stages.train.search import Found, search
from jfdask.stages.units import Night
from jfdask.stages.window import Call, Work, values
from jfdask.store.manifests import settings_fingerprint


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
            "settings": settings.model_dump(exclude={"people_per_task", "pool_candidates"}),
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
                Call(tasks.known_parameters, (source, owner, wanted))
                for source, owner in zip(sources, owners, strict=True)
            ]
        )
    )
    anew = [
        (source, found.n_rows)
        for source, found in zip(sources, known, strict=True)
        if found.params is None and found.n_rows >= settings.folds
    ]
    results = yield from _searched(night, place, anew, planned)
    by_person: dict[str, Mapping[str, Any]] = {}
    scores, problems, keep = [], [], []
    for group, owner, source, found in zip(groups, owners, sources, known, strict=True):
        result = results.get(source)
        if isinstance(result, JfdaskError):
            problems.append(str(result))
        elif result is not None:
            scores.append(result[1])
            kept = tasks.SearchResult(wanted, found.n_rows, *result)
            keep.append(Call(tasks.keep_parameters, (place, owner, kept)))
        learned = result[0] if isinstance(result, tuple) else found.params
        by_person |= dict.fromkeys(group, learned or {})
    values((yield keep))
    summary: dict[str, Any] = {"searched": len(scores) * planned.n_candidates}
    if scores:
        summary["auc"] = float(np.mean(scores))
    if settings.search_per == "household" and people:
        summary["params"] = dict(by_person[people[0]])
    return Parameters(by_person, summary, tuple(problems))


def _searched(
    night: Night, place: Place, wanted: Sequence[tuple[RowsSource, int]], planned: SearchPlan
) -> Work[dict[RowsSource, Found | JfdaskError]]:
    """Search for some people each, side by side; the progress counts all fits together."""
    settings = night.settings.train
    n_fits = planned.n_candidates * settings.folds
    topic = Topic(f"jfdask-search-{place.household}", place.run_id)

    def told(n_done: int) -> None:
        total = len(wanted) * n_fits
        night.progress.advance(place.household, "fits of candidates", n_done, total)

    searches = [search(source, n_rows, planned, settings, topic) for source, n_rows in wanted]
    answers = yield from fits_told(night, searches, topic, told)
    return {source: answer for (source, _), answer in zip(wanted, answers, strict=True)}
