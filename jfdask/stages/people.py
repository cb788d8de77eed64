"""Work that is done person by person, some people a task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jfdask.errors import DamagedArtifact, JfdaskError, MissingArtifact
from jfdask.stages.files import FETCH, USER
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import earlier_units, reader, unit_writer
from jfdask.stages.window import Call, Work
from jfdask.store.keys import person
from jfdask.store.manifests import Receipt
from jfdask.store.units import UnitReader

logger = logging.getLogger(__name__)

#: Tasks a worker gets of one household, so that nobody waits long for the last one.
TASKS_PER_WORKER = 4


@dataclass(frozen=True)
class PersonReport:
    """What became of a person."""

    user_id: str
    receipt: Receipt = field(default_factory=dict)  # empty: the run has nothing of her
    summary: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None  # beside a receipt: what she has is of the night before


@dataclass(frozen=True)
class People:
    """Who is in a household, and for whom of them the night is."""

    user_ids: tuple[str, ...]  # everybody, sorted
    chosen: tuple[str, ...]  # sorted; maybe nobody of this household
    names: tuple[str, ...] = ()  # everybody's, sorted; told where somebody is asked for by name


def who_is_there(place: Place, wanted: Sequence[str]) -> People:
    """Return the people whose history was fetched.

    Parameters
    ----------
    wanted
        Names or ids; empty: everybody.
    """
    unit = reader(place, FETCH)
    user_ids = unit.user_ids()
    if not wanted:
        return People(tuple(user_ids), tuple(user_ids))
    names = {user_id: name_of(place, user_id) for user_id in user_ids}
    asked = {name.casefold() for name in wanted}
    chosen = [u for u in user_ids if u in asked or names[u].casefold() in asked]
    return People(tuple(user_ids), tuple(chosen), tuple(sorted(names.values())))


def name_of(place: Place, user_id: str) -> str:
    """Return what a person is called; her id if that is not known."""
    try:
        return str(reader(place, FETCH).json(person(user_id, USER))["name"])
    except (MissingArtifact, DamagedArtifact):
        return user_id


def each_person(
    place: Place,
    stage: str,
    user_ids: Sequence[str],
    what: str,
    do: Callable[[str], PersonReport],
) -> list[PersonReport]:
    """Do something for some people, one after the other; one who fails stops nobody else.

    Of whom it fails, that of the night before stays.
    """
    reports = []
    for user_id in user_ids:
        try:
            reports.append(do(user_id))
        except Exception as error:
            told = str(error)
            if not isinstance(error, JfdaskError):
                logger.exception("There is no %s of a person", what)
                told = (
                    f"{type(error).__name__}; that is a mistake of jfdask: please report it with "
                    "the traceback from the workers' log"
                )
            problem = f"User {name_of(place, user_id)!r}: no {what} tonight: {told}"
            reports.append(_as_before(place, stage, user_id, problem))
    return reports


def _as_before(place: Place, stage: str, user_id: str, problem: str) -> PersonReport:
    """Have what the run before has of a person who failed; where the store fails, nothing."""
    try:
        carried = carry_person_over(place, stage, user_id)
    except JfdaskError as error:
        logger.warning("%s", error)
        carried = None
    if carried is None:
        return PersonReport(user_id, problem=problem)
    return replace(carried, problem=f"{problem.rstrip('.')}. That of the night before stays.")


def shared_out(user_ids: Sequence[str], n_workers: int, most: int) -> list[Sequence[str]]:
    """Return a household's people in chunks, several a worker, of at most ``most``."""
    size = -(-len(user_ids) // (n_workers * TASKS_PER_WORKER))
    size = max(1, min(size, most))
    return [user_ids[i : i + size] for i in range(0, len(user_ids), size)]


def in_chunks(
    place: Place,
    stage: str,
    chunks: Sequence[Sequence[str]],
    call: Callable[[Sequence[str]], Call],
) -> Work[list[PersonReport]]:
    """Do chunks of people; one whose worker died is done again, person by person.

    Returns
    -------
    list of PersonReport
        In the order of the people.

    Raises
    ------
    JfdaskError
        The run has nothing of anybody: all have failed, and there is no night before.
    """
    answers = yield [call(chunk) for chunk in chunks]
    reports: list[PersonReport] = []
    for chunk, answer in zip(chunks, answers, strict=True):
        if isinstance(answer, JfdaskError):
            for user_id in chunk:
                reports.append((yield from _alone(place, stage, user_id, call)))
        else:
            reports += answer
    if reports and not any(report.receipt for report in reports):
        raise JfdaskError(f"Nothing came of anybody. {reports[0].problem}")
    return reports


def _alone(
    place: Place, stage: str, user_id: str, call: Callable[[Sequence[str]], Call]
) -> Work[PersonReport]:
    """Do one person while nothing else of her household is under way.

    To Dask a worker that is killed is a failure of whatever waited there, too: beside the task
    that kills them others would fail that are as good as any.
    """
    [answer] = yield [call([user_id])]
    if not isinstance(answer, JfdaskError):
        [report] = answer
        return report
    [carried] = yield [Call(_lost, (place, stage, user_id, str(answer)))]
    if isinstance(carried, JfdaskError):
        return PersonReport(user_id, problem=f"User {user_id!r}: {answer}")
    return carried


def _lost(place: Place, stage: str, user_id: str, told: str) -> PersonReport:
    return _as_before(place, stage, user_id, f"User {name_of(place, user_id)!r}: {told}")


def carry_person_over(place: Place, stage: str, user_id: str) -> PersonReport | None:
    """Have in this run what the newest run that has it whole has of a person; None if none has."""
    for unit in earlier_units(place, stage):
        before = UnitReader(place.store, unit)
        writer = unit_writer(place, stage)
        try:
            for name in before.names(person(user_id) + "/"):
                writer.bytes(name, before.bytes(name))
        except (MissingArtifact, DamagedArtifact) as error:
            logger.warning("%s", error)
            continue
        if writer.receipts:
            summary = unit.summary.get("people", {}).get(user_id, {})
            return PersonReport(user_id, writer.receipts, summary)
    return None
