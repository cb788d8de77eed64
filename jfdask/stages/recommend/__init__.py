"""Stage recommend: everybody's list of what she has not watched, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from jfdask.stages.files import FEATURIZE, FETCH, POOL, RECOMMEND, TRAIN
from jfdask.stages.people import in_chunks, shared_out, who_is_there
from jfdask.stages.places import Place
from jfdask.stages.recommend import tasks
from jfdask.stages.unit_tasks import Draft, Plan, UnitReport
from jfdask.stages.units import Night, run_units
from jfdask.stages.window import Call, Work, values
from jfdask.store.keys import PEOPLE

NAME = RECOMMEND
_IN_FLIGHT = 64
PEOPLE_PER_TASK = 5


def run(night: Night, trained: Mapping[str, UnitReport]) -> dict[str, UnitReport]:
    """Make everybody's list."""
    return run_units(
        night,
        NAME,
        trained,
        plan=partial(_plan, night=night),
        work=partial(_work, night=night),
        in_flight=_IN_FLIGHT,
    )


def _plan(place: Place, *, night: Night) -> Work[Plan]:  # noqa: ARG001
    yield from ()
    matters = night.settings.recommend.model_dump()
    if night.selection.users:
        # Some lists are of an earlier night: another night is not to take this for its own.
        matters["users"] = sorted(night.selection.users)
    inputs = ((FETCH, ""), (FEATURIZE, ""), (POOL, ""), (TRAIN, f"{PEOPLE}/"))
    return Plan(NAME, inputs, matters)


def _work(place: Place, _: Plan, *, night: Night) -> Work[Draft]:
    asked = [
        Call(tasks.who_was_learned, (place,)),
        Call(who_is_there, (place, night.selection.users)),
    ]
    learned, people = values((yield asked))

    def call(chunk: Sequence[str]) -> Call:
        chosen = [user_id for user_id in chunk if user_id in people.chosen]
        given = (place, chunk, chosen, night.settings.recommend)
        return Call(tasks.recommend_to, given, "people", len(chunk))

    chunks = shared_out(learned, night.n_workers, PEOPLE_PER_TASK)
    reports = yield from in_chunks(place, NAME, chunks, call)
    summary = {
        "people": {r.user_id: dict(r.summary) for r in reports if r.receipt},
        "n_lists": sum(bool(r.receipt) for r in reports),
    }
    problems = tuple(r.problem for r in reports if r.problem is not None)
    return Draft([r.receipt for r in reports], summary, problems)
