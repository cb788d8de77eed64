"""What workers make of what was read: first what is still missing, then the tables.

Each of `plan`, `make_movies`, `settle` and `clear` is one Dask task for a household, `make_plays`
one for some of its people.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from jfdask.errors import DamagedArtifact, JfdaskError, LibraryShrunk, MissingArtifact, TableError
from jfdask.jellyfin.startup import ServerInfo
from jfdask.stages.fetch.assemble import Collection, movie_of_items, movies_of, plays_of
from jfdask.stages.fetch.listing import (
    READING,
    STATE_CREDITS,
    STATE_ITEMS,
    STATE_READING,
    TOLD,
    VERSION,
    Pages,
    PagesOfOne,
    chunks_key,
    in_chunks,
    joined,
    known_key,
    read_by_id_key,
)
from jfdask.stages.files import FETCH, MOVIES_TABLE, PLAYS_TABLE, USER
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import earlier_units, unit_writer
from jfdask.store.documents import read_json, write_json
from jfdask.store.keys import PEOPLE, person
from jfdask.store.manifests import Receipt
from jfdask.store.state import read_state_table, write_state, write_state_table
from jfdask.store.tables import read_table, write_table
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS, MOVIES, PLAYS, Table

logger = logging.getLogger(__name__)

#: People whose tables one task makes.
PEOPLE_PER_TASK = 10
#: Lists that tell all of a movie but its people.
LISTED = ("items", "changed")


@dataclass(frozen=True)
class Chunks:
    """How many movies each further call asks for."""

    items: tuple[int, ...]
    credits: tuple[int, ...]


def plan(
    place: Place, pages: Pages, per_call: int, round_: int = 0, user_ids: Sequence[str] = ()
) -> Chunks:
    """Find out which movies, and whose people, have to be asked for by id.

    A movie is asked for if the lists have it, but neither the pages nor, with that Etag, an
    earlier night; its people if they are not known with its Etag.

    Parameters
    ----------
    round_
        0, or 1 for what only people's own lists have, when the rest has been read.
    user_ids
        Whose, of those that `make_plays` left.
    """
    unknown = {i for user_id in user_ids for i in _unknown(place, user_id)}
    etag_of = _listed_etags(place, pages)
    ids = sorted(etag_of.keys() | unknown)
    rows = _all_items(place, round_) if round_ else _pages(place, pages, *LISTED, table=ITEMS)
    known = joined([rows, _state(place, STATE_ITEMS, ITEMS)], ITEMS)
    known = known[known["item_id"].isin(ids)]
    have = _etags(known)
    missing = [i for i in ids if i not in have or have[i] != etag_of.get(i, have[i])]
    write_table(place.store, known_key(place, round_), ITEMS, known)

    wanted = have | etag_of
    people = _etags(_known_credits(place, wanted))
    stale = [i for i in ids if i not in people or people[i] != wanted.get(i)]
    chunks: dict[str, list[list[str]]] = {}
    for what, those in (("items", missing), ("credits", stale)):
        asked = {i for r in range(round_) for chunk in _chunks(place, r)[what] for i in chunk}
        chunks[what] = in_chunks([i for i in those if i not in asked], per_call)
    write_json(place.store, chunks_key(place, round_), chunks)
    return Chunks(
        tuple(len(chunk) for chunk in chunks["items"]),
        tuple(len(chunk) for chunk in chunks["credits"]),
    )


@dataclass(frozen=True)
class Reading:
    """What was read of a household, its people's own lists apart."""

    server: ServerInfo
    pages: Pages
    collections: tuple[int, ...]  # chunks of members that were read
    largest_loss: float
    began: datetime | None  # by the server's clock; None: it tells no time
    rounds: int = 1  # of asking for movies by id


@dataclass(frozen=True)
class Reader:
    """A person whose lists were read."""

    user_id: str
    name: str
    pages: Pages


@dataclass(frozen=True)
class Plays:
    """What was made of some people's lists."""

    receipt: Receipt
    people: Mapping[str, Any]  # user id → what the unit's summary says of her
    strangers: tuple[str, ...]  # those of them who have movies of which nothing is known
    failed: Mapping[str, str]  # user id → why there is no table of hers


def make_movies(place: Place, reading: Reading) -> tuple[Receipt, int]:
    """Make the table of the movies; return how many they are.

    What was read stays where it is until `clear`: should the worker die before its answer is
    delivered, Dask does this again.
    """
    items = _all_items(place, reading.rounds)
    credits = _credits_of(place, reading, items)
    collections = _collections(place, reading.collections)
    movies = movies_of(items, credits, collections, reading.server.server_id)
    return unit_writer(place, FETCH).table(MOVIES_TABLE, MOVIES, movies), len(movies)


