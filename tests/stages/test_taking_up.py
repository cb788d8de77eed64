"""Which run a night works in, told by what lies in the store."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jfdask.errors import MissingArtifact
from jfdask.settings import Settings
from jfdask.stages.files import STAGE_NAMES
from jfdask.stages.night import IN_PART, Summary
from jfdask.stages.places import Place
from jfdask.stages.taking_up import choose_run, release
from jfdask.stages.unit_tasks import UnitReport, inherit
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.keys import stage_manifest_key
from jfdask.store.lock import hold_lock
from jfdask.store.manifests import close_stage
from jfdask.store.runs import look_at_run, new_run_id, release_run
from jfdask.store.units import UnitWriter


@pytest.fixture
def settings(tmp_path):
    homes = [{"name": name, "url": "http://localhost:8096"} for name in ("a", "b")]
    return Settings.model_validate({"store": {"url": str(tmp_path)}, "households": homes})


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_stage_goes_on_in_a_run_of_which_the_stage_before_was_ended(
    settings, is_closed, is_damaged
):
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    begun = new_run_id(now)
    unit = UnitWriter(store, begun, "fetch", "a").close(
        inputs={}, settings={}, code_version="", started=now, finished=now
    )
    if is_closed:
        close_stage(store, "fetch", [unit], begun, now)
    if is_damaged:
        store.write(stage_manifest_key(begun, "fetch"), b"")
        is_closed = False
    release_run(store, begun, now)
    run = choose_run(settings, store, ["featurize"])
    assert run.is_new is not is_closed
    assert (run.run_id == begun) is is_closed


@pytest.mark.parametrize(
    ("first", "then", "goes_on"),
    [
        (STAGE_NAMES, [STAGE_NAMES], [True]),
        (("fetch",), [STAGE_NAMES, STAGE_NAMES], [False, False]),  # the first left nothing
        (("fetch",), [("featurize",), STAGE_NAMES], [True, False]),
        (STAGE_NAMES, [("featurize",), STAGE_NAMES], [True, True]),
    ],
)
def test_a_night_reads_anew_what_fetch_alone_has_read(settings, first, then, goes_on):
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    with hold_lock(store, "a test", 60) as lock:
        run = choose_run(settings, store, first)
        assert run.is_new
        unit = UnitWriter(store, run.run_id, "fetch", "a").close(
            inputs={}, settings={}, code_version="", started=now, finished=now
        )
        close_stage(store, "fetch", [unit], run.run_id, now)
        begun = run.run_id
        for stages, is_gone_on_with in zip(then, goes_on, strict=True):
            release(store, lock, run)
            run = choose_run(settings, store, stages)
            assert (run.run_id == begun) is is_gone_on_with
            assert run.is_new is not is_gone_on_with
            assert run.forerunner is None


def test_a_stage_before_that_was_done_too_long_ago_is_said_to_be_too_old(settings):
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    place = Place(store.address, new_run_id(now), "a")
    with pytest.raises(MissingArtifact, match=r"stage fetch has not been done\. Run: jfdask fetch"):
        inherit(place, ["fetch"])
    begun = new_run_id(now - timedelta(hours=13))
    unit = UnitWriter(store, begun, "fetch", "a").close(
        inputs={}, settings={}, code_version="", started=now, finished=now
    )
    close_stage(store, "fetch", [unit], begun, now)
    release_run(store, begun, now)
    assert choose_run(settings, store, ["featurize"]).forerunner is None
    with pytest.raises(MissingArtifact, match=r"more than run\.resume_hours ago.* jfdask fetch"):
        inherit(place, ["fetch"])


def test_what_went_wrong_for_who_is_not_chosen_tonight_was_told_on_its_night():
    summary = Summary("", "")
    carried = UnitReport("b", "part", is_carried=True)
    summary.reports["recommend"] = {"a": UnitReport("a", "done"), "b": carried}
    assert summary.exit_code == 0
    summary.reports["recommend"]["b"] = replace(carried, problems=("It is damaged.",))
    assert summary.exit_code == IN_PART
    summary.reports["recommend"] = {"a": UnitReport("a", "part"), "b": carried}
    assert summary.exit_code == IN_PART


@pytest.mark.parametrize(
    ("statuses", "is_all_kept"),
    [
        (("kept", "kept"), True),
        (("kept", "failed"), True),
        (("kept", "done"), False),
        (("part", "kept"), False),
        (("failed", "failed"), False),
        ((), False),
    ],
)
def test_whether_nothing_but_earlier_results_was_to_be_had(statuses, is_all_kept):
    summary = Summary("", "")
    summary.reports["recommend"] = {s + str(i): UnitReport(s, s) for i, s in enumerate(statuses)}
    assert summary.is_all_kept is is_all_kept
    summary.reports["recommend"]["c"] = UnitReport("c", "done", is_carried=True)
    assert summary.is_all_kept is is_all_kept


def test_a_run_that_is_another_nights_is_not_released(settings):
    store = open_store(address_of(settings.store))
    with hold_lock(store, "a test", 60) as lock:
        run = choose_run(settings, store, STAGE_NAMES)
        UnitWriter(store, run.run_id, "fetch", "a").json("x.json", 1)
        store.write("lock", store.read("lock").replace(lock.token.encode(), b"0" * 32))
        release(store, lock, run)
        assert look_at_run(store, run.run_id) is None


def newer(store, key):
    document = json.loads(store.read(key))
    store.write(key, json.dumps({**document, "schema": 99}).encode())


def test_what_it_goes_on_from_is_handed_on(settings):
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    with hold_lock(store, "a test", 60) as lock:
        forerunner = new_run_id(now)
        UnitWriter(store, forerunner, "fetch", "a").json("x.json", 1)  # killed: not released
        run = choose_run(settings, store, ["fetch", "featurize"])
        assert (run.is_new, run.forerunner) == (True, forerunner)
        UnitWriter(store, run.run_id, "fetch", "a").json("x.json", 1)
        release(store, lock, run)
        assert look_at_run(store, run.run_id).forerunner == forerunner


def test_a_run_of_a_newer_version_is_not_gone_on_with(settings):
    store, now = open_store(address_of(settings.store)), datetime.now(UTC)
    begun = new_run_id(now)
    unit = UnitWriter(store, begun, "fetch", "a").close(
        inputs={}, settings={}, code_version="", started=now, finished=now
    )
    close_stage(store, "fetch", [unit], begun, now)
    newer(store, stage_manifest_key(begun, "fetch"))
    release_run(store, begun, now)
    assert choose_run(settings, store, ["featurize"]).is_new
