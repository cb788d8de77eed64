"""The benchmark on a small invented catalogue, with people whose taste is known."""

import json
import lzma
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import quality
from quality_bench import baselines, code, methods, ours, people
from quality_bench.figures import favorite_figures, list_figures, word_figures
from quality_bench.people import N_FOLDS, case_of, distinct
from quality_bench.reading import Ratings, find, read_movies, read_people
from quality_bench.world import make_world

from jfdask.errors import DataError, SettingsError
from jfdask.model import crowd, pooled
from jfdask.model.calibration import Reliability
from jfdask.model.labels import STATED, UNKNOWN

N_MOVIES, N_DIRECTORS, N_PLAYS = 260, 20, 120
CHEAP = "always_true,community_rating,popularity,tfidf"
ASKED = {task: quality.METRICS[task] for task in "AB"}  # what is measured unless told otherwise
PARTS = ("A", "B", "paired", "seconds", "halves", "people_like_the_author", "n_people")


def hexed(kind: int, i: int) -> str:
    return f"{kind:02x}{i:030x}"


def write_data(folder: Path, n_people: int = 4) -> Path:
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("al", "er", "in", "ou", "ay")]
    items = []
    for i in range(N_MOVIES):
        director = i % N_DIRECTORS
        person = {"Id": hexed(2, director), "Name": f"Director {director}", "Type": "Director"}
        items.append(
            {
                "Id": hexed(1, i),
                "Name": f"Title {i}",
                "Type": "Movie",
                "ProviderIds": {"Tmdb": str(i + 1)},
                "ProductionYear": 1970 + int(rng.integers(50)),
                "Overview": " ".join(rng.choice(words, 8)),
                "Genres": [str(rng.choice(["Drama", "Comedy", "Crime"]))],
                "CommunityRating": round(float(rng.uniform(4, 9)), 1),
                "RunTimeTicks": int(rng.integers(80, 160)) * 600_000_000,
                "People": [person],
            }
        )
    users = []
    for u in range(n_people):
        played = np.sort(rng.choice(N_MOVIES, N_PLAYS, replace=False))
        liked = (played % N_DIRECTORS + u) % N_DIRECTORS < 7
        ratings = [
            [hexed(1, int(m)), 5.0 if y else 2.0, 1000 * u + int(m)]
            for m, y in zip(played, liked, strict=True)
        ]
        users.append({"Id": hexed(3, u), "Name": f"somebody {u}", "ratings": ratings})
    users.append({"Id": hexed(3, 99), "Name": "few plays", "ratings": users[0]["ratings"][:3]})
    users[-1]["ratings"] = [[m, stars, when + 7] for m, stars, when in users[-1]["ratings"]]
    boxsets = [{"Id": hexed(4, 0), "Name": "Saga", "MovieIds": [hexed(1, 3), hexed(1, 9)]}]
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (folder / "items.jsonl").write_text(lines, encoding="utf-8")
    (folder / "users.json").write_text(json.dumps(users), encoding="utf-8")
    (folder / "boxsets.json").write_text(json.dumps(boxsets), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("quality") / "data")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("quality") / "cache"


@pytest.fixture(scope="module")
def world(data, cache):
    return make_world(data, None, None, cache)


def run(data, out, *more):
    return quality.main(["--data", str(data), "--out", str(out), *more])


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


def test_compressed_files_are_read_as_plain_ones(data, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in data.iterdir():
        (packed / f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes()))
    movies, movie_of_item = read_movies(packed)
    plain, _ = read_movies(data)
    assert movies.equals(plain)
    assert len(movie_of_item) == len(movies) == N_MOVIES
    users = find(packed, "users.json")
    assert ratings_of(users, movie_of_item) == ratings_of(data / "users.json", movie_of_item)
    with pytest.raises(DataError, match="an entry has no 'ratings'"):
        read_people(data / "boxsets.json", movie_of_item)
    with pytest.raises(DataError, match=r"users\.json"):
        find(tmp_path, "users.json")


def ratings_of(path, movie_of_item):
    return [p.ratings for p in read_people(path, movie_of_item)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello", "Expecting value"),
        ('[{"Id": "é", "ratings": []}]'.encode("latin-1"), "can't decode byte"),
        (b'{"Id": "a"}', "indices"),
        (b"[3]", "not subscriptable"),
        (b'[{"Id": "a", "ratings": [["m", "many", 0]]}]', "could not convert"),
        (b'[{"Id": "a", "ratings": [["m", 4.0]]}]', "not enough values"),
    ],
)
def test_what_is_wrong_with_a_file_of_people_is_a_sentence(tmp_path, content, why):
    path = tmp_path / "people.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"people\.json cannot be read as a list.*{why}"):
        read_people(path, {})


