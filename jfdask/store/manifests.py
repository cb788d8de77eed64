"""Manifests: what a stage did for a household, with checksums, and the chain above it.

A *unit* is one household in one stage. Its manifest is written after all its files; a stage's
manifest holds the checksums of its units' manifests, a run's manifest those of its stages'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jfdask.errors import DamagedArtifact, NewerArtifact
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.filesystem import Store, sha256_of
from jfdask.store.keys import (
    check_key,
    run_key,
    run_manifest_key,
    stage_manifest_key,
    unit_manifest_key,
)

SCHEMA = 1
#: done: all of it. part: some people failed. kept: an earlier result stands in. failed: nothing.
STATUSES = ("done", "part", "kept", "failed")


@dataclass(frozen=True)
class StoredFile:
    """A file that was written."""

    sha256: str  # of its bytes, 64 hex digits
    size: int  # bytes


#: What a worker hands back for the files it wrote, by key relative to the unit.
Receipt = dict[str, StoredFile]


@dataclass(frozen=True)
class Manifest:
    """What one stage did for one household."""

    run_id: str
    stage: str
    household: str
    status: str  # one of STATUSES
    fingerprint: str  # of inputs, settings and code; '' is never looked up
    code_version: str
    started: str  # ISO 8601, UTC
    finished: str  # ISO 8601, UTC
    settings: str = ""  # SHA-256 of the settings that matter to it
    inputs: Mapping[str, str] = field(default_factory=dict)  # name: SHA-256
    files: Mapping[str, StoredFile] = field(default_factory=dict)  # by key relative to the unit
    summary: Mapping[str, Any] = field(default_factory=dict)  # small; people under "people"
    copied_from: str = ""  # the run that did it, if not this one
    before: Mapping[str, Any] = field(default_factory=dict)  # status and summary before "kept"

    def key(self, *parts: str) -> str:
        """Return the key of one of the unit's files."""
        return run_key(self.run_id, self.stage, self.household, *parts)

    @property
    def sha256(self) -> str:
        """The checksum of the manifest itself, as the stage's manifest has it."""
        return sha256_of(encode_manifest(self))

    def checksums(self, prefix: str = "") -> dict[str, str]:
        """Return ``{"<stage>/<file>": sha256}``: inputs of a stage that reads these files.

        Parameters
        ----------
        prefix
            Only files whose relative key begins so.
        """
        return {
            f"{self.stage}/{name}": file.sha256
            for name, file in sorted(self.files.items())
            if name.startswith(prefix)
        }


def settings_fingerprint(settings: object) -> str:
    """Return the SHA-256 of settings (a dict, a dataclass, …) as JSON in its one form."""
    return sha256_of(encode_json(settings))


def fingerprint(inputs: Mapping[str, str], settings: object, code_version: str) -> str:
    """Return what tells two units' work apart: inputs' checksums, settings and code.

    Examples
    --------
    >>> a = fingerprint({"movies": "ab", "plays": "cd"}, {"folds": 5}, "1")
    >>> a == fingerprint({"plays": "cd", "movies": "ab"}, {"folds": 5}, "1")
    True
    >>> a == fingerprint({"movies": "ab", "plays": "cd"}, {"folds": 6}, "1")
    False
    """
    parts = {
        "inputs": dict(inputs),
        "settings": settings_fingerprint(settings),
        "code": code_version,
    }
    return sha256_of(encode_json(parts))


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a unit's manifest as JSON."""
    return encode_json({"schema": SCHEMA, "kind": "unit", **dataclasses.asdict(manifest)})


