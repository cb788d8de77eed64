"""What outlives runs: documents and tables of a household, replaced as a whole, never pruned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.filesystem import Store
from jfdask.store.keys import person, state_key
from jfdask.store.tables import decode_arrow, encode_arrow
from jfdask.tables import Table

_log = logging.getLogger(__name__)
_VERSION = b"jfdask.schema"

#: Turns what an older version wrote into today's form: ``(its version, its data) -> data``.
Migrate = Callable[[int, Any], Any]


def write_state(
    store: Store,
    household: str,
    name: str,
    data: object,
    *,
    version: int,
    user_id: str | None = None,
) -> None:
    """Replace a document.

    Parameters
    ----------
    name
        Its file's name, ``playlists.json``.
    version
        Of its form, 1 at first; raise it when old readers could not read it.
    user_id
        The person it is about: it is erased with everything else of hers.
    """
    document = encode_json({"schema": version, "data": data})
    store.write(_key(household, name, user_id), document)


def read_state(
    store: Store,
    household: str,
    name: str,
    *,
    version: int,
    user_id: str | None = None,
    migrate: Migrate | None = None,
) -> Any | None:
    """Return a document, or None if there is none that can be used.

    An older one is migrated, or left aside if there is no ``migrate``.

    Raises
    ------
    NewerArtifact
        A newer jfdask wrote it.
    DamagedArtifact
        It is no such document.
    """
    key = _key(household, name, user_id)
    try:
        document = decode_json(store.read(key), key)
    except MissingArtifact:
        return None
    if not isinstance(document, dict) or "data" not in document:
        raise _damaged(key)
    found = _version(key, document.get("schema"), version)
    if found == version:
        return document["data"]
    if migrate is not None:
        return migrate(found, document["data"])
    _log.info("%s is of version %d, not %d: begun anew", key, found, version)
    return None


def recall_state(store: Store, household: str, name: str, **given: Any) -> Any | None:
    """Return ``read_state`` of a document that can be made anew: None if it is damaged."""
    try:
        return read_state(store, household, name, **given)
    except DamagedArtifact as error:
        _log.warning("Made anew: %s", error)
        return None


def write_state_table(
    store: Store,
    household: str,
    name: str,
    table: Table,
    frame: pd.DataFrame,
    *,
    version: int,
    user_id: str | None = None,
) -> None:
    """Replace a table; TableError if the frame is not such a table."""
    arrow = table.to_arrow(frame).replace_schema_metadata({_VERSION: str(version).encode()})
    store.write(_key(household, name, user_id), encode_arrow(arrow))


def read_state_table(
    store: Store,
    household: str,
    name: str,
    table: Table,
    *,
    version: int,
    user_id: str | None = None,
) -> pd.DataFrame | None:
    """Return a table, or None if there is none of this version: it is then built anew.

    Raises
    ------
    NewerArtifact
        A newer jfdask wrote it.
    DamagedArtifact, TableError
        It is no parquet, or another table.
    """
    key = _key(household, name, user_id)
    try:
        arrow = decode_arrow(store.read(key), key)
    except MissingArtifact:
        return None
    stored = (arrow.schema.metadata or {}).get(_VERSION, b"")
    found = _version(key, int(stored) if stored.isdigit() else None, version)
    if found != version:
        _log.info("%s is of version %d, not %d: begun anew", key, found, version)
        return None
    return table.from_arrow(arrow.replace_schema_metadata(None))


def _key(household: str, name: str, user_id: str | None) -> str:
    return state_key(household, name if user_id is None else person(user_id, name))


def _version(key: str, found: object, known: int) -> int:
    if not isinstance(found, int):
        raise _damaged(key)
    if found > known:
        raise NewerArtifact(
            f"{key!r} was written by a newer jfdask (version {found}, known is {known}). Upgrade "
            "jfdask on this machine."
        )
    return found


def _damaged(key: str) -> DamagedArtifact:
    return DamagedArtifact(
        f"{key!r} is not a document of jfdask's state. Restore it, or delete it to begin anew."
    )
