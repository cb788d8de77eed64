"""Erasing a person from the store."""

from __future__ import annotations

from jfdask.errors import SettingsError
from jfdask.settings import Settings
from jfdask.stages.files import USER
from jfdask.stages.lists import matches
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.forget import Forgotten, forget
from jfdask.store.keys import PEOPLE, RUNS
from jfdask.store.lock import hold_lock
from jfdask.store.tables import read_json


def forget_user(settings: Settings, user: str, households: tuple[str, ...]) -> Forgotten:
    """Erase all that is stored of a person, in every run and in the state.

    Parameters
    ----------
    user
        Name or id. A name must be one person's.

    Raises
    ------
    SettingsError
        Nobody in the store bears that name or id, or several people do.
    LockHeld
        A night is at work on this store.
    """
    store = open_store(address_of(settings.store))
    with hold_lock(store, "jfdask forget", settings.store.lock_seconds):
        people = _people(store, households)
        ids = {user_id for user_id, name in people if matches(user, user_id, name)}
        if not ids:
            raise SettingsError(f"Nothing is stored of {user!r} in {store.url}.")
        if len(ids) > 1:
            raise SettingsError(
                f"Several people are named {user!r}: {', '.join(sorted(ids))}. Give the id."
            )
        [user_id] = ids
        names = {name for found, name in people if found == user_id and name}
        return forget(store, user_id, sorted(names), households or None)


def _people(store: Store, households: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return everybody's id and name, of whom anything is stored."""
    people = set()
    for key in store.list():
        parts = key.split("/")
        if PEOPLE not in parts[:-2]:
            continue
        at = parts.index(PEOPLE)
        if households and parts[at - 1] not in households:
            continue
        name = ""
        if parts[0] == RUNS and parts[-1] == USER:
            name = str(read_json(store, key).get("name", ""))
        people.add((parts[at + 1], name))
    return people
