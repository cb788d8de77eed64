import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jfdask.model import crowd as module
from jfdask.model.crowd import FEWEST, N_GROUPS, Member, crowd_of, crowds_of, factors_of, group_of


def checker_board(n_people: int, n_movies: int) -> list[Member]:
    """Even people play even movies, odd people odd ones; each misses one of hers."""
    members = []
    for i in range(n_people):
        mine = np.arange(i % 2, n_movies, 2)
        missed = mine[(i // 2) % len(mine)]
        played = mine[mine != missed]
        members.append(Member(f"u{i:03}", played, played % 3 == 0))
    return members


def test_counts_and_opinions_are_those_of_the_plays():
    members = [
        Member("a", np.array([0, 2]), np.array([True, False])),
        Member("b", np.array([0]), np.array([True])),
    ]
    crowd = crowd_of(members, 3)
    assert crowd.n_people == 2
    np.testing.assert_array_equal(crowd.n_plays, [2, 0, 1])
    np.testing.assert_array_equal(crowd.n_likes, [2, 0, 0])
    # a likes one of two, b one of one: shares 2/4 and 2/3, and 15 people's worth of average.
    expected = [(1 - 2 / 4 + 1 - 2 / 3) / 17, 0.0, (0 - 2 / 4) / 16]
    np.testing.assert_allclose(crowd.bias, expected)


@pytest.mark.parametrize("name", ["together", "loved"])
def test_what_is_missed_of_a_checker_board_scores_highest(name):
    n_movies = 20
    members = checker_board(60, n_movies)
    factors = crowd_of(members, n_movies).factors[name]
    for parity in (0, 1):
        mine = np.arange(parity, n_movies, 2)
        loved = mine[mine % 3 == 0]
        known = loved[1:] if name == "loved" else mine[1:]
        scores = factors.scores(known, np.ones(len(known)))
        rest = np.setdiff1d(np.arange(n_movies), known)
        found = rest[np.argmax(scores[rest])]
        assert found % 2 == parity
        if name == "loved":
            assert found == loved[0]


def test_factors_are_the_ridge_regression_of_every_movie_on_the_others():
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 12)) < 0.4).astype(float)
    penalty = 7.0
    factors = factors_of(csr_matrix(dense), penalty)
    x = (rng.random(12) < 0.5).astype(float)
    scores = factors.scores(np.flatnonzero(x), np.ones(int(x.sum())))
    for movie in np.flatnonzero(x == 0):
        others = np.delete(dense, movie, axis=1)
        square = others.T @ others + penalty * np.eye(11)
        weights = np.linalg.solve(square, others.T @ dense[:, movie])
        assert scores[movie] == pytest.approx(np.delete(x, movie) @ weights)


def test_many_people_are_decomposed_as_few_are(monkeypatch):
    rng = np.random.default_rng(1)
    A = csr_matrix((rng.random((80, 25)) < 0.3).astype(float))
    exact = factors_of(A, 5.0)
    monkeypatch.setattr(module, "_EXACT", 10)
    sampled = factors_of(A, 5.0)
    profile = np.array([1, 5, 9]), np.ones(3)
    np.testing.assert_allclose(sampled.scores(*profile), exact.scores(*profile), atol=1e-6)


def test_nobody_is_in_the_crowd_she_is_scored_with():
    members = checker_board(80, 20)
    crowds = crowds_of(members, 20)
    for which in (0, 7):
        person = members[which]
        flipped = Member(person.user_id, person.played, ~person.liked)
        others = [m for m in members if m is not person]
        again = crowds_of([*others, flipped], 20).of(person.user_id)
        crowd = crowds.of(person.user_id)
        np.testing.assert_array_equal(crowd.n_likes, again.n_likes)
        np.testing.assert_array_equal(crowd.bias, again.bias)
        profile = person.played, np.ones(len(person.played))
        for name, factors in crowd.factors.items():
            scores = again.factors[name].scores(*profile)
            np.testing.assert_array_equal(factors.scores(*profile), scores)


def test_the_order_of_people_does_not_matter():
    members = checker_board(40, 20)
    one, two = crowds_of(members, 20).of("u000"), crowds_of(members[::-1], 20).of("u000")
    np.testing.assert_array_equal(one.factors["loved"].vectors, two.factors["loved"].vectors)


def test_few_people_are_no_crowd():
    assert crowds_of(checker_board(FEWEST - 1, 20), 20).of("u000") is None


def test_somebody_new_has_a_group_too():
    assert {group_of(f"new {i}", N_GROUPS) for i in range(100)} == set(range(N_GROUPS))


def test_another_catalogue_knows_the_same_of_its_movies():
    crowd = crowd_of(checker_board(40, 20), 20)
    moved = crowd.at(np.array([5, -1, 2]))
    np.testing.assert_array_equal(moved.n_plays, [crowd.n_plays[5], 0, crowd.n_plays[2]])
    whole = crowd.factors["together"].scores(np.array([2]), np.ones(1))
    part = moved.factors["together"].scores(np.array([2]), np.ones(1))
    np.testing.assert_allclose(part, [whole[5], 0.0, whole[2]], atol=1e-12)


def test_a_crowd_without_plays():
    crowd = crowd_of([Member("a", np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))], 4)
    np.testing.assert_array_equal(crowd.bias, np.zeros(4))
    np.testing.assert_array_equal(
        crowd.factors["loved"].scores(np.array([1]), np.ones(1)), np.zeros(4)
    )


def test_nobody_is_scored_with_a_crowd_of_a_handful():
    names = [name for i in range(2000) if group_of(name := f"u{i}", N_GROUPS) == 0]
    others = [name for i in range(200) if group_of(name := f"v{i}", N_GROUPS) == 1]
    plays = np.arange(3), np.zeros(3, dtype=bool)
    for n_outside, is_none in ((FEWEST // 2 - 1, True), (FEWEST // 2, False)):
        members = [Member(name, *plays) for name in [*names[:40], *others[:n_outside]]]
        crowds = crowds_of(members, 3)
        assert (crowds.of(names[0]) is None) is is_none
        assert crowds.of(others[0]) is not None


def test_factors_of_many_movies_are_the_same_each_time(monkeypatch):
    A = csr_matrix((np.random.default_rng(1).random((80, 25)) < 0.3).astype(float))
    monkeypatch.setattr(module, "_EXACT", 10)
    monkeypatch.setattr(module, "MOST_FACTORS", 6)
    one, two = factors_of(A, 5.0), factors_of(A, 5.0)
    np.testing.assert_array_equal(one.vectors, two.vectors)
