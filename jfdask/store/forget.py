"""Erasing a person: her files, and what manifests and documents say of her."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from jfdask.errors import DamagedArtifact, MissingArtifact
from jfdask.store.documents import encode_json, read_json
from jfdask.store.filesystem import Store, sha256_of
from jfdask.store.keys import (
    MANIFEST,
    PEOPLE,
    RELEASED,
    STATE,
    check_key,
    person,
    run_key,
    run_manifest_key,
    stage_manifest_key,
    state_key,
    unit_manifest_key,
)
from jfdask.store.manifests import (
    Listing,
    Manifest,
    encode_manifest,
    load_run,
    load_stage,
    load_unit,
    save_listing,
    save_unit,
)
from jfdask.store.runs import run_ids

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_Says = Callable[[str], bool]


@dataclass(frozen=True)
class Forgotten:
    """What was erased."""

    user_id: str  # whose
    n_files: int  # hers alone, in runs and in state
    n_manifests: int  # rewritten without her
    n_documents: int  # of state, rewritten without her


def forget(
    store: Store,
    user_id: str,
    user_names: Iterable[str] = (),
    households: Sequence[str] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> Forgotten:
    """Erase everything of a person from all runs and from state. Call it with the lock held.

    Her files go, and so does what manifests and documents say of her; checksums are made anew up
    to the run's manifest. A unit that lost files is not taken for finished work any more. Broken
    off, it can be called again; afterwards her id stands nowhere in the store. A bucket that
    keeps old versions keeps hers: that is its own setting.

    Parameters
    ----------
    user_names
        Her names: sentences of summaries that hold one go, too.
    households
        Only these; None: all.
    watch
        Asked before each run, each household of the state, and at the end: raises if the lock is
        lost.
    """
    check_key(user_id)
    # What a crashed writer left may be about her as well.
    store.sweep(older_than_seconds=0)
    eraser = _Eraser(store, user_id, tuple(user_names))
    for run_id in run_ids(store):
        watch()
        eraser.erase_run(run_id, households)
    for household in store.children(STATE):
        if households is None or household in households:
            watch()
            eraser.erase_state(household)
    watch()
    return Forgotten(user_id, eraser.n_files, eraser.n_manifests, eraser.n_documents)


class _Eraser:
    def __init__(self, store: Store, user_id: str, user_names: tuple[str, ...]) -> None:
        self.store = store
        self.user_id = user_id
        self.n_files = self.n_manifests = self.n_documents = 0
        # Sentences quote a name, which spells quotes and backslashes otherwise.
        spelt = {said for name in user_names if name for said in (name, repr(name)[1:-1])}
        words = [rf"(?<!\w){re.escape(said)}(?!\w)" for said in sorted(spelt)]
        self._counting = threading.Lock()  # units are erased several at once
        self._names = re.compile("|".join(words)) if words else None

    def erase_run(self, run_id: str, households: Sequence[str] | None) -> None:
        stage_sums: dict[str, str | None] = {}
        for stage in self.store.children(run_key(run_id)):
            if stage in (MANIFEST, RELEASED):
                continue
            found = self.store.children(run_key(run_id, stage))
            names = [n for n in found if n != MANIFEST]
            if households is not None:
                names = [n for n in names if n in households]
            sums = self.store.together(partial(self._erase_unit, run_id, stage), names)
            unit_sums = dict(zip(names, sums, strict=True))
            key = stage_manifest_key(run_id, stage)
            listing = self._load(key, partial(load_stage, self.store, run_id, stage))
            stage_sums[stage] = self._erase_listing(listing, unit_sums)
        run = self._load(run_manifest_key(run_id), partial(load_run, self.store, run_id))
        self._erase_listing(run, stage_sums)

    def _load(self, key: str, load: Callable[[], _T]) -> _T | None:
        """Return a manifest; one that cannot be read is of no use and may name her: it goes."""
        try:
            return load()
        except MissingArtifact:
            return None
        except DamagedArtifact as error:
            _log.warning("%r is removed: %s", key, error)
            self.store.delete(key)
            return None

    def _erase_unit(self, run_id: str, stage: str, household: str) -> str | None:
        """Erase her from a unit; return its manifest's checksum, None without a manifest."""
        folder = run_key(run_id, stage, household, person(self.user_id))
        n_files = self.store.delete_all(folder)
        key = unit_manifest_key(run_id, stage, household)
        unit = self._load(key, partial(load_unit, self.store, run_id, stage, household))
        if unit is None:
            self._count(n_files)
            return None
        cleaned = self._without_her(unit)
        changed = encode_manifest(cleaned) != encode_manifest(unit)
        if changed:
            save_unit(self.store, cleaned)
        self._count(n_files, n_manifests=int(changed))
        # Of the bytes that are there: an older version may have spelled them otherwise.
        return sha256_of(self.store.read(key))

    def _count(self, n_files: int = 0, n_manifests: int = 0, n_documents: int = 0) -> None:
        with self._counting:
            self.n_files += n_files
            self.n_manifests += n_manifests
            self.n_documents += n_documents

    def _without_her(self, unit: Manifest) -> Manifest:
        files = {k: v for k, v in unit.files.items() if not self._has_id(k)}
        inputs = {k: v for k, v in unit.inputs.items() if not self._has_id(k)}
        lost = len(files) < len(unit.files) or len(inputs) < len(unit.inputs)
        return replace(
            unit,
            files=files,
            inputs=inputs,
            summary=self._cleaned(unit.summary),
            before={k: self._cleaned(v) for k, v in unit.before.items()},
            # It is no longer what these inputs give: should she come back, it is done again.
            fingerprint="" if lost else unit.fingerprint,
        )

    def _erase_listing(self, listing: Listing | None, sums: Mapping[str, str | None]) -> str | None:
        """Erase her from a stage's or a run's manifest; return its checksum."""
        if listing is None:
            return None
        members = {name: sums.get(name) or old for name, old in listing.members.items()}
        cleaned = replace(listing, members=members, summary=self._cleaned(listing.summary))
        if cleaned != listing:
            self._count(n_manifests=1)
            return save_listing(self.store, cleaned)
        return sha256_of(self.store.read(listing.key))

    def erase_state(self, household: str) -> None:
        self._count(self.store.delete_all(state_key(household, person(self.user_id))))
        for key in self.store.list(state_key(household)):
            inside = key.split("/")[2:]
            if inside[0] == PEOPLE or not key.endswith(".json"):
                continue
            document = self._load(key, partial(read_json, self.store, key))
            cleaned = _without(document, self._has_id, self._has_id)
            if cleaned != document:
                self.store.write(key, encode_json(cleaned))
                self._count(n_documents=1)

    def _cleaned(self, summary: Any) -> Any:
        return _without(summary, self._has_id, self._is_about_her)

    def _has_id(self, text: str) -> bool:
        return self.user_id in text

    def _is_about_her(self, text: str) -> bool:
        # Keys go by id alone: a household may bear a person's name.
        return self._has_id(text) or bool(self._names and self._names.search(text))


def _without(value: Any, is_her_key: _Says, is_about_her: _Says) -> Any:
    """Return a document without the entries that are about somebody.

    An entry goes if its key is hers, if it is a text about her, or if it is an object one of
    whose texts is about her: ``{"user_id": …, "problem": …}`` goes as a whole.

    Examples
    --------
    >>> her = lambda text: "0f3a" in text
    >>> _without({"people": {"0f3a": 1, "11": 2}, "failed": [{"id": "0f3a"}, "x"]}, her, her)
    {'people': {'11': 2}, 'failed': ['x']}
    """

    def goes(child: Any) -> bool:
        if isinstance(child, str):
            return is_about_her(child)
        if isinstance(child, dict):
            return any(isinstance(v, str) and is_about_her(v) for v in child.values())
        return False

    if isinstance(value, dict):
        return {
            k: _without(v, is_her_key, is_about_her)
            for k, v in value.items()
            if not is_her_key(k) and not goes(v)
        }
    if isinstance(value, list):
        return [_without(v, is_her_key, is_about_her) for v in value if not goes(v)]
    return value
