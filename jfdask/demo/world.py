"""The state behind the routes: the household, the version it is served as, and orders kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from jfdask.demo.records import DemoHousehold, Item, User

Version = Literal["10.11", "12.0"]
FULL_VERSIONS: dict[Version, str] = {"10.11": "10.11.11", "12.0": "12.0.0"}

SortSpec = tuple[tuple[str, bool], ...]  # (key in lower case, descending), the first weighs most


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class World:
    """What all handlers share."""

    household: DemoHousehold
    version: Version
    url: str = ""
    clock: Callable[[], datetime] = _now
    is_scanning: bool = False  # a library scan shows in /ScheduledTasks
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    _kept: dict[tuple[object, ...], list[Item]] = field(default_factory=dict, repr=False)
    _kept_revision: int = -1

    @property
    def is_12(self) -> bool:
        """It answers as version 12, not 10.11."""
        return self.version == "12.0"

    def ordered(self, types: frozenset[str], sort: SortSpec, user: User | None) -> list[Item]:
        """Return the items of some types (none: of all) that a user may see, in order.

        Equal ones stay in the order they were put in: as on a real server, no id decides.
        Orders are kept until an item changes.
        """
        household = self.household
        if self._kept_revision != household.revision:
            self._kept.clear()
            self._kept_revision = household.revision
        # Users are changed by tests only, which touch the household too.
        key = (types, sort, user and user.user_id)
        if key in self._kept:
            return self._kept[key]
        if user is not None:
            everybodys = self.ordered(types, sort, None)
            items = [i for i in everybodys if household.may_see(user, i)]
        else:
            items = [i for i in household.items.values() if not types or i.type in types]
            for name, descending in reversed(sort):
                self._sort(items, name, descending)
        if not any(name == "random" for name, _ in sort):
            self._kept[key] = items
        return items

    def _sort(self, items: list[Item], name: str, descending: bool) -> None:
        if name == "random":
            order = self.rng.permutation(len(items)).tolist()
            items[:] = [items[k] for k in order]
            return
        key = _SORT_KEYS.get(name)
        if key is not None:
            items.sort(key=key, reverse=descending)


_FIRST = datetime(1, 1, 1, tzinfo=UTC)

#: Unknown keys are ignored. Those that depend on plays are not served: nobody asks for them.
_SORT_KEYS: dict[str, Callable[[Item], str | float | datetime]] = {
    "sortname": lambda i: i.sort_key,
    "name": lambda i: i.name.lower(),
    "datecreated": lambda i: i.created,
    "premieredate": lambda i: i.premiere or _FIRST,
    "productionyear": lambda i: i.year or 0,
    "communityrating": lambda i: i.community_rating or 0.0,
    "criticrating": lambda i: i.critic_rating or 0.0,
    "runtime": lambda i: i.runtime_ticks or 0,
}
