"""What methods are told, and what is found of a planted taste."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import quality
from quality_bench import baselines, methods, ours, people
from quality_bench.people import N_FOLDS, case_of
from quality_bench.world import make_world

from jfdask.model import crowd, pooled

from .conftest import N_MOVIES, N_PLAYS, run, write_data

ASKED = {task: quality.METRICS[task] for task in "AB"}  # what is measured unless told otherwise
PARTS = ("A", "B", "paired", "seconds", "halves", "people_like_the_author", "n_people")


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """Return the summary of all methods that need no optional package."""
    out = tmp_path_factory.mktemp("quality") / "whole.json"
    names = [m for m in methods.METHODS if m != "als"]
    assert run(data, out, "--limit", "2", "--methods", ",".join(names)) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def flipped(world, person, fold):
    """Return the world as it would be if somebody's plays in a fold were quite others."""
    inside = person.folds == fold
    unplayed = np.setdiff1d(np.arange(N_MOVIES), person.played)
    played = person.played.copy()
    played[inside] = unplayed[: inside.sum()]
    liked = np.where(inside, ~person.liked, person.liked)
    order = np.argsort(played)
    other = people.Person(person.user_id, played[order], liked[order], person.folds[order])
    crowd = tuple(other if p is person else p for p in world.crowd)
    return replace(world, crowd=crowd, _made={})


def test_the_summary_has_the_agreed_shape(whole):
    assert set(whole) == set(PARTS)
    for task, names in ASKED.items():
        for method, figures in whole[task].items():
            assert set(figures) == set(names), method
            for name, figure in figures.items():
                assert set(figure) == {"mean", "se", "n"}
                is_known = name != "log_loss" or methods.METHODS[method].is_probability
                assert figure["n"] == (2 if is_known else 0)
        for paired in whole["paired"][task].values():
            assert set(paired) == {"seed", "best_baseline"}
            assert set(paired["seed"]) == set(names)
    assert whole["seconds"]["total"] > 0
    assert set(whole["seconds"]["person"]) == set(whole["A"])
    assert whole["n_people"] == {"evaluated": 2, "crowd": 5}


def test_what_is_planted_is_found(whole):
    assert whole["A"]["affinity"]["auc"]["mean"] > 0.9
    assert whole["A"]["pooled"]["auc"]["mean"] > 0.9
    assert whole["A"]["tfidf"]["auc"]["mean"] > 0.7
    assert whole["A"]["always_true"]["auc"]["mean"] == 0.5
    assert abs(whole["A"]["community_rating"]["auc"]["mean"] - 0.5) < 0.15
    assert (
        whole["B"]["affinity"]["recall@50"]["mean"] > whole["B"]["always_true"]["recall@50"]["mean"]
    )
    better = whole["paired"]["A"]["affinity"]["best_baseline"]["auc"]
    assert better["baseline"] in methods.BASELINES
    gain = whole["A"]["affinity"]["auc"]["mean"] - whole["A"][better["baseline"]]["auc"]["mean"]
    assert better["mean"] == pytest.approx(gain)


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """Return a world of people enough for crowds, also of a half of them; its trees are few."""
    monkeypatch.setattr(crowd, "FEWEST", 8)
    for settings in (pooled._FAVORITE_TREES, pooled._PLAYED_TREES):
        monkeypatch.setitem(settings, "max_iter", 12)
    return make_world(write_data(tmp_path / "crowded", 24), None, None, tmp_path / "cache")


@pytest.mark.parametrize("name", ["popularity", "als", "pooled", "prior"])
def test_a_hidden_fold_of_anybody_changes_nothing(crowded, name):
    world = crowded
    if name == "als":
        pytest.importorskip("implicit")
    if name in ("pooled", "prior"):
        for whose in ours.pools_of(world, world.evaluated[0].user_id, name):
            pool = ours.pool_of(world, ours.Wanted(name, whose, 1))
            assert None not in pool.crowds.of_group
    for person in [p for p in world.crowd if p.half == "choose"][:1]:
        changed = flipped(world, person, fold=1)
        for asked in world.evaluated[:2]:
            case = case_of(asked, 1, world.catalogue.movie_ids)
            before, after = (methods.METHODS[name].scores(w, case, "AB") for w in (world, changed))
            assert np.array_equal(before["A"], after["A"])
            assert np.array_equal(before["B"], after["B"])
        # In another fold the same plays are seen: the test can fail.
        cases = [case_of(asked, 2, world.catalogue.movie_ids) for asked in world.evaluated[:8]]
        before, after = (
            [methods.METHODS[name].scores(w, case, "B")["B"] for case in cases]
            for w in (world, changed)
        )
        assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_prior_is_what_everybody_else_taught(crowded):
    """Of the half that she is not in; of all of the crowd, if nobody of it is measured."""
    asked = crowded.evaluated[0].user_id
    [whose] = ours.pools_of(crowded, asked, "prior")
    assert whose == ours.OTHER_HALF[people.half_of(asked)]
    pool = ours.pool_of(crowded, ours.Wanted("prior", whose, 0))
    n_half = sum(p.half == whose for p in crowded.crowd)
    assert [c.n_people for c in pool.crowds.of_group] == [n_half]
    assert not any(name.startswith(pooled.GENRE_FLAG) for name in pool.model.columns_)
    strangers = replace(crowded, crowd=tuple(replace(p) for p in crowded.crowd), _made={})
    assert ours.pools_of(strangers, asked, "prior") == (ours.ALL,)


