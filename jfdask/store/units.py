"""Writing and reading the files of a unit: one household in one stage.

Workers write parts of a unit and hand back receipts; who closes the unit merges them into its
manifest, which is written last. Reading goes by the manifest: every checksum is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from jfdask.errors import MissingArtifact, StoreError
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.filesystem import Store, sha256_of
from jfdask.store.keys import MANIFEST, PEOPLE, run_key
from jfdask.store.manifests import (
    Manifest,
    Receipt,
    StoredFile,
    fingerprint,
    save_unit,
    settings_fingerprint,
)
from jfdask.store.models import decode_model, encode_model
from jfdask.store.tables import (
    decode_array,
    decode_csr,
    decode_table,
    encode_array,
    encode_csr,
    encode_table,
)
from jfdask.tables import Table


class UnitWriter:
    """Writes files of one household in one stage and keeps their receipts.

    Parameters
    ----------
    store
        Where to; it may be sent to a worker, where it is opened anew.
    run_id, stage, household
        The unit. Names of files are relative to it.
    """

    def __init__(self, store: Store, run_id: str, stage: str, household: str) -> None:
        self.store = store
        self.run_id = run_id
        self.stage = stage
        self.household = household
        self.receipts: Receipt = {}

    def bytes(self, name: str, data: bytes) -> Receipt:
        """Write bytes; return their receipt."""
        if name == MANIFEST:
            raise ValueError(f"{MANIFEST!r} is written by close.")
        self.store.write(run_key(self.run_id, self.stage, self.household, name), data)
        receipt = {name: StoredFile(sha256_of(data), len(data))}
        self.receipts.update(receipt)
        return receipt

    def table(self, name: str, table: Table, frame: pd.DataFrame) -> Receipt:
        """Write a table as parquet; return its receipt."""
        return self.bytes(name, encode_table(table, frame))

    def json(self, name: str, value: object) -> Receipt:
        """Write a document; return its receipt."""
        return self.bytes(name, encode_json(value))

    def model(self, name: str, estimator: object) -> Receipt:
        """Write an estimator as skops; return its receipt."""
        return self.bytes(name, encode_model(estimator))

    def csr(self, name: str, movie_ids: Sequence[str] | np.ndarray, X: csr_matrix) -> Receipt:
        """Write (n,) ids and a sparse (n, m) matrix; return their receipt."""
        return self.bytes(name, encode_csr(movie_ids, X))

    def array(
        self, name: str, movie_ids: Sequence[str] | np.ndarray, values: np.ndarray
    ) -> Receipt:
        """Write (n,) ids and a dense (n, m) matrix; return their receipt."""
        return self.bytes(name, encode_array(movie_ids, values))

    def close(
        self,
        *,
        receipts: Iterable[Receipt] = (),
        inputs: Mapping[str, str],
        settings: object,
        code_version: str,
        started: datetime,
        finished: datetime,
        status: str = "done",
        summary: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Write the manifest over everything written here and by the workers; return it.

        Parameters
        ----------
        receipts
            What workers handed back; only what has a receipt is part of the unit.
        inputs
            ``{name: sha256}`` of what was read; see ``Manifest.checksums``.
        settings
            The settings that matter to this stage; only their digest is kept.
        summary
            Small; what is about a person stands at ``summary["people"][user_id]``.

        Raises
        ------
        StoreError
            Two receipts differ over one file: two workers wrote it.
        """
        files = dict(self.receipts)
        for receipt in receipts:
            for name, file in receipt.items():
                if files.setdefault(name, file) != file:
                    raise StoreError(
                        f"{name!r} of {self.stage} for {self.household!r} was written twice, "
                        "differently. That is a mistake of jfdask: please report it."
                    )
        manifest = Manifest(
            run_id=self.run_id,
            stage=self.stage,
            household=self.household,
            status=status,
            fingerprint=fingerprint(inputs, settings, code_version),
            code_version=code_version,
            started=started.isoformat(),
            finished=finished.isoformat(),
            settings=settings_fingerprint(settings),
            inputs=dict(inputs),
            files=files,
            summary=summary or {},
        )
        return save_unit(self.store, manifest)


class UnitReader:
    """Reads files of a unit by its manifest.

    Every method raises MissingArtifact for what the manifest does not list, and DamagedArtifact
    for what is not as it says.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self.store = store
        self.manifest = manifest

    def names(self, prefix: str = "") -> list[str]:
        """Return the unit's files whose names begin so, sorted."""
        return sorted(name for name in self.manifest.files if name.startswith(prefix))

    def user_ids(self, name: str = "") -> list[str]:
        """Return the people of whom there is a file of that name, or any, sorted."""
        found = (file.split("/") for file in self.names(f"{PEOPLE}/"))
        return sorted({parts[1] for parts in found if name in ("", parts[-1])})

    def bytes(self, name: str) -> bytes:
        """Return the bytes of a file."""
        file = self.manifest.files.get(name)
        if file is None:
            unit = self.manifest
            raise MissingArtifact(
                f"Stage {unit.stage} of run {unit.run_id} wrote no {name!r} for "
                f"{unit.household!r}. Run it again: jfdask {unit.stage}."
            )
        return self.store.read_checked(self.manifest.key(name), file.sha256)

    def table(self, name: str, table: Table, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table, or some of its columns; TableError if it is another one."""
        return decode_table(self.bytes(name), self.manifest.key(name), table, columns)

    def json(self, name: str) -> Any:
        """Return a document."""
        return decode_json(self.bytes(name), self.manifest.key(name))

    def model(self, name: str) -> Any:
        """Return an estimator; UntrustedModel if it holds foreign types."""
        return decode_model(self.bytes(name), self.manifest.key(name))

    def csr(self, name: str) -> tuple[np.ndarray, csr_matrix]:
        """Return (n,) ids and a sparse (n, m) float64 matrix."""
        return decode_csr(self.bytes(name), self.manifest.key(name))

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,) ids and a dense (n, m) float64 matrix."""
        return decode_array(self.bytes(name), self.manifest.key(name))
