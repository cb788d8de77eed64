"""Where a household's part of a run lies: what a task is told instead of data."""

from __future__ import annotations

from dataclasses import dataclass

from jfdask.store.filesystem import Store, StoreAddress, open_store
from jfdask.store.keys import run_key


@dataclass(frozen=True, slots=True)
class Place:
    """A household's part of a run. Travels to workers; holds no secret and no data."""

    address: StoreAddress
    run_id: str
    household: str
    previous: str | None = None  # the run that readers read

    @property
    def store(self) -> Store:
        """The store, opened in this process."""
        return open_store(self.address)

    def key(self, stage: str, *parts: str) -> str:
        """Return the key of a file of a stage."""
        return run_key(self.run_id, stage, self.household, *parts)
