"""Whom a name means, in a store that was written by hand."""

import json
from datetime import UTC, datetime

import pytest

from jfdask.errors import SettingsError, StoreTimeout
from jfdask.settings import Settings
from jfdask.stages import forget as module
from jfdask.stages.forget import forget_user
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.runs import release_run

RUN = "20260801T030000Z-000001"
NAMES = {"a1": "anna", "b2": "ben"}


def fetched(user_id, household="home"):
    return f"runs/{RUN}/fetch/{household}/people/{user_id}/"


@pytest.fixture
def settings(tmp_path):
    return Settings.model_validate({"store": {"url": str(tmp_path)}})


@pytest.fixture
def store(settings):
    store = open_store(address_of(settings.store))
    for user_id, name in NAMES.items():
        store.write(fetched(user_id) + "user.json", json.dumps({"name": name}).encode())
        store.write(fetched(user_id) + "plays.parquet", b"")
        store.write(f"state/home/people/{user_id}/hits.json", b"{}")
    return store


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b"\xff"])
def test_an_unreadable_name_saves_nobody_else(settings, store, caplog, damage):
    store.write(fetched("b2") + "user.json", damage)
    assert forget_user(settings, "anna", ()).n_files == 3
    assert [key for key in store.list() if "a1" in key] == []
    assert [key for key in store.list() if "b2" in key]
    assert fetched("b2") in caplog.text
    with pytest.raises(SettingsError, match=r"Nothing is stored of 'ben'.* give it: b2\."):
        forget_user(settings, "ben", ())
    assert forget_user(settings, "b2", ()).n_files == 3
    assert store.list() == []


def test_whose_name_can_be_read_elsewhere_is_known_by_it(settings, store):
    store.write(fetched("a1") + "user.json", b"{")
    store.write(fetched("a1").replace("000001", "000002") + "user.json", b'{"name": "anna"}')
    assert forget_user(settings, "anna", ()).n_files == 4


def test_a_store_that_does_not_answer_is_no_unreadable_name(settings, store, monkeypatch):
    def silent(store, key):
        raise StoreTimeout("no answer")

    monkeypatch.setattr(module, "read_json", silent)
    with pytest.raises(StoreTimeout):
        forget_user(settings, "anna", ())


@pytest.mark.parametrize("of", ["", "fetch/", "fetch/home/"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"null"])
def test_an_unreadable_manifest_stops_nothing(settings, store, caplog, of, damage):
    manifest = f"runs/{RUN}/{of}manifest.json"
    store.write(manifest, damage)
    assert forget_user(settings, "anna", ()).n_files == 3
    assert [key for key in store.list() if "a1" in key] == []
    assert f"'{manifest}' is removed" in caplog.text


def test_a_household_that_is_named_like_a_folder(settings, store):
    store.write(fetched("a9", "people") + "user.json", b'{"name": "anna"}')
    with pytest.raises(SettingsError, match=r"Several people are named 'anna': a1, a9\. Give"):
        forget_user(settings, "anna", ())
    assert forget_user(settings, "anna", ("people",)).n_files == 1


def test_a_run_that_was_broken_off_is_erased_from_as_others_are(settings, store):
    release_run(store, RUN, datetime(2026, 8, 1, tzinfo=UTC))
    assert forget_user(settings, "anna", ()).n_files == 3
    assert [key for key in store.list() if "a1" in key] == []


@pytest.mark.parametrize("user", ["", " "])
def test_no_name_is_nobodys(settings, store, user):
    before = store.list()
    with pytest.raises(SettingsError, match="Nobody is named"):
        forget_user(settings, user, ())
    assert store.list() == before


def test_nobody_of_that_name(settings, store):
    with pytest.raises(SettingsError, match=r"Nothing is stored of 'cleo' in \S+\.$"):
        forget_user(settings, "cleo", ())
