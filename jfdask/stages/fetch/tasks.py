"""What workers ask a server. Every function is one Dask task.

A task asks for one thing, writes what it was told into the store and returns a small receipt:
no catalogue and nobody's history travels through the scheduler.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
from distributed import get_worker, secede

from jfdask.errors import (
    DamagedArtifact,
    JellyfinError,
    MissingArtifact,
    NotFound,
    ServerFault,
    TableError,
    UnexpectedAnswer,
)
from jfdask.jellyfin.client import JellyfinClient
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.paging import Receipt as PageReceipt
from jfdask.jellyfin.reading import (
    GivenPage,
    User,
    ask_id_page,
    ask_item_page,
    ask_plays_page,
    count_visible,
    read_collections,
    read_credits,
    read_item_page,
    read_items,
    read_plays,
    read_users,
)
from jfdask.jellyfin.reading import read_members as read_members_of
from jfdask.jellyfin.startup import ServerInfo
from jfdask.model.labels import LIKED_RATING
from jfdask.stages.fetch.client import asked, ready
from jfdask.stages.fetch.listing import (
    READING,
    STATE_READING,
    VERSION,
    Listing,
    chunks_key,
    in_chunks,
    joined,
    read_by_id_key,
)
from jfdask.stages.fetch.losses import NOT_GIVEN, PEOPLE_NOT_GIVEN
from jfdask.stages.files import FETCH, PLAYS_TABLE, RECOMMEND, RECOMMENDATIONS_TABLE
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import earlier_units
from jfdask.store.documents import read_json, write_json
from jfdask.store.keys import person
from jfdask.store.state import recall_state
from jfdask.store.tables import write_table
from jfdask.store.units import UnitReader
from jfdask.tables import CREDITS, ITEM_PLAYS, ITEMS, PLAYS, RECOMMENDATIONS, Table

logger = logging.getLogger(__name__)

#: Collections whose members one task asks for, one after the other.
COLLECTIONS_PER_TASK = 20
#: So many of them refused, and none given: the others are not asked for.
ENOUGH_REFUSALS = 3
#: A reading asks for what changed since the one before began, and a little earlier.
MARGIN = timedelta(minutes=10)
#: Movies saved while pages were read that are looked for among their seams.
MOST_SAVED = 500
#: Films of a person's last list of which it is asked what she has said of them.
MOST_TOLD = 100
#: People whose movies one task counts, one after the other.
PEOPLE_PER_TASK = 50


@dataclass(frozen=True)
class Opened:
    """A server that is ready."""

    server: ServerInfo
    users: tuple[User, ...]
    broken: Mapping[str, int] = field(default_factory=dict)


def open_server(server: Server) -> Opened:
    """Wait until the server is ready; read who is there."""
    leave_the_thread()
    info = ready(server)
    broken: Counter[str] = Counter()
    users = asked(server, lambda client: read_users(client, broken))
    return Opened(info, tuple(users), dict(broken))


def last_reading(place: Place, server: ServerInfo) -> datetime | None:
    """Return when this server was last read whole, by its own clock; None: read all of it."""
    reading = recall_state(place.store, place.household, STATE_READING, version=VERSION)
    if reading is None or reading["server_id"] != server.server_id:
        return None
    return datetime.fromisoformat(reading["began"]) - MARGIN


def leave_the_thread() -> None:
    """Let the worker go on with other tasks while this one waits for its server.

    A slow server then holds up neither other households nor the making of tables; how many
    requests are under way is for the client to say, not for the number of workers.
    """
    with suppress(ValueError):  # no worker: called by hand
        get_worker()
        secede()


def ask_for_page(server: Server, listing: Listing, start: int, limit: int) -> GivenPage:
    """Ask for one page of a list; `keep_page` makes a table of it."""
    leave_the_thread()
    return asked(server, lambda client: _ask_for_page(client, listing, start, limit))


def read_page(
    place: Place, part: str, server: Server, listing: Listing, start: int, limit: int
) -> PageReceipt:
    """Read one page of a list into the store."""
    leave_the_thread()
    return _read_page(place, part, server, listing, start, limit)


#: Whether there is anything of it, and a sentence for what could not be read.
Told = tuple[bool, tuple[str, ...]]


def read_first_pages(
    place: Place,
    part: str,
    server: Server,
    listings: Sequence[Listing],
    limit: int,
    told: Listing,
    ids_per_call: int,
) -> tuple[list[PageReceipt | ServerFault], Told]:
    """Read the first page of some lists of a person into the store, one after the other.

    And what she has to do with what she was told last.

    Returns
    -------
    list, Told
        A receipt each, or why the server cannot give that page; what came of the rest.
    """
    leave_the_thread()
    found: list[PageReceipt | ServerFault] = []
    for listing in listings:
        try:
            found.append(_read_page(place, part, server, listing, 0, limit))
        except ServerFault as fault:
            found.append(fault)
    return found, _read_told(place, part, server, told, ids_per_call)


def _read_page(
    place: Place, part: str, server: Server, listing: Listing, start: int, limit: int
) -> PageReceipt:
    given = asked(server, lambda client: _ask_for_page(client, listing, start, limit))
    return keep_page(given, place, listing, part)


def _read_told(place: Place, part: str, server: Server, listing: Listing, size: int) -> Told:
    """Read what a person has to do with what she was told last, and with what she rated down.

    A thumb down for a film that she never began is in no list of the server's that is not of all
    films. What cannot be read stays as it was.
    """
    user_id = str(listing.user_id)
    listed, down = _told(place, user_id)
    ids = list(dict.fromkeys([*listed, *down["item_id"]]))
    frames, problems = [], []
    for some in in_chunks(ids, size):
        try:
            frames.append(asked(server, partial(read_plays, user_id=user_id, item_ids=some)))
        except JellyfinError as error:
            problems.append(f"What somebody thinks of her last list could not be read: {error}")
    if ids:
        rows = joined([*frames, down], ITEM_PLAYS)
        write_table(place.store, listing.key(place, part), ITEM_PLAYS, rows)
    return bool(ids), tuple(problems[:1])


def _told(place: Place, user_id: str) -> tuple[list[str], pd.DataFrame]:
    """Return the first films of a person's last list, and what she rated down without a play."""
    name = person(user_id, RECOMMENDATIONS_TABLE)
    listed = _of_last_night(place, RECOMMEND, name, RECOMMENDATIONS, ["item_id"])
    columns = [column.name for column in ITEM_PLAYS.columns]
    plays = _of_last_night(place, FETCH, person(user_id, PLAYS_TABLE), PLAYS, columns)
    down = plays[(plays["rating"] < LIKED_RATING) & ~plays["played"]]
    return list(listed["item_id"][:MOST_TOLD]), down[columns].reset_index(drop=True)


