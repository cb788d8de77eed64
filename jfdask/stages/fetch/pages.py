"""Reading a list page by page: whether its pages fit, and what the server cannot give of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from jfdask.errors import JellyfinError, ServerFault
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.paging import MAX_ROUNDS, Receipt, find_shift, fingerprint, page_starts
from jfdask.stages.fetch import tasks
from jfdask.stages.fetch.listing import Listing
from jfdask.stages.fetch.losses import NOT_GIVEN
from jfdask.stages.places import Place
from jfdask.stages.window import Call, Work, or_raise

#: What was saved is asked for from a little before the first page on; see `paging`.
SAVED_MARGIN = timedelta(minutes=1)
#: So many ranges of the first page refused, and none given: it is not for a movie in them.
ENOUGH_REFUSALS = 16


@dataclass(frozen=True)
class ListRead:
    """A list that was read: which of its pages to believe."""

    listing: Listing
    parts: tuple[str, ...]  # names of its pages in the store
    total: int = 0  # items of the list
    problems: tuple[str, ...] = ()
    broken: Counter[str] = field(default_factory=Counter)
    times: tuple[datetime, ...] = ()  # the server's clock at each page


def read_list(
    place: Place,
    server: Server,
    listing: Listing,
    size: int,
    first: Receipt | ServerFault | None = None,
) -> Work[ListRead]:
    """Read all pages of a list, again if it was changing underneath.

    Parameters
    ----------
    size
        Items a page.
    first
        What came of the first page, ``first_part(size)``, if it was asked for already.

    Raises
    ------
    JellyfinError
        A page cannot be read; after a `ServerFault`: nothing of the first page can.
    """
    earlier: list[str] = []  # pages of earlier rounds, the newest first
    for round_ in range(MAX_ROUNDS):
        # Of another length each time: an item that was just saved is not a seam again.
        length = max(2, size - round_)
        pages = _Pages(place, server, listing, round_)
        given = first if round_ == 0 else None
        yield from pages.take([(0, length)], None if given is None else [given])
        starts = page_starts(pages.total, length)[1:]
        yield from pages.take((start, min(length, pages.total - start)) for start in starts)
        shift = yield from pages.shift()
        if shift is None:
            return pages.result()
        earlier = [*pages.parts, *earlier]
    told = pages.result(
        f"The list of {listing.name} kept changing in {MAX_ROUNDS} readings ({shift}); a movie "
        "may be missing."
    )
    # What slipped from one reading may stand in another.
    return replace(told, parts=tuple(dict.fromkeys(earlier)))


@dataclass
class _Pages:
    """The pages of one reading of a list."""

    place: Place
    server: Server
    listing: Listing
    round_: int
    receipts: list[Receipt] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    faults: dict[int, ServerFault] = field(default_factory=dict)  # by offset of the item
    torn: set[int] = field(default_factory=set)  # where two items had to be read one by one

    @property
    def total(self) -> int:
        """Items of the list."""
        return self.receipts[0].total

    def take(
        self, wanted: Iterable[tuple[int, int]], answers: Sequence[Any] | None = None
    ) -> Work[None]:
        """Read ranges (start, length), if there are no answers. What cannot be given is halved.

        What is broken on the server's side costs itself in the end, not its page. A server
        that gives none of many ranges is broken as a whole.
        """
        ranges = list(wanted)
        while ranges:
            if answers is None:
                answers = yield [self._call(start, n) for start, n in ranges]
            refused = [answer for answer in answers if isinstance(answer, ServerFault)]
            if not self.receipts and len(refused) == len(ranges) >= ENOUGH_REFUSALS:
                raise refused[0]
            halves: list[tuple[int, int]] = []
            for (start, n), answer in zip(ranges, answers, strict=True):
                if not isinstance(answer, ServerFault):
                    self.receipts.append(or_raise(answer))
                    self.parts.append(self._part(start, n))
                elif n == 1:
                    self.faults[start] = answer
                else:
                    halves += self._halves(start, n)
            ranges, answers = list(dict.fromkeys(halves)), None
        if not self.receipts:
            raise self.faults[min(self.faults)]

    def shift(self) -> Work[str | None]:
        """Return in what the pages disagree, or None; of the catalogue also by what was saved."""
        pages = self._mended()
        shift = find_shift(pages)
        times = [r.server_time for r in self.receipts if r.server_time is not None]
        # With one page there is no seam; without a clock there is nothing to ask by.
        if shift or len(pages) < 2 or not times or self.listing.name not in ("items", "ids"):
            return shift
        [saved] = yield [Call(tasks.read_saved, (self.server, min(times) - SAVED_MARGIN))]
        if isinstance(saved, JellyfinError):
            return f"what was saved meanwhile cannot be read: {saved}"
        if or_raise(saved) is None:
            return f"more than {tasks.MOST_SAVED} movies were saved meanwhile"
        return find_shift(pages, saved=saved)

    def result(self, *problems: str) -> ListRead:
        """Return what was read."""
        broken = sum((Counter(receipt.broken) for receipt in self.receipts), Counter[str]())
        if not_given := [start for start in self._not_given() if start < self.total]:
            broken[NOT_GIVEN] = len(not_given)
        times = tuple(r.server_time for r in self.receipts if r.server_time is not None)
        parts = tuple(dict.fromkeys(self.parts))
        return ListRead(self.listing, parts, self.total, problems, broken, times)

    def _halves(self, start: int, n: int) -> list[tuple[int, int]]:
        """Return two shorter ranges that share an item, as pages do; two items are torn apart."""
        if n == 2:
            self.torn.add(start)
            return [(start, 1), (start + 1, 1)]
        first = n // 2 + 1
        return [(start, first), (start + first - 1, n - first + 1)]

    def _mended(self) -> list[Receipt]:
        """Return pages of which neighbours share an item, though the server cannot give them all.

        Two items that were torn apart stand as the page that they would have been, one that
        cannot be given under a name of its own. So totals, seams and repetitions of all the
        others are looked at as ever.
        """
        total, ids = self.total, {r.start: r.first_id for r in self.receipts if r.limit == 1}
        pages = [
            page
            for page in self.receipts
            # The first page is halved before the length of the list is known.
            if page.n_items or not page.start or page.start < total or page.total != total
        ]
        for start in self.torn:
            names = [ids.get(i) or f"? {i}" for i in (start, start + 1) if i < total]
            marks = b"".join(map(fingerprint, names))
            if names:
                ends = names[0], names[-1]
                pages.append(Receipt(start, 2, total, len(names), *ends, marks, None, {}))
        return sorted(pages, key=lambda page: (page.start, page.n_items))

    def _not_given(self) -> set[int]:
        return self.faults.keys() - {receipt.start for receipt in self.receipts}

    def _part(self, start: int, n: int) -> str:
        return _part(self.round_, start, n)

    def _call(self, start: int, n: int) -> Call:
        part = self._part(start, n)
        asked = (self.server, self.listing, start, n)
        if self.listing.user_id is not None:
            # Quickly made into a table, and there is one list a person: one task will do.
            return Call(tasks.read_page, (self.place, part, *asked), "pages")
        keep = partial(tasks.keep_page, place=self.place, listing=self.listing, part=part)
        return Call(tasks.ask_for_page, asked, "pages", n_tasks=2, then=keep)


def first_part(size: int) -> str:
    """Return the name of the first page of a list as it is read first."""
    return _part(0, 0, max(2, size))


def _part(round_: int, start: int, n: int) -> str:
    return f"{round_}-{start:08d}-{n}.parquet"
