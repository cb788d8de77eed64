"""What workers make of what was read: first what is still missing, then the tables.

Each of `plan`, `assemble` and `clear` is one Dask task for a household.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from jfdask.errors import LibraryShrunk, MissingArtifact
from jfdask.jellyfin.startup import ServerInfo
from jfdask.stages.fetch.assemble import Collection, movie_of_items, movies_of, plays_of
from jfdask.stages.fetch.listing import (
    READING,
    STATE_CREDITS,
    STATE_ITEMS,
    STATE_READING,
    VERSION,
    Pages,
    in_chunks,
    joined,
    read_by_id_key,
)
from jfdask.stages.files import FETCH, MOVIES_TABLE, PLAYS_TABLE, USER
from jfdask.stages.places import Place
from jfdask.store.keys import person
from jfdask.store.manifests import Receipt, load_unit
from jfdask.store.state import read_state_table, write_state, write_state_table
from jfdask.store.tables import read_json, read_table, write_json, write_table
from jfdask.store.units import UnitWriter
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS, MOVIES, PLAYS, Table


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
    known = joined([rows, _state(place, STATE_ITEMS, ITEMS)], ITEMS)
    known = known[known["item_id"].isin(ids)]
    have = _etags(known)
    missing = [i for i in ids if i not in have or have[i] != etag_of.get(i, have[i])]
    write_table(place.store, place.key(FETCH, READING, "known.parquet"), ITEMS, known)

    wanted = have | etag_of
    people = _etags(_known_credits(place, wanted))
    stale = [i for i in ids if i not in people or people[i] != wanted.get(i)]
    chunks = {"items": in_chunks(missing, per_call), "credits": in_chunks(stale, per_call)}
    write_json(place.store, place.key(FETCH, READING, "chunks.json"), chunks)
    return Chunks(
        tuple(len(chunk) for chunk in chunks["items"]),
        tuple(len(chunk) for chunk in chunks["credits"]),
    )


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
    untouched = _untouched(items["item_id"])
    plays = {
        user_id: plays_of(
            _item_plays(place, request.pages, user_id, untouched), movie_of_item, request.began
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
            frames.append(read_table(store, read_by_id_key(place, "missing", ids), ITEMS))
        except MissingArtifact:
            # The call failed; that was reported where it failed.
            continue
    frames.append(read_table(store, place.key(FETCH, READING, "known.parquet"), ITEMS))
    return joined(frames, ITEMS)


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


def _listed_etags(place: Place, pages: Pages) -> dict[str, str]:
    """Return the Etags that the server's lists tell."""
    rows = _pages(place, pages, "items", "changed", table=ITEMS)
    return _etags(rows) | _etags(_pages(place, pages, "ids", table=ITEM_IDS))


def _etags(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["item_id"], frame["etag"].fillna(""), strict=True))


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
    return joined(frames, table)


def _item_plays(place: Place, pages: Pages, user_id: str, untouched: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every copy that a person may see.

    Was only read what she has to do with, she sees all: the others are untouched.
    """
    read = _pages(place, pages, "plays", table=ITEM_PLAYS, user_id=user_id)
    sees_all = any(listing.only for listing, _ in pages if listing.user_id == user_id)
    return joined([read, untouched], ITEM_PLAYS) if sees_all else read


def _untouched(item_ids: pd.Series[str]) -> pd.DataFrame:
    """Return ITEM_PLAYS of somebody who has nothing to do with these copies."""
    nothing = {"played": False, "play_count": 0.0, "is_favorite": False, "position_fraction": 0.0}
    frame = pd.DataFrame({"item_id": item_ids}).assign(**nothing, rating=None, last_played=None)
    return ITEM_PLAYS.from_arrow(ITEM_PLAYS.to_arrow(frame))


def _state(place: Place, name: str, table: Table) -> pd.DataFrame:
    kept = read_state_table(place.store, place.household, name, table, version=VERSION)
    return table.frame([]) if kept is None else kept


def _known_credits(place: Place, etag_of: Mapping[str, str]) -> pd.DataFrame:
    """Return the people read tonight, also before the night was broken off, and earlier.

    Of a movie whose people were read several times, those that belong to its Etag.
    """
    tonight = [frame for at in (place, place.before_it) if at for frame in _credits_read(at)]
    frames = [*tonight, _state(place, STATE_CREDITS, CREDITS)]
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
