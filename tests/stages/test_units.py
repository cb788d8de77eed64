"""What becomes of a household that fails, or is not selected; no cluster: tasks are called."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from jfdask.errors import JellyfinError, JfdaskError, LibraryShrunk, StoreError, StoreTimeout
from jfdask.settings import Settings
from jfdask.stages import night
from jfdask.stages.fetch import making
from jfdask.stages.night import IN_PART, Summary
from jfdask.stages.people import carry_person_over
from jfdask.stages.unit_tasks import Plan, UnitReport, done_tonight, inherit
from jfdask.stages.units import Night, run_units
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.keys import person, run_key
from jfdask.store.lock import hold_lock
from jfdask.store.manifests import close_stage, load_unit
from jfdask.store.runs import latest_run, seal_run
from jfdask.store.units import UnitWriter

R1, R2, R3, TONIGHT = (f"2026080{day}T030000Z-00000{day}" for day in (1, 2, 3, 4))
NOW = datetime(2026, 8, 1, 3, tzinfo=UTC)
STAGES = ("fetch", "train")
ANN = person("ann", "list.json")


def done(work):
    """Do a household's work here and now."""
    answers = None
    while True:
        try:
            calls = work.send(answers)
        except StopIteration as end:
            return end.value
        except JfdaskError as error:
            return error
        answers = []
        for call in calls:
            try:
                answers.append(call.function(*call.args))
            except JfdaskError as error:
                answers.append(error)


class HereAndNow(Night):
    n_workers = 1

    def drive(self, works, *_, **__):
        return {name: done(work) for name, work in works.items()}


class Silent:
    def stage(self, name):
        pass


def write_run(store, run_id, households):
    sums = {}
    for stage in STAGES:
        units = []
        for household in households:
            writer = UnitWriter(store, run_id, stage, household)
            writer.json("it.json", [run_id, stage])
            writer.json(ANN, run_id)
            told = {"people": {"ann": {"n_played": 100}}, "n_movies": 1000}
            made = {"inputs": {}, "settings": {}, "code_version": "", "started": NOW}
            units.append(writer.close(**made, finished=NOW, summary=told))
        sums[stage] = close_stage(store, stage, units, run_id, NOW)
    with hold_lock(store, "test", 60) as lock:
        seal_run(store, run_id, sums, lock, NOW)


@pytest.fixture
def store(tmp_path):
    store = open_store(address_of(Settings.model_validate({"store": {"url": str(tmp_path)}}).store))
    write_run(store, R1, ["a", "b"])
    write_run(store, R2, ["a", "b"])
    return store


def night_on(store):
    settings = Settings.model_validate({"store": {"url": str(store.url)}})
    return HereAndNow(settings, store, None, TONIGHT, latest_run(store), Silent())


def damage(store, run_id, stage, household="b", name="it.json"):
    Path(store.url, run_key(run_id, stage, household, name)).write_bytes(b"x")


def plan(place):
    yield from ()
    return Plan("fetch", (), {})


def fail(place, planned):
    raise JellyfinError("server down")
    yield


def run_all(store, report):
    """Do all stages of household b, whose server is down; return what it has, and the reports."""
    reports, found = {"b": report}, []
    for stage in STAGES:
        find = done_tonight
        reports = run_units(night_on(store), stage, reports, plan, fail, 2, find, waits=True)
        found.append(reports["b"])
    has = [
        load_unit(store, TONIGHT, stage, "b").copied_from
        for stage, report in zip(STAGES, found, strict=True)
        if report.status != "failed"
    ]
    return has, found


def test_what_cannot_be_read_of_a_run_that_was_broken_off_is_done_anew(store, caplog):
    for run_id in (TONIGHT, R2):
        store.write(run_key(run_id, "fetch", "b", "manifest.json"), b"\0" * 99)
    place = replace(night_on(store).place("b"), forerunner=R2)
    assert done_tonight(place, Plan("fetch", (), {})) is None
    assert R2 in caplog.text
    assert inherit(place, STAGES).status == "done"
    assert load_unit(store, TONIGHT, "train", "b").copied_from == R1


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["it.json", "manifest.json"])
def test_a_household_that_fails_keeps_what_the_newest_run_has_whole(store, stage, name):
    damage(store, R2, stage, name=name)
    has, reports = run_all(store, UnitReport("b", "done"))
    assert [report.status for report in reports] == ["kept", "kept"]
    # What was learned of yesterday's tables does not go with older ones.
    assert has == {"fetch": [R1, R1], "train": [R2, R1]}[stage]


