from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from jfdask.errors import BadGateway, ServerFault, ServerUnreachable, TooManyRequests, Unauthorized
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.paging import Receipt, fingerprint
from jfdask.stages.fetch import tasks
from jfdask.stages.fetch.listing import Listing
from jfdask.stages.fetch.losses import NOT_GIVEN
from jfdask.stages.fetch.pages import read_list

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SERVER = Server("http://server")


class Library:
    """A list of movies on a server that cannot give some of them."""

    def __init__(self, n, bad=(), saved=(), clock=NOON):
        self.ids = [f"movie {i}" for i in range(n)]
        self.bad = {f"movie {i}" for i in bad}
        self.saved, self.clock = saved, clock
        self.asked = []  # (start, limit) of pages
        self.since = []
        self.before_page = lambda library: None

    def __call__(self, call):
        if call.function is tasks.read_saved:
            self.since.append(call.args[1])
            return self.saved
        assert call.function in (tasks.ask_for_page, tasks.read_page)
        *_, start, limit = call.args
        self.before_page(self)
        self.asked.append((start, limit))
        ids = self.ids[start : start + limit]
        if self.bad & set(ids):
            raise ServerFault("500")
        ends = (ids[0], ids[-1]) if ids else (None, None)
        marks = b"".join(map(fingerprint, ids))
        return Receipt(start, limit, len(self.ids), len(ids), *ends, marks, self.clock, {})

    def covered(self, parts):
        """Which offsets the pages with these names hold."""
        ranges = [part.removesuffix(".parquet").split("-")[1:] for part in parts]
        return {i for start, n in ranges for i in range(int(start), int(start) + int(n))}


def read(by_hand, library, size, name="ids"):
    return by_hand(read_list(None, SERVER, Listing(name), size), library)


def is_one_reading(listed):
    return {part[0] for part in listed.parts} == {"0"}


@pytest.mark.parametrize("bad", [[0], [3], [4], [11], [2, 3], [3, 4, 5], [0, 1], [10, 11]])
@pytest.mark.parametrize("size", [3, 4, 5, 12, 13, 500])
def test_movies_that_cannot_be_given_cost_themselves(by_hand, bad, size):
    library = Library(12, bad)
    listed = read(by_hand, library, size)
    assert listed.problems == ()
    assert is_one_reading(listed)
    assert listed.broken == {NOT_GIVEN: len(bad)}
    assert library.covered(listed.parts) & set(range(12)) == set(range(12)) - set(bad)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), n=st.integers(1, 40), size=st.integers(2, 50))
def test_whichever_they_are(by_hand, data, n, size):
    bad = data.draw(st.sets(st.integers(0, n - 1), max_size=min(n - 1, 7)))
    assume(not set(range(size)) <= bad)
    library = Library(n, bad)
    listed = read(by_hand, library, size)
    assert (listed.problems, listed.broken[NOT_GIVEN]) == ((), len(bad))
    assert library.covered(listed.parts) & set(range(n)) == set(range(n)) - bad
    assert is_one_reading(listed)


def test_a_page_that_fails_once_is_read_in_halves_that_fit(by_hand):
    library = Library(12)

    def fail(library):
        library.bad = {"movie 3"} if len(library.asked) < 3 else set()

    library.before_page = fail
    listed = read(by_hand, library, 12)
    assert listed.problems == ()
    assert not listed.broken
    assert is_one_reading(listed)


def test_a_server_that_gives_nothing_is_not_asked_for_every_movie(by_hand):
    library = Library(500, bad=range(500))
    with pytest.raises(ServerFault):
        read(by_hand, library, 500)
    assert len(library.asked) == 31


def test_two_that_can_be_given_one_by_one_only(by_hand):
    library = Library(6)

    def not_together(call):
        *_, start, limit = call.args
        if call.function is tasks.ask_for_page and start <= 2 and start + limit > 3:
            raise ServerFault("500")
        return library(call)

    listed = read(by_hand, not_together, 6)
    assert listed.problems == ()
    assert is_one_reading(listed)
    assert library.covered(listed.parts) == set(range(6))


def test_a_shift_shows_beside_a_movie_that_cannot_be_given(by_hand):
    library = Library(20, bad=[2])

    def shift(library):
        # Once, before the page at 8 is read: one goes, one comes, the total stays.
        if library.asked and library.asked[-1] == (4, 5) and len(library.ids) == 20:
            library.before_page = lambda library: None
            library.ids = [*library.ids[:6], *library.ids[7:], "newcomer"]

    library.before_page = shift
    listed = read(by_hand, library, 5)
    assert listed.problems == ()
    assert {part[0] for part in listed.parts} == {"1"}
    assert listed.broken == {NOT_GIVEN: 1}


def test_a_list_that_never_settles_is_told(by_hand):
    library = Library(20, bad=[2])
    library.before_page = lambda library: library.ids.append(f"movie {len(library.ids)}")
    listed = read(by_hand, library, 5)
    [problem] = listed.problems
    assert "kept changing in 3 readings (the total changed" in problem
    # What slipped from one reading may stand in another; of what is in both the newest counts.
    rounds = [part[0] for part in listed.parts]
    assert set(rounds) == {"0", "1", "2"}
    assert rounds == sorted(rounds, reverse=True)


def test_a_server_that_gives_nothing_of_the_first_page(by_hand):
    for size in (2, 3):
        with pytest.raises(ServerFault):
            read(by_hand, Library(5, bad=[0, 1, 2]), size)


@pytest.mark.parametrize("error", [ServerUnreachable, BadGateway, TooManyRequests, Unauthorized])
def test_other_errors_end_the_list(by_hand, error):
    asked = []

    def refuse(call):
        asked.append(call)
        raise error("no")

    with pytest.raises(error):
        read(by_hand, refuse, 3)
    assert len(asked) == 1


class TestSavedMeanwhile:
    def test_a_seam_that_was_saved_has_the_list_read_again_with_other_seams(self, by_hand):
        library = Library(9, saved=("movie 4",))
        listed = read(by_hand, library, 5)
        assert [s.isoformat() for s in library.since] == ["2026-08-01T11:59:00+00:00"] * 2
        assert listed.problems == ()
        assert {part[0] for part in listed.parts} == {"1"}

    def test_others_that_were_saved_are_no_matter(self, by_hand):
        assert is_one_reading(read(by_hand, Library(9, saved=("movie 3", "movie 5")), 5))

    def test_too_many_of_them(self, by_hand):
        [problem] = read(by_hand, Library(9, saved=None), 5, "items").problems
        assert "more than 500 movies were saved" in problem

    def test_they_cannot_be_read(self, by_hand):
        library = Library(9)

        def refuse(call):
            if call.function is tasks.read_saved:
                raise ServerFault("500")
            return library(call)

        [problem] = read(by_hand, refuse, 5).problems
        assert "what was saved meanwhile cannot be read: 500" in problem

    @pytest.mark.parametrize(
        ("n", "name", "clock"), [(5, "ids", NOON), (9, "plays", NOON), (9, "ids", None)]
    )
    def test_nobody_asks_without_a_seam_a_catalogue_or_a_clock(self, by_hand, n, name, clock):
        library = Library(n, saved=("movie 4",), clock=clock)
        assert is_one_reading(read(by_hand, library, 5, name))
        assert library.since == []


def test_what_was_saved_since_the_first_page_is_looked_for(by_hand):
    library = Library(9)

    def pass_time(library):
        library.clock += timedelta(hours=1)

    library.before_page = pass_time
    assert is_one_reading(read(by_hand, library, 4))
    assert library.since == [NOON + timedelta(minutes=59)]