def _of_last_night(
    place: Place, stage: str, name: str, table: Table, columns: Sequence[str]
) -> pd.DataFrame:
    unit = next(earlier_units(place, stage), None)
    if unit is None or name not in unit.files:
        return table.frame([])
    try:
        return UnitReader(place.store, unit).table(name, table, columns)
    except (MissingArtifact, DamagedArtifact, TableError) as error:
        logger.warning("What somebody was told last is not known: %s", error)
        return table.frame([])


def keep_page(given: GivenPage, place: Place, listing: Listing, part: str) -> PageReceipt:
    """Make a table of a page and write it into the store."""
    page = given.page()
    write_table(place.store, listing.key(place, part), listing.table, page.frame)
    return page.receipt


def _ask_for_page(client: JellyfinClient, listing: Listing, start: int, limit: int) -> GivenPage:
    if listing.user_id is not None:
        return ask_plays_page(client, listing.user_id, start, limit, only=listing.only)
    if listing.name == "ids":
        return ask_id_page(client, start, limit)
    return ask_item_page(client, start, limit, changed_since=listing.changed_since)


def count_movies(server: Server, user_ids: Sequence[str]) -> dict[str, int]:
    """Return how many movies each of some people may see; who cannot be asked for is left out."""
    leave_the_thread()
    counts = {}
    for user_id in user_ids:
        try:
            counts[user_id] = asked(server, partial(count_visible, user_id=user_id))
        except JellyfinError as error:
            # Her whole list is read instead; if that fails, too, it costs her, and is told.
            logger.info("Movies were not counted: %s", error)
    return counts