def test_of_a_household_that_is_whole_nowhere_the_damage_is_told(store):
    for run_id in (R1, R2):
        damage(store, run_id, "fetch")
    has, (fetched, trained) = run_all(store, UnitReport("b", "done"))
    assert (has, fetched.status, trained.status) == ([], "failed", "failed")
    assert fetched.problems[0] == "server down"
    assert R2 in fetched.problems[1]


@pytest.mark.parametrize("n_failing", [1, 99])
def test_who_is_not_selected_is_carried_over_although_the_store_fails_once(
    store, monkeypatch, n_failing
):
    read, left = Store.read, iter(range(n_failing))

    def slow(self, key):
        if f"{R2}/fetch/b/" in key and next(left, None) is not None:
            raise StoreTimeout("no answer")
        return read(self, key)

    monkeypatch.setattr(Store, "read", slow)
    has, reports = run_all(store, UnitReport("b", "done", is_carried=True))
    assert all(report.is_carried for report in reports)
    assert has == ([R2, R2] if n_failing == 1 else [])
    summary = Summary(TONIGHT, "", reports={"fetch": {"a": UnitReport("a", "done")}})
    summary.reports["train"] = {"a": UnitReport("a", "done"), "b": reports[-1]}
    assert summary.exit_code == (0 if n_failing == 1 else IN_PART)


def test_a_household_that_the_last_run_lacks_is_what_older_ones_have(store):
    write_run(store, R3, ["a"])
    assert run_all(store, UnitReport("b", "done"))[0] == [R2, R2]
    assert run_all(store, UnitReport("b", "done", is_carried=True))[0] == [R2, R2]
    place = night_on(store).place("b")
    assert inherit(place, STAGES).status == "done"
    assert carry_person_over(place, "train", "ann").summary == {"n_played": 100}
    with pytest.raises(LibraryShrunk, match="100 movies, 1000 last night"):
        making._refuse_loss(place, {"people": {}, "n_movies": 100}, 0.3)


def told(n_movies=1000, n_visible=1000, n_played=90):
    kid = {"n_visible": n_visible, "n_played": n_played}
    people = {"ann": {"n_visible": 1000, "n_played": 10}, "kid": kid}
    return {"n_movies": n_movies, "people": people}


def test_if_nobody_sees_anything_any_more_it_is_a_loss(store, monkeypatch):
    before, nothing = told(), {"n_visible": 0, "n_played": 0}
    monkeypatch.setattr(making, "earlier_units", lambda *_: iter([SimpleNamespace(summary=before)]))
    tonight = {"n_movies": 1000, "people": {"ann": nothing, "kid": nothing}}
    with pytest.raises(LibraryShrunk, match="0 plays, 100 last night"):
        making._refuse_loss(night_on(store).place("b"), tonight, 0.3)


@pytest.mark.parametrize(
    ("tonight", "is_loss"),
    [
        (told(n_visible=100, n_played=9), False),  # what she cannot see is there
        (told(n_played=9), True),
        (told(n_visible=800, n_played=9), True),
        (told(n_movies=750, n_visible=750, n_played=9), True),
    ],
)
def test_who_may_see_less_has_lost_no_plays(store, monkeypatch, tonight, is_loss):
    before = [SimpleNamespace(summary=told())]
    monkeypatch.setattr(making, "earlier_units", lambda *_: iter(before))
    place = night_on(store).place("b")
    with pytest.raises(LibraryShrunk, match="19 plays, 100") if is_loss else nullcontext():
        making._refuse_loss(place, tonight, 0.3)


def test_somebody_who_fails_keeps_what_the_newest_run_has_whole_of_her(store):
    damage(store, R2, "train", name=ANN)
    place = night_on(store).place("b")
    assert carry_person_over(place, "train", "ann").summary == {"n_played": 100}
    assert place.store.read(place.key("train", ANN)) == f'"{R1}"\n'.encode()


def test_old_runs_that_cannot_be_removed_fail_no_night(store, monkeypatch):
    def refuse(self, prefix):
        raise StoreError(f"{prefix}: permission denied.")

    store.write("pools/1/manifest.json", b"{}")
    monkeypatch.setattr(Store, "delete_all", refuse)
    summary = Summary(R2, "", reports={"train": {"a": UnitReport("a", "done")}}, is_latest=True)
    settings = Settings.model_validate({"store": {"keep": 1}})
    night._prune(store, settings, summary)
    night._prune_runs(store, settings, summary)
    assert summary.exit_code == IN_PART
    assert summary.problems == [
        f"Old runs could not be removed: runs/{R1}: permission denied.",
        "What is old could not be removed: pools/1: permission denied.",
    ]
