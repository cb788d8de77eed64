"""A whole household, read by the real tasks from a demo server, without a cluster."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from jfdask.demo.process import start_demo
from jfdask.errors import (
    ClusterError,
    JellyfinError,
    NotFound,
    ServerFault,
    SettingsError,
    StoreError,
    UnexpectedAnswer,
)
from jfdask.jellyfin.connection import server_of
from jfdask.jellyfin.reading import MARKS, read_plays_page
from jfdask.settings import FetchSettings, Household
from jfdask.stages.fetch import making, tasks
from jfdask.stages.fetch.losses import NOT_GIVEN
from jfdask.stages.fetch.reading import read_household
from jfdask.store.keys import person
from jfdask.store.tables import read_table
from jfdask.store.units import UnitWriter
from jfdask.tables import ITEM_PLAYS, MOVIES, PLAYS, RECOMMENDATIONS

pytestmark = pytest.mark.server

FETCH = FetchSettings(page_size=100, people_per_call=100, attempts=1)


@pytest.fixture(scope="module")
def demo():
    with start_demo(people_seconds_per_movie=0) as demo:
        yield demo


@pytest.fixture
def read(demo, place, by_hand, tmp_path):
    """Read the demo household, some calls answered otherwise."""
    path = tmp_path / "key"
    path.write_text(demo.api_key)

    def reading(answer=None, fetch=FETCH, at=place, **changes):
        household = Household(name="home", url=demo.url, api_key_file=path, **changes)
        work = read_household(
            at, household, server_of(household, fetch), fetch, n_workers=2, accept_loss=False
        )
        return by_hand(work, answer) if answer else by_hand(work)

    return reading


def instead(answers, call):
    """Answer the calls of some functions otherwise; None: as it is."""
    answer = answers.get(call.function)
    other = answer(call) if answer else None
    if isinstance(other, Exception):
        raise other
    result = call.function(*call.args)
    return result if call.then is None else call.then(result)


def movies_of(place):
    return read_table(place.store, place.key("fetch", "movies.parquet"), MOVIES)


def files_of(draft):
    return {name: file for receipt in draft.receipts for name, file in receipt.items()}


def test_a_quiet_night_has_no_problems_and_leaves_nothing_behind(read, place):
    first = read()
    assert first.problems == ()
    assert first.summary["n_movies"] == len(movies_of(place)) > 200
    assert not [key for key in place.store.list() if "/reading/" in key]
    # The night after reads ids and what changed, and finds the same.
    assert read().receipts == first.receipts


def test_a_movie_that_the_server_cannot_give(read, place):
    read()
    before = movies_of(place)

    def fault(call):
        *_, start, limit = call.args
        return ServerFault("500") if start <= 150 < start + limit else None

    draft = read(partial(instead, {tasks.ask_for_page: fault, tasks.read_page: fault}))
    # Every list lacks one. Whoever sees less has another one at that place, so all are known.
    [problem] = draft.problems
    assert problem == f"1 of the movies left out: {NOT_GIVEN} (1)."
    assert draft.summary["broken"][NOT_GIVEN] > 1
    assert len(movies_of(place)) == len(before)


def test_people_that_could_not_be_read_are_told_as_people(read):
    broken = {tasks.read_people: lambda call: ServerFault("500")}
    problems = read(partial(instead, broken)).problems
    assert problems
    assert all(re.match(r"The people of \d+ of the movies could", told) for told in problems)


def test_what_could_not_be_removed_is_no_matter(read, place):
    broken = {making.clear: lambda call: StoreError("no right to delete")}
    assert read(partial(instead, broken)).problems == ()
    assert [key for key in place.store.list() if "/reading/" in key]


def test_people_of_the_settings(read):
    draft = read(users=("lea", "nobody"))
    assert list(draft.summary["people"]) == [
        name.split("/")[1] for name in files_of(draft) if name.endswith("plays.parquet")
    ]
    assert len(draft.summary["people"]) == 1
    [problem] = draft.problems
    assert "knows no user 'nobody'" in problem
    with pytest.raises(SettingsError, match="knows no user 'nobody'"):
        read(users=("nobody",))


def test_somebody_who_cannot_be_read_is_left_out_and_everybody_is_not(read):
    def of_lea(call):
        listing = call.args[3]
        first = listing[0] if call.function is tasks.read_first_pages else listing
        return ClusterError("lost") if first.user_id in lea else None

    whole = read()
    lea = set(read(users=("lea",)).summary["people"])
    broken = {tasks.read_page: of_lea, tasks.read_first_pages: of_lea}
    draft = read(partial(instead, broken))
    assert set(draft.summary["people"]) == set(whole.summary["people"]) - lea
    assert "User 'lea' could not be read and is left out" in draft.problems[0]
    with pytest.raises(JellyfinError, match="User 'lea' could not be read"):
        read(partial(instead, broken), users=("lea",))


def close(place, stage, receipts, summary=None):
    now = datetime(2026, 8, 1, tzinfo=UTC)
    UnitWriter(place.store, place.run_id, stage, "home").close(
        receipts=receipts, inputs={}, settings={}, code_version="", started=now,
        finished=now, summary=summary or {},
    )  # fmt: skip


def test_a_thumb_down_is_read_of_what_she_was_told_or_had_rated(read, place, demo, monkeypatch):
    """No filter of the server's tells what she thinks of a film that she never began."""
    before = read(users=("lea",))
    [lea] = before.summary["people"]

    def plays(at):
        return read_table(at.store, at.key("fetch", person(lea, "plays.parquet")), PLAYS)

    left = plays(place).query("not played and not is_favorite and position_fraction == 0")
    told, not_told = left.iloc[5], left.iloc[6]
    for film in (told, not_told):
        demo.order("plays", user=lea, item=film["item_id"], rating=1)
    names = [column.name for column in RECOMMENDATIONS.columns]
    row = {name: [] if name.startswith("reason") else None for name in names}
    row |= {"rank": 1, "movie_id": told["movie_id"], "item_id": told["item_id"]}
    writer = UnitWriter(place.store, place.run_id, "recommend", "home")
    frame = RECOMMENDATIONS.frame([row])
    receipt = writer.table(person(lea, "recommendations.parquet"), RECOMMENDATIONS, frame)
    close(place, "fetch", before.receipts, before.summary)
    close(place, "recommend", [receipt])

    for night in (2, 3):  # it is in the list no more
        tonight = replace(place, run_id=f"2026080{night}T030000Z-0a1b2c", previous=place.run_id)
        draft = read(users=("lea",), at=tonight)
        assert draft.problems == ()
        found = plays(tonight).set_index("movie_id")["rating"]
        assert found[told["movie_id"]] == 1
        assert found.notna().sum() == plays(place)["rating"].notna().sum() + (night == 2)
        close(tonight, "fetch", draft.receipts, draft.summary)
        place = tonight

    # What cannot be asked for stays as it was, and is told.
    monkeypatch.setattr(tasks, "read_plays", refused)
    tonight = replace(place, run_id="20260804T030000Z-0a1b2c", previous=place.run_id)
    draft = read(users=("lea",), at=tonight)
    assert draft.problems == ("What somebody thinks of her last list could not be read: 500",)
    assert plays(tonight).equals(plays(place))


