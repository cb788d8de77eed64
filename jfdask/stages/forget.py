"""Erasing a person from the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from jfdask.errors import (
    DamagedArtifact,
    LockHeld,
    MissingArtifact,
    SettingsError,
    StoreError,
    StoreTimeout,
)
from jfdask.settings import Settings
from jfdask.stages.files import FETCH, USER
from jfdask.stages.lists import matches
from jfdask.stages.pool.making import remove_unfinished
from jfdask.stages.pools import prune_pools
from jfdask.store.documents import read_json, write_json
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.forget import Forgotten, forget
from jfdask.store.keys import (
    FORGETTING,
    LOCK,
    PEOPLE,
    RUNS,
    STATE,
    check_key,
    person,
    run_key,
    state_key,
)
from jfdask.store.lock import Lock, hold_lock
from jfdask.store.runs import run_ids

_log = logging.getLogger(__name__)
_OF_A_PERSON = 5  # parts of state/<household>/people/<user>/<file>


def look_for(settings: Settings, user: str, households: tuple[str, ...]) -> None:
    """Look whether there is anything to erase, before anybody is asked or the lock is taken.

    Raises
    ------
    SettingsError
        Nobody in the store bears that name or id, or several people do.
    """
    store = open_store(address_of(settings.store))
    people = _people(store, households)
    # Who was half erased may have left nothing but the note of it.
    if not _ids_of(user, people) and not store.exists(FORGETTING):
        raise SettingsError(_nothing_of(user, store, people))


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
        A night is at work on this store, or has taken the lock over: not all is erased.
    """
    store = open_store(address_of(settings.store))
    with hold_lock(store, "jfdask forget", settings.store.lock_seconds) as lock:
        begun = finish_forgetting(store, lock)
        people = _people(store, households)
        if ids := _ids_of(user, people):
            [user_id] = ids
            names = {name for found, name in people if found == user_id and name}
            return _erase(store, lock, _Whom(user_id, tuple(sorted(names)), households))
        if begun and any(matches(user, begun[0].user_id, name) for name in ("", *begun[0].names)):
            return begun[1]
        raise SettingsError(_nothing_of(user, store, people))


def forget_who_is_gone(store: Store) -> None:
    """Delete from the state what was learned of people whom no run has any more."""
    parts = [key.split("/") for key in store.list(STATE) if _is_key(key)]
    known = {(own[1], own[3]) for own in parts if len(own) == _OF_A_PERSON and own[2] == PEOPLE}
    for household in {household for household, _ in known}:
        for run_id in run_ids(store):
            there = store.children(run_key(run_id, FETCH, household, PEOPLE))
            known -= {(household, user_id) for user_id in there}
    for household, user_id in sorted(known):
        store.delete_all(state_key(household, person(user_id)))


def _is_key(name: str) -> bool:
    """Tell whether a file is ours: network disks have folders of their own in every folder."""
    try:
        check_key(name)
    except ValueError:
        return False
    return True


def finish_forgetting(store: Store, lock: Lock) -> tuple[_Whom, Forgotten] | None:
    """Erase whom a call that was broken off was to erase, if there is anybody; say whom.

    Until then manifests may name her, and not be what the ones above them say. Call it with the
    lock held.
    """
    try:
        found = read_json(store, FORGETTING)
        whom = _Whom(check_key(found["user_id"]), tuple(found["names"]), tuple(found["households"]))
    except MissingArtifact:
        return None
    except (DamagedArtifact, KeyError, TypeError, ValueError):
        _log.error(
            "%r in the store %s is damaged and removed: whom a jfdask forget that was broken off "
            "was to erase is not known. Run it again.",
            FORGETTING,
            store.url,
        )
        store.delete(FORGETTING)
        return None
    _log.warning("An earlier jfdask forget was broken off; what it left is erased now.")
    return whom, _erase(store, lock, whom)


@dataclass(frozen=True)
class _Whom:
    """Who is being erased, as it lies in the store until that is done."""

    user_id: str
    names: tuple[str, ...]
    households: tuple[str, ...]  # empty: all


def _erase(store: Store, lock: Lock, whom: _Whom) -> Forgotten:
    # First, and removed last: what tells whose a file is goes with the others.
    write_json(store, FORGETTING, whom)
    # What was learned of her together with others: the next night learns it without her.
    prune_pools(store, ())
    remove_unfinished(store)
    watch = _watch(store, lock)
    done = forget(store, whom.user_id, whom.names, whom.households or None, watch)
    store.delete(FORGETTING)
    return done


def _watch(store: Store, lock: Lock) -> Callable[[], None]:
    def watch() -> None:
        if not lock.still_held():
            # Where there is none at all no other command holds it.
            raise (LockHeld if store.exists(LOCK) else StoreError)(
                f"The lock of the store {store.url} was lost (was this machine asleep, or the "
                "store unmounted?), so not all is erased, or a night may have copied some of it. "
                "Run jfdask forget again."
            )

    return watch


def _people(store: Store, households: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return everybody's id and name, of whom anything is stored; "" for a name not known."""
    people = set()
    for key in store.list():
        parts = key.split("/")
        # runs/<run>/<stage>/<household>/people/… and state/<household>/people/…
        at = {RUNS: 4, STATE: 2}.get(parts[0], len(parts))
        if parts[at : at + 1] != [PEOPLE] or len(parts) < at + 3:
            continue
        if households and parts[at - 1] not in households:
            continue
        is_name = parts[0] == RUNS and parts[-1] == USER
        people.add((parts[at + 1], _name_in(store, key) if is_name else ""))
    return people


def _ids_of(user: str, people: set[tuple[str, str]]) -> set[str]:
    """Return the id of whoever is named so, if anybody is; SettingsError: several people are."""
    if not user.strip():
        raise SettingsError("Nobody is named: give the name or the id of who is to be forgotten.")
    ids = {user_id for user_id, name in people if matches(user, user_id, name)}
    if len(ids) > 1:
        them = sorted(f"{i} ({name})" for i, name in people if i in ids and name)
        told = f"Several people are named {user!r}: {', '.join(them)}."
        raise SettingsError(f"{told} Give the id.")
    return ids


def _name_in(store: Store, key: str) -> str:
    """Return the name in a user.json; "" if it cannot be read, which must not save anybody."""
    try:
        document = read_json(store, key)
    except StoreTimeout:
        raise  # the store is away: so would be all that is to be erased
    except StoreError as error:
        _log.warning("Whose files these are is told by their id only: %s", error)
        return ""
    if not isinstance(document, dict):
        _log.warning("Whose files these are is told by their id only: %r holds no name.", key)
        return ""
    return str(document.get("name", ""))


def _nothing_of(user: str, store: Store, people: set[tuple[str, str]]) -> str:
    nothing = f"Nothing is stored of {user!r} in {store.url}."
    if names := sorted({name for _, name in people if name}):
        nothing += f" There are {', '.join(names)}."
    nameless = {user_id for user_id, _ in people} - {user_id for user_id, name in people if name}
    if not nameless:
        return nothing
    return (
        f"{nothing} There are people whose names are not known, though; if one of these ids is "
        f"meant, give it: {', '.join(sorted(nameless))}."
    )
