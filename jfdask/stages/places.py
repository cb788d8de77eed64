"""Where a household's part of a run lies: what a task is told instead of data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jfdask.store.filesystem import Store, StoreAddress, open_store
from jfdask.store.keys import run_key


@dataclass(frozen=True, slots=True)
class Place:
    """A household's part of a run. Travels to workers; holds no secret and no data."""

    address: StoreAddress
    run_id: str
    household: str
    previous: str | None = None  # the run that readers read
    forerunner: str | None = None  # broken off; its work is taken over, it is not worked in

    @property
    def before_it(self) -> Place | None:
        """The same household in the run that was broken off."""
        return None if self.forerunner is None else replace(self, run_id=self.forerunner)

    @property
    def store(self) -> Store:
        """The store, opened in this process."""
        return open_store(self.address)

    def key(self, stage: str, *parts: str) -> str:
        """Return the key of a file of a stage."""
        return run_key(self.run_id, stage, self.household, *parts)