def make_plays(place: Place, reading: Reading, readers: Sequence[Reader]) -> Plays:
    """Make the tables of what some people have to do with the movies; one each, or none."""
    items = _all_items(place, reading.rounds, ["item_id", "tmdb_id", "imdb_id"])
    movie_of_item, untouched = movie_of_items(items), _untouched(items["item_id"])
    receipt: Receipt = {}
    people: dict[str, Any] = {}
    strangers, failed = [], {}
    for reader in readers:
        writer = unit_writer(place, FETCH)
        name_key, table_key = (person(reader.user_id, name) for name in (USER, PLAYS_TABLE))
        try:
            rows = _item_plays(place, reader.pages, untouched, movie_of_item)
            if unknown := sorted(set(rows["item_id"]) - movie_of_item.keys()):
                write_json(place.store, _unknown_key(place, reader.user_id), unknown)
                strangers.append(reader.user_id)
            plays = plays_of(rows, movie_of_item, reading.began)
            writer.table(table_key, PLAYS, plays)
            writer.json(name_key, {"user_id": reader.user_id, "name": reader.name})
        except JfdaskError as error:
            failed[reader.user_id] = str(error)
            continue
        receipt = {**receipt, **writer.receipts}
        people[reader.user_id] = {
            "n_visible": len(plays),
            "n_played": int(plays["played"].sum()),
            "n_favorites": int((plays["played"] & plays["is_favorite"]).sum()),
        }
    return Plays(receipt, people, tuple(strangers), failed)


def settle(place: Place, reading: Reading, summary: Mapping[str, Any]) -> None:
    """Remember what was read for the next night, unless much is missing.

    Raises
    ------
    LibraryShrunk
        Too much is missing since last night. Nothing is forgotten.
    """
    _refuse_loss(place, summary, reading.largest_loss)
    items = _all_items(place, reading.rounds)
    for name, table, frame in (
        (STATE_ITEMS, ITEMS, items),
        (STATE_CREDITS, CREDITS, _credits_of(place, reading, items)),
    ):
        write_state_table(place.store, place.household, name, table, frame, version=VERSION)
    if reading.began is None:
        return
    # Last: who finds it finds the tables.
    began = {"server_id": reading.server.server_id, "began": reading.began.isoformat()}
    write_state(place.store, place.household, STATE_READING, began, version=VERSION)


def clear(place: Place) -> None:
    """Remove what was read, of the household and of everybody: the tables are made of it.

    Of everybody who is there: who is left out since the night was broken off, too.
    """
    place.store.delete_all(place.key(FETCH, READING))
    for user_id in place.store.children(place.key(FETCH, PEOPLE)):
        place.store.delete_all(place.key(FETCH, person(user_id, READING)))


def _all_items(place: Place, rounds: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return what is known of every movie: read by id, on pages, or on an earlier night."""
    store, frames = place.store, []
    for ids in (ids for r in range(rounds) for ids in _chunks(place, r)["items"]):
        try:
            key = read_by_id_key(place, "missing", ids)
            frames.append(read_table(store, key, ITEMS, columns))
        except MissingArtifact:
            # The call failed; that was reported where it failed.
            continue
    frames.append(read_table(store, known_key(place, rounds - 1), ITEMS, columns))
    return joined(frames, ITEMS)


def _credits_of(place: Place, reading: Reading, items: pd.DataFrame) -> pd.DataFrame:
    """Return who made these items, as far as it was read."""
    credits = _known_credits(place, _etags(items) | _listed_etags(place, reading.pages))
    return credits[credits["item_id"].isin(items["item_id"])]


def _chunks(place: Place, round_: int) -> dict[str, list[list[str]]]:
    chunks: dict[str, list[list[str]]] = read_json(place.store, chunks_key(place, round_))
    return chunks


def _unknown_key(place: Place, user_id: str) -> str:
    return place.key(FETCH, person(user_id, READING), "unknown.json")


def _unknown(place: Place, user_id: str) -> list[str]:
    ids: list[str] = read_json(place.store, _unknown_key(place, user_id))
    return ids


def _refuse_loss(place: Place, summary: Mapping[str, Any], largest_loss: float) -> None:
    earlier = next(earlier_units(place, FETCH), None)
    if earlier is None:
        return
    before, kept = earlier.summary, 1 - largest_loss
    n_gone = before["n_movies"] - summary["n_movies"]

    def may_see_less(then: Mapping[str, int], now: Mapping[str, int]) -> bool:
        """Tell whether what she lost sight of is there: she has fewer plays for that."""
        lost = then["n_visible"] - now["n_visible"]
        return lost > n_gone and now["n_visible"] < then["n_visible"] * kept

    both = before["people"].keys() & summary["people"].keys()
    people = [(before["people"][user_id], summary["people"][user_id]) for user_id in both]
    # Of everybody it is no matter of permissions.
    people = [(then, now) for then, now in people if not may_see_less(then, now)] or people
    counts = [
        ("movies", before["n_movies"], summary["n_movies"]),
        ("plays", sum(p["n_played"] for p, _ in people), sum(p["n_played"] for _, p in people)),
    ]
    for what, n_before, n_now in counts:
        if n_now < n_before * kept:
            raise LibraryShrunk(
                f"Household {place.household!r} has {n_now} {what}, {n_before} last night: is a "
                "disk not mounted? Yesterday's result is kept. If it is meant, run once with "
                "--accept-loss."
            )


def _listed_etags(place: Place, pages: Pages) -> dict[str, str]:
    """Return the Etags that the server's lists tell."""
    rows = _pages(place, pages, *LISTED, table=ITEMS)
    return _etags(rows) | _etags(_pages(place, pages, "ids", table=ITEM_IDS))


def _etags(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["item_id"], frame["etag"].fillna(""), strict=True))


