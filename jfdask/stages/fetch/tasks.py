"""What workers do while a household is read. Every function is one Dask task.

A task asks its server for one thing, writes what it was told into the store and returns a
small receipt: no catalogue and nobody's history travels through the scheduler. What has been
read lies under ``reading/`` until the tables are made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from distributed import secede

from jfdask.errors import LibraryShrunk, MissingArtifact, ServerFault
from jfdask.jellyfin.client import JellyfinClient
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.paging import Page
from jfdask.jellyfin.paging import Receipt as PageReceipt
from jfdask.jellyfin.reading import (
    User,
    read_collections,
    read_credits,
    read_id_page,
    read_item_page,
    read_items,
    read_plays_page,
    read_users,
)
from jfdask.jellyfin.reading import read_members as read_members_of
from jfdask.jellyfin.startup import ServerInfo
from jfdask.stages.fetch.assemble import Collection, movie_of_items, movies_of, plays_of
from jfdask.stages.fetch.client import asked
from jfdask.stages.fetch.losses import NOT_GIVEN, PEOPLE_NOT_GIVEN
from jfdask.stages.files import FETCH, MOVIES_TABLE, PLAYS_TABLE, USER
from jfdask.stages.places import Place
from jfdask.store.filesystem import sha256_of
from jfdask.store.keys import person
from jfdask.store.manifests import Receipt, load_unit
from jfdask.store.state import read_state, read_state_table, write_state, write_state_table
from jfdask.store.tables import read_json, read_table, write_json, write_table
from jfdask.store.units import UnitWriter
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS, MOVIES, PLAYS, Table

#: Collections whose members one task asks for, one after the other.
COLLECTIONS_PER_TASK = 20
#: A reading asks for what changed since the one before began, and a little earlier.
MARGIN = timedelta(minutes=10)
#: Movies saved while pages were read that are looked for among their seams.
MOST_SAVED = 500

STATE_ITEMS, STATE_CREDITS, STATE_READING = "items.parquet", "credits.parquet", "reading.json"
VERSION = 1
#: Where what was read lies until the tables are made of it.
READING = "reading"


@dataclass(frozen=True)
class Listing:
    """A list that is read page by page."""

    name: str  # items, ids, changed, or plays
    user_id: str | None = None  # whose, of plays
    changed_since: datetime | None = None  # of changed

    @property
    def table(self) -> Table:
        """What its pages are."""
        return {"ids": ITEM_IDS, "plays": ITEM_PLAYS}.get(self.name, ITEMS)

    def key(self, place: Place, part: str) -> str:
        """Return where a page of it is kept; a person's under her own folder."""
        if self.user_id:
            return place.key(FETCH, person(self.user_id, READING), f"{self.name}-{part}")
        return place.key(FETCH, READING, f"{self.name}-{part}")


@dataclass(frozen=True)
class Opened:
    """A server that is ready."""

    server: ServerInfo
    users: tuple[User, ...]
    broken: Mapping[str, int] = field(default_factory=dict)


#: Lists that were read, with the names of their pages.
Pages = tuple[tuple[Listing, tuple[str, ...]], ...]


def open_server(server: Server, startup_seconds: float) -> Opened:
    """Wait until the server is ready; read who is there."""
    left = False

    def leave_the_thread(_: str) -> None:
        # A server that starts may take minutes: other tasks go on meanwhile.
        nonlocal left
        if not left:
            secede()
            left = True

    info = asked(server, lambda client: client.wait_until_ready(startup_seconds, leave_the_thread))
    broken: Counter[str] = Counter()
    users = asked(server, lambda client: read_users(client, broken))
    return Opened(info, tuple(users), dict(broken))


def last_reading(place: Place, server: ServerInfo) -> datetime | None:
    """Return when this server was last read whole, by its own clock; None: read all of it."""
    reading = read_state(place.store, place.household, STATE_READING, version=VERSION)
    if reading is None or reading["server_id"] != server.server_id:
        return None
    return datetime.fromisoformat(reading["began"]) - MARGIN


