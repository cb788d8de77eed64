from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from jfdask.demo.films import read_films
from jfdask.demo.household import demo_household, grown_household
from jfdask.demo.records import AGE_SCORES

FOUR = ("ingrid", "marco", "lea", "tom")


@pytest.fixture(scope="module")
def household():
    return demo_household()


def plays_of(household, name):
    plays = household.plays[household.user(name).user_id]
    return {item_id: p for item_id, p in plays.items() if p.played}


def test_films_are_many_and_varied():
    films = read_films()
    assert len(films) >= 250
    assert len({(f["title"], f["year"]) for f in films}) == len(films)
    assert len({f["tmdb"] for f in films}) == len({f["imdb"] for f in films}) == len(films)
    assert sum(f["certificate"] in ("G", "PG") for f in films) >= 120
    assert len(Counter(10 * (f["year"] // 10) for f in films)) >= 9
    directors = Counter(d for f in films for d in f["directors"])
    assert sum(n >= 4 for n in directors.values()) >= 12
    assert all(1 <= len(f["actors"]) <= 8 for f in films)


def test_every_overview_is_a_sentence_of_its_own():
    overviews = [f["overview"] for f in read_films()]
    assert len(set(overviews)) == len(overviews)
    lengths = [len(o.split()) for o in overviews]
    assert min(lengths) >= 13
    assert max(lengths) <= 32
    # Not one sentence with names filled in: hardly two begin with the same four words.
    beginnings = Counter(" ".join(o.split()[:4]) for o in overviews)
    assert max(beginnings.values()) <= 3


def test_ratings_are_round_numbers():
    films = read_films()
    assert all((2 * f["community_rating"]).is_integer() for f in films)
    assert all(f["critic_rating"] % 5 == 0 for f in films)


def test_collections_have_two_or_more_films(household):
    boxes = list(household.of_type("BoxSet"))
    assert len(boxes) >= 12
    for box in boxes:
        assert len(box.members) >= 2
        dates = [household.items[m].premiere for m in box.members]
        assert dates == sorted(dates)


def test_four_people_a_newcomer_and_a_disabled_user(household):
    for name in FOUR:
        assert len(plays_of(household, name)) >= 80
    assert household.plays.get(household.user("newcomer").user_id) is None
    assert [u.name for u in household.users if u.is_disabled] == ["old-tablet"]
    assert [u.name for u in household.users if u.is_admin] == ["ingrid"]
    assert all(u.is_hidden for u in household.users)


def test_the_child_has_played_only_what_it_may_see(household):
    child = household.user("tom")
    for item_id in household.plays[child.user_id]:
        movie = household.items[item_id]
        assert movie.certificate is not None
        assert AGE_SCORES[movie.certificate] <= 10
    hidden = [m for m in household.movies if not household.may_see(child, m)]
    assert {m.certificate for m in hidden} >= {"R", "PG-13", None}


def test_one_user_has_no_access_to_one_library(household):
    seen = {m.folder_id for m in household.movies if household.may_see(household.user("marco"), m)}
    assert len(seen) == 1
    assert len({m.folder_id for m in household.movies}) == 2


@pytest.mark.parametrize("name", FOUR)
def test_favourites_follow_the_planted_taste(household, name):
    taste = household.planted_taste(name)
    plays = plays_of(household, name)
    scores = np.array([taste.score(household.items[i]) for i in plays])
    favorite = np.array([p.is_favorite for p in plays.values()])
    assert 0.25 <= favorite.mean() <= 0.55
    above = scores[favorite][:, None] > scores[~favorite][None, :]
    ties = scores[favorite][:, None] == scores[~favorite][None, :]
    area = (above + 0.5 * ties).mean()
    assert 0.85 < area < 1.0  # by taste, with a little noise


@pytest.mark.parametrize("name", FOUR)
def test_enough_of_the_liked_sort_is_left(household, name):
    taste = household.planted_taste(name)
    liked = [m for m in household.unplayed(name) if taste.score(m) >= 1.0]
    assert len(liked) >= 20
    assert sum(taste.liked_genre in m.genres for m in liked) >= 15
    everybody = {c.name for m in household.movies for c in m.credits}
    assert set(taste.loved_people) <= everybody


def test_tastes_differ(household):
    tops = [{m.item_id for m in household.unplayed(name)[:20]} for name in FOUR]
    for i, one in enumerate(tops):
        for other in tops[:i]:
            assert len(one & other) <= 5


@pytest.mark.parametrize("name", FOUR)
def test_some_are_played_again_begun_or_wished_for(household, name):
    plays = household.plays[household.user(name).user_id].values()
    assert sum(p.play_count >= 2 for p in plays) >= 5
    begun = [p for p in plays if p.position_ticks]
    assert begun
    assert not any(p.played or p.is_favorite for p in begun)
    assert sum(p.is_favorite and not p.played for p in plays) >= 1


def test_one_film_lies_there_twice_and_is_played_in_one_copy(household):
    ids = Counter(m.provider_ids["Tmdb"] for m in household.movies)
    (twice,) = [tmdb for tmdb, n in ids.items() if n == 2]
    copies = [m.item_id for m in household.movies if m.provider_ids["Tmdb"] == twice]
    played = plays_of(household, "ingrid")
    assert len(set(copies) & set(played)) == 1


def test_the_same_seed_gives_the_same_household():
    assert demo_household(3) == demo_household(3)
    assert demo_household(3).plays != demo_household(4).plays
    assert grown_household(200, 2, seed=1) == grown_household(200, 2, seed=1)


def test_a_grown_household_is_as_large_as_wanted():
    household = grown_household(3000, 12)
    assert len(household.movies) == 3000
    counts = [sum(p.played for p in household.plays[u.user_id].values()) for u in household.users]
    assert counts[0] == 540
    assert all(80 <= n <= 300 for n in counts[1:])
    lengths = [len((m.overview or "").split()) for m in household.movies]
    assert 48 < np.mean(lengths) < 52


def test_invented_texts_follow_zipf():
    household = grown_household(1000, 1)
    words = Counter(w for m in household.movies for w in m.overview.lower().rstrip(".").split())
    assert 5_000 < len(words) <= 20_000
    counts = np.array(sorted(words.values(), reverse=True))
    # The tenth word is about a tenth as frequent as the first, the hundredth a hundredth.
    assert 5 < counts[0] / counts[9] < 20
    assert 50 < counts[0] / counts[99] < 250


def test_plays_can_be_chosen():
    household = grown_household(300, 3, plays=50)
    counts = [sum(p.played for p in household.plays[u.user_id].values()) for u in household.users]
    assert counts == [50, 50, 50]


def test_a_representation_holds_no_token(household):
    secret = dataclasses.replace(household, tokens={"s3cret": "x"})
    assert "s3cret" not in repr(secret)
