import numpy as np
import pytest

from jfdask.errors import NotEnoughPlays
from jfdask.model.positions import labelled_positions, plain_positions


@pytest.mark.parametrize("X", [[1, 2], [[1], [2]], np.array([1.0, 2.0]), np.array([1, 2], "int32")])
def test_positions_come_in_several_shapes(X):
    assert plain_positions(X, 3).tolist() == [1, 2]
    assert plain_positions(X, 3).dtype == np.int64


@pytest.mark.parametrize(
    ("X", "said"),
    [([0.5], "whole"), ([[1, 2]], "shape"), ([3], "catalogue of 3"), ([-1], "catalogue of 3")],
)
def test_other_things_are_refused(X, said):
    with pytest.raises(ValueError, match=said):
        plain_positions(X, 3)


def test_labels_are_sorted_with_their_positions():
    positions, liked, classes = labelled_positions([4, 1, 2], ["no", "yes", "no"], 5)
    assert positions.tolist() == [1, 2, 4]
    assert liked.tolist() == [True, False, False]
    assert classes.tolist() == ["no", "yes"]


def test_labels_that_cannot_be_learned_from():
    with pytest.raises(NotEnoughPlays, match="all of them"):
        labelled_positions([1, 2], [True, True], 5)
    with pytest.raises(ValueError, match="twice"):
        labelled_positions([1, 1], [True, False], 5)
    with pytest.raises(ValueError, match="3 labels"):
        labelled_positions([1, 2], [True, False, True], 5)