def refused(*_, **__):
    raise ServerFault("500")


def test_what_is_listed_no_more_is_no_movie_for_having_been_told(read, monkeypatch):
    draft = read(users=("lea",))

    def told(*_):
        return ["f" * 32], ITEM_PLAYS.frame([])

    def answered(client, user_id, item_ids):
        some = read_plays_page(client, user_id, 0, 1).frame
        return some.assign(item_id=item_ids)

    monkeypatch.setattr(tasks, "_told", told)
    monkeypatch.setattr(tasks, "read_plays", answered)
    again = read(users=("lea",))
    assert again.problems == ()
    assert again.summary == draft.summary


def test_somebody_who_cannot_be_read_stays_as_on_the_night_before(read, place):
    before = read()
    close(place, "fetch", before.receipts, before.summary)
    [lea] = read(users=("lea",)).summary["people"]

    def of_lea(call):
        return ClusterError("lost") if call.args[3][0].user_id == lea else None

    tonight = replace(place, run_id="20260802T030000Z-0a1b2c", previous=place.run_id)
    draft = read(partial(instead, {tasks.read_first_pages: of_lea}), at=tonight)
    assert draft.summary["people"] == before.summary["people"]
    [problem] = draft.problems
    assert problem == "User 'lea' could not be read and stays as on the night before: lost"
    assert files_of(draft) == files_of(before)
    assert place.store.exists(tonight.key("fetch", person(lea, "plays.parquet")))