def read_page(
    place: Place, server: Server, listing: Listing, part: str, start: int, limit: int
) -> PageReceipt:
    """Read one page of a list into the store."""
    page = asked(server, lambda client: _ask_for_page(client, listing, start, limit))
    write_table(place.store, listing.key(place, part), listing.table, page.frame)
    return page.receipt


def _ask_for_page(client: JellyfinClient, listing: Listing, start: int, limit: int) -> Page:
    if listing.user_id is not None:
        return read_plays_page(client, listing.user_id, start, limit)
    if listing.name == "ids":
        return read_id_page(client, start, limit)
    return read_item_page(client, start, limit, changed_since=listing.changed_since)


def read_saved(server: Server, since: datetime) -> tuple[str, ...] | None:
    """Read which movies were saved since, by the server's clock; None: more than `MOST_SAVED`."""
    page = asked(server, lambda client: read_item_page(client, 0, MOST_SAVED, changed_since=since))
    return None if page.total > MOST_SAVED else tuple(page.frame["item_id"])


def list_collections(place: Place, server: Server, user_id: str) -> tuple[int, ...]:
    """Read which collections there are; return how many each later task has to ask for."""
    found = asked(server, lambda client: read_collections(client, user_id))
    found = sorted(found, key=lambda c: c.collection_id)
    chunks = _chunks([[c.collection_id, c.name] for c in found], COLLECTIONS_PER_TASK)
    write_json(place.store, place.key(FETCH, READING, "collections.json"), chunks)
    return tuple(len(chunk) for chunk in chunks)


def read_members(place: Place, server: Server, user_id: str, chunk: int) -> None:
    """Read which movies some collections hold."""
    wanted = read_json(place.store, place.key(FETCH, READING, "collections.json"))[chunk]
    members = [
        {"id": i, "name": name, "items": sorted(asked(server, _members_of(user_id, i)))}
        for i, name in wanted
    ]
    write_json(place.store, place.key(FETCH, READING, f"members-{chunk}.json"), members)


def _members_of(user_id: str, collection_id: str) -> Callable[[JellyfinClient], list[str]]:
    return lambda client: read_members_of(client, user_id, collection_id)


@dataclass(frozen=True)
class Chunks:
    """How many movies each further call asks for."""

    items: tuple[int, ...]
    credits: tuple[int, ...]


def plan(place: Place, pages: Pages, per_call: int) -> Chunks:
    """Find out which movies, and whose people, have to be asked for by id.

    A movie is asked for if it is in anybody's list, but neither in the pages nor known with
    that Etag from an earlier night; its people if they are not known with its Etag.
    """
    rows = _pages(place, pages, "items", "changed", table=ITEMS)
    seen = _pages(place, pages, "plays", table=ITEM_PLAYS)
    etag_of = _listed_etags(place, pages)
    ids = sorted(etag_of.keys() | set(seen["item_id"]))
    known = _joined([rows, _state(place, STATE_ITEMS, ITEMS)], ITEMS)
    known = known[known["item_id"].isin(ids)]
    have = _etags(known)
    missing = [i for i in ids if i not in have or have[i] != etag_of.get(i, have[i])]
    write_table(place.store, place.key(FETCH, READING, "known.parquet"), ITEMS, known)

    wanted = have | etag_of
    people = _etags(_known_credits(place, wanted))
    stale = [i for i in ids if i not in people or people[i] != wanted.get(i)]
    chunks = {"items": _chunks(missing, per_call), "credits": _chunks(stale, per_call)}
    write_json(place.store, place.key(FETCH, READING, "chunks.json"), chunks)
    return Chunks(
        tuple(len(chunk) for chunk in chunks["items"]),
        tuple(len(chunk) for chunk in chunks["credits"]),
    )


def _listed_etags(place: Place, pages: Pages) -> dict[str, str]:
    """Return the Etags that the server's lists tell."""
    rows = _pages(place, pages, "items", "changed", table=ITEMS)
    return _etags(rows) | _etags(_pages(place, pages, "ids", table=ITEM_IDS))


