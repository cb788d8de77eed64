"""A run: options, its journal and cache, and going on with it."""

import json
from pathlib import Path

import numpy as np
import pytest
import quality
from quality_bench import code
from quality_bench.world import make_world

from jfdask.errors import SettingsError

from .conftest import CHEAP, N_MOVIES, run, write_data


def test_figures_do_not_overwrite_their_journal(data, tmp_path, capsys):
    for name in ("r.jsonl", "r", "r.cache"):
        with pytest.raises(SystemExit):
            run(data, tmp_path / name)
        assert f"{name}' does not end in .json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_vectors_of_other_data_or_code_are_not_taken(data, tmp_path, monkeypatch):
    def vectors(folder):
        return np.array(make_world(folder, None, None, tmp_path / "cache").seed_vectors())

    changed = write_data(tmp_path / "changed")
    first = vectors(data)
    items = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    for item in items:
        item["CommunityRating"] = 10.0 - item["CommunityRating"]
    (changed / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    assert not np.array_equal(vectors(changed), first)
    assert np.array_equal(vectors(data), first)
    monkeypatch.setattr(code, "version", lambda package: f"9.{package}")
    n_files = len(list((tmp_path / "cache").iterdir()))
    assert np.array_equal(vectors(data), first)
    assert len(list((tmp_path / "cache").iterdir())) == n_files + 2  # a text model and vectors


def test_a_file_of_the_cache_is_whole_or_not_there(data, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    def half(file, array):
        file.write(b"half")
        raise KeyboardInterrupt

    for where, name, broken_off in ((Path, "replace", interrupted), (np, "save", half)):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, broken_off)
            with pytest.raises(KeyboardInterrupt):
                make_world(data, None, None, tmp_path).seed_vectors()
        assert not list(tmp_path.glob("*.npy"))
        assert len(list(tmp_path.glob("*.bin"))) == (where is np)
    assert make_world(data, None, None, tmp_path).seed_vectors().shape[0] == N_MOVIES


def test_a_run_that_was_broken_off_goes_on(data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "r.json"
    assert run(data, out, "--methods", CHEAP) == 0
    capsys.readouterr()
    first, lines = json.loads(out.read_text()), (tmp_path / "r.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 4 * 4 * 2
    # Broken off in the middle of a line, an hour before its end.
    (tmp_path / "r.jsonl").write_text("\n".join(lines[:20]) + "\n" + lines[20][:30])
    asked = []
    original = quality.measure_person
    monkeypatch.setattr(quality, "measure_person", lambda *a: asked.append(a[2]) or original(*a))
    assert run(data, out, "--methods", CHEAP) == 0
    again = json.loads(out.read_text())
    assert len(asked) == 6  # the ten figures, and two, that were lost: a unit is both tasks
    assert {k: v for k, v in again.items() if k != "seconds"} == {
        k: v for k, v in first.items() if k != "seconds"
    }
    asked.clear()
    assert run(data, out, "--methods", CHEAP) == 0
    assert asked == []
    # Other code, other results: nothing of the old is taken over.
    monkeypatch.setattr(quality, "code_digest", lambda *_: "other")
    assert run(data, out, "--methods", "popularity") == 0
    assert asked == ["popularity"] * 4


def test_several_processes_find_the_same(data, tmp_path, capsys):
    found = []
    for jobs in ("1", "2"):
        out = tmp_path / f"{jobs}.json"
        assert run(data, out, "--methods", CHEAP, "--jobs", jobs) == 0
        found.append({k: v for k, v in json.loads(out.read_text()).items() if k != "seconds"})
    assert found[0] == found[1]


def test_what_cannot_be_measured_is_said_before_it_is_begun(data, tmp_path, capsys):
    (tmp_path / "folder.json").mkdir()
    assert run(data, tmp_path / "folder.json") == SettingsError.exit_code
    assert "is a folder" in capsys.readouterr().err
    assert run(data, tmp_path / "r.json", "--methods", ",") == SettingsError.exit_code
    assert "--methods names none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(data, tmp_path / "r.json", "--limit", "0")
    assert "'0' is no whole number above 0" in capsys.readouterr().err


def test_a_log_tells_how_far_it_is(data, tmp_path, capsys):
    assert run(data, tmp_path / "r.json", "--methods", CHEAP) == 0
    assert "people x methods: 16 of 16" in capsys.readouterr().err


def test_a_method_that_does_not_exist_is_named(data, tmp_path, capsys):
    assert run(data, tmp_path / "x.json", "--methods", "als,magic") == SettingsError.exit_code
    assert "No method 'magic'" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_some_folds_alone_are_measured(data, tmp_path, capsys):
    out = tmp_path / "folds.json"
    given = "--limit", "1", "--methods", "popularity"
    assert run(data, out, *given, "--tasks", "B") == 0
    assert run(data, out, *given, "--tasks", "B", "--folds", "2") == 0  # not what is there already
    lines = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert len({line["code"] for line in lines}) == len(lines) == 2
    assert run(data, out, *given, "--tasks", "A", "--folds", "1") == 2
    assert "--folds 1" in capsys.readouterr().err


def test_the_digest_follows_code_data_and_packages(monkeypatch, tmp_path):
    source = tmp_path / "model"
    source.mkdir()
    (source / "a.py").write_text("1")
    found = [code.code_digest([source], "data"), code.code_digest([source], "other data")]
    (source / "a.py").write_text("2")
    found.append(code.code_digest([source], "data"))
    (source / "a.py").rename(source / "b.py")
    found.append(code.code_digest([source], "data"))
    assert found[-1] == code.code_digest([source], "data")
    monkeypatch.setattr(code, "version", lambda package: f"9.{package}")
    found.append(code.code_digest([source], "data"))
    monkeypatch.setattr(code, "PACKAGES", tuple(p for p in code.PACKAGES if p != "implicit"))
    found.append(code.code_digest([source], "data"))
    assert len(set(found)) == len(found)
    assert {"scikit-learn", "numpy", "scipy"} <= set(code.PACKAGES)


def test_figures_depend_on_all_that_they_are_computed_with():
    root = Path(quality.__file__).parents[1]
    for needed in (
        *("benchmarks/quality.py", "benchmarks/quality_bench/methods.py", "jfdask/settings.py"),
        *("jfdask/features/matrix.py", "jfdask/model/others.py", "jfdask/tables.py"),
        *("jfdask/stages/featurize/svd.py", "jfdask/stages/featurize/text_model.py"),
        *("jfdask/jellyfin/parsing.py", "jfdask/stages/fetch/assemble.py"),
    ):
        path = root / needed
        assert path.is_file()
        assert any(source in (path, *path.parents) for source in code.FIGURES), needed
