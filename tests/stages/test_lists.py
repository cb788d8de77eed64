"""Lists of a store that was written by hand: no cluster, no server."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jfdask.errors import DamagedArtifact, MissingArtifact, SettingsError
from jfdask.settings import StoreSettings
from jfdask.stages.files import FETCH, METRICS, RECOMMEND, RECOMMENDATIONS, TRAIN, USER
from jfdask.stages.lists import figures_of, list_of, lists_of_run
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.keys import person
from jfdask.store.lock import hold_lock
from jfdask.store.manifests import close_stage
from jfdask.store.runs import seal_run
from jfdask.store.units import UnitWriter

OLD, NEW = "20260801T030000Z-000001", "20260802T030000Z-000002"
PEOPLE = {"home": {"a1": "anna", "b2": "ben"}, "away": {"c3": "cleo"}}


def write_run(store, run_id, fetched=PEOPLE, listed=PEOPLE):
    now = datetime.now(UTC)
    sums = {}
    for stage, people in ((FETCH, fetched), (TRAIN, listed), (RECOMMEND, listed)):
        units = []
        for household, names in people.items():
            writer = UnitWriter(store, run_id, stage, household)
            for user_id, name in names.items():
                who = {"user_id": user_id, "name": name}
                if stage == FETCH:
                    writer.json(person(user_id, USER), who)
                elif stage == TRAIN:
                    writer.json(person(user_id, METRICS), {"metrics": {"held_out": {}}})
                else:
                    writer.json(person(user_id, RECOMMENDATIONS), {**who, "night": run_id})
            units.append(
                writer.close(inputs={}, settings={}, code_version="1", started=now, finished=now)
            )
        sums[stage] = close_stage(store, stage, units, run_id, now)
    with hold_lock(store, "a test", 60) as lock:
        seal_run(store, run_id, sums, lock, now + timedelta(seconds=1))


@pytest.fixture
def store(tmp_path):
    store = open_store(address_of(StoreSettings(url=str(tmp_path))))
    write_run(store, OLD)
    write_run(store, NEW)
    return store


@pytest.fixture
def lists_read(monkeypatch):
    """The keys of the lists that are read."""
    read, found = Store.read, []

    def noted(self, key):
        if key.endswith(RECOMMENDATIONS):
            found.append(key)
        return read(self, key)

    monkeypatch.setattr(Store, "read", noted)
    return found


def key(run_id, stage, household, *parts):
    return "/".join(("runs", run_id, stage, household, *parts))


@pytest.mark.parametrize("user", ["ANNA", "a1"])
def test_only_the_list_that_is_asked_for_is_read(store, lists_read, user):
    found = list_of(store, user)
    assert (found.run_id, found.household, found.user_id, found.name) == (NEW, "home", "a1", "anna")
    assert found.document["night"] == NEW
    assert lists_read == [key(NEW, RECOMMEND, "home", "people/a1", RECOMMENDATIONS)]


def test_for_an_unknown_name_no_list_is_read(store, lists_read):
    with pytest.raises(SettingsError, match="there are lists of: anna, ben, cleo"):
        list_of(store, "nobody")
    with pytest.raises(SettingsError, match="there are lists of: cleo"):
        list_of(store, "anna", ["away"])
    assert lists_read == []


def test_two_of_one_name_are_told_apart_by_household(store, lists_read):
    write_run(store, NEW, {"home": {"a1": "anna", "b2": "ben"}, "away": {"c3": "Anna"}}, PEOPLE)
    with pytest.raises(
        SettingsError, match=r"several people named 'anna': away \(c3\), home \(a1\)"
    ):
        list_of(store, "anna")
    assert lists_read == []
    assert list_of(store, "anna", ["away"]).user_id == "c3"


@pytest.mark.parametrize("stage", [RECOMMEND, FETCH, TRAIN])
@pytest.mark.parametrize("damage", [b"", b"{}", b"null", b"\xff"])
def test_a_damaged_unit_costs_its_household_only(store, caplog, stage, damage):
    store.write(key(NEW, stage, "away", "manifest.json"), damage)
    assert list_of(store, "anna").run_id == NEW
    # A list without a readable reading of the server still has her name in it.
    assert list_of(store, "cleo").run_id == (OLD if stage == RECOMMEND else NEW)
    assert (f"'{key(NEW, stage, 'away', 'manifest.json')}'" in caplog.text) == (stage != TRAIN)


def test_a_damaged_stage_or_run_is_passed_over(store, caplog):
    store.write(f"runs/{NEW}/{RECOMMEND}/manifest.json", b"{")
    assert list_of(store, "anna").run_id == OLD
    assert f"Run {NEW} is passed over" in caplog.text


def test_a_damaged_name_is_taken_from_the_list(store, caplog):
    store.write(key(NEW, FETCH, "home", "people/a1", USER), b"{")
    assert list_of(store, "anna").run_id == NEW
    assert "The name is taken from the list" in caplog.text


def test_who_was_renamed_has_her_newest_list_by_the_old_name_too(store):
    now = {"home": {"a1": "annabel", "b2": "ben"}, "away": {"c3": "cleo"}}
    write_run(store, NEW, now, now)
    assert list_of(store, "annabel").run_id == NEW
    found = list_of(store, "anna")
    assert (found.run_id, found.user_id, found.name) == (NEW, "a1", "annabel")


def test_who_was_renamed_is_looked_for_where_she_was(store):
    # A server that was copied has the same ids.
    now = {"home": {"b2": "ben"}, "away": {"a1": "bob", "c3": "cleo"}}
    write_run(store, NEW, now, now)
    found = list_of(store, "anna")
    assert (found.run_id, found.household, found.name) == (OLD, "home", "anna")


def test_a_damaged_list_costs_an_older_one_is_shown_else_it_is_told(store, caplog):
    store.write(key(NEW, RECOMMEND, "home", "people/a1", RECOMMENDATIONS), b"{}")
    assert list_of(store, "anna").run_id == OLD
    assert "An older list is looked for" in caplog.text
    assert list_of(store, "ben").run_id == NEW
    store.delete(key(OLD, RECOMMEND, "home", "people/a1", RECOMMENDATIONS))
    with pytest.raises(DamagedArtifact, match=NEW):
        list_of(store, "anna")


def test_a_list_that_was_kept_of_somebody_who_was_not_fetched(store):
    write_run(store, NEW, fetched={"home": {"b2": "ben"}, "away": {}})
    assert list_of(store, "anna").run_id == NEW


def test_before_the_first_night(tmp_path):
    with pytest.raises(MissingArtifact, match="No night has ended"):
        list_of(open_store(address_of(StoreSettings(url=str(tmp_path)))), "anna")


def test_figures_that_cannot_be_read_do_not_keep_the_list_back(store, caplog):
    found = list_of(store, "anna")
    assert figures_of(store, found) == {"metrics": {"held_out": {}}}
    assert caplog.text == ""
    store.write(key(NEW, TRAIN, "home", "people/a1", METRICS), b"{}")
    assert figures_of(store, found) == {"metrics": {}}
    assert "without figures" in caplog.text


def newer(store, key):
    document = json.loads(store.read(key))
    store.write(key, json.dumps({**document, "schema": 99}).encode())


def test_lists_are_sorted_by_name_whatever_the_case(store):
    people = {"home": {"a1": "eve", "b2": "Zoë", "c3": "Ben"}}
    write_run(store, NEW, people, people)
    assert [one.name for one in lists_of_run(store, NEW)] == ["Ben", "eve", "Zoë"]


@pytest.mark.parametrize("stage", [None, RECOMMEND])
def test_a_list_of_a_newer_version_is_passed_over(store, caplog, stage):
    newer(store, f"runs/{NEW}/{stage}/manifest.json" if stage else f"runs/{NEW}/manifest.json")
    assert list_of(store, "anna").run_id == OLD


def test_who_has_no_name_is_called_by_id(store):
    for run_id in (OLD, NEW):
        for stage, file in ((FETCH, USER), (RECOMMEND, RECOMMENDATIONS)):
            store.write(key(run_id, stage, "home", person("b2", file)), b"{")
    with pytest.raises(SettingsError, match="there are lists of: anna, b2, cleo"):
        list_of(store, "nobody")
