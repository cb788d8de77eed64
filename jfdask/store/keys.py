"""Names of things in the store: the only place that spells out its layout.

    runs/<run>/manifest.json                            written last
    runs/<run>/released.json                            broken off, and nobody works in it
    runs/<run>/<stage>/manifest.json                    lists the units' manifests
    runs/<run>/<stage>/<household>/manifest.json        one unit: a household in a stage
    runs/<run>/<stage>/<household>/<file>
    runs/<run>/<stage>/<household>/people/<user>/<file>
    state/<household>/<file>                            outlives runs
    state/<household>/people/<user>/<file>
    latest                                              the run that readers read
    lock                                                who may write
    forgetting.json                                     who is being erased

What is about one person lies in a folder of her own, so that it can be erased.
"""

from __future__ import annotations

import re

RUNS = "runs"
STATE = "state"
PEOPLE = "people"
MANIFEST = "manifest.json"
RELEASED = "released.json"
LATEST = "latest"
LOCK = "lock"
LOCK_CLAIM = "lock.claim"
FORGETTING = "forgetting.json"

# A part begins with a letter or digit: no '.', no '..', no hidden file, no option; names that
# begin with a dot are left to the folder's temporary files.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+=-]{0,199}", re.ASCII)
_LONGEST_KEY = 900


def check_key(key: str) -> str:
    """Return the key if it is one; ValueError otherwise.

    A key is relative, of parts joined by '/', each of letters, digits and ``_.@+=-``.

    Examples
    --------
    >>> check_key("runs/20260801T030000Z-0a1b2c/fetch/home/movies.parquet")
    'runs/20260801T030000Z-0a1b2c/fetch/home/movies.parquet'
    >>> check_key("../secret")
    Traceback (most recent call last):
    ...
    ValueError: '../secret' is no key of a store: '..' is not a name of letters, digits and _.@+=-.
    """
    if len(key) > _LONGEST_KEY:
        raise ValueError(f"{key[:60]!r}… is no key of a store: over {_LONGEST_KEY} characters.")
    for part in key.split("/"):
        if not _PART.fullmatch(part):
            raise ValueError(
                f"{key!r} is no key of a store: {part!r} is not a name of letters, digits "
                "and _.@+=-."
            )
    return key


def join(*parts: str) -> str:
    """Return the parts joined as a key; each may hold '/' itself; ValueError if it is none."""
    return check_key("/".join(parts))


def person(user_id: str, *parts: str) -> str:
    """Return the part of a key that is a person's folder, or a file in it.

    Examples
    --------
    >>> person("0f3a", "plays.parquet")
    'people/0f3a/plays.parquet'
    """
    return join(PEOPLE, user_id, *parts)


def run_key(run_id: str, *parts: str) -> str:
    """Return the key of something in a run: ``stage``, ``household`` and a file, as a rule.

    Examples
    --------
    >>> run_key("20260801T030000Z-0a1b2c", "train", "home", person("0f3a", "model.skops"))
    'runs/20260801T030000Z-0a1b2c/train/home/people/0f3a/model.skops'
    """
    return join(RUNS, run_id, *parts)


def state_key(household: str, *parts: str) -> str:
    """Return the key of something that outlives runs."""
    return join(STATE, household, *parts)


def run_manifest_key(run_id: str) -> str:
    """Return the key of a run's manifest."""
    return run_key(run_id, MANIFEST)


def released_key(run_id: str) -> str:
    """Return the key of what says that nobody works in a run that was broken off."""
    return run_key(run_id, RELEASED)


def stage_manifest_key(run_id: str, stage: str) -> str:
    """Return the key of a stage's manifest."""
    return run_key(run_id, stage, MANIFEST)


def unit_manifest_key(run_id: str, stage: str, household: str) -> str:
    """Return the key of the manifest of one household in one stage."""
    if household == MANIFEST:
        raise ValueError(f"A household cannot be named {MANIFEST!r}: choose another name.")
    return run_key(run_id, stage, household, MANIFEST)
