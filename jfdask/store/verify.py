"""Looking at checksums: of a unit's files, and of all of a run down from its manifest."""

from __future__ import annotations

from jfdask.errors import DamagedArtifact, StoreError
from jfdask.store.filesystem import Store
from jfdask.store.manifests import Manifest, load_run, load_stage, load_unit


def verify(store: Store, unit: Manifest) -> None:
    """Read all files of a unit; DamagedArtifact names those that are gone or changed."""
    if problems := damages(store, unit):
        raise DamagedArtifact("\n".join(problems))


def damages(store: Store, unit: Manifest) -> list[str]:
    """Return a sentence for every file of a unit that is gone or changed."""

    def look(name: str) -> str | None:
        try:
            store.read_checked(unit.key(name), unit.files[name].sha256)
        except StoreError as error:
            return str(error)
        return None

    return [problem for problem in store.together(look, sorted(unit.files)) if problem]


def verify_run(store: Store, run_id: str) -> list[str]:
    """Return what is wrong with a finished run, a sentence each: every checksum is looked at.

    Raises
    ------
    MissingArtifact, DamagedArtifact
        The run has no manifest, or none that can be read.
    """
    problems: list[str] = []
    for stage, stage_sum in sorted(load_run(store, run_id).members.items()):
        try:
            members = load_stage(store, run_id, stage, stage_sum).members
        except StoreError as error:
            problems.append(str(error))
            continue
        for household, unit_sum in sorted(members.items()):
            try:
                problems += damages(store, load_unit(store, run_id, stage, household, unit_sum))
            except StoreError as error:
                problems.append(str(error))
    return problems
