"""Who is evaluated: folds, halves, hearts, and that nobody counts twice."""

import json
import time

import numpy as np
import pytest
import quality
from quality_bench import baselines, methods, people
from quality_bench.people import N_FOLDS, case_of, distinct
from quality_bench.reading import Ratings
from quality_bench.world import make_world

from jfdask.model.labels import STATED, UNKNOWN

from .conftest import N_MOVIES, hexed, run


def test_folds_are_stratified_and_a_hidden_play_looks_unplayed(world):
    person = world.evaluated[0]
    cases = [case_of(person, fold, world.catalogue.movie_ids) for fold in range(N_FOLDS)]
    assert np.array_equal(np.sort(np.concatenate([c.hidden for c in cases])), person.played)
    for case in cases:
        assert np.isin(case.hidden, case.candidates).all()
        assert not np.isin(case.hidden, case.history.played).any()
    n_liked = [person.liked[person.folds == fold].sum() for fold in range(N_FOLDS)]
    assert max(n_liked) - min(n_liked) <= 1


def test_hearts_are_clicked_by_chance_and_everything_else_stays(world):
    ids = world.catalogue.movie_ids
    known = {}
    for percent in (0, 10, 30, 100):
        told = world.with_hearts(percent)
        assert told is world.with_hearts(percent)
        known[percent] = np.concatenate([p.liked for p in told.crowd])
        for before, after in zip(world.crowd, told.crowd, strict=True):
            assert np.array_equal(before.played, after.played)
        weight = case_of(told.evaluated[0], 0, ids).history.taste.weight
        assert set(weight) == ({UNKNOWN} if percent == 0 else {STATED, UNKNOWN})
    truth = np.concatenate([p.liked for p in world.crowd])
    assert not known[0].any()
    assert not (known[10] & ~known[30]).any()
    assert np.array_equal(known[100], truth)
    assert not (known[30] & ~truth).any()
    assert 0.2 < known[30].sum() / truth.sum() < 0.4


def test_hits_are_all_favourites_however_few_are_known(data, tmp_path, monkeypatch, capsys):
    asked = []

    def truth(world, case, tasks):
        asked.append((tasks, int(case.history.liked.sum())))
        person = next(p for p in whole.evaluated if p.user_id == case.history.user_id)
        loved = np.zeros(N_MOVIES)
        loved[person.played[person.liked]] = 1.0
        return baselines.split(loved, case)

    whole = make_world(data, None, None, tmp_path / "h.cache")
    method = methods.Method(truth, is_probability=True)
    monkeypatch.setitem(methods.METHODS, "truth", method)
    out = tmp_path / "h.json"
    assert run(data, out, "--tasks", "H", "--methods", "truth,popularity", "--limit", "1") == 0
    figures = json.loads(out.read_text())["H"]
    assert list(figures["truth"]) == list(quality.METRICS["H"])
    assert all(f["mean"] == pytest.approx(1.0) for f in figures["truth"].values())
    # What does not look at hearts is the same without them.
    assert len({f["mean"] for f in figures["popularity"].values()}) == 1
    assert {tasks for tasks, _ in asked} == {"B"}
    by_percent = [sum(n for _, n in asked[i : i + N_FOLDS]) for i in range(0, 20, N_FOLDS)]
    assert by_percent[0] == 0
    assert by_percent == sorted(by_percent)
    assert by_percent[3] > by_percent[1]


def test_halves_do_not_depend_on_who_else_is_there(world):
    ids = [hexed(3, i) for i in range(400)]
    nothing = np.empty(0, dtype=int)
    halves = [people.Person(i, nothing, nothing.astype(bool), nothing).half for i in ids]
    assert 160 < halves.count("choose") < 240
    assert [p.half for p in world.evaluated] == [
        people.Person(p.user_id, nothing, nothing.astype(bool), nothing).half
        for p in world.evaluated
    ]