def test_popularity_counts_the_visible_plays_of_everybody_once(world):
    case = case_of(world.evaluated[0], 3, world.catalogue.movie_ids)
    expected = np.zeros(N_MOVIES)
    for person in world.crowd:
        expected[person.played[person.folds != 3]] += 1
    scores = baselines.popularity(world, case, "AB")
    assert np.array_equal(scores["B"], expected[case.candidates])
    assert np.array_equal(scores["A"], expected[case.hidden])


def test_methods_that_learn_of_nobody_score_nothing(data, tmp_path, capsys):
    pytest.importorskip("implicit")
    (tmp_path / "crowd.json").write_text("[]")
    given = "--crowd", str(tmp_path / "crowd.json"), "--limit", "1", "--tasks", "B"
    out = tmp_path / "r.json"
    assert run(data, out, *given, "--methods", "always_true,als,popularity") == 0
    summary = json.loads(out.read_text())["B"]
    assert summary["als"] == summary["popularity"] == summary["always_true"]


def test_a_pool_that_no_night_makes_is_told(data, tmp_path, world, capsys, monkeypatch):
    monkeypatch.setattr(quality, "_run", lambda *_: ())
    monkeypatch.setattr(quality, "_grow_pools", lambda *_: None)
    given = data, tmp_path / "r.json", "--methods", "affinity,pooled,prior"
    for more, sizes in (((), (4, r"[0-3]")), (("--crowd", str(tmp_path / "none.json")), (0, 0))):
        (tmp_path / "none.json").write_text("[]")
        assert run(*given, *more) == 0
        pooled, prior = capsys.readouterr().err.splitlines()
        assert re.match(rf"pooled learns of {sizes[0]} people .* of 20 at least", pooled)
        assert re.match(rf"prior learns of {sizes[1]} people .* of 50 at least", prior)
        assert "those of affinity" in pooled
    # Of enough people nothing is told.
    crowd = tuple(replace(p, user_id=f"{i}{p.user_id}") for i in range(60) for p in world.evaluated)
    larger = replace(world, crowd=crowd, _made={})
    for method in methods.METHODS:
        assert ours.too_few(larger, world.evaluated, method) is None


def test_a_prior_is_of_public_ratings_and_a_pool_of_what_was_clicked(world, monkeypatch):
    asked = []
    monkeypatch.setattr(ours, "pool_of", lambda of, *_, **__: asked.append(of))
    told = world.with_hearts(10)
    case = case_of(told.evaluated[0], 0, world.catalogue.movie_ids)
    monkeypatch.setattr(ours, "_scores", lambda *_: {})
    ours.prior(told, case, "B")
    ours.pooled(told, case, "B")
    ours.prior(world, case, "B")
    assert [of is one for of, one in zip(asked, (world, told, world), strict=True)] == [True] * 3


def test_a_method_more_is_one_function(data, tmp_path, monkeypatch, capsys):
    def truth(world, case, tasks):
        person = next(p for p in world.evaluated if p.user_id == case.history.user_id)
        loved = np.zeros(N_MOVIES)
        loved[person.played[person.liked]] = 1.0
        return baselines.split(loved, case)

    method = methods.Method(truth, is_probability=True)
    monkeypatch.setitem(methods.METHODS, "truth", method)
    out = tmp_path / "t.json"
    assert run(data, out, "--methods", "truth,always_true") == 0
    summary = json.loads(out.read_text())
    for task, names in ASKED.items():
        best = {n: summary[task]["truth"][n]["mean"] for n in names}
        assert best == pytest.approx({n: float(n != "log_loss") for n in names}, abs=1e-6)


def test_words_to_a_person_are_measured(data, tmp_path, monkeypatch, capsys):
    from jfdask.model.forest import AffinityClassifier

    monkeypatch.setattr(AffinityClassifier.__init__, "__kwdefaults__", quick(AffinityClassifier))
    out = tmp_path / "c.json"
    assert run(data, out, "--limit", "1", "--methods", "popularity,affinity", "--tasks", "C") == 0
    summary = json.loads(out.read_text())
    found = summary["C"]["affinity"]
    assert {name: figure["n"] for name, figure in found.items()} == dict.fromkeys(
        quality.METRICS["C"], 1
    )
    assert abs(found["ndcg@20_gain"]["mean"]) < 0.3
    assert found["likeness@20_gain"]["mean"] < 0
    assert all(figure["n"] == 0 for figure in summary["C"]["popularity"].values())
    calibration = summary["calibration"]["affinity"]
    own = "what a night measures itself"
    assert set(calibration) == {"scores", "probabilities", own}
    for name, told in calibration.items():
        # A night measures all that it sees: in each fold, all plays but those hidden.
        n = N_PLAYS * (N_FOLDS - 1) if name == own else N_PLAYS
        assert told["n"] == sum(b["n"] for b in told["bins"]) == n
        assert 0 <= told["calibration_error"] <= 1
    assert "affinity: calibration error of probabilities" in capsys.readouterr().out


def quick(classifier):
    return {**classifier.__init__.__kwdefaults__, "n_estimators": 15, "repetitions": 1}
