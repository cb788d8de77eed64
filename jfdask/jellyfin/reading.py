"""The questions that are asked of a server, one function each, and what is checked in answers.

A server ignores what it does not understand and then answers more, not less. So requests are
made of the constants below and of ids that were checked, and every answer is looked at: is
every item of the type asked for, is the page where it should be, were the ids asked for?
`UnexpectedAnswer` says what was ignored. What is merely broken costs itself and is counted.

Every function takes a client and can be the body of a task. People are asked for separately,
by id: with them a list takes ten times as long.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from jfdask.errors import UnexpectedAnswer
from jfdask.jellyfin.client import JellyfinClient, Param
from jfdask.jellyfin.fields import Fields, item_id
from jfdask.jellyfin.listing import (
    ITEMS_PATH,
    Listing,
    Parse,
    ask_items,
    ask_page,
    check_type,
    checked_id,
    rows_of,
    type_of,
)
from jfdask.jellyfin.paging import MAX_ROUNDS, Page, find_shift, page_starts
from jfdask.jellyfin.parsing import parse_credits, parse_id, parse_item, parse_plays
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS, Table

__all__ = [
    "Collection",
    "GivenPage",
    "Page",
    "User",
    "ask_id_page",
    "ask_item_page",
    "ask_plays_page",
    "count_visible",
    "read_collections",
    "read_credits",
    "read_id_page",
    "read_item_page",
    "read_items",
    "read_members",
    "read_plays",
    "read_plays_page",
    "read_users",
]

logger = logging.getLogger(__name__)

MAX_IDS = 100  # ids a call: an address of some 3,600 characters
COLLECTIONS_A_PAGE = 500

ITEM_FIELDS = "Overview,Genres,Studios,Taglines,Tags,ProviderIds,DateCreated,Etag,OriginalTitle"
# Without collapseBoxSetItems=false a collection can stand for its films.
MOVIES: dict[str, Param] = {
    "recursive": True,
    "includeItemTypes": "Movie",
    "collapseBoxSetItems": False,
}
BOX_SETS: dict[str, Param] = {"recursive": True, "includeItemTypes": "BoxSet"}
# New items come last, where they move no others.
ORDER: dict[str, Param] = {"sortBy": "DateCreated,SortName", "sortOrder": "Ascending"}
LEAN: dict[str, Param] = {"enableImages": False, "enableUserData": False}
PERSONAL: dict[str, Param] = {"enableImages": False, "enableUserData": True}

# Filters of what a person has to do with a movie: begun, marked, played.
# Not IsFavoriteOrLikes, which asks for hearts alone.
MARKS = ("IsResumable", "IsFavorite", "Likes", "IsPlayed")

# What a server's root is made of, plain folders apart: a collection may hold one.
ROOT_TYPES = frozenset(
    {"AggregateFolder", "CollectionFolder", "ManualPlaylistsFolder", "UserRootFolder", "UserView"}
)
# Lists of a person's Policy that hide something if they hold anything.
LIMITS = ("BlockedTags", "AllowedTags", "BlockUnratedItems", "BlockedMediaFolders")


@dataclass(frozen=True)
class User:
    """A person of a server."""

    user_id: str
    name: str
    is_disabled: bool
    sees_everything: bool  # all folders, no limit of age, no tags or folders barred


@dataclass(frozen=True)
class Collection:
    """A collection (BoxSet) of a server."""

    collection_id: str
    name: str


def read_users(client: JellyfinClient, broken: Counter[str] | None = None) -> list[User]:
    """Return the people of a server, disabled ones too, sorted by id."""
    broken = Counter() if broken is None else broken
    body = client.get_json("/Users")
    if not isinstance(body, list):
        raise UnexpectedAnswer(f"{client.url}/Users does not answer with a list of people.")
    users = {user.user_id: user for raw in body if (user := _user(raw, broken))}
    return [users[user_id] for user_id in sorted(users)]


@dataclass(frozen=True)
class GivenPage:
    """A page as a server gave it, of which no table is made yet: that takes as long again."""

    listing: Listing
    parse: Parse
    table: Table
    server_url: str

    def page(self) -> Page:
        """Return the page with its usable rows as a table.

        Raises
        ------
        UnexpectedAnswer
            Plays were asked for and no item tells of the person: the server ignored who it is.
        """
        broken: Counter[str] = Counter()
        frame = rows_of(self.listing.items, self.parse, self.table, broken)
        page = Page(**vars(self.listing.receipt(dict(broken))), frame=frame)
        is_plays = self.table.name == ITEM_PLAYS.name
        if is_plays and page.n_items and broken["item without UserData"] == page.n_items:
            raise UnexpectedAnswer(
                f"{self.server_url}{ITEMS_PATH} ignored which person was asked for."
            )
        return page


def ask_item_page(
    client: JellyfinClient, start: int, limit: int, *, changed_since: datetime | None = None
) -> GivenPage:
    """Ask for a page of all movies, which becomes ITEMS.

    Parameters
    ----------
    client
        Whom to ask.
    start, limit
        Offset and number of items.
    changed_since
        Only those whose metadata was saved since, by the server's clock; a time without a zone
        is UTC.
    """
    params = {**MOVIES, **ORDER, **LEAN, "fields": ITEM_FIELDS, "minDateLastSaved": changed_since}
    return _asked(client, params, start, limit, parse_item, ITEMS)


def ask_id_page(client: JellyfinClient, start: int, limit: int) -> GivenPage:
    """Ask for a page of the ids and Etags of all movies, which becomes ITEM_IDS."""
    params = {**MOVIES, **ORDER, **LEAN, "fields": "Etag"}
    return _asked(client, params, start, limit, parse_id, ITEM_IDS)


def ask_plays_page(
    client: JellyfinClient, user_id: str, start: int, limit: int, *, only: str | None = None
) -> GivenPage:
    """Ask for what a person may see and has to do with it, which becomes ITEM_PLAYS.

    Parameters
    ----------
    only
        One of `MARKS`: just the movies with that mark of hers.
    """
    params = {**MOVIES, **ORDER, **PERSONAL, "userId": checked_id(user_id), "filters": only}
    return _asked(client, params, start, limit, parse_plays, ITEM_PLAYS)


def read_item_page(
    client: JellyfinClient, start: int, limit: int, *, changed_since: datetime | None = None
) -> Page:
    """Return a page of all movies, as ITEMS; see `ask_item_page`."""
    return ask_item_page(client, start, limit, changed_since=changed_since).page()


def read_id_page(client: JellyfinClient, start: int, limit: int) -> Page:
    """Return a page of the ids and Etags of all movies, as ITEM_IDS."""
    return ask_id_page(client, start, limit).page()


def count_visible(client: JellyfinClient, user_id: str) -> int:
    """Return how many movies a person may see."""
    params = {**MOVIES, **LEAN, "userId": checked_id(user_id)}
    return ask_page(client, params, 0, 0, "Movie").total


def read_plays_page(
    client: JellyfinClient, user_id: str, start: int, limit: int, *, only: str | None = None
) -> Page:
    """Return a page of what a person may see and has to do with it; see `ask_plays_page`."""
    return ask_plays_page(client, user_id, start, limit, only=only).page()


def read_items(
    client: JellyfinClient, item_ids: Sequence[str], broken: Counter[str] | None = None
) -> pd.DataFrame:
    """Return movies by their ids, at most `MAX_IDS`, as ITEMS.

    Ids that are not there are left out. What is broken is added to ``broken``.
    """
    params = {"fields": ITEM_FIELDS, **LEAN}
    return _by_ids(client, item_ids, params, parse_item, ITEMS, broken)


def read_credits(
    client: JellyfinClient, item_ids: Sequence[str], broken: Counter[str] | None = None
) -> pd.DataFrame:
    """Return who made movies by their ids, at most `MAX_IDS`, as CREDITS.

    Ids that are not there are left out. What is broken is added to ``broken``.
    """
    params = {"fields": "People,Etag", **LEAN}
    return _by_ids(client, item_ids, params, parse_credits, CREDITS, broken)


def read_plays(client: JellyfinClient, user_id: str, item_ids: Sequence[str]) -> pd.DataFrame:
    """Return what a person has to do with movies by their ids, at most `MAX_IDS`, as ITEM_PLAYS.

    Ids that are not there are left out; some that are in none of her lists may be answered.
    """
    params = {**PERSONAL, "userId": checked_id(user_id)}
    return _by_ids(client, item_ids, params, parse_plays, ITEM_PLAYS, None)


def read_collections(
    client: JellyfinClient, user_id: str, broken: Counter[str] | None = None
) -> list[Collection]:
    """Return the collections that a person may see, sorted by id.

    A collection without a name bears its id.
    """
    broken = Counter() if broken is None else broken
    params = {**BOX_SETS, **ORDER, **LEAN, "userId": checked_id(user_id)}
    found: dict[str, Collection] = {}
    for _ in range(MAX_ROUNDS):
        pages = [ask_page(client, params, 0, COLLECTIONS_A_PAGE, "BoxSet")]
        for start in page_starts(pages[0].total, COLLECTIONS_A_PAGE)[1:]:
            pages.append(ask_page(client, params, start, COLLECTIONS_A_PAGE, "BoxSet"))
        for page in pages:
            found |= {c.collection_id: c for raw in page.items if (c := _collection(raw, broken))}
        shift = find_shift([page.receipt() for page in pages])
        if shift is None:
            break
    else:
        logger.warning("%s: the collections kept changing: %s.", client.url, shift)
    return [found[collection_id] for collection_id in sorted(found)]


def read_members(client: JellyfinClient, user_id: str, collection_id: str) -> list[str]:
    """Return the ids of the movies of a collection that a person may see, in its own order.

    What else is in it, such as series, is left out.
    """
    params: dict[str, Param] = {
        **LEAN,
        "userId": checked_id(user_id),
        "parentId": checked_id(collection_id),
    }
    items, _, _ = ask_items(client, params)
    for raw in items:
        # An id that the server does not understand lists its root.
        if type_of(raw) in ROOT_TYPES:
            raise UnexpectedAnswer(
                f"{client.url}{ITEMS_PATH} ignored which collection was asked for: it lists a "
                f"{type_of(raw)}."
            )
    ids = [item_id(raw["Id"]) for raw in items if type_of(raw) == "Movie" and "Id" in raw]
    return list(dict.fromkeys(movie_id for movie_id in ids if movie_id))


def _asked(
    client: JellyfinClient,
    params: Mapping[str, Param],
    start: int,
    limit: int,
    parse: Parse,
    table: Table,
) -> GivenPage:
    listing = ask_page(client, params, start, limit, "Movie")
    return GivenPage(listing, parse, table, client.url)


def _by_ids(
    client: JellyfinClient,
    item_ids: Sequence[str],
    params: Mapping[str, Param],
    parse: Parse,
    table: Table,
    broken: Counter[str] | None,
) -> pd.DataFrame:
    if len(item_ids) > MAX_IDS:
        raise ValueError(f"{len(item_ids)} ids in one call: at most {MAX_IDS}.")
    if not item_ids:
        return table.frame([])
    wanted = sorted({checked_id(i) for i in item_ids})
    items, _, _ = ask_items(client, {"ids": wanted, **params})
    where = f"{client.url}{ITEMS_PATH}"
    check_type(items, "Movie", where)
    frame = rows_of(items, parse, table, Counter() if broken is None else broken)
    if not set(frame["item_id"]) <= set(wanted):
        raise UnexpectedAnswer(f"{where} ignored which ids were asked for and lists others.")
    return frame


def _user(raw: object, broken: Counter[str]) -> User | None:
    user_id = item_id(raw.get("Id")) if isinstance(raw, Mapping) else None
    if user_id is None or not isinstance(raw, Mapping):
        broken["user without an Id"] += 1
        return None
    policy = raw.get("Policy")
    if not isinstance(policy, Mapping):
        broken["user without a Policy"] += 1
        policy = {}
    rights = Fields(policy, broken)
    return User(
        user_id=user_id,
        name=Fields(raw, broken).line("Name") or user_id,
        is_disabled=rights.flag("IsDisabled"),
        sees_everything=rights.flag("EnableAllFolders")
        and policy.get("MaxParentalRating") is None
        and not any(policy.get(limit) for limit in LIMITS),
    )


def _collection(raw: object, broken: Counter[str]) -> Collection | None:
    collection_id = item_id(raw.get("Id")) if isinstance(raw, Mapping) else None
    if collection_id is None or not isinstance(raw, Mapping):
        broken["collection without an Id"] += 1
        return None
    return Collection(collection_id, Fields(raw, broken).line("Name") or collection_id)