def test_nobody_counts_twice(data, cache, tmp_path, world, capsys):
    users = json.loads((data / "users.json").read_text(encoding="utf-8"))
    renamed = [{**u, "Id": hexed(9, i), "Name": "x"} for i, u in enumerate(users)]
    partly = [
        {**u, "Id": hexed(8, i), "ratings": u["ratings"][::2]} for i, u in enumerate(users[:4])
    ]
    milliseconds = [
        {**u, "Id": hexed(7, i), "ratings": [[m, stars, 1000 * t] for m, stars, t in u["ratings"]]}
        for i, u in enumerate(users[:4])
    ]
    stranger = {"Id": users[0]["Id"], "ratings": [[hexed(1, m), 4.0, 5e6] for m in range(30)]}
    crowd = tmp_path / "crowd.json"
    crowd.write_text(
        json.dumps([*users, *renamed, *partly, *milliseconds, stranger]), encoding="utf-8"
    )
    mixed = make_world(data, None, crowd, cache)
    assert f"{crowd}: 18 of 19 people are taken as the same person" in capsys.readouterr().err
    assert len(mixed.crowd) == len(users) + 1
    # The evaluated take part as they are evaluated: with the same folds.
    assert all(any(p is q for q in mixed.crowd) for p in mixed.evaluated)
    assert len(mixed.evaluated) == len(world.evaluated) == 4
    again = tmp_path / "people.json"
    again.write_text(json.dumps([*users, *renamed]), encoding="utf-8")
    assert len(make_world(data, again, None, cache).evaluated) == 4


def raters(n_people, kinds=10, n_films=400, seed=0):
    """Return people with 25 to 150 ratings each, of so many kinds of stars, without times."""
    rng = np.random.default_rng(seed)
    chance = 1 / (np.arange(n_films) + 10)
    return [
        Ratings(
            str(u),
            frozenset(
                (f"m{m}", float(rng.integers(kinds)), 0.0)
                for m in rng.choice(n_films, rng.integers(25, 150), False, chance / chance.sum())
            ),
        )
        for u in range(n_people)
    ]


def retold(people, name, share=1.0, when=None):
    """Return the same people by other names: some of their ratings, at other times."""
    return [
        Ratings(
            f"{name}{p.user_id}",
            frozenset(
                (item, stars, time if when is None else when(time))
                for item, stars, time in sorted(p.ratings)[: round(share * len(p.ratings))]
            ),
        )
        for p in people
    ]


def test_people_are_the_same_by_what_they_rated():
    known = raters(40)
    for again in (
        retold(known, "x"),
        retold(known, "x", when=lambda time: time * 1000 + 5),
        retold(known, "x", share=0.8),
    ):
        assert distinct(known, again) == known
        assert distinct(again, known) == again
        assert distinct([], [*again, *known]) == again  # who is named first
    # A small part of a long history, if the times tell.
    longest = max(known, key=lambda p: len(p.ratings))
    longest = Ratings("long", frozenset((m, s, float(m[1:])) for m, s, _ in longest.ratings))
    assert distinct([longest], retold([longest], "x", share=0.1)) == [longest]
    # And of two ratings, one more and one less.
    anna = Ratings("anna", frozenset({("m1", 4.0, 1.0), ("m2", 3.0, 2.0), ("m3", 3.0, 2.0)}))
    part = Ratings("b", frozenset({("m1", 4.0, 1.0), ("m2", 3.0, 2.0)}))
    other = Ratings("anna", frozenset({("m1", 4.0, 7.0), ("m2", 3.0, 8.0)}))
    assert distinct([], [anna, part]) == [anna]
    assert distinct([anna], [part]) == [anna]
    assert distinct([anna], [other]) == [other]
    halves = [Ratings("h", frozenset({*sorted(longest.ratings)[::2], ("m", 1.0, 1.0)}))]
    assert distinct([longest], halves) == [longest]


def test_people_who_share_a_little_are_different():
    for kinds in (10, 2):
        people = raters(200, kinds)
        assert distinct([], people) == people
    # Who likes what everybody likes is found in whoever has rated nearly all.
    stars = {f"m{m}": 1.0 for m in range(400)}
    all_rated = Ratings("all", frozenset((m, s, 0.0) for m, s in stars.items()))
    few = Ratings("few", frozenset((f"m{m}", 1.0, 0.0) for m in range(25)))
    assert distinct([all_rated], [few]) == [few]
    a_handful = [Ratings(n, frozenset((f"m{m}", 4.0, 1.0) for m in range(9))) for n in "ab"]
    one_more = Ratings("c", a_handful[0].ratings | {("m9", 4.0, 1.0)})
    assert distinct([], [*a_handful, one_more]) == [a_handful[0], one_more]
    nobody = [Ratings(n, frozenset()) for n in "ab"]
    assert distinct([], nobody) == nobody


def test_thousands_of_people_are_told_apart_in_seconds():
    people = raters(1500, n_films=4000)
    started = time.process_time()
    assert distinct(people, retold(people, "x")) == people
    assert time.process_time() - started < 20
