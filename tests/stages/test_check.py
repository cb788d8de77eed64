"""What a check tells of workers and people."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from jfdask.cluster.versions import Versions
from jfdask.errors import SettingsError
from jfdask.settings import Settings
from jfdask.stages import check
from jfdask.stages import workers as module
from jfdask.stages.check import findings, refuse_bad_settings
from jfdask.store.documents import write_json
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.keys import run_key
from jfdask.store.lock import hold_lock
from jfdask.store.runs import new_run_id, release_run, seal_run
from jfdask.version import code_version


@pytest.fixture
def settings(client, tmp_path):
    key = tmp_path / "key"
    key.write_text("0" * 32)
    return Settings.model_validate(
        {
            "store": {"url": str(tmp_path / "store")},
            # Nobody listens there: a worker reads the key and asks nothing.
            "households": [{"name": "h", "url": "http://127.0.0.1:9", "api_key_file": str(key)}],
            "cluster": {"address": client.scheduler.address},
            "fetch": {"attempts": 1},
        }
    )


def of_workers(settings):
    [finding] = [f for f in findings(settings) if f.what == "workers"]
    return finding


@pytest.mark.cluster
def test_workers_that_have_everything(settings, tmp_path):
    finding = of_workers(settings)
    assert finding.is_good, finding.told
    assert finding.told == (
        "2 of one thread; all with the store, every key, this code and its packages"
    )
    assert [p for p in (tmp_path / "store").rglob("*") if p.is_file()] == []


def test_how_the_last_night_went(tmp_path):
    settings = Settings.model_validate({"store": {"url": str(tmp_path)}})
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    ids = [new_run_id(now - timedelta(minutes=m)) for m in (5, 4, 3, 2)]

    def last_night():
        [finding] = [f for f in findings(settings) if f.what == "last night"]
        return finding.is_good, finding.told

    assert last_night() == (True, "there was none yet")
    with hold_lock(store, "jfdask run", 60) as lock:
        write_json(store, run_key(ids[0], "fetch", "x.json"), 1)
        assert last_night() == (True, "one is under way: jfdask run")
        release_run(store, ids[0], now)
    assert last_night()[0] is False
    assert f"run {ids[0]}, not ended: it failed, or was stopped." in last_night()[1]
    with hold_lock(store, "jfdask run", 60) as lock:
        seal_run(store, ids[1], {}, lock, now)
    assert last_night() == (True, f"run {ids[1]}, done")
    # What makes no lists hides nothing.
    for owner in ("jfdask pretrain", "jfdask forget"):
        with hold_lock(store, owner, 60):
            assert last_night() == (True, f"run {ids[1]}, done")
    # A stage alone, which another one follows, is no night.
    write_json(store, run_key(ids[2], "fetch", "x.json"), 1)
    release_run(store, ids[2], now, is_night=False)
    assert last_night() == (True, f"run {ids[1]}, done")
    # Killed: nobody has said that it was broken off.
    write_json(store, run_key(ids[3], "fetch", "x.json"), 1)
    assert last_night()[0] is False
    assert last_night()[1].startswith(f"run {ids[3]}, not ended")


def test_a_night_that_ends_while_it_is_looked_for_has_not_failed(tmp_path, monkeypatch):
    settings = Settings.model_validate({"store": {"url": str(tmp_path)}})
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    run_id = new_run_id(now)
    write_json(store, run_key(run_id, "fetch", "x.json"), 1)

    def ends(released_of, store, run_id):
        with hold_lock(store, "jfdask run", 60) as lock:
            seal_run(store, run_id, {}, lock, now)
        return released_of(store, run_id)

    monkeypatch.setattr(check, "look_at_run", partial(ends, check.look_at_run))
    [finding] = [f for f in findings(settings) if f.what == "last night"]
    assert (finding.is_good, finding.told) == (True, f"run {run_id}, done")


@pytest.mark.cluster
def test_a_key_that_is_here_only(settings, client, monkeypatch):
    secret = secrets.token_hex(16)
    monkeypatch.setenv("KEY_OF_H", secret)
    [household] = settings.households
    household = household.model_copy(update={"api_key_env": "KEY_OF_H", "api_key_file": None})
    finding = of_workers(settings.model_copy(update={"households": (household,)}))
    assert not finding.is_good
    assert finding.told.count("set the environment variable KEY_OF_H") == 2
    assert all(worker in finding.told for worker in client.scheduler_info(n_workers=-1)["workers"])
    assert secret not in finding.told
    assert "\n" not in finding.told


@pytest.mark.cluster
def test_workers_of_another_version(settings, monkeypatch):
    here = Versions((("jfdask", "0.0.1+abc"),))
    monkeypatch.setattr(module, "versions_here", lambda: here)
    finding = of_workers(settings)
    assert not finding.is_good
    assert finding.told.count(f"jfdask {code_version()}, here 0.0.1+abc") == 2


@pytest.mark.cluster
def test_workers_that_cannot_look_at_all(settings, monkeypatch):
    def strange(*_args):
        raise ImportError("secret")

    monkeypatch.setattr(module, "look_around", strange)
    finding = of_workers(settings)
    assert not finding.is_good
    assert "it cannot look (" in finding.told
    assert "secret" not in finding.told


@pytest.mark.cluster
def test_a_worker_that_does_not_answer(settings, monkeypatch):
    async def never(*_args):
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "look_around", never)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.5)
    store = settings.store.model_copy(update={"timeout_seconds": 0.5})
    finding = of_workers(settings.model_copy(update={"store": store}))
    assert not finding.is_good
    assert finding.told.count("it does not answer within 1 s") == 2


@pytest.mark.cluster
def test_no_scheduler_is_told_once(settings, monkeypatch):
    monkeypatch.setattr("jfdask.cluster.remote.CONNECT_SECONDS", 1.0)
    cluster = settings.cluster.model_copy(update={"address": "tcp://127.0.0.1:9"})
    *_, last = findings(settings.model_copy(update={"cluster": cluster}))
    assert (last.what, last.is_good) == ("cluster tcp://127.0.0.1:9", False)
    assert "No Dask scheduler answers" in last.told


def test_a_local_cluster_is_counted_and_not_started(tmp_path):
    settings = Settings.model_validate(
        {"store": {"url": str(tmp_path)}, "cluster": {"workers": 3}, "households": []}
    )
    *_, last = findings(settings)
    assert (last.is_good, last.told) == (True, "3 worker processes on this machine")


@pytest.mark.server
def test_nobody_to_recommend_to_says_what_to_do(demo, tmp_path):
    key = tmp_path / "key"
    key.write_text(demo.api_key)
    household = {"name": "h", "url": demo.url, "api_key_file": str(key), "users": ["lea"]}
    household["exclude_users"] = ["lea"]
    settings = Settings.model_validate(
        {"store": {"url": str(tmp_path / "store")}, "households": [household]}
    )
    [users] = [f for f in findings(settings) if f.what == "household h: users"]
    assert not users.is_good
    assert "households.users" in users.told
    assert "households.exclude_users" in users.told


class TestBadSettings:
    """What is refused before anybody is asked."""

    @pytest.fixture
    def good(self, tmp_path):
        key = tmp_path / "key"
        key.write_text("0" * 32)
        return {
            "store": {"url": str(tmp_path / "store")},
            # Nobody listens there, and nobody is asked.
            "households": [{"name": "h", "url": "http://127.0.0.1:9", "api_key_file": str(key)}],
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"cluster": {"address": "tcp://nobody:8786", "memory_limit": "1.5 GiB"}},
            # A bucket that does not answer now may do so at night.
            {"store": {"url": "s3://nothing", "endpoint_url": "http://127.0.0.1:9"}},
            {"train": {"search": {"min_samples_leaf": [3, 6]}}},
        ],
    )
    def test_good_ones(self, good, changes):
        refuse_bad_settings(Settings.model_validate({**good, **changes}))

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"households": []}, "no household"),
            ({"households": [{"name": "h", "url": "http://h"}]}, "No API key for http://h"),
            ({"cluster": {"address": "lokal"}}, "cluster.address: 'lokal'"),
            ({"cluster": {"address": "tcp://host"}}, "expected tcp://host:port"),
            ({"cluster": {"address": "tls://host:8786"}}, "needs cluster.tls_ca_file"),
            ({"cluster": {"memory_limit": "lots"}}, "cluster.memory_limit: 'lots'"),
            ({"store": {"url": "/proc/none"}}, "store.url: .*/proc/none"),
            ({"store": {"url": "s3://x", "key_env": "A"}}, "belong together"),
            ({"train": {"search": {"leaves": [3]}}}, "leaves"),
        ],
    )
    def test_bad_ones(self, good, changes, told):
        with pytest.raises(SettingsError, match=told):
            refuse_bad_settings(Settings.model_validate({**good, **changes}))

    def test_all_that_is_wrong_is_told(self, good):
        bad = {"households": [], "cluster": {"address": "lokal", "memory_limit": "lots"}}
        with pytest.raises(SettingsError) as caught:
            refuse_bad_settings(Settings.model_validate({**good, **bad}))
        assert len(str(caught.value).splitlines()) == 3
