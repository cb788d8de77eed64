"""Lists of items as a server gives them, checked to be what was asked for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from jfdask.errors import UnexpectedAnswer
from jfdask.jellyfin.client import JellyfinClient, Param
from jfdask.jellyfin.fields import item_id
from jfdask.jellyfin.paging import Receipt, fingerprint
from jfdask.jellyfin.parsing import Row
from jfdask.tables import Table

ITEMS_PATH = "/Items"

Parse = Callable[[object, Counter[str]], Row | None]


@dataclass(frozen=True)
class Listing:
    """A page as the server gave it, checked to be what was asked for."""

    start: int
    limit: int
    total: int
    items: list[Any]
    server_time: datetime | None

    def receipt(self, broken: Mapping[str, int] | None = None) -> Receipt:
        """Return what is said of it without its items."""
        ids = [identity_of(raw) for raw in self.items]
        is_whole = self.start == 0 and len(set(ids)) == len(ids) == self.total
        return Receipt(
            start=self.start,
            limit=self.limit,
            total=self.total,
            n_items=len(ids),
            first_id=ids[0] if ids else None,
            last_id=ids[-1] if ids else None,
            fingerprints=b"" if is_whole else b"".join(fingerprint(i) for i in ids),
            server_time=self.server_time,
            broken=broken or {},
        )


def ask_page(
    client: JellyfinClient, params: Mapping[str, Param], start: int, limit: int, kind: str
) -> Listing:
    """Ask for a page; refuse one of another size, at another place or of another type."""
    body_items, body, server_time = ask_items(
        client, {**params, "startIndex": start, "limit": limit}
    )
    where = f"{client.url}{ITEMS_PATH}"
    if len(body_items) > limit:
        raise UnexpectedAnswer(
            f"{where} gives {len(body_items)} items for a page of {limit}: it ignored the limit."
        )
    if body.get("StartIndex", start) != start:
        raise UnexpectedAnswer(
            f"{where} gives a page from {body['StartIndex']} on instead of {start}: it ignored "
            "the start."
        )
    check_type(body_items, kind, where)
    return Listing(start, limit, body["TotalRecordCount"], body_items, server_time)


def ask_items(
    client: JellyfinClient, params: Mapping[str, Param]
) -> tuple[list[Any], Mapping[str, Any], datetime | None]:
    """Return the items of an answer, the whole answer, and when it was given."""
    answer = client.get(ITEMS_PATH, **params)
    body = answer.body
    total = body.get("TotalRecordCount") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("Items"), list):
        raise UnexpectedAnswer(f"{client.url}{ITEMS_PATH} does not answer with a list of items.")
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise UnexpectedAnswer(f"{client.url}{ITEMS_PATH} does not say how many items there are.")
    return body["Items"], body, answer.server_time


def check_type(items: Sequence[Any], kind: str, where: str) -> None:
    """Raise UnexpectedAnswer if an item is of another type than was asked for."""
    for raw in items:
        # An item that does not say what it is, is broken; one of another type was not asked for.
        found = type_of(raw)
        if found not in (kind, None):
            raise UnexpectedAnswer(
                f"{where}: asked for {kind}, got {found!r:.50}: the server ignored a filter, "
                "so the rest of its answer cannot be trusted either."
            )


def rows_of(items: Sequence[Any], parse: Parse, table: Table, broken: Counter[str]) -> pd.DataFrame:
    """Return the usable items as a table; the first of two with one id."""
    rows: dict[str, Row] = {}
    for raw in items:
        if isinstance(raw, Mapping) and type_of(raw) is None:
            broken["item without a Type"] += 1
            continue
        row = parse(raw, broken)
        if row is not None and row["item_id"] in rows:
            broken["item twice in an answer"] += 1
        elif row is not None:
            rows[row["item_id"]] = row
    return table.frame(list(rows.values()))


def type_of(raw: object) -> str | None:
    """Return an item's type; None if it does not tell one."""
    kind = raw.get("Type") if isinstance(raw, Mapping) else None
    return kind if isinstance(kind, str) else None


def identity_of(raw: object) -> str:
    """Return what tells an item from others: its id, or, if that is broken, all that it says."""
    known = item_id(raw.get("Id")) if isinstance(raw, Mapping) else None
    if known:
        return known
    # UserData differs from call to call.
    said = {k: v for k, v in raw.items() if k != "UserData"} if isinstance(raw, Mapping) else raw
    text = json.dumps(said, sort_keys=True)
    return "?" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def checked_id(value: str) -> str:
    """Return an id that is one; the server would take another one for no condition at all."""
    checked = item_id(value)
    if checked is None:
        raise ValueError(f"{value!r} is not an id of Jellyfin: 32 hex digits.")
    return checked
