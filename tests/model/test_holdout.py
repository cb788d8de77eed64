import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jfdask.model.holdout import folds_of, is_held_out, stable_fractions, stable_seed

IDS = np.array([f"movie{i}" for i in range(2000)])


def test_the_share_is_about_right_and_people_differ():
    anna, ben = is_held_out("anna", IDS, 0.2), is_held_out("ben", IDS, 0.2)
    assert abs(anna.mean() - 0.2) < 0.03
    assert abs((anna & ben).mean() - 0.04) < 0.02
    assert not is_held_out("anna", IDS, 0.0).any()


def test_a_larger_share_holds_out_the_same_and_more():
    assert not (is_held_out("anna", IDS, 0.2) & ~is_held_out("anna", IDS, 0.3)).any()


def test_a_movie_is_held_out_whatever_stands_beside_it():
    all_at_once = is_held_out("anna", IDS, 0.3)
    assert [bool(is_held_out("anna", [i], 0.3)[0]) for i in IDS[:50]] == all_at_once[:50].tolist()


def test_values_are_those_of_every_machine():
    assert stable_seed("anna", 42) == stable_seed("anna", 42) != stable_seed("ben", 42)
    assert stable_fractions("x", ["a"])[0] == stable_fractions("x", ["a"])[0]
    assert 0 <= stable_fractions("x", IDS).min() <= stable_fractions("x", IDS).max() < 1


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 7), st.randoms())
def test_folds_are_stratified_in_any_order(liked, n_folds, random):
    ids, liked = IDS[: len(liked)], np.array(liked)
    folds = folds_of("anna", ids, liked, n_folds)
    for kind in (liked, ~liked, np.ones(len(liked), dtype=bool)):
        sizes = np.bincount(folds[kind], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1
    order = list(range(len(ids)))
    random.shuffle(order)
    assert folds_of("anna", ids[order], liked[order], n_folds).tolist() == folds[order].tolist()
