"""Stage fetch: a household's movies, collections and histories become tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jfdask.jellyfin.connection import server_of, where_of
from jfdask.settings import Household
from jfdask.stages.fetch.reading import read_household
from jfdask.stages.files import FETCH
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import Draft, Plan, UnitReport, done_tonight
from jfdask.stages.units import Night, run_units
from jfdask.stages.window import Work

NAME = FETCH


def run(
    night: Night, begun: Mapping[str, UnitReport], *, accept_loss: bool = False
) -> dict[str, UnitReport]:
    """Read every household.

    Parameters
    ----------
    begun
        The households, those that are not selected tonight marked as carried over.
    accept_loss
        Learn from a library of which much is missing since last night: it is meant.
    """
    households = {h.name: h for h in night.settings.households}
    return run_units(
        night,
        NAME,
        begun,
        plan=partial(_plan, households=households),
        work=partial(_work, night=night, households=households, accept_loss=accept_loss),
        in_flight=night.settings.fetch.requests_in_flight,
        find=done_tonight,
        waits=True,
        # Households on one server share what it can bear.
        windows={name: where_of(household.url) for name, household in households.items()},
    )


def _plan(place: Place, *, households: dict[str, Household]) -> Work[Plan]:
    yield from ()
    household = households[place.household]
    # What a server says tonight has no checksum beforehand: only a run that was broken off
    # can tell that it has been read.
    return Plan(NAME, (), household.model_dump(include={"url", "users", "exclude_users"}))


def _work(
    place: Place, _: Plan, *, night: Night, households: dict[str, Household], accept_loss: bool
) -> Work[Draft]:
    household = households[place.household]
    fetch = night.settings.fetch
    return (
        yield from read_household(
            place,
            household,
            server_of(household, fetch),
            fetch,
            n_workers=night.n_workers,
            accept_loss=accept_loss,
        )
    )