def test_a_file_that_is_missing_a_folder_or_cut_is_a_sentence(data, tmp_path, capsys):
    packed = lzma.compress((data / "users.json").read_bytes())
    (tmp_path / "half.json.xz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "folder.json").mkdir()
    for name, why in (
        ("none.json", "No such file"),
        ("folder.json", "Is a directory"),
        ("half.json.xz", "ended before"),
    ):
        path = tmp_path / name
        for option in ("--people", "--crowd"):
            assert run(data, tmp_path / "r.json", option, str(path)) == DataError.exit_code
            told = capsys.readouterr().err
            assert told.startswith(f"{path} cannot be read")
            assert why in told


def test_a_broken_catalogue_is_a_sentence(data, tmp_path):
    lines = (data / "items.jsonl").read_text(encoding="utf-8").split("\n")[:9]
    items, boxsets = tmp_path / "items.jsonl", tmp_path / "boxsets.json"
    items.write_text("\n".join(lines)[:-30])
    boxsets.write_text("[]")
    with pytest.raises(DataError, match=r"items\.jsonl cannot be read as movies.*: line 9, "):
        read_movies(tmp_path)
    items.write_text("\n".join(lines))
    boxsets.write_text('[{"Id": "1", "MovieIds": []}]')
    with pytest.raises(DataError, match=r"boxsets\.json cannot be read.* has no 'Name'"):
        read_movies(tmp_path)


def test_marks_and_odd_ends_of_lines_are_read(data, tmp_path):
    first, *others = (data / "items.jsonl").read_text(encoding="utf-8").split("\n")
    odd = json.dumps({**json.loads(first), "Overview": "one\u2028two\x85three"}, ensure_ascii=False)
    for name, text in (
        ("items.jsonl", "\r\n".join([odd, *others])),
        ("boxsets.json", (data / "boxsets.json").read_text(encoding="utf-8")),
        ("users.json", (data / "users.json").read_text(encoding="utf-8")),
    ):
        (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
    movies, movie_of_item = read_movies(tmp_path)
    assert len(movies) == N_MOVIES
    marked = ratings_of(tmp_path / "users.json", movie_of_item)
    assert marked == ratings_of(data / "users.json", movie_of_item)


def test_a_movie_that_was_rated_twice_is_what_was_said_last(tmp_path, capsys):
    """Also in two copies; what the data do not know is left out, and told."""
    path = tmp_path / "people.json"
    ratings = [["a", 5.0, 2], ["a", 1.0, 3], ["a copy", 4.0, 1], ["b", 3.0, 1], ["x", 3.0, 1]]
    path.write_text(json.dumps([{"Id": "anna", "ratings": ratings}]))
    [anna] = read_people(path, {"a": "m", "a copy": "m", "b": "n"})
    assert anna.ratings == {("m", 1.0, 3.0), ("n", 3.0, 1.0)}
    assert capsys.readouterr().err == f"{path}: 1 of 5 ratings are of no movie of the data.\n"


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


def test_figures_of_known_rankings():
    candidates = np.arange(60)
    hits = np.array([0, 30])  # first, and thirty-first
    figures = list_figures([hits], [candidates], [-candidates.astype(float)])
    assert figures["ndcg@20"] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert (figures["recall@20"], figures["recall@50"], figures["hit@10"]) == (0.5, 1.0, 1.0)
    with pytest.raises(DataError, match="no number"):
        list_figures([hits], [candidates], [np.full(60, np.nan)])
    y = np.array([True, True, False, False])
    score = np.array([0.9, 0.4, 0.3, 0.1])
    figures = favorite_figures([y, y], [score, score], is_probability=True)
    assert figures["auc"] == figures["ap"] == figures["f1_threshold"] == 1.0
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["accuracy"] == 0.75
    # What is no probability is cut as often as the other folds have favourites.
    figures = favorite_figures([y, y], [100 * score, 100 * score], is_probability=False)
    assert (figures["f1"], figures["accuracy"], figures["log_loss"]) == (1.0, 1.0, None)


def test_halves_do_not_depend_on_who_else_is_there(world):
    ids = [hexed(3, i) for i in range(400)]
    nothing = np.empty(0, dtype=int)
    halves = [people.Person(i, nothing, nothing.astype(bool), nothing).half for i in ids]
    assert 160 < halves.count("choose") < 240
    assert [p.half for p in world.evaluated] == [
        people.Person(p.user_id, nothing, nothing.astype(bool), nothing).half
        for p in world.evaluated
    ]


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


def test_some_folds_alone_are_measured(data, tmp_path, capsys):
    out = tmp_path / "folds.json"
    given = "--limit", "1", "--methods", "popularity"
    assert run(data, out, *given, "--tasks", "B") == 0
    assert run(data, out, *given, "--tasks", "B", "--folds", "2") == 0  # not what is there already
    lines = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert len({line["code"] for line in lines}) == len(lines) == 2
    assert run(data, out, *given, "--tasks", "A", "--folds", "1") == 2
    assert "--folds 1" in capsys.readouterr().err


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


def quick(classifier):
    return {**classifier.__init__.__kwdefaults__, "n_estimators": 15, "repetitions": 1}


def test_the_figures_of_words_are_those_of_known_lists():
    y = np.array([True, False])
    perfect = {
        "raw": np.array([0.6, 0.4]),
        "C": np.array([0.9, 0.1]),
        "plain": -np.arange(30.0),
        "varied": -np.r_[1.0, 0.0, np.arange(2.0, 30.0)],
        "likeness": np.array([0.5, 0.2]),
    }
    figures = word_figures([y] * 2, [np.array([0])] * 2, [np.arange(30)] * 2, [perfect] * 2)
    bins = figures.pop("bins")
    assert figures == pytest.approx(
        {
            "log_loss": -np.log(0.9),
            "ndcg@20": 1 / np.log2(3),
            "ndcg@20_gain": 1 / np.log2(3) - 1,
            "likeness@20": 0.2,
            "likeness@20_gain": -0.3,
        }
    )
    assert Reliability.from_rows(bins["scores"]).error == pytest.approx(0.4)
    assert Reliability.from_rows(bins["probabilities"]).error == pytest.approx(0.1)
