"""Whether pages that were read one by one still make one list. No network, no clock.

A page is an offset into a list that may change between two requests; the server has no
snapshot. Neighbouring pages therefore share one item, the seam: page k + 1 starts on the last
item of page k. An insertion or a removal before the seam moves it, and then the two pages
disagree on it. `find_shift` looks at the seams and a little more; if it finds nothing:

1. **If items only come and go**, so that those that stay keep their order, every item that was
   there throughout was read, and none twice. For the seam b of two pages was there when either
   was read; an item before b stays before it, one behind stays behind. The one page is an
   unbroken stretch of the list that ends with b, the other one that begins with b: no item
   that stays falls between them or into both. This needs no order of reading: pages may be
   read at the same time, or the last one first.
2. **If items only change places** (equal sort keys have no order on a server), the same holds,
   as the total is the number of different items read.
3. **If both happen at once**, an item can slip from the part not yet read into the part already
   read while a removal and an insertion even it out. An item changes its place because it is
   saved, so the server can be asked what was saved since the reading began (``changed_since``,
   a minute earlier for safety): with those items in ``saved`` a seam that is one of them
   counts as shifted, and by the argument of 1 every other item was read; the saved ones
   themselves have just been read.

If pages are shifted, the whole list is read again, at most `MAX_ROUNDS` times. A list that never
settles is reported, and all rounds are one table; that can still lack an item or hold one that is
gone, which shows when the people's own lists are laid beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise

import pandas as pd

MAX_ROUNDS = 3
#: Two of 100,000 items have the same mark in one of four billion libraries, which then seems to
#: change as it is read.
FINGERPRINT_BYTES = 8


@dataclass(frozen=True)
class Receipt:
    """What is said of a page without the page: at most some 4 kB for 500 items."""

    start: int  # offset of the first item
    limit: int  # items asked for
    total: int  # items of the whole list, as the server counted them for this page
    n_items: int  # items of this page, broken ones too
    first_id: str | None  # None: the page is empty
    last_id: str | None
    #: FINGERPRINT_BYTES an item, in the order of the page. Empty: the page is the whole list,
    #: and no item stands there twice.
    fingerprints: bytes
    server_time: datetime | None  # the server's clock when it answered, UTC
    broken: Mapping[str, int]  # what could not be used: reason → how often


@dataclass(frozen=True)
class Page(Receipt):
    """A page that was read."""

    frame: pd.DataFrame  # its usable rows, sorted by id

    @property
    def receipt(self) -> Receipt:
        """What goes back to the client while the rows go to the store."""
        return Receipt(**{f.name: getattr(self, f.name) for f in fields(Receipt)})


def page_starts(total: int, size: int) -> list[int]:
    """Return where the pages of a list start, so that neighbours share one item.

    Parameters
    ----------
    total
        Items of the list; 0 still takes one page, to see that it is empty.
    size
        Items a page, at least 2.

    Examples
    --------
    >>> page_starts(7, 4), page_starts(8, 4), page_starts(4, 4), page_starts(0, 4)
    ([0, 3], [0, 3, 6], [0], [0])
    """
    if size < 2:
        raise ValueError(f"A page of {size}: neighbours share an item, so at least 2.")
    return list(range(0, max(total - 1, 1), size - 1))


def find_shift(pages: Sequence[Receipt], *, saved: Collection[str] = ()) -> str | None:
    """Return in what the pages of one round disagree, or None if they make one list.

    Parameters
    ----------
    pages
        All pages of the round, in any order; pages may differ in size.
    saved
        Ids of items that were saved while the pages were read, if that was asked.

    Examples
    --------
    >>> def page(start, ids, total):
    ...     marks = b"".join(map(fingerprint, ids))
    ...     return Receipt(start, 3, total, len(ids), ids[0], ids[-1], marks, None, {})
    >>> find_shift([page(0, "abc", 5), page(2, "cde", 5)]) is None
    True
    >>> find_shift([page(0, "abc", 5), page(2, "bde", 5)])
    'the pages at 0 and 2 do not meet'
    """
    pages = sorted(pages, key=lambda page: page.start)
    if not pages or pages[0].start != 0:
        return "the first page is missing"
    total = pages[0].total
    for page in pages:
        if page.total != total:
            return f"the total changed between {total} and {page.total}"
        expected = max(0, min(page.limit, total - page.start))
        if page.n_items != expected:
            return f"the page at {page.start} has {page.n_items} items instead of {expected}"
    for page, following in pairwise(pages):
        seam = f"the pages at {page.start} and {following.start}"
        if following.start != page.start + page.n_items - 1 or page.last_id != following.first_id:
            return f"{seam} do not meet"
        if page.last_id in saved:
            return f"the item that {seam} share was saved meanwhile"
    if pages[-1].start + pages[-1].n_items != total:
        return f"the pages end before {total} items"
    is_checked = len(pages) == 1 and not pages[0].fingerprints
    n_distinct = total if is_checked else len(_marks(pages))
    if n_distinct != total:
        return f"{total} items, but {n_distinct} different ones"
    return None


def fingerprint(item_id: str) -> bytes:
    """Return a few bytes that stand for an item in a receipt."""
    return hashlib.blake2b(item_id.encode(), digest_size=FINGERPRINT_BYTES).digest()


def _marks(pages: Sequence[Receipt]) -> set[bytes]:
    return {
        page.fingerprints[at : at + FINGERPRINT_BYTES]
        for page in pages
        for at in range(0, len(page.fingerprints), FINGERPRINT_BYTES)
    }
