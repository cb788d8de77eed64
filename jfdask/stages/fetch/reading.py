"""How a household is read, from top to bottom: which calls, in which order, what follows.

A generator for `jfdask.stages.window.drive`: it yields calls and is sent their receipts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jfdask.errors import JellyfinError, JfdaskError
from jfdask.jellyfin.connection import Server
from jfdask.jellyfin.reading import MARKS, User
from jfdask.settings import FetchSettings, Household
from jfdask.stages.fetch import making, tasks
from jfdask.stages.fetch.choosing import chosen_people, missing_people, widest
from jfdask.stages.fetch.listing import TOLD, Listing, Pages, in_chunks
from jfdask.stages.fetch.losses import told_losses
from jfdask.stages.fetch.pages import ListRead, first_part, read_list
from jfdask.stages.files import FETCH
from jfdask.stages.people import PersonReport, carry_person_over
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import Draft
from jfdask.stages.window import Call, Work, answer_to, or_raise, together
from jfdask.store.manifests import Receipt

__all__ = ["chosen_people", "missing_people", "read_household"]

#: Chunks of members that were read, and problems.
Collections = tuple[tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True)
class ById:
    """What went wrong with what was asked for by ids."""

    movies: Counter[str]  # reason → count
    credits: Counter[str]
    problems: list[str]


def read_household(
    place: Place,
    household: Household,
    server: Server,
    settings: FetchSettings,
    *,
    n_workers: int,
    accept_loss: bool,
) -> Work[Draft]:
    """Read a household: who is there, its movies, everybody's plays, collections, people.

    Raises
    ------
    JellyfinError
        What the household cannot do without was not to be had.
    SettingsError
        Nobody is left of those for whom it is to be read.
    """
    opened = yield from answer_to(Call(tasks.open_server, (server,)))
    people = chosen_people(opened.users, household)
    since = yield from answer_to(Call(tasks.last_reading, (place, opened.server)))

    catalogue = [Listing("ids"), Listing("changed", changed_since=since)]
    if since is None:
        catalogue = [Listing("items")]
    read, counts, collections = yield from _read_catalogue(
        place, server, catalogue, people, settings.page_size
    )
    catalogue_pages, per_call = _pages_of(read), settings.people_per_call
    by_id, histories = yield from together(
        [
            _read_by_id(place, server, catalogue_pages, per_call),
            _read_histories(place, server, people, counts, read[0].total, settings),
        ]
    )
    asked: list[ById] = [or_raise(by_id)]

    readers: list[making.Reader] = []
    failed: dict[str, str] = {}  # user id → why
    for user, history in zip(people, or_raise(histories), strict=True):
        if isinstance(history, JfdaskError):
            failed[user.user_id] = str(history)
        else:
            read += history
            readers.append(making.Reader(user.user_id, user.name, _pages_of(history)))
    reading = making.Reading(
        server=opened.server,
        pages=catalogue_pages,
        collections=collections[0],
        largest_loss=1.0 if accept_loss else settings.largest_loss,
        began=min((time for one in read for time in one.times), default=None),
    )
    made = yield from _make_tables(place, reading, readers, n_workers)
    if strangers := made.strangers:
        # A list that never settles, or that the server cannot give whole.
        asked.append(
            (yield from _read_by_id(place, server, catalogue_pages, per_call, 1, strangers))
        )
        reading = replace(reading, rounds=2)
        made = yield from _make_tables(place, reading, readers, n_workers)
    failed |= made.failed
    problems = missing_people(opened.users, household)
    if len(failed) == len(people):
        told = [f"User {u.name!r} could not be read: {failed[u.user_id]}" for u in people]
        raise JellyfinError(" ".join([*problems, *told]))
    problems += [*collections[1], *(problem for one in read for problem in one.problems)]
    receipts, summary = made.receipts, made.summary
    yield from answer_to(Call(making.settle, (place, reading, summary)))
    users, in_lists = Counter(opened.broken), [one.broken for one in read]
    movies = sum((one.movies for one in asked), Counter[str]())
    credits = sum((one.credits for one in asked), Counter[str]())
    problems += [problem for one in asked for problem in one.problems]
    problems += told_losses(users, in_lists, movies, credits)

    unread = [(user, failed[user.user_id]) for user in people if user.user_id in failed]
    for report, problem in (yield from _carry_over(place, unread)):
        if report is not None:
            receipts.append(report.receipt)
            summary["people"][report.user_id] = dict(report.summary)
        problems.append(problem)
    # Whatever comes of it: what cannot be removed now goes when the run is pruned.
    yield [Call(making.clear, (place,))]
    if broken := sum(in_lists, users + movies + credits):
        summary["broken"] = dict(sorted(broken.items()))
    return Draft(receipts, summary, tuple(problems))


def _read_catalogue(
    place: Place,
    server: Server,
    catalogue: Sequence[Listing],
    people: Sequence[User],
    size: int,
) -> Work[tuple[list[ListRead], dict[str, int], Collections]]:
    """Read the lists of movies, how many of them each person may see, and the collections."""
    *lists, seen = yield from together(
        [
            *(read_list(place, server, listing, size) for listing in catalogue),
            _read_as_seen(place, server, people),
        ]
    )
    return [or_raise(one) for one in lists], *or_raise(seen)


def _read_as_seen(
    place: Place, server: Server, people: Sequence[User]
) -> Work[tuple[dict[str, int], Collections]]:
    """Read how many movies each person may see, and the collections.

    These through the eyes of one of them: whom nobody asked about is not asked for.
    """
    counting = _count_movies(server, [user.user_id for user in people])
    if any(user.sees_everything for user in people):
        reading = _read_collections(place, server, widest(people, {}))
        counts, collections = yield from together([counting, reading])
        counts = or_raise(counts)
    else:
        counts = yield from counting
        reading = _read_collections(place, server, widest(people, counts))
        [collections] = yield from together([reading])
    if isinstance(collections, JfdaskError):
        collections = ((), (f"The collections could not be read: {collections}",))
    return counts, collections


def _count_movies(server: Server, user_ids: Sequence[str]) -> Work[dict[str, int]]:
    counts: dict[str, int] = {}
    for counted in (
        yield [
            Call(tasks.count_movies, (server, chunk))
            for chunk in in_chunks(user_ids, tasks.PEOPLE_PER_TASK)
        ]
    ):
        counts |= or_raise(counted)
    return counts


def _read_histories(
    place: Place,
    server: Server,
    people: Sequence[User],
    counts: Mapping[str, int],
    n_movies: int,
    settings: FetchSettings,
) -> Work[list[list[ListRead] | JfdaskError]]:
    """Read what each person has to do with the movies, or why that cannot be read."""
    return (
        yield from together(
            [
                _read_history(
                    place,
                    server,
                    user.user_id,
                    # By both: the library may change between its list and her count.
                    user.sees_everything and counts.get(user.user_id) == n_movies,
                    settings,
                )
                for user in people
            ]
        )
    )


def _read_history(
    place: Place, server: Server, user_id: str, sees_all: bool, settings: FetchSettings
) -> Work[list[ListRead]]:
    """Read what a person may see, and has to do with it.

    Who may see as many movies as there are sees all of them: then those are enough that she
    has begun, marked or played, which is a small part of a large library. They are read in this
    order, so that one that she plays meanwhile is in one of the lists.
    """
    size = settings.page_size
    if not sees_all:
        return [(yield from read_list(place, server, Listing("plays", user_id), size))]
    marked = [Listing("plays", user_id, only=mark) for mark in MARKS]
    told = Listing("plays", user_id, only=TOLD)
    part, length = first_part(size), max(2, size)
    wanted = (place, part, server, tuple(marked), length, told, settings.people_per_call)
    [read] = yield [Call(tasks.read_first_pages, wanted, "pages", len(marked))]
    firsts, (is_there, problems) = or_raise(read)
    lists: list[ListRead] = []
    for listing, first in zip(marked, firsts, strict=True):
        # As a rule a list is one page. The first pages of those behind a longer one were read
        # too early: before its end.
        is_in_order = all(one.parts == (part,) for one in lists)
        given = first if is_in_order else None
        lists.append((yield from read_list(place, server, listing, size, given)))
    lists.reverse()
    return [*lists, ListRead(told, (part,), problems=problems)] if is_there else lists


@dataclass(frozen=True)
class Made:
    """The tables of a household."""

    receipts: list[Receipt]
    summary: dict[str, Any]  # the unit's
    strangers: list[str]  # people who have movies of which nothing is known yet
    failed: dict[str, str]  # people of whom there is no table → why


def _make_tables(
    place: Place, reading: making.Reading, readers: Sequence[making.Reader], n_workers: int
) -> Work[Made]:
    # Each task looks up which movie a copy is: no more tasks than workers, if that will do.
    a_worker = -(-len(readers) // n_workers)
    chunks = in_chunks(readers, max(1, min(a_worker, making.PEOPLE_PER_TASK)))
    movies, *made = yield [
        Call(making.make_movies, (place, reading)),
        *(Call(making.make_plays, (place, reading, chunk)) for chunk in chunks),
    ]
    receipt, n_movies = or_raise(movies)
    people: dict[str, Any] = {}
    summary = {"version": reading.server.version, "n_movies": n_movies, "people": people}
    tables = Made([receipt], summary, [], {})
    for chunk, some in zip(chunks, made, strict=True):
        if isinstance(some, JfdaskError):
            tables.failed.update({reader.user_id: str(some) for reader in chunk})
            continue
        tables.receipts.append(some.receipt)
        people |= some.people
        tables.strangers.extend(some.strangers)
        tables.failed.update(some.failed)
    return tables


def _carry_over(
    place: Place, unread: Sequence[tuple[User, str]]
) -> Work[list[tuple[PersonReport | None, str]]]:
    """Have of whom nothing could be read what the run before has; return it and what to tell."""
    answers = yield [Call(carry_person_over, (place, FETCH, user.user_id)) for user, _ in unread]
    carried: list[tuple[PersonReport | None, str]] = []
    for (user, why), answer in zip(unread, answers, strict=True):
        report = answer if isinstance(answer, PersonReport) else None
        then = "stays as on the night before" if report else "is left out"
        carried.append((report, f"User {user.name!r} could not be read and {then}: {why}"))
    return carried


def _pages_of(read: Sequence[ListRead]) -> Pages:
    return tuple((one.listing, one.parts) for one in read)


def _read_by_id(
    place: Place,
    server: Server,
    pages: Pages,
    per_call: int,
    round_: int = 0,
    user_ids: Sequence[str] = (),
) -> Work[ById]:
    """Read movies and people by ids, as `making.plan` finds them."""
    chunks = yield from answer_to(Call(making.plan, (place, pages, per_call, round_, user_ids)))
    movies = [
        Call(tasks.read_missing, (place, server, round_, i), "movies", n)
        for i, n in enumerate(chunks.items)
    ]
    credits = [
        Call(tasks.read_people, (place, server, round_, i), "people of movies", n)
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
    return ById(broken["movies"], broken["people of movies"], problems)


def _read_collections(place: Place, server: Server, user: User) -> Work[Collections]:
    """Read which collections there are and what is in them; return chunks and problems."""
    [listed] = yield [Call(tasks.list_collections, (place, server, user.user_id), "pages")]
    chunks: tuple[int, ...] = or_raise(listed)
    answers = yield [
        Call(tasks.read_members, (place, server, user.user_id, i), "collections", n)
        for i, n in enumerate(chunks)
    ]
    good, problems = [], []
    for i, answer in enumerate(answers):
        if isinstance(answer, JfdaskError):
            problems.append(f"{chunks[i]} of the collections could not be read: {answer}")
        else:
            good.append(i)
            problems += answer
    return tuple(good), tuple(problems)
