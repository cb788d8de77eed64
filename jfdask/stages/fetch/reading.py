"""How a household is read, from top to bottom: which calls, in which order, what follows.

A generator for `jfdask.stages.window.drive`: it yields calls and is sent their receipts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jfdask.errors import JellyfinError, JfdaskError
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.reading import MARKS, User
from jfdask.settings import FetchSettings, Household
from jfdask.stages.fetch import making, tasks
from jfdask.stages.fetch.choosing import chosen_people, missing_people, widest
from jfdask.stages.fetch.listing import Listing, in_chunks
from jfdask.stages.fetch.losses import told_losses
from jfdask.stages.fetch.pages import ListRead, first_part, or_raise, read_list
from jfdask.stages.files import FETCH
from jfdask.stages.people import PersonReport, carry_person_over
from jfdask.stages.places import Place
from jfdask.stages.units import Draft
from jfdask.stages.window import Call, Work, together
from jfdask.store.manifests import Receipt

__all__ = ["chosen_people", "missing_people", "read_household"]


def read_household(
    place: Place, household: Household, server: Server, settings: FetchSettings, accept_loss: bool
) -> Work[Draft]:
    """Read a household: who is there, its movies, everybody's plays, collections, people.

    Raises
    ------
    JellyfinError
        What the household cannot do without was not to be had.
    SettingsError
        Nobody is left of those for whom it is to be read.
    """
    [opened] = yield [Call(tasks.open_server, (server,), "")]
    opened = or_raise(opened)
    people = chosen_people(opened.users, household)
    since = or_raise((yield [Call(tasks.last_reading, (place, opened.server), "")])[0])

    catalogue = [Listing("ids"), Listing("changed", changed_since=since)]
    if since is None:
        catalogue = [Listing("items")]
    lists, collections = yield from together(
        [
            _read_lists(place, server, catalogue, people, settings.page_size),
            _read_collections(place, server, widest(opened.users)),
        ]
    )
    read, histories = or_raise(lists)
    times = [time for one in read for time in one.times]
    problems = missing_people(opened.users, household)
    names: dict[str, str] = {}
    unread: list[tuple[User, JfdaskError]] = []
    for user, history in zip(people, histories, strict=True):
        if isinstance(history, JfdaskError):
            unread.append((user, history))
        else:
            read += history
            names[user.user_id] = user.name
    if not names:
        told = [f"User {user.name!r} could not be read: {error}" for user, error in unread]
        raise JellyfinError(" ".join([*problems, *told]))
    if isinstance(collections, JfdaskError):
        collections = ((), (f"The collections could not be read: {collections}",))
    problems += [*collections[1], *(problem for one in read for problem in one.problems)]

    pages = tuple((one.listing, one.parts) for one in read)
    planned = yield [Call(making.plan, (place, pages, settings.people_per_call), "")]
    chunks: making.Chunks = or_raise(planned[0])
    movies, credits, failed = yield from _read_by_id(place, server, chunks)
    problems += failed
    users, in_lists = Counter(opened.broken), [one.broken for one in read]
    problems += told_losses(users, in_lists, movies, credits)
    request = making.Assembly(
        server=opened.server,
        names=names,
        pages=pages,
        collections=collections[0],
        largest_loss=1.0 if accept_loss else settings.largest_loss,
        began=min(times, default=None),
    )
    [written] = yield [Call(making.assemble, (place, request), "")]
    receipts, summary = or_raise(written)
    carried = yield [
        Call(carry_person_over, (place, FETCH, user.user_id), "") for user, _ in unread
    ]
    stand_ins: list[Receipt] = []
    for (user, error), answer in zip(unread, carried, strict=True):
        then = "is left out"
        if isinstance(answer, PersonReport):
            stand_ins.append(answer.receipt)
            summary["people"][user.user_id] = dict(answer.summary)
            then = "stays as on the night before"
        problems.append(f"User {user.name!r} could not be read and {then}: {error}")
    # Whatever comes of it: what cannot be removed now goes when the run is pruned.
    yield [Call(making.clear, (place, tuple(user.user_id for user in people)), "")]
    if broken := sum(in_lists, users + movies + credits):
        summary["broken"] = dict(sorted(broken.items()))
    return Draft([receipts, *stand_ins], summary, tuple(problems))


def _read_lists(
    place: Place, server: Server, catalogue: Sequence[Listing], people: Sequence[User], size: int
) -> Work[tuple[list[ListRead], list[list[ListRead] | JfdaskError]]]:
    """Read the movies, then what each person has to do with them."""
    lists = yield from together([read_list(place, server, one, size) for one in catalogue])
    read = [or_raise(one) for one in lists]
    user_ids = [user.user_id for user in people]
    counts: dict[str, int] = {}
    for counted in (
        yield [
            Call(tasks.count_movies, (server, chunk), "")
            for chunk in in_chunks(user_ids, tasks.PEOPLE_PER_TASK)
        ]
    ):
        counts |= or_raise(counted)
    histories = yield from together(
        [
            _read_history(place, server, user_id, counts.get(user_id) == read[0].total, size)
            for user_id in user_ids
        ]
    )
    return read, histories


def _read_history(
    place: Place, server: Server, user_id: str, sees_all: bool, size: int
) -> Work[list[ListRead]]:
    """Read what a person may see, and has to do with it.

    Who may see as many movies as there are sees all of them: then those are enough that she
    has begun, marked or played, which is a small part of a large library. They are read in this
    order, so that one that she plays meanwhile is in one of the lists.
    """
    if not sees_all:
        return [(yield from read_list(place, server, Listing("plays", user_id), size))]
    marked = [Listing("plays", user_id, only=mark) for mark in MARKS]
    part, length = first_part(size), max(2, size)
    wanted = (place, part, server, tuple(marked), length)
    [firsts] = yield [Call(tasks.read_first_pages, wanted, "pages", len(marked))]
    lists: list[ListRead] = []
    for listing, first in zip(marked, or_raise(firsts), strict=True):
        # As a rule a list is one page. The first pages of those behind a longer one were read
        # too early: before its end.
        is_in_order = all(one.parts == (part,) for one in lists)
        given = first if is_in_order else None
        lists.append((yield from read_list(place, server, listing, size, given)))
    return lists[::-1]


def _read_by_id(
    place: Place, server: Server, chunks: making.Chunks
) -> Work[tuple[Counter[str], Counter[str], list[str]]]:
    """Read movies and people by ids; return what was broken of either, and problems."""
    movies = [
        Call(tasks.read_missing, (place, server, i), "movies", n)
        for i, n in enumerate(chunks.items)
    ]
    credits = [
        Call(tasks.read_people, (place, server, i), "people of movies", n)
        for i, n in enumerate(chunks.credits)
    ]
    answers = yield [*movies, *credits]
    broken: dict[str, Counter[str]] = {"movies": Counter(), "people of movies": Counter()}
    problems = []
    for call, answer in zip([*movies, *credits], answers, strict=True):
        if isinstance(answer, JfdaskError):
            what = "" if call.kind == "movies" else "The people of "
            problems.append(f"{what}{call.n} of the movies could not be read: {answer}")
        else:
            broken[call.kind] += Counter(answer)
    return broken["movies"], broken["people of movies"], problems


def _read_collections(
    place: Place, server: Server, user: User
) -> Work[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Read which collections there are and what is in them; return chunks and problems."""
    [listed] = yield [Call(tasks.list_collections, (place, server, user.user_id), "pages")]
    chunks: tuple[int, ...] = or_raise(listed)
    answers = yield [
        Call(tasks.read_members, (place, server, user.user_id, i), "collections", n)
        for i, n in enumerate(chunks)
    ]
    failed = [a for a in answers if isinstance(a, JfdaskError)]
    good = tuple(i for i, a in enumerate(answers) if not isinstance(a, JfdaskError))
    return good, tuple(f"Some collections could not be read: {error}" for error in failed)