def _etags(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["item_id"], frame["etag"].fillna(""), strict=True))


def read_missing(place: Place, server: Server, chunk: int) -> dict[str, int]:
    """Read some movies by their ids; return what was broken."""
    ids = read_json(place.store, place.key(FETCH, READING, "chunks.json"))["items"][chunk]
    broken: Counter[str] = Counter()
    frames = _in_halves(read_items, server, ids, broken, NOT_GIVEN)
    write_table(place.store, _read_by_id(place, "missing", ids), ITEMS, _joined(frames, ITEMS))
    return dict(broken)


def read_people(place: Place, server: Server, chunk: int) -> dict[str, int]:
    """Read the people of some movies; return what was broken."""
    ids = read_json(place.store, place.key(FETCH, READING, "chunks.json"))["credits"][chunk]
    broken: Counter[str] = Counter()
    frames = _in_halves(read_credits, server, ids, broken, PEOPLE_NOT_GIVEN)
    write_table(place.store, _read_by_id(place, "credits", ids), CREDITS, _joined(frames, CREDITS))
    return dict(broken)


def _read_by_id(place: Place, what: str, ids: Sequence[str]) -> str:
    """Return where movies that were asked for by their ids are kept: by what was asked.

    A night that goes on finds what it had read before, and nothing else under that name.
    """
    return place.key(FETCH, READING, f"{what}-{sha256_of(','.join(ids).encode())[:16]}.parquet")


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
        halves = _chunks(ids, -(-len(ids) // 2))
        read_halves = (_in_halves(read, server, half, broken, not_given) for half in halves)
        return [frame for frames in read_halves for frame in frames]


def _chunks(values: Sequence[Any], size: int) -> list[list[Any]]:
    return [list(values[i : i + size]) for i in range(0, len(values), size)]


def _joined(frames: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Return the rows of all frames, of an item the first one found, sorted by it."""
    if not frames:
        return table.frame([])
    rows = pd.concat(frames, ignore_index=True).drop_duplicates("item_id", keep="first")
    return table.from_arrow(table.to_arrow(rows))


def _pages(
    place: Place, pages: Pages, *names: str, table: Table, user_id: str | None = None
) -> pd.DataFrame:
    """Return the rows of some lists that were read."""
    frames = [
        read_table(place.store, listing.key(place, part), table)
        for listing, parts in pages
        if listing.name in names and (user_id is None or listing.user_id == user_id)
        for part in parts
    ]
    return _joined(frames, table)


def _state(place: Place, name: str, table: Table) -> pd.DataFrame:
    kept = read_state_table(place.store, place.household, name, table, version=VERSION)
    return table.frame([]) if kept is None else kept


def _known_credits(place: Place, etag_of: Mapping[str, str]) -> pd.DataFrame:
    """Return the people read tonight, also before the night was broken off, and earlier.

    Of a movie whose people were read several times, those that belong to its Etag.
    """
    tonight = [
        read_table(place.store, key, CREDITS)
        for key in place.store.list(place.key(FETCH, READING))
        if key.rsplit("/", 1)[-1].startswith("credits-")
    ]
    frames = [*tonight, _state(place, STATE_CREDITS, CREDITS)]
    fits = [frame["etag"].fillna("") == frame["item_id"].map(etag_of) for frame in frames]
    current = [frame[fit] for frame, fit in zip(frames, fits, strict=True)]
    return _joined([*current, *frames], CREDITS)


def _collections(place: Place, chunks: Sequence[int]) -> list[Collection]:
    return [
        Collection(member["id"], member["name"], tuple(member["items"]))
        for chunk in chunks
        for member in read_json(place.store, place.key(FETCH, READING, f"members-{chunk}.json"))
    ]


@dataclass(frozen=True)
class Assembly:
    """What the tables of a household are to be made of."""

    server: ServerInfo
    names: Mapping[str, str]  # of the people, by id
    pages: Pages
    collections: tuple[int, ...]  # chunks of members that were read
    largest_loss: float
    began: datetime | None  # by the server's clock; None: it tells no time


def assemble(place: Place, request: Assembly) -> tuple[Receipt, dict[str, Any]]:
    """Make the tables of what was read, and remember it for the next night.

    What was read stays where it is until `clear`: should the worker die before its answer is
    delivered, Dask does this again.

    Raises
    ------
    LibraryShrunk
        Too much is missing since last night. Nothing is written and nothing forgotten.
    """
    items = _all_items(place)
    credits = _known_credits(place, _etags(items) | _listed_etags(place, request.pages))
    credits = credits[credits["item_id"].isin(items["item_id"])]
    movies = movies_of(items, credits, _collections(place, request.collections))
    movie_of_item = movie_of_items(items)
    plays = {
        user_id: plays_of(
            _pages(place, request.pages, "plays", table=ITEM_PLAYS, user_id=user_id),
            movie_of_item,
        )
        for user_id in sorted(request.names)
    }
    summary: dict[str, Any] = {
        "version": request.server.version,
        "n_movies": len(movies),
        "people": {
            user_id: {
                "n_visible": len(frame),
                "n_played": int(frame["played"].sum()),
                "n_favorites": int((frame["played"] & frame["is_favorite"]).sum()),
            }
            for user_id, frame in plays.items()
        },
    }
    _refuse_loss(place, summary, request.largest_loss)
    writer = UnitWriter(place.store, place.run_id, FETCH, place.household)
    writer.table(MOVIES_TABLE, MOVIES, movies)
    for user_id, frame in plays.items():
        who = {"user_id": user_id, "name": request.names[user_id]}
        writer.table(person(user_id, PLAYS_TABLE), PLAYS, frame)
        writer.json(person(user_id, USER), who)
    _remember(place, request, items, credits)
    return writer.receipts, summary


def clear(place: Place, user_ids: Sequence[str]) -> None:
    """Remove what was read, of the household and of these people: the tables are made of it."""
    place.store.delete_all(place.key(FETCH, READING))
    for user_id in user_ids:
        place.store.delete_all(place.key(FETCH, person(user_id, READING)))


def _all_items(place: Place) -> pd.DataFrame:
    """Return what is known of every movie: read by id, on pages, or on an earlier night."""
    store, frames = place.store, []
    for ids in read_json(store, place.key(FETCH, READING, "chunks.json"))["items"]:
        try:
            frames.append(read_table(store, _read_by_id(place, "missing", ids), ITEMS))
        except MissingArtifact:
            # The call failed; that was reported where it failed.
            continue
    frames.append(read_table(store, place.key(FETCH, READING, "known.parquet"), ITEMS))
    return _joined(frames, ITEMS)


def _refuse_loss(place: Place, summary: Mapping[str, Any], largest_loss: float) -> None:
    if place.previous is None:
        return
    try:
        before = load_unit(place.store, place.previous, FETCH, place.household).summary
    except MissingArtifact:
        return
    both = summary["people"].keys() & before["people"].keys()
    counts = [("movies", before["n_movies"], summary["n_movies"])]
    counts += [
        (
            "plays",
            sum(before["people"][u]["n_played"] for u in both),
            sum(summary["people"][u]["n_played"] for u in both),
        )
    ]
    for what, n_before, n_now in counts:
        if n_now < n_before * (1 - largest_loss):
            raise LibraryShrunk(
                f"Household {place.household!r} has {n_now} {what}, {n_before} last night: is a "
                "disk not mounted? Yesterday's result is kept. If it is meant, run once with "
                "--accept-loss."
            )


def _remember(place: Place, request: Assembly, items: pd.DataFrame, credits: pd.DataFrame) -> None:
    for name, table, frame in (
        (STATE_ITEMS, ITEMS, items),
        (STATE_CREDITS, CREDITS, credits),
    ):
        write_state_table(place.store, place.household, name, table, frame, version=VERSION)
    if request.began is None:
        return
    # Last: who finds it finds the tables.
    reading = {"server_id": request.server.server_id, "began": request.began.isoformat()}
    write_state(place.store, place.household, STATE_READING, reading, version=VERSION)