def test_a_count_that_happens_to_fit_shows_nobody_what_is_barred(read):
    whole = read()
    n_all = whole.summary["n_movies"] + 1  # one copy of a film more
    wrong = {tasks.count_movies: lambda call: None}
    barred = {u for u, said in whole.summary["people"].items() if said["n_visible"] < n_all - 1}
    assert barred

    def as_many_as_there_are(call):
        answer = instead(wrong, call)
        return dict.fromkeys(answer, n_all) if call.function is tasks.count_movies else answer

    assert files_of(read(as_many_as_there_are)) == files_of(whole)


def test_one_task_reads_a_persons_lists_if_each_is_one_page(read):
    asked = {}

    def note(call):
        asked.setdefault(call.function, []).append(call.args)

    def in_pages_of(size):
        spies = {tasks.read_page: note, tasks.read_first_pages: note}
        fetch = FETCH.model_copy(update={"page_size": size})
        return read(partial(instead, spies), fetch, users=("lea",))

    whole = in_pages_of(500)
    assert len(asked.pop(tasks.read_first_pages)) == 1
    assert asked == {}

    # In short pages, the lists behind the first long one are read after its end.
    short = in_pages_of(20)
    [(_, _, _, listings, *_)] = asked.pop(tasks.read_first_pages)
    pages = [(listing, start) for *_, listing, start, _ in asked[tasks.read_page]]
    read_anew = [listing for listing, start in pages if start == 0]
    long = next(listing for listing, start in pages if start > 0)
    assert read_anew == list(listings[listings.index(long) + 1 :])
    assert read_anew
    assert files_of(short) == files_of(whole)


def test_a_first_page_that_the_server_cannot_give_is_read_in_halves(read, monkeypatch):
    whole = read()
    real, broken = tasks._ask_for_page, []

    def ask(client, listing, start, limit):
        if listing.only == MARKS[0] and start == 0 and limit > 50:
            broken.append(listing)
            raise ServerFault("500")
        return real(client, listing, start, limit)

    monkeypatch.setattr(tasks, "_ask_for_page", ask)
    draft = read()
    assert broken
    assert draft.problems == ()
    assert draft.receipts == whole.receipts


def test_collections_are_seen_through_who_sees_most(read, place):
    """Nobody of these sees everything: Marco lacks a library, Tom is a child."""

    def n_in_collections(*users):
        assert read(users=users).problems == ()
        return movies_of(place)["in_collection"].sum()

    assert n_in_collections("tom", "marco") == n_in_collections("marco") > n_in_collections("tom")


def test_collections_that_are_all_refused_are_not_all_asked_for(read, monkeypatch):
    asked = []

    def refuse(_client, _user_id, collection_id):
        asked.append(collection_id)
        raise ServerFault("500")

    monkeypatch.setattr(tasks, "read_members_of", refuse)
    problems = read(users=("lea",)).problems
    assert len(asked) == tasks.ENOUGH_REFUSALS * len(problems)
    assert all(re.match(r"\d+ of the collections could not be read: 500", p) for p in problems)


@pytest.mark.parametrize(
    ("error", "n_problems"),
    [(ServerFault("500"), 1), (UnexpectedAnswer("a list"), 1), (NotFound("404"), 0)],
)
def test_an_odd_collection_costs_itself(read, place, monkeypatch, error, n_problems):
    read(users=("lea",))
    before = set(movies_of(place)["collection_id"].dropna())
    odd = sorted(before)[3]
    read_members = tasks.read_members_of

    def members(client, user_id, collection_id):
        if collection_id == odd:
            raise error
        return read_members(client, user_id, collection_id)

    monkeypatch.setattr(tasks, "read_members_of", members)
    problems = read(users=("lea",)).problems
    assert len(problems) == n_problems
    assert all(told.startswith("The collection ") for told in problems)
    assert set(movies_of(place)["collection_id"].dropna()) >= before - {odd}
    assert odd not in set(movies_of(place)["collection_id"])
