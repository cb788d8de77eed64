from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jfdask.errors import MissingArtifact
from jfdask.store.filesystem import Store
from jfdask.store.forget import forget
from jfdask.store.manifests import Manifest, load_run, load_unit, save_listing
from jfdask.store.reuse import copy_unit, finished_units
from jfdask.store.state import read_state, write_state
from jfdask.store.verify import verify_run

HER, HIM = "a" * 31 + "1", "b" * 31 + "2"
R1, R2 = "20260801T030000Z-000001", "20260802T030000Z-000002"


def _newest(store: Store, *wanted: Any) -> Manifest | None:
    return next(finished_units(store, *wanted), None)


def places(store: Store, text: str) -> list[str]:
    """Return the keys whose name or bytes hold a text."""
    return [key for key in store.list() if text in key or text.encode() in store.read(key)]


@pytest.fixture
def lived_in(store: Store, write_run: Callable[..., None]) -> Store:
    summary = {
        "people": {HER: {"name": "Anna", "auc": 0.7}, HIM: {"name": "Ben"}},
        "problems": ["User 'Anna' has 3 favourites.", "Annabel is a film."],
        "failed": [{"user_id": HER, "error": "x"}],
    }
    inputs = {f"fetch/people/{HER}/plays.parquet": "1", "fetch/movies.parquet": "2"}
    write_run(store, R1, people=(HER, HIM), summary=summary, inputs=inputs)
    write_run(store, R2, people=(HIM,), household="away", seal=False)
    run = load_run(store, R1)
    save_listing(store, replace(run, summary=summary))
    write_state(store, "home", "hits.json", [1], version=1, user_id=HER)
    write_state(store, "home", "hits.json", [2], version=1, user_id=HIM)
    write_state(store, "home", "playlists.json", {HER: "p1", HIM: "p2"}, version=1)
    write_state(store, "home", "best.json", {"depth": 3}, version=1)
    return store


def test_nothing_of_her_is_left_and_all_of_him(lived_in: Store) -> None:
    store = lived_in
    assert len(places(store, HER)) > 4
    his = len(places(store, HIM))
    done = forget(store, HER, ["Anna"])
    assert (done.n_files, done.n_documents) == (2, 1)
    assert done.n_manifests == 3  # the unit's, the stage's, the run's
    assert places(store, HER) == []
    assert not any(b"Anna'" in store.read(k) or b'"Anna"' in store.read(k) for k in store.list())
    assert len(places(store, HIM)) == his
    assert verify_run(store, R1) == []
    unit = load_unit(store, R1, "train", "home")
    assert set(unit.files) == {"metrics.json", f"people/{HIM}/list.json"}
    assert unit.summary == {
        "people": {HIM: {"name": "Ben"}},
        "problems": ["Annabel is a film."],
        "failed": [],
    }
    assert read_state(store, "home", "playlists.json", version=1) == {HIM: "p2"}
    assert read_state(store, "home", "hits.json", version=1, user_id=HIM) == [2]


def test_again_there_is_nothing_to_do(lived_in: Store) -> None:
    forget(lived_in, HER, ["Anna"])
    before = {key: lived_in.read(key) for key in lived_in.list()}
    done = forget(lived_in, HER, ["Anna"])
    assert (done.n_files, done.n_manifests, done.n_documents) == (0, 0, 0)
    assert {key: lived_in.read(key) for key in lived_in.list()} == before


def test_a_unit_that_lost_files_is_not_taken_for_finished_work(lived_in: Store) -> None:
    hers = load_unit(lived_in, R1, "train", "home").fingerprint
    other = load_unit(lived_in, R2, "train", "away").fingerprint
    assert _newest(lived_in, "train", "home", hers)
    forget(lived_in, HER)
    assert _newest(lived_in, "train", "home", hers) is None
    assert _newest(lived_in, "train", "away", other)


@pytest.mark.parametrize("n_writes", range(5))
def test_broken_off_and_called_again(
    folder: Store,
    write_run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    n_writes: int,
) -> None:
    write_run(folder, R1, people=(HER, HIM))
    write_state(folder, "home", "playlists.json", {HER: "p1"}, version=1)
    left = iter(range(n_writes))
    write = Store.write

    def die_later(self: Store, key: str, data: bytes) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(self, key, data)

    monkeypatch.setattr(Store, "write", die_later)
    if n_writes < 4:
        with pytest.raises(KeyboardInterrupt):
            forget(folder, HER)
    monkeypatch.undo()
    forget(folder, HER)
    assert places(folder, HER) == []
    assert verify_run(folder, R1) == []


def test_only_the_households_named(lived_in: Store) -> None:
    forget(lived_in, HIM, households=["away"])
    assert any("/home/" in key for key in places(lived_in, HIM))
    assert not any("/away/" in key for key in places(lived_in, HIM))


def test_files_without_a_manifest_and_what_a_crash_left(folder: Store) -> None:
    folder.write(f"runs/{R1}/fetch/home/people/{HER}/plays.parquet", b"half a night")
    (Path(folder.url) / "state").mkdir()
    (Path(folder.url) / "state" / ".tmp-1").write_text(HER)
    forget(folder, HER)
    for path in Path(folder.url).rglob("*"):
        assert HER not in str(path)
        assert path.is_dir() or HER.encode() not in path.read_bytes()


def test_documents_that_cannot_be_read_go(folder: Store, write_run: Callable[..., None]) -> None:
    write_run(folder, R1, people=(HER,))
    key = f"runs/{R1}/train/home/manifest.json"
    folder.write(key, folder.read(key)[:-5])
    folder.write("state/home/x.json", f"[{HER}".encode())
    forget(folder, HER)
    assert places(folder, HER) == []
    with pytest.raises(MissingArtifact):
        load_unit(folder, R1, "train", "home")


def test_what_a_kept_unit_said_before(folder: Store, write_unit: Callable[..., Manifest]) -> None:
    summary = {"people": {HER: 1, HIM: 2}, "worst": f"of {HER}"}
    unit = write_unit(folder, R1, people=(HER, HIM), summary=summary)
    copy_unit(folder, unit, R2, status="kept", summary={})
    forget(folder, HER)
    assert places(folder, HER) == []
    before = load_unit(folder, R2, "train", "home").before
    assert before == {"status": "done", "summary": {"people": {HIM: 2}}}


def test_an_id_that_is_none(folder: Store) -> None:
    with pytest.raises(ValueError, match="is no key"):
        forget(folder, "../home")


@pytest.mark.parametrize(
    "name", ["anna", "O'Brien", 'Bo "O\'Brien"', "ann\\a", "Zoe\u0301", "a\xa0b"]
)
def test_a_name_is_found_however_a_sentence_spells_it(
    folder: Store, write_unit: Callable[..., Manifest], name: str
) -> None:
    problems = [f"User {name!r}: no model tonight", f"{name}: no model", "User 'x': no model"]
    write_unit(folder, R1, summary={"problems": problems})
    forget(folder, HER, [name])
    assert load_unit(folder, R1, "train", "home").summary == {"problems": problems[2:]}
