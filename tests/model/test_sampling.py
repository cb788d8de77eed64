import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.model.sampling import PeopleSample

ROWS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(-1, 6), st.integers(1, 10), st.integers(0, 3)),
    min_size=1,
    max_size=80,
)


def sampled(rows, size, most_people, fewest=1, most_films=100):
    sample = PeopleSample(most_people)
    for start in range(0, len(rows), size):
        user, film, rating, time = np.array(rows[start : start + size]).T
        sample.add(user, film, rating / 2, time)
    people, kept = sample.people(fewest, most_films)
    plays = {m.user_id: (kept[m.played].tolist(), m.liked.tolist()) for m in people.members()}
    assert [m.user_id for m in people.members()] == sorted(people.user_ids)
    return plays, people.user_ids, kept.tolist(), (sample.n_ratings, sample.n_people)


@given(rows=ROWS, size=st.integers(1, 80), most=st.integers(1, 12), seed=st.integers(0, 9))
def test_any_chunks_in_any_order_give_the_same_people(rows, size, most, seed):
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    assert sampled(shuffled, size, most) == sampled(rows, len(rows), most)


@given(rows=ROWS)
def test_without_a_cap_it_is_what_each_said_last(rows):
    last = {}
    for user, film, rating, time in rows:
        if film >= 0:
            known = last.setdefault(str(user), {})
            known[film] = max(known.get(film, (-1, 0)), (time, rating))
    plays, _, kept, (n_ratings, n_people) = sampled(rows, len(rows), 100)
    assert plays == {
        user: (sorted(known), [known[film][1] >= 8 for film in sorted(known)])
        for user, known in last.items()
    }
    assert kept == sorted({film for known in last.values() for film in known})
    assert (n_ratings, n_people) == (len(rows), len({user for user, *_ in rows}))


def test_a_larger_cap_takes_the_same_people_and_more():
    rows = [(user, film, 8, 0) for user in range(200) for film in range(3)]
    some, more = (sampled(rows, 50, most)[1] for most in (20, 60))
    assert len(some) == 20
    assert more[:20] == some


def test_films_with_few_ratings_are_left_out_and_the_most_rated_kept():
    rows = [(user, film, 8, 0) for film in range(5) for user in range(film + 1)]
    assert sampled(rows, 100, 10, fewest=3)[2] == [2, 3, 4]
    assert sampled(rows, 100, 10, most_films=2)[2] == [3, 4]
    tie = [(1, 0, 8, 0), (1, 1, 8, 0), (2, 2, 8, 0)]
    plays, _, kept, _ = sampled(tie, 10, 10, most_films=2)
    assert kept == [0, 1]
    assert plays == {"1": ([0, 1], [True, True])}  # who has no film left is nobody


@pytest.mark.parametrize("rows", [[(1, -1, 8, 0)], [(1, 0, 8, 0)]])
def test_nobody_is_left(rows):
    plays, ids, kept, _ = sampled(rows, 10, 10, fewest=2)
    assert (plays, ids, kept) == ({}, (), [])
