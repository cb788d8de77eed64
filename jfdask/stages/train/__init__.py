"""Stage train: what each person likes, learned and measured; the search is dask-ml's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from jfdask.model.grid import plan_search, validate_grid
from jfdask.model.personal import new_classifier
from jfdask.settings import Settings
from jfdask.stages.files import FEATURIZE, FETCH, POOL, TRAIN
from jfdask.stages.people import in_chunks, shared_out, who_is_there
from jfdask.stages.places import Place
from jfdask.stages.train import tasks
from jfdask.stages.train.parameters import Parameters, parameters
from jfdask.stages.train.search import options_of
from jfdask.stages.unit_tasks import Draft, Plan, UnitReport
from jfdask.stages.units import Night, run_units
from jfdask.stages.window import Call, Work, answer_to
from jfdask.store.keys import PEOPLE

NAME = TRAIN
_IN_FLIGHT = 64


def check(settings: Settings) -> None:
    """Look whether a search can begin; SettingsError names all that is wrong with its grid."""
    searched = plan_search(settings.train.search, settings.train.method)
    if searched is not None:
        validate_grid(searched.grid, new_classifier(options_of(settings.train)))


def run(night: Night, pooled: Mapping[str, UnitReport]) -> dict[str, UnitReport]:
    """Learn everybody's taste."""
    return run_units(
        night,
        NAME,
        pooled,
        plan=partial(_plan, night=night),
        work=partial(_work, night=night, pooled=pooled),
        in_flight=_IN_FLIGHT,
    )


def _plan(place: Place, *, night: Night) -> Work[Plan]:  # noqa: ARG001
    yield from ()
    matters = night.settings.train.model_dump(exclude={"people_per_task", "pool_candidates"})
    if night.selection.users:
        # Some models are of an earlier night: another night is not to take this for its own.
        matters["users"] = sorted(night.selection.users)
    return Plan(NAME, ((FETCH, f"{PEOPLE}/"), (FEATURIZE, ""), (POOL, "")), matters)


def _work(place: Place, _: Plan, *, night: Night, pooled: Mapping[str, UnitReport]) -> Work[Draft]:
    settings, users = night.settings.train, night.selection.users
    people = yield from answer_to(Call(who_is_there, (place, users)))
    has_pool = pooled[place.household].summary.get("pool") is not None
    if people.chosen and not has_pool:
        searched = yield from parameters(place, people.user_ids, night)
    else:  # nobody has a forest of her own, or everybody keeps hers
        searched = Parameters({}, {"searched": 0})

    def call(chunk: Sequence[str]) -> Call:
        chosen = [user_id for user_id in chunk if user_id in people.chosen]
        given = (place, chunk, chosen, options_of(settings), searched.of(chunk))
        return Call(tasks.learn_people, given, "people", len(chunk))

    chunks = shared_out(people.user_ids, night.n_workers, settings.people_per_task)
    reports = yield from in_chunks(place, NAME, chunks, call)
    summary: dict[str, Any] = {
        "method": settings.method,
        "search": searched.summary,
        "people": {r.user_id: r.summary for r in reports if r.receipt},
        "calibration": tasks.calibration_error(r.summary for r in reports),
    }
    problems = tuple(r.problem for r in reports if r.problem is not None)
    return Draft([r.receipt for r in reports], summary, (*searched.problems, *problems))