def decode_manifest(data: bytes, key: str) -> Manifest:
    """Return the manifest of ``encode_manifest``'s bytes.

    Raises
    ------
    DamagedArtifact
        It is none.
    NewerArtifact
        A newer jfdask wrote it.
    """
    document = _document(data, key, "unit")
    try:
        files = {check_key(k): StoredFile(**v) for k, v in document.pop("files").items()}
        return Manifest(files=files, **document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedArtifact(
            f"{key!r} is no manifest of a unit ({error}). Run the stage again."
        ) from error


def save_unit(store: Store, manifest: Manifest) -> Manifest:
    """Write a unit's manifest, the last of its files; return it as it will be read."""
    if manifest.status not in STATUSES:
        raise ValueError(f"{manifest.status!r} is no status: expected one of {STATUSES}.")
    key = unit_manifest_key(manifest.run_id, manifest.stage, manifest.household)
    data = encode_manifest(manifest)
    store.write(key, data)
    return decode_manifest(data, key)


def load_unit(
    store: Store, run_id: str, stage: str, household: str, sha256: str | None = None
) -> Manifest:
    """Return a unit's manifest; MissingArtifact if the stage is not done for the household.

    Parameters
    ----------
    sha256
        What the stage's manifest says of it; DamagedArtifact if it is not that.
    """
    key = unit_manifest_key(run_id, stage, household)
    data = store.read(key) if sha256 is None else store.read_checked(key, sha256)
    return decode_manifest(data, key)


@dataclass(frozen=True)
class Listing:
    """The manifest of a stage (of its units) or of a run (of its stages)."""

    run_id: str
    members: Mapping[str, str]  # household or stage: SHA-256 of its manifest
    finished: str  # ISO 8601, UTC
    stage: str = ""  # '' for a run's
    status: str = "done"
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key of this manifest."""
        if self.stage:
            return stage_manifest_key(self.run_id, self.stage)
        return run_manifest_key(self.run_id)

    @property
    def sha256(self) -> str:
        """The checksum of this manifest."""
        return sha256_of(_encode_listing(self))


def save_listing(store: Store, listing: Listing) -> str:
    """Write a stage's or a run's manifest; return its checksum."""
    store.write(listing.key, _encode_listing(listing))
    return listing.sha256


def close_stage(
    store: Store,
    stage: str,
    units: Sequence[Manifest],
    run_id: str,
    finished: datetime,
    summary: Mapping[str, Any] | None = None,
) -> str:
    """Write the manifest of a stage over its units; return its checksum, for ``seal_run``."""
    members = {unit.household: unit.sha256 for unit in units}
    listing = Listing(run_id, members, finished.isoformat(), stage=stage, summary=summary or {})
    return save_listing(store, listing)


def load_stage(store: Store, run_id: str, stage: str, sha256: str | None = None) -> Listing:
    """Return a stage's manifest; MissingArtifact if the stage has not ended."""
    return _load_listing(store, stage_manifest_key(run_id, stage), "stage", sha256)


def load_run(store: Store, run_id: str) -> Listing:
    """Return a run's manifest; MissingArtifact if the run has not ended."""
    return _load_listing(store, run_manifest_key(run_id), "run", None)


def _encode_listing(listing: Listing) -> bytes:
    kind = "stage" if listing.stage else "run"
    return encode_json({"schema": SCHEMA, "kind": kind, **dataclasses.asdict(listing)})


def _load_listing(store: Store, key: str, kind: str, sha256: str | None) -> Listing:
    data = store.read(key) if sha256 is None else store.read_checked(key, sha256)
    try:
        return Listing(**_document(data, key, kind))
    except TypeError as error:
        raise DamagedArtifact(
            f"{key!r} is no manifest of a {kind} ({error}). Run the night again."
        ) from error


def _document(data: bytes, key: str, kind: str) -> dict[str, Any]:
    document = decode_json(data, key)
    if not isinstance(document, dict) or document.pop("kind", None) != kind:
        raise DamagedArtifact(f"{key!r} is no manifest of a {kind}. Run the stage again.")
    schema = document.pop("schema", 0)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise NewerArtifact(
            f"{key!r} was written by a newer jfdask (schema {schema}, known is {SCHEMA}). Upgrade "
            "jfdask on this machine."
        )
    return document
