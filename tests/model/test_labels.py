import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.model.labels import SHOWN, STATED, UNKNOWN, Labels, evidence_of, graded

BLANK = {
    "played": False,
    "play_count": 0.0,
    "is_favorite": False,
    "rating": np.nan,
    "abandoned": False,
}


def label(**known):
    liked, weight = graded("anna", pd.DataFrame([BLANK | {"movie_id": "m"} | known]))
    return bool(liked[0]), float(weight[0])


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"is_favorite": True, "played": True}, (True, STATED)),
        ({"is_favorite": True}, (True, STATED)),
        ({"is_favorite": True, "rating": 1.0, "abandoned": True}, (True, STATED)),
        ({"rating": 6.5, "played": True}, (True, STATED)),
        ({"rating": 6.4, "played": True, "play_count": 3.0}, (False, STATED)),
        ({"rating": 10.0}, (True, STATED)),
        ({"rating": 1.0, "abandoned": True}, (False, STATED)),
        ({"played": True, "play_count": 2.0}, (True, SHOWN)),
        ({"abandoned": True, "play_count": 4.0}, (False, SHOWN)),
        ({"played": True, "play_count": 1.0}, (False, UNKNOWN)),
        ({"played": True, "play_count": np.nan}, (False, UNKNOWN)),
        ({"abandoned": None}, (False, 0.0)),
        ({}, (False, 0.0)),
    ],
)
def test_what_is_known_first_decides(known, expected):
    assert label(**known) == expected


def test_what_was_said_weighs_more_than_what_was_done_than_what_is_not_known():
    assert STATED > SHOWN >= UNKNOWN > 0


def test_unknown_plays_stand_in_for_dislikes_as_far_as_there_are_none():
    n = 600
    shares = []
    for n_disliked in (0, 1, 3, 9, 60):
        plays = pd.DataFrame([BLANK | {"played": True}] * n)
        plays["movie_id"] = [f"m{i:03}" for i in range(n)]
        plays.loc[: n_disliked - 1, "rating"] = 2.0
        liked, weight = graded("anna", plays)
        assert not liked.any()
        assert (weight[:n_disliked] == STATED).all()
        unknown = weight[n_disliked:]
        assert set(unknown) <= {0.0, UNKNOWN}
        shares.append((unknown > 0).mean())
        again = graded("anna", plays.sample(frac=1, random_state=0).sort_values("movie_id"))[1]
        assert np.array_equal(weight, again)
    assert shares == pytest.approx([1, 3 / 4, 3 / 6, 3 / 12, 3 / 63], abs=0.06)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.25, 0.5, 1.0])), max_size=30))
def test_the_evidence_is_no_more_than_there_is_of_either_class(rows):
    liked = np.array([y for y, _ in rows], dtype=bool)
    weight = np.array([w for _, w in rows])
    labels = Labels(np.arange(len(rows)), liked, weight)
    has_both = 0 < liked.sum() < len(rows)
    assert labels.has_both == has_both
    assert (labels.evidence > 0) == has_both
    assert labels.evidence <= min(weight[liked].sum(), (~liked).sum())
    if has_both:
        # One more of what is liked never says less.
        more = Labels(np.arange(len(rows) + 1), np.r_[liked, True], np.r_[weight, 1.0])
        assert more.evidence >= labels.evidence
    assert len(labels.without(labels.positions).positions) == 0


def evidence(n_liked, n_plain, n_disliked=0):
    liked = np.arange(n_liked + n_plain + n_disliked) < n_liked
    weight = np.r_[np.full(n_liked, STATED), np.full(n_plain, UNKNOWN), np.full(n_disliked, STATED)]
    return evidence_of(liked, weight)


def test_few_hearts_among_many_plays_tell_little():
    assert evidence(50, 50) == 50  # half is liked: all the others are not
    assert evidence(10, 490) == pytest.approx(2.0)
    assert evidence(490, 10) == 10
    told = [evidence(30, n) for n in (30, 31, 60, 500)]
    assert told == sorted(told, reverse=True)


def test_stated_dislikes_are_no_plays_of_which_nothing_is_known():
    assert evidence(20, 0, 480) == 20
    told = [evidence(20, 480, n) for n in (0, 1, 10, 100)]
    assert told == sorted(told)
    assert evidence(20, 10, 0) <= evidence(20, 0, 10)


def test_which_plays_are_kept_is_drawn_for_each_person():
    plays = pd.DataFrame([BLANK | {"movie_id": f"m{i:03}", "played": True} for i in range(200)])
    plays.loc[:8, "rating"] = 2.0
    anna, ben = (graded(name, plays)[1] for name in ("anna", "ben"))
    assert not np.array_equal(anna, ben)


def test_dislikes_are_weighed_not_counted():
    plays = pd.DataFrame([BLANK | {"movie_id": f"m{i:03}", "played": True} for i in range(600)])
    plays.loc[:11, ["played", "abandoned"]] = False, True
    weight = graded("anna", plays)[1]
    assert (weight[:12] == SHOWN).all()
    assert (weight[12:] > 0).mean() == pytest.approx(3 / (3 + 12 * SHOWN), abs=0.04)