def read_saved(server: Server, since: datetime) -> tuple[str, ...] | None:
    """Read which movies were saved since, by the server's clock; None: more than `MOST_SAVED`."""
    leave_the_thread()
    page = asked(server, lambda client: read_item_page(client, 0, MOST_SAVED, changed_since=since))
    return None if page.total > MOST_SAVED else tuple(page.frame["item_id"])


def list_collections(place: Place, server: Server, user_id: str) -> tuple[int, ...]:
    """Read which collections there are; return how many each later task has to ask for."""
    leave_the_thread()
    found = asked(server, lambda client: read_collections(client, user_id))
    found = sorted(found, key=lambda c: c.collection_id)
    chunks = in_chunks([[c.collection_id, c.name] for c in found], COLLECTIONS_PER_TASK)
    write_json(place.store, place.key(FETCH, READING, "collections.json"), chunks)
    return tuple(len(chunk) for chunk in chunks)


def read_members(place: Place, server: Server, user_id: str, chunk: int) -> list[str]:
    """Read which movies some collections hold; return a sentence for each that is left out."""
    leave_the_thread()
    wanted = read_json(place.store, place.key(FETCH, READING, "collections.json"))[chunk]
    members: list[dict[str, Any]] = []
    problems: list[str] = []
    for i, name in wanted:
        try:
            items = asked(server, _members_of(user_id, i))
        except NotFound:
            logger.info("Collection %r was removed meanwhile.", name)
        except (ServerFault, UnexpectedAnswer) as error:
            problems.append(f"The collection {name!r} could not be read: {error}")
            if len(problems) == ENOUGH_REFUSALS and not members:
                raise  # it is not for these
        else:
            members.append({"id": i, "name": name, "items": sorted(items)})
    write_json(place.store, place.key(FETCH, READING, f"members-{chunk}.json"), members)
    return problems


def _members_of(user_id: str, collection_id: str) -> Callable[[JellyfinClient], list[str]]:
    return lambda client: read_members_of(client, user_id, collection_id)


def read_missing(place: Place, server: Server, round_: int, chunk: int) -> dict[str, int]:
    """Read some movies by their ids; return what was broken."""
    leave_the_thread()
    ids = read_json(place.store, chunks_key(place, round_))["items"][chunk]
    broken: Counter[str] = Counter()
    frames = _in_halves(read_items, server, ids, broken, NOT_GIVEN)
    write_table(place.store, read_by_id_key(place, "missing", ids), ITEMS, joined(frames, ITEMS))
    return dict(broken)


def read_people(place: Place, server: Server, round_: int, chunk: int) -> dict[str, int]:
    """Read the people of some movies; return what was broken."""
    leave_the_thread()
    ids = read_json(place.store, chunks_key(place, round_))["credits"][chunk]
    broken: Counter[str] = Counter()
    frames = _in_halves(read_credits, server, ids, broken, PEOPLE_NOT_GIVEN)
    write_table(
        place.store, read_by_id_key(place, "credits", ids), CREDITS, joined(frames, CREDITS)
    )
    return dict(broken)


def _in_halves(
    read: Callable[[JellyfinClient, list[str], Counter[str]], pd.DataFrame],
    server: Server,
    ids: list[str],
    broken: Counter[str],
    not_given: str,
) -> list[pd.DataFrame]:
    """Read by ids; halve what the server cannot give, so that a broken movie costs itself."""
    try:
        return [asked(server, lambda client: read(client, ids, broken))]
    except ServerFault:
        if len(ids) == 1:
            broken[not_given] += 1
            return []
        halves = in_chunks(ids, -(-len(ids) // 2))
        read_halves = (_in_halves(read, server, half, broken, not_given) for half in halves)
        return [frame for frames in read_halves for frame in frames]
