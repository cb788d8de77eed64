"""The argument of `jfdask.jellyfin.paging`, tried on lists that change between any two pages."""

import dataclasses
import pickle
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from jfdask.jellyfin.listing import Listing
from jfdask.jellyfin.paging import (
    FINGERPRINT_BYTES,
    Page,
    Receipt,
    find_shift,
    fingerprint,
    page_starts,
)


def page(start, ids, total, limit):
    marks = b"".join(fingerprint(i) for i in ids)
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    return Receipt(start, limit, total, len(ids), first, last, marks, None, {})


def round_of(items, size):
    """All pages of a list that keeps still."""
    return [page(s, items[s : s + size], len(items), size) for s in page_starts(len(items), size)]


@given(st.integers(0, 400), st.integers(2, 60))
def test_pages_cover_a_list_and_share_one_item(total, size):
    items = [str(n) for n in range(total)]
    starts = page_starts(total, size)
    pages = [items[s : s + size] for s in starts]
    assert all(a[-1] == b[0] for a, b in pairwise(pages))
    assert sum(map(len, pages)) == total + len(pages) - 1
    assert set().union(*pages) == set(items)
    assert len(pages) == 1 or all(len(p) > 1 for p in pages)
    assert find_shift(round_of(items, size)) is None


def test_a_page_needs_two_items():
    with pytest.raises(ValueError, match="at least 2"):
        page_starts(10, 1)


STILL = list("abcdefg")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ps: ps[1:], "first page is missing"),
        (lambda ps: [], "first page is missing"),
        (lambda ps: ps[:-1], "end before 7 items"),
        (lambda ps: [ps[0], ps[2]], "at 0 and 4 do not meet"),
        (lambda ps: [ps[0], page(2, list("Xde"), 7, 3), ps[2]], "at 0 and 2 do not meet"),
        (lambda ps: [ps[0], page(2, list("cde"), 8, 3), ps[2]], "total changed between 7 and 8"),
        (lambda ps: [ps[0], page(2, list("cd"), 7, 3), ps[2]], "has 2 items instead of 3"),
        (lambda ps: [ps[0], page(2, list("cae"), 7, 3), ps[2]], "7 items, but 6 different"),
    ],
)
def test_it_says_what_does_not_fit(change, said):
    pages = round_of(STILL, 3)
    assert find_shift(pages) is None
    assert find_shift(pages[::-1]) is None  # in any order
    assert said in find_shift(change(pages))


def test_a_saved_seam_is_a_shift():
    pages = round_of(STILL, 3)
    assert find_shift(pages, saved={"a", "b", "d"}) is None
    assert "was saved" in find_shift(pages, saved={"c"})


def test_pages_may_differ_in_size():
    pages = [page(0, list("abc"), 7, 3), page(2, list("cd"), 7, 2), page(3, list("defg"), 7, 9)]
    assert find_shift(pages) is None


@dataclass
class Library:
    """A list ordered by (rank, id) that changes at random between two requests."""

    ranks: dict[str, float]
    saved: set[str] = dataclasses.field(default_factory=set)
    gone: set[str] = dataclasses.field(default_factory=set)

    def listing(self):
        return sorted(self.ranks, key=lambda i: (self.ranks[i], i))

    def page(self, start, size):
        items = self.listing()
        return page(start, items[start : start + size], len(items), size)

    def change(self, kind, at, to):
        items = self.listing()
        if kind == "add":
            new = f"new{len(self.saved)}-{len(self.gone)}-{to}"
            self.ranks[new] = to
            self.saved.add(new)
        elif items and kind == "remove":
            chosen = items[at % len(items)]
            del self.ranks[chosen]
            self.gone.add(chosen)
        elif items and kind == "move":
            chosen = items[at % len(items)]
            self.ranks[chosen] = to
            self.saved.add(chosen)


def changes(*kinds):
    """For every page a list of things that happen before it is read."""
    place = st.floats(-1, 13, allow_nan=False)
    one = st.tuples(st.sampled_from(kinds), st.integers(0, 20), place)
    return st.lists(st.lists(one, max_size=3), min_size=8, max_size=8)


def read(n_items, size, script, backwards):
    """Read all pages of a library that changes; return it, the pages and what stayed."""
    library = Library({f"item{n:02d}": float(n) for n in range(n_items)})
    there = set(library.ranks)
    pages = [library.page(0, size)]
    starts = page_starts(pages[0].total, size)[1:]
    for start, events in zip(starts[::-1] if backwards else starts, script, strict=False):
        for kind, at, to in events:
            library.change(kind, at, to)
        pages.append(library.page(start, size))
    return library, pages, there - library.gone


