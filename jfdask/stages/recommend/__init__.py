"""Stage recommend: everybody's list of what she has not watched, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jfdask.settings import RecommendSettings, Settings
from jfdask.stages.files import FEATURIZE, FETCH, RECOMMEND, TRAIN
from jfdask.stages.places import Place
from jfdask.stages.recommend import tasks
from jfdask.stages.units import Draft, Night, Plan, UnitReport, run_units
from jfdask.stages.window import Call, Work, values
from jfdask.store.keys import PEOPLE

NAME = RECOMMEND
_IN_FLIGHT = 64
PEOPLE_PER_TASK = 10


def run(night: Night, trained: Mapping[str, UnitReport]) -> dict[str, UnitReport]:
    """Make everybody's list."""
    return run_units(
        night,
        NAME,
        trained,
        plan=partial(_plan, settings=night.settings),
        work=partial(_work, settings=night.settings.recommend),
        in_flight=_IN_FLIGHT,
    )


def _plan(place: Place, *, settings: Settings) -> Work[Plan]:  # noqa: ARG001
    yield from ()
    inputs = ((FETCH, ""), (FEATURIZE, ""), (TRAIN, f"{PEOPLE}/"))
    return Plan(NAME, inputs, settings.recommend.model_dump())


def _work(place: Place, _: Plan, *, settings: RecommendSettings) -> Work[Draft]:
    [people] = values((yield [Call(tasks.who_was_learned, (place,), "")]))
    chunks = [people[i : i + PEOPLE_PER_TASK] for i in range(0, len(people), PEOPLE_PER_TASK)]
    made = values(
        (
            yield [
                Call(tasks.recommend_to, (place, chunk, settings), "people", len(chunk))
                for chunk in chunks
            ]
        )
    )
    reports = [report for chunk in made for report in chunk]
    summary = {
        "people": {r.user_id: dict(r.summary) for r in reports if r.problem is None},
        "n_lists": sum(r.problem is None for r in reports),
    }
    problems = tuple(r.problem for r in reports if r.problem is not None)
    return Draft([r.receipt for r in reports], summary, problems)
