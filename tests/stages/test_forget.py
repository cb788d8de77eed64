"""Whom a name means, in a store that was written by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jfdask.errors import LockHeld, NewerArtifact, SettingsError, StoreTimeout
from jfdask.settings import Household, Settings
from jfdask.stages import forget as module
from jfdask.stages import night as nights
from jfdask.stages.forget import forget_user, look_for
from jfdask.stages.night import run_stages
from jfdask.store.documents import write_json
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.keys import FORGETTING, person
from jfdask.store.lock import Lock, hold_lock
from jfdask.store.manifests import close_stage
from jfdask.store.runs import release_run, seal_run
from jfdask.store.units import UnitWriter
from jfdask.store.verify import verify_run

RUN, NOW = "20260801T030000Z-000001", datetime(2026, 8, 1, 3, tzinfo=UTC)
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


def test_what_was_learned_of_somebody_goes_with_her_last_run(store):
    """Who is excluded, or deleted on the server, is in no new run."""
    store.write("state/home/people/c3/parameters.json", b"{}")
    store.write("state/other/people/a1/parameters.json", b"{}")
    for name in ("@eaDir/x", "home/people/@eaDir/x", "desktop.ini"):  # a network disk's own
        path = Path(store.url, "state", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    module.forget_who_is_gone(store)
    left = [key for key in store.list("state") if "/people/" in key and "@" not in key]
    assert left == [f"state/home/people/{user_id}/hits.json" for user_id in NAMES]


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
    both = r"Several people are named 'anna': a1 \(anna\), a9 \(anna\)\. Give"
    with pytest.raises(SettingsError, match=both):
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
    nothing = r"Nothing is stored of 'cleo' in \S+\. There are anna, ben\.$"
    for look in (look_for, forget_user):
        with pytest.raises(SettingsError, match=nothing):
            look(settings, "cleo", ())


def test_nothing_is_made_where_there_is_nothing(tmp_path):
    settings = Settings.model_validate({"store": {"url": str(tmp_path / "store")}})
    with pytest.raises(SettingsError, match=r"Nothing is stored of 'anna' in \S+\.$"):
        look_for(settings, "anna", ())
    assert not (tmp_path / "store").exists()


@pytest.fixture
def night(settings):
    """A run that has ended, with anna and ben in two stages and her name in sentences."""
    store, sums = open_store(address_of(settings.store)), {}
    for stage in ("fetch", "train"):
        unit = UnitWriter(store, RUN, stage, "home")
        for user_id, name in NAMES.items():
            unit.json(person(user_id, "user.json"), {"user_id": user_id, "name": name})
        told = {"people": dict.fromkeys(NAMES, 1), "problems": ["User 'anna': no model tonight"]}
        close = {"inputs": {}, "settings": {}, "code_version": "1", "started": NOW}
        unit = unit.close(**close, finished=NOW, summary=told)
        sums[stage] = close_stage(store, stage, [unit], RUN, NOW)
    problems = ["home: User 'anna': no model", "home: User 'carla' could not be read: 500"]
    with hold_lock(store, "test", 60) as lock:
        seal_run(store, RUN, sums, lock, NOW, summary={"problems": problems})
    return store


def left_of(store, *names):
    """Return the keys that have a name, or an id that is more than a part of a checksum."""
    spelt = [f"{before}{name}{after}" for name in names for before, after in ("//", "''", '""')]
    return [k for k in store.list() for w in spelt if w in k or w.encode() in store.read(k)]


@pytest.fixture
def broken_off(night, settings, monkeypatch, request):
    """Break a call of forget off at its nth write, leases of the lock not counted."""
    write, left = Store.write, iter(range(request.param))

    def die_later(store, key, data):
        if key != "lock" and next(left, None) is None:
            raise StoreTimeout("no answer")
        write(store, key, data)

    monkeypatch.setattr(Store, "write", die_later)
    with pytest.raises(StoreTimeout):
        forget_user(settings, "anna", ())
    monkeypatch.undo()


# The note that she is being erased, two units, two stages, the run.
EVERYWHERE = pytest.mark.parametrize("broken_off", range(1, 6), indirect=True)


@EVERYWHERE
@pytest.mark.parametrize("user", ["anna", "a1"])
def test_broken_off_it_is_finished_by_calling_it_again(night, settings, broken_off, user):
    forget_user(settings, user, ())
    assert left_of(night, "a1", "anna") == []
    assert verify_run(night, RUN) == []


@EVERYWHERE
def test_broken_off_it_is_finished_by_the_next_night(night, settings, broken_off, monkeypatch):
    def stop(*_):
        raise StoreTimeout("as far as this")

    monkeypatch.setattr(nights, "choose_run", stop)
    home = Household(name="home", url="http://localhost:8096")
    with pytest.raises(StoreTimeout, match="as far"):
        run_stages(settings.model_copy(update={"households": (home,)}), ["fetch"], None)
    assert left_of(night, "a1", "anna") == []
    assert verify_run(night, RUN) == []


def test_broken_off_it_is_finished_before_somebody_else_is_erased(night, settings):
    write_json(night, FORGETTING, {"user_id": "a1", "names": ["anna"], "households": []})
    assert forget_user(settings, "ben", ()).user_id == "b2"
    assert left_of(night, "a1", "anna", "b2", "ben") == []


def test_nobody_is_erased_by_a_name_that_only_sentences_have(night, settings):
    before = {key: night.read(key) for key in night.list()}
    for user in ("carla", "carl", "home"):
        with pytest.raises(SettingsError, match="Nothing is stored"):
            forget_user(settings, user, ())
    assert {key: night.read(key) for key in night.list()} == before


@pytest.mark.parametrize("damaged", [b"no JSON", b"[]", b"{}", b'{"user_id": "../a"}'])
def test_a_damaged_note_is_told_and_stops_nothing(night, settings, damaged, caplog):
    night.write(FORGETTING, damaged)
    assert forget_user(settings, "ben", ()).user_id == "b2"
    assert "Run it again" in caplog.text
    assert not night.exists(FORGETTING)


def test_what_cannot_be_erased_stops_no_night(night, monkeypatch):
    def refuse(*_):
        raise NewerArtifact("of a newer jfdask")

    monkeypatch.setattr(nights, "finish_forgetting", refuse)
    assert "of a newer jfdask" in nights._finish_forgetting(night, None)[0]


@pytest.mark.parametrize("n_looks", range(2))
def test_a_lock_that_is_lost_stops_it_and_the_next_one_does_the_rest(
    night, settings, monkeypatch, n_looks
):
    left = iter(range(n_looks))
    monkeypatch.setattr(Lock, "still_held", lambda _: next(left, None) is not None)
    with pytest.raises(LockHeld, match="not all is erased"):
        forget_user(settings, "anna", ())
    assert left_of(night, "anna")
    monkeypatch.undo()
    forget_user(settings, "anna", ())
    assert left_of(night, "anna") == []
    assert verify_run(night, RUN) == []
