"""How a household is read, from top to bottom: which calls, in which order, what follows.

A generator for `jfdask.stages.window.drive`: it yields calls and is sent their receipts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jfdask.errors import JellyfinError, JfdaskError, ServerFault, SettingsError
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.paging import MAX_ROUNDS, find_shift, page_starts
from jfdask.jellyfin.paging import Receipt as PageReceipt
from jfdask.jellyfin.reading import User
from jfdask.settings import FetchSettings, Household
from jfdask.stages.fetch import tasks
from jfdask.stages.fetch.tasks import Listing
from jfdask.stages.places import Place
from jfdask.stages.units import Draft
from jfdask.stages.window import Call, Work, together


@dataclass(frozen=True)
class ListRead:
    """A list that was read: which of its pages to believe."""

    listing: Listing
    parts: tuple[str, ...]  # names of its pages in the store
    problems: tuple[str, ...] = ()
    broken: Counter[str] = field(default_factory=Counter)
    times: tuple[datetime, ...] = ()  # the server's clock at each page


def read_household(
    place: Place, household: Household, server: Server, settings: FetchSettings, accept_loss: bool
) -> Work[Draft]:
    """Read a household: who is there, its movies, everybody's plays, collections, people.

    Raises
    ------
    JellyfinError
        What the household cannot do without was not to be had.
    """
    [opened] = yield [Call(tasks.open_server, (server, settings.startup_seconds), "")]
    opened = _or_raise(opened)
    people = chosen_people(opened.users, household)
    since = _or_raise((yield [Call(tasks.last_reading, (place, opened.server), "")])[0])

    size = settings.page_size
    catalogue = [Listing("ids"), Listing("changed", changed_since=since)]
    if since is None:
        catalogue = [Listing("items")]
    plays = [Listing("plays", user_id=user.user_id) for user in people]
    works: list[Work[Any]] = [
        _read_list(place, server, listing, size) for listing in catalogue + plays
    ]
    works.append(_read_collections(place, server, widest(opened.users)))
    *lists, collections = yield from together(works)
    problems: list[str] = []
    read = [_or_raise(one) for one in lists[: len(catalogue)]]
    names: dict[str, str] = {}
    for user, one in zip(people, lists[len(catalogue) :], strict=True):
        if isinstance(one, JfdaskError):
            problems.append(f"User {user.name!r} could not be read and is left out: {one}")
        else:
            read.append(one)
            names[user.user_id] = user.name
    if isinstance(collections, JfdaskError):
        collections = ((), (f"The collections could not be read: {collections}",))
    problems += [*collections[1], *(problem for one in read for problem in one.problems)]

    pages = tuple((one.listing, one.parts) for one in read)
    planned = yield [Call(tasks.plan, (place, pages, settings.people_per_call), "")]
    chunks: tasks.Chunks = _or_raise(planned[0])
    answers = yield [
        *(
            Call(tasks.read_missing, (place, server, i), "movies", n)
            for i, n in enumerate(chunks.items)
        ),
        *(
            Call(tasks.read_people, (place, server, i), "people of movies", n)
            for i, n in enumerate(chunks.credits)
        ),
    ]
    problems += [f"Some movies could not be read: {a}" for a in answers if isinstance(a, Exception)]
    broken = sum((one.broken for one in read), Counter(opened.broken))
    broken += sum((Counter(a) for a in answers if isinstance(a, dict)), Counter[str]())
    request = tasks.Assembly(
        server=opened.server,
        names=names,
        pages=pages,
        n_missing=len(chunks.items),
        collections=collections[0],
        largest_loss=1.0 if accept_loss else settings.largest_loss,
        began=min((t for one in read[: len(catalogue)] for t in one.times), default=None),
    )
    [written] = yield [Call(tasks.assemble, (place, request), "")]
    receipts, summary = _or_raise(written)
    if broken:
        summary["broken"] = dict(sorted(broken.items()))
    return Draft([receipts], summary, tuple(problems))


def chosen_people(users: Sequence[User], household: Household) -> list[User]:
    """Return whom the settings want, disabled people never, sorted by id.

    Raises
    ------
    SettingsError
        The settings name somebody whom the server does not know.
    """
    known = {name: user for user in users for name in (user.user_id, user.name.casefold())}
    for name in household.users:
        if name.casefold() not in known:
            there = ", ".join(sorted(u.name for u in users)) or "nobody"
            raise SettingsError(
                f"Household {household.name!r}: the server knows no user {name!r}; it knows: "
                f"{there}. Mend households.users."
            )
    gone = [n for n in household.exclude_users if n.casefold() not in known and not _is_id(n)]
    if gone:
        raise SettingsError(
            f"Household {household.name!r}: the server knows no user {gone[0]!r}, so nobody is "
            "left out under that name. Mend households.exclude_users."
        )
    wanted = {known[name.casefold()].user_id for name in household.users}
    unwanted = {
        known[n.casefold()].user_id for n in household.exclude_users if n.casefold() in known
    }
    return sorted(
        (
            user
            for user in users
            if not user.is_disabled
            and (not wanted or user.user_id in wanted)
            and user.user_id not in unwanted
        ),
        key=lambda user: user.user_id,
    )


def _is_id(name: str) -> bool:
    """Tell an id from a name: somebody who was excluded by id may have been deleted since."""
    return re.fullmatch(r"[0-9a-f]{32}", name) is not None


def widest(users: Sequence[User]) -> User:
    """Return the user through whose eyes most can be seen: whom nothing is hidden from."""
    if not users:
        raise JellyfinError("The server has no users: finish its set-up first.")
    return min(users, key=lambda u: (not u.sees_everything, u.is_disabled, u.user_id))


def _read_list(place: Place, server: Server, listing: Listing, size: int) -> Work[ListRead]:
    """Read all pages of a list, again if it was changing underneath."""
    for round_ in range(MAX_ROUNDS):
        read = _Pages(place, server, listing, round_)
        yield from read.take([(0, size)])
        if read.receipts:
            starts = page_starts(read.receipts[0].total, size)[1:]
            yield from read.take([(start, size) for start in starts])
        shift = None if read.problems else find_shift(read.receipts)
        if shift is None:
            return read.result()
    read.problems.append(
        f"The list of {listing.name} kept changing in {MAX_ROUNDS} readings ({shift}); a movie "
        "may be missing."
    )
    return read.result()


@dataclass
class _Pages:
    """The pages of one reading of a list."""

    place: Place
    server: Server
    listing: Listing
    round_: int
    receipts: list[PageReceipt] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, ranges: list[tuple[int, int]]) -> Work[None]:
        """Read ranges (start, length). One that the server cannot give is halved.

        What is broken on the server's side costs itself in the end, not its page.
        """
        while ranges:
            answers = yield [self._call(start, n) for start, n in ranges]
            halves = []
            for (start, n), answer in zip(ranges, answers, strict=True):
                if isinstance(answer, ServerFault) and n > 1:
                    halves += [(start, n // 2), (start + n // 2, n - n // 2)]
                elif isinstance(answer, ServerFault) and (start or self.receipts):
                    self.problems.append(f"Movie {start} of the list cannot be read: {answer}")
                else:
                    self.receipts.append(_or_raise(answer))
                    self.parts.append(self._part(start, n))
            ranges = halves

    def result(self) -> ListRead:
        """Return what was read."""
        return ListRead(
            self.listing,
            tuple(self.parts),
            tuple(self.problems),
            sum((Counter(receipt.broken) for receipt in self.receipts), Counter[str]()),
            tuple(r.server_time for r in self.receipts if r.server_time is not None),
        )

    def _part(self, start: int, n: int) -> str:
        return f"{self.round_}-{start:08d}-{n}.parquet"

    def _call(self, start: int, n: int) -> Call:
        part = self._part(start, n)
        where = (self.place, self.server, self.listing, part, start, n)
        return Call(tasks.read_page, where, "pages")


def _read_collections(
    place: Place, server: Server, user: User
) -> Work[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Read which collections there are and what is in them; return chunks and problems."""
    [listed] = yield [Call(tasks.list_collections, (place, server, user.user_id), "pages")]
    chunks: tuple[int, ...] = _or_raise(listed)
    answers = yield [
        Call(tasks.read_members, (place, server, user.user_id, i), "collections", n)
        for i, n in enumerate(chunks)
    ]
    failed = [a for a in answers if isinstance(a, JfdaskError)]
    good = tuple(i for i, a in enumerate(answers) if not isinstance(a, JfdaskError))
    return good, tuple(f"Some collections could not be read: {error}" for error in failed)


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, JfdaskError):
        raise answer
    return answer
