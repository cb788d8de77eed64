"""What is done is not done again: units of earlier runs, found by fingerprint and copied.

That is how an interrupted night goes on, and why a second night is quick.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact
from jfdask.store.filesystem import Store
from jfdask.store.keys import run_key
from jfdask.store.manifests import Manifest, load_unit, save_unit
from jfdask.store.runs import run_ids
from jfdask.store.verify import verify

_log = logging.getLogger(__name__)


def finished_units(
    store: Store,
    stage: str,
    household: str,
    fingerprint: str,
) -> Iterator[Manifest]:
    """Yield the units that did the same work, of any run that is kept, ended or not.

    Parameters
    ----------
    fingerprint
        See ``manifests.fingerprint``.
    """
    if not fingerprint:
        return
    for run_id in run_ids(store):
        try:
            unit = load_unit(store, run_id, stage, household)
        except MissingArtifact:
            continue
        except (DamagedArtifact, NewerArtifact) as error:
            _log.warning("%s", error)
            continue
        if unit.fingerprint == fingerprint and as_done(unit).status == "done":
            yield unit


def reuse_unit(
    store: Store,
    stage: str,
    household: str,
    fingerprint: str,
    run_id: str,
) -> Manifest | None:
    """Find a unit that did the same work and have it in this run; None if there is none.

    A unit whose files are gone or damaged is passed over with a warning. All checksums of the
    one that is taken have been looked at. One that was kept on a bad night is done again in
    this one, with the summary of the night that did it.
    """
    for unit in finished_units(store, stage, household, fingerprint):
        try:
            done = as_done(unit)
            if done == unit and unit.run_id == run_id:
                verify(store, unit)
                return unit
            return copy_unit(store, done, run_id)
        except (DamagedArtifact, MissingArtifact) as error:
            _log.warning("%s of run %s is done again: %s", stage, unit.run_id, error)
    return None


def copy_unit(
    store: Store,
    unit: Manifest,
    run_id: str,
    *,
    status: str | None = None,
    summary: Mapping[str, Any] | None = None,
    check: bool = True,
) -> Manifest:
    """Copy a unit into another run; return its manifest there, which is written last.

    Parameters
    ----------
    status, summary
        What to say there instead, such as "kept" with the reason.
    check
        Read every file and look at its checksum. Without, the service copies by itself, which
        takes half the calls, and a damage shows when the file is read.

    Raises
    ------
    MissingArtifact, DamagedArtifact
        A file is gone, or not what the manifest says.
    """

    def copy(name: str) -> None:
        target = run_key(run_id, unit.stage, unit.household, name)
        if check:
            data = store.read_checked(unit.key(name), unit.files[name].sha256)
            store.write(target, data)
        else:
            store.copy(unit.key(name), target)

    if unit.run_id != run_id:
        store.together(copy, sorted(unit.files))
    elif check:
        verify(store, unit)
    before = unit.before
    if status == "kept" and unit.status != "kept":
        before = {"status": unit.status, "summary": unit.summary}
    moved = replace(
        unit,
        before=before,
        run_id=run_id,
        status=unit.status if status is None else status,
        summary=unit.summary if summary is None else summary,
        copied_from=unit.copied_from or ("" if unit.run_id == run_id else unit.run_id),
    )
    return save_unit(store, moved)


def as_done(unit: Manifest) -> Manifest:
    """Return the manifest as it was before the unit was kept."""
    if unit.status != "kept" or not unit.before:
        return unit
    return replace(
        unit,
        status=unit.before.get("status", "kept"),
        summary=unit.before.get("summary", {}),
        before={},
    )