def ids_of(pages, library, there):
    by_mark = {fingerprint(i): i for i in there | set(library.ranks) | library.gone}
    step = len(fingerprint(""))
    return [
        [by_mark[p.fingerprints[at : at + step]] for at in range(0, len(p.fingerprints), step)]
        for p in sorted(pages, key=lambda p: p.start)
    ]


def assert_each_once(pages, library, stayed, there):
    read_ids = ids_of(pages, library, there)
    flat = read_ids[0] + [i for ids in read_ids[1:] for i in ids[1:]]
    assert stayed <= set(flat)
    assert all(flat.count(i) == 1 for i in stayed)


SIZES = st.tuples(st.integers(0, 12), st.integers(2, 5))
MANY = settings(max_examples=400, deadline=None)


@MANY
@given(SIZES, changes("add", "remove"), st.booleans())
def test_if_items_come_and_go_none_that_stayed_is_missing(sizes, script, backwards):
    library, pages, stayed = read(*sizes, script, backwards)
    if find_shift(pages):
        event("shifted")
    else:
        event("settled, changed" if library.saved or library.gone else "settled, still")
        assert_each_once(pages, library, stayed, stayed | library.gone)


@MANY
@given(SIZES, changes("move"), st.booleans())
def test_if_items_change_places_none_is_missing(sizes, script, backwards):
    library, pages, stayed = read(*sizes, script, backwards)
    if find_shift(pages) is None:
        event("settled, moved" if library.saved else "settled, still")
        assert_each_once(pages, library, stayed, stayed)


@MANY
@given(SIZES, changes("add", "remove", "move"), st.booleans())
def test_if_all_happens_what_was_not_saved_is_there_once(sizes, script, backwards):
    library, pages, stayed = read(*sizes, script, backwards)
    # What was saved meanwhile is read for itself.
    if find_shift(pages, saved=library.saved) is None:
        event("settled, changed" if library.saved or library.gone else "settled, still")
        assert_each_once(pages, library, stayed - library.saved, stayed | library.gone)


def test_without_asking_what_was_saved_an_item_can_slip_through():
    # The reason for `saved`: e moves to the front, a goes, x comes at the end.
    library = Library({i: float(n) for n, i in enumerate("abcdef")})
    pages = [library.page(0, 4)]
    library.change("move", 4, -1.0)
    library.change("remove", 1, 0.0)
    library.change("add", 0, 9.0)
    pages.append(library.page(3, 4))
    assert "e" in library.ranks
    assert find_shift(pages) is None
    assert "e" not in {i for ids in ids_of(pages, library, set("abcdef")) for i in ids}
    assert "e" in library.saved


def test_changes_that_even_out_before_the_seam_are_no_shift():
    library = Library({f"item{n}": float(n) for n in range(6)})
    pages = [library.page(0, 4)]
    library.change("add", 0, 4.5)
    library.change("remove", 1, 0.0)
    library.change("add", 0, 0.5)
    library.change("remove", 6, 0.0)
    pages.append(library.page(3, 4))
    assert find_shift(pages) is None
    assert_each_once(pages, library, set(library.ranks) - library.saved, library.gone)


def test_a_receipt_is_small_and_a_page_gives_it():
    items = [f"{n:032x}" for n in range(1, 501)]
    receipt = page(0, items, 500, 500)
    frame = pd.DataFrame({"item_id": items})
    assert Page(**vars(receipt), frame=frame).receipt == receipt
    assert len(pickle.dumps(receipt)) < 10_000


def listing_of(ids, total):
    items = [{"Id": i * 32, "Type": "Movie"} for i in ids]
    return Listing(0, 10, total, items, None)


def test_of_a_page_that_is_the_whole_list_no_marks_travel():
    whole = listing_of("abc", 3).receipt()
    assert whole.fingerprints == b""
    assert find_shift([whole]) is None


@pytest.mark.parametrize(
    ("ids", "total", "said"), [("abca", 4, "3 different ones"), ("abc", 4, "3 items instead of 4")]
)
def test_of_any_other_page_they_do(ids, total, said):
    receipt = listing_of(ids, total).receipt()
    assert len(receipt.fingerprints) == FINGERPRINT_BYTES * len(ids)
    assert said in find_shift([receipt])
