"""Work that is done person by person: who fails costs nobody else, and keeps what she had."""

from datetime import UTC, datetime

import pytest

from jfdask.errors import ClusterError, JfdaskError, StoreError
from jfdask.stages.people import (
    PersonReport,
    each_person,
    in_chunks,
    shared_out,
    who_is_there,
)
from jfdask.stages.places import Place
from jfdask.stages.window import Call
from jfdask.store.address import StoreAddress
from jfdask.store.keys import person
from jfdask.store.units import UnitWriter

BEFORE, TONIGHT = "20260801T030000Z-0a1b2c", "20260802T030000Z-0a1b2c"


@pytest.fixture
def place(tmp_path):
    return Place(StoreAddress(str(tmp_path / "store")), TONIGHT, "home", previous=BEFORE)


@pytest.fixture
def night_before(place):
    """A list of ann, none of bob."""
    writer = UnitWriter(place.store, BEFORE, "recommend", "home")
    writer.json(person("ann", "list.json"), ["a film"])
    now = datetime(2026, 8, 1, tzinfo=UTC)
    writer.close(
        inputs={}, settings={}, code_version="", started=now, finished=now,
        summary={"people": {"ann": {"n": 1}}},
    )  # fmt: skip
    return writer.receipts


def fail(user_id):
    raise StoreError(f"no room for {user_id}")


def test_who_fails_keeps_what_she_had(place, night_before):
    ann, bob = each_person(place, "recommend", ["ann", "bob"], "list", fail)
    assert ann.receipt == night_before
    assert ann.summary == {"n": 1}
    assert ann.problem == (
        "User 'ann': no list tonight: no room for ann. That of the night before stays."
    )
    assert place.store.exists(place.key("recommend", person("ann", "list.json")))
    assert bob == PersonReport("bob", problem="User 'bob': no list tonight: no room for bob")


def test_a_mistake_of_ours_is_logged_and_costs_nobody_else(place, caplog):
    done = PersonReport("bob", {"file": None}, {})
    reports = each_person(
        place, "recommend", ["ann", "bob"], "list", lambda u: done if u == "bob" else [][0]
    )
    assert reports[1] is done
    assert "IndexError; that is a mistake of jfdask" in reports[0].problem
    assert "IndexError" in caplog.text


def drive(work, kills):
    """Answer calls: a task with one of these people costs all that wait beside it its worker."""
    try:
        batch = next(work)
        while True:
            asked = [call for call in batch if call.kind == "people"]
            is_lost = any(kills.intersection(call.args[0]) for call in asked)
            lost = ClusterError("lost")
            batch = work.send(
                [lost if is_lost and call in asked else call.function(*call.args) for call in batch]
            )
    except StopIteration as stop:
        return stop.value


def chunk(user_ids):
    return [PersonReport(user_id, {user_id: None}) for user_id in user_ids]


def call(user_ids):
    return Call(chunk, (user_ids,), "people", len(user_ids))


def test_whose_worker_dies_keeps_what_she_had(place, night_before):
    people = [["ann", "bob"], ["eve"]]
    ann, bob, eve = drive(in_chunks(place, "recommend", people, call), {"ann"})
    assert ann.receipt == night_before
    assert ann.problem == "User 'ann': lost. That of the night before stays."
    assert [bob.problem, eve.problem] == [None, None]


def test_if_nothing_came_of_anybody_the_household_has_failed(place):
    with pytest.raises(JfdaskError, match="Nothing came of anybody"):
        drive(in_chunks(place, "recommend", [["ann", "bob"]], call), {"ann", "bob"})


def test_people_are_shared_out():
    people = [f"u{i:02}" for i in range(10)]
    assert [len(c) for c in shared_out(people, 1, 50)] == [3, 3, 3, 1]
    assert [len(c) for c in shared_out(people, 1, 2)] == [2] * 5
    assert [len(c) for c in shared_out(people, 99, 50)] == [1] * 10
    assert [one for chunk in shared_out(people, 2, 50) for one in chunk] == people
    assert shared_out([], 2, 50) == []


def test_people_are_chosen_by_name_or_id(place):
    now = datetime(2026, 8, 1, tzinfo=UTC)
    writer = UnitWriter(place.store, TONIGHT, "fetch", "home")
    for user_id, name in (("u1", "Zoë"), ("u2", "Bob")):
        writer.json(person(user_id, "user.json"), {"user_id": user_id, "name": name})
    writer.close(inputs={}, settings={}, code_version="", started=now, finished=now)
    everybody = who_is_there(place, ())
    assert (everybody.user_ids, everybody.chosen) == (("u1", "u2"), ("u1", "u2"))
    for wanted in ("ZOË", "u1", "zoë"):
        assert who_is_there(place, [wanted]).chosen == ("u1",)
    assert who_is_there(place, ["eve"]).names == ("Bob", "Zoë")


def test_a_household_of_nobody(place):
    assert drive(in_chunks(place, "recommend", [], call), set()) == []


def test_a_store_that_is_away_costs_each_person_hers(place, monkeypatch):
    def away(*_):
        raise StoreError("the store is away")

    monkeypatch.setattr("jfdask.stages.people.carry_person_over", away)
    ann, bob = each_person(place, "recommend", ["ann", "bob"], "list", fail)
    assert [one.problem for one in (ann, bob)] == [
        f"User {u!r}: no list tonight: no room for {u}" for u in ("ann", "bob")
    ]


def test_a_sentence_ends_once(place, night_before):
    def fail(user_id):
        raise StoreError("There is no room.")

    [ann] = each_person(place, "recommend", ["ann"], "list", fail)
    assert ann.problem == (
        "User 'ann': no list tonight: There is no room. That of the night before stays."
    )