def _pages(place: Place, pages: Iterable[PagesOfOne], *names: str, table: Table) -> pd.DataFrame:
    """Return the rows of some lists that were read."""
    frames = [
        read_table(place.store, listing.key(place, part), table)
        for listing, parts in pages
        if listing.name in names
        for part in parts
    ]
    return joined(frames, table)


def _item_plays(
    place: Place, pages: Pages, untouched: pd.DataFrame, known: Container[str]
) -> pd.DataFrame:
    """Return a row for every copy that a person may see, of whose lists these are the pages.

    Was only read what she has to do with, she sees all: the others are untouched. That a film
    was in her last list does not say that it is there: a server tells of what it lists no more.
    """
    told = [page for page in pages if page[0].only == TOLD]
    read = _pages(place, [page for page in pages if page not in told], "plays", table=ITEM_PLAYS)
    if not any(listing.only for listing, _ in pages):
        return read
    asked = _pages(place, told, "plays", table=ITEM_PLAYS)
    is_known = np.array([item_id in known for item_id in asked["item_id"]], dtype=np.bool_)
    asked = asked[is_known]
    return joined([read, asked, untouched], ITEM_PLAYS)


def _untouched(item_ids: pd.Series[str]) -> pd.DataFrame:
    """Return ITEM_PLAYS of somebody who has nothing to do with these copies."""
    nothing = {"played": False, "play_count": 0.0, "is_favorite": False, "position_fraction": 0.0}
    frame = pd.DataFrame({"item_id": item_ids}).assign(**nothing, rating=None, last_played=None)
    return ITEM_PLAYS.from_arrow(ITEM_PLAYS.to_arrow(frame))


def _state(place: Place, name: str, table: Table) -> pd.DataFrame:
    """Return what is remembered; of what is damaged nothing: it is read from the server again."""
    try:
        kept = read_state_table(place.store, place.household, name, table, version=VERSION)
    except (DamagedArtifact, TableError) as error:
        logger.warning("Read anew: %s", error)
        kept = None
    return table.frame([]) if kept is None else kept


def _known_credits(place: Place, etag_of: Mapping[str, str]) -> pd.DataFrame:
    """Return the people read tonight, also before the night was broken off, and earlier.

    Of a movie whose people were read several times, those that belong to its Etag.
    """
    tonight = [frame for at in (place, place.before_it) if at for frame in _credits_read(at)]
    earlier = _state(place, STATE_CREDITS, CREDITS)
    if not tonight:
        return earlier
    frames = [*tonight, earlier]
    fits = [frame["etag"].fillna("") == frame["item_id"].map(etag_of) for frame in frames]
    current = [frame[fit] for frame, fit in zip(frames, fits, strict=True)]
    return joined([*current, *frames], CREDITS)


def _credits_read(place: Place) -> Iterator[pd.DataFrame]:
    for key in place.store.list(place.key(FETCH, READING)):
        if key.rsplit("/", 1)[-1].startswith("credits-"):
            # Who reads in the run that was broken off may be there yet, and clear it away.
            with contextlib.suppress(MissingArtifact):
                yield read_table(place.store, key, CREDITS)


def _collections(place: Place, chunks: Sequence[int]) -> list[Collection]:
    return [
        Collection(member["id"], member["name"], tuple(member["items"]))
        for chunk in chunks
        for member in read_json(place.store, place.key(FETCH, READING, f"members-{chunk}.json"))
    ]
