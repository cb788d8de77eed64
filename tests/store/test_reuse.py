import logging
from collections.abc import Callable
from typing import Any

import pytest

from jfdask.errors import DamagedArtifact
from jfdask.store.filesystem import Store
from jfdask.store.manifests import Manifest, load_unit
from jfdask.store.reuse import copy_unit, finished_units, reuse_unit
from jfdask.store.units import UnitReader
from jfdask.store.verify import verify

R1, R2, R3 = "20260801T030000Z-000001", "20260802T030000Z-000001", "20260803T030000Z-000001"
WriteUnit = Callable[..., Manifest]


def _newest(store: Store, *wanted: Any) -> Manifest | None:
    return next(finished_units(store, *wanted), None)


def test_the_newest_unit_of_the_same_work_is_found(store: Store, write_unit: WriteUnit) -> None:
    old = write_unit(store, R1)
    same = write_unit(store, R2)
    write_unit(store, R3, inputs={"fetch/movies.parquet": "1" * 64})
    assert old.fingerprint == same.fingerprint
    assert _newest(store, "train", "home", same.fingerprint) == same
    assert _newest(store, "train", "away", same.fingerprint) is None
    assert _newest(store, "fetch", "home", same.fingerprint) is None
    assert _newest(store, "train", "home", "f" * 64) is None


@pytest.mark.parametrize(
    ("status", "found"), [("done", True), ("kept", False), ("part", False), ("failed", False)]
)
def test_only_whole_results_are_found(
    folder: Store, write_unit: WriteUnit, status: str, found: bool
) -> None:
    unit = write_unit(folder, R1, status=status)
    assert (_newest(folder, "train", "home", unit.fingerprint) == unit) is found
    # Kept on a worse night, it is no better and no worse.
    kept = copy_unit(folder, unit, R2, status="kept", summary={"why": "x"})
    again = copy_unit(folder, kept, R3, status="kept", summary={"why": "y"})
    assert (_newest(folder, "train", "home", unit.fingerprint) == again) is found


def test_an_empty_fingerprint_finds_nothing(folder: Store, write_unit: WriteUnit) -> None:
    write_unit(folder, R1)
    assert _newest(folder, "train", "home", "") is None


def test_a_look_up_costs_a_read_a_run(
    folder: Store, write_unit: WriteUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = write_unit(folder, R1)
    write_unit(folder, R2)
    calls: list[str] = []
    call = Store._call

    def count(self: Store, verb: str, key: str, function: Callable[[], object]) -> object:
        calls.append(verb)
        return call(self, verb, key, function)

    monkeypatch.setattr(Store, "_call", count)
    found = list(finished_units(folder, "train", "home", unit.fingerprint))
    assert [one.run_id for one in found] == [R2, R1]
    assert calls.count("read") == 2


@pytest.mark.parametrize("check", [True, False])
def test_a_unit_is_copied_whole(store: Store, write_unit: WriteUnit, check: bool) -> None:
    unit = write_unit(store, R1, people=("u1", "u2"))
    copy = copy_unit(store, unit, R2, check=check)
    assert (copy.run_id, copy.copied_from, copy.files) == (R2, R1, unit.files)
    assert copy.fingerprint == unit.fingerprint
    store.delete_all(f"runs/{R1}")
    verify(store, load_unit(store, R2, "train", "home"))
    assert UnitReader(store, copy).json("people/u2/list.json") == {"of": "u2"}
    assert copy_unit(store, copy, R3, check=check).copied_from == R1


@pytest.mark.parametrize("tonight", [R2, R3])
def test_a_result_that_was_kept_is_done_again_when_all_is_well(
    folder: Store, write_unit: WriteUnit, tonight: str
) -> None:
    unit = write_unit(folder, R1, summary={"n": 3})
    kept = copy_unit(folder, unit, R2, status="kept", summary={"why": "disk not mounted"})
    assert (kept.status, kept.summary) == ("kept", {"why": "disk not mounted"})
    folder.delete_all(f"runs/{R1}")
    taken = reuse_unit(folder, "train", "home", unit.fingerprint, tonight)
    assert taken is not None
    assert (taken.status, taken.summary) == ("done", {"n": 3})
    assert load_unit(folder, tonight, "train", "home") == taken
    verify(folder, taken)


def test_a_damaged_unit_is_not_copied(store: Store, write_unit: WriteUnit) -> None:
    unit = write_unit(store, R1)
    store.write(unit.key("metrics.json"), b"{}")
    with pytest.raises(DamagedArtifact):
        copy_unit(store, unit, R2)
    assert store.list(f"runs/{R2}") == []


def test_reuse_passes_over_what_is_damaged(
    folder: Store, write_unit: WriteUnit, caplog: pytest.LogCaptureFixture
) -> None:
    good = write_unit(folder, R1)
    bad = write_unit(folder, R2)
    folder.delete(bad.key("metrics.json"))
    with caplog.at_level(logging.WARNING):
        taken = reuse_unit(folder, "train", "home", good.fingerprint, R3)
    assert taken is not None
    assert (taken.run_id, taken.copied_from) == (R3, R1)
    assert R2 in caplog.text
    folder.write(f"runs/{R3}/train/home/manifest.json", b"{")
    folder.write(good.key("metrics.json"), b"1")
    assert reuse_unit(folder, "train", "home", good.fingerprint, R3) is None


def test_a_unit_of_this_run_is_taken_as_it_is(folder: Store, write_unit: WriteUnit) -> None:
    unit = write_unit(folder, R1)
    assert reuse_unit(folder, "train", "home", unit.fingerprint, R1) == unit
    folder.write(unit.key("metrics.json"), b"1")
    assert reuse_unit(folder, "train", "home", unit.fingerprint, R1) is None


def newer(store, key):
    store.write(key, store.read(key).replace(b'"schema":1,', b'"schema":99,'))
    assert b"99" in store.read(key)


def test_a_unit_of_a_newer_version_is_passed_over(folder, write_unit, caplog):
    old, unit = write_unit(folder, R1), write_unit(folder, R2)
    newer(folder, f"runs/{R2}/train/home/manifest.json")
    assert _newest(folder, "train", "home", unit.fingerprint) == old
    assert "Upgrade" in caplog.text


def test_what_is_damaged_is_not_kept(folder, write_unit):
    unit = write_unit(folder, R1)
    folder.write(unit.key("metrics.json"), b"1")
    with pytest.raises(DamagedArtifact):
        copy_unit(folder, unit, R1, status="kept", summary={})
    assert load_unit(folder, R1, "train", "home").status == "done"
