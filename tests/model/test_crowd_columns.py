import numpy as np
import pytest

from jfdask.model.affinity import everything, outside_folds
from jfdask.model.crowd import Member, crowd_of
from jfdask.model.crowd_columns import CROWD_COLUMNS, crowd_columns
from jfdask.model.kernel import similarity

from .test_crowd import checker_board

N_FOLDS = 3


@pytest.fixture(scope="module")
def crowd():
    rng = np.random.default_rng(5)
    members = []
    for i in range(40):
        played = np.sort(rng.choice(420, 50, replace=False))
        members.append(Member(f"p{i}", played, rng.random(50) < 0.4))
    return crowd_of(members, 420)


@pytest.fixture(scope="module")
def plays():
    rng = np.random.default_rng(6)
    positions = np.sort(rng.choice(420, 45, replace=False))
    return positions, rng.random(45) < 0.5, rng.integers(N_FOLDS, size=45)


def test_her_taste_is_ridge_with_the_crowds_opinion_in_the_kernel(library, crowd, plays):
    positions, liked, folds = plays
    references = outside_folds(positions, liked, folds, N_FOLDS)
    found = crowd_columns(library.catalogue, crowd, positions, folds, references)
    taste = found[:, CROWD_COLUMNS.index("crowd__ridge")]
    for fold in range(N_FOLDS):
        inside = folds != fold
        known, query = positions[inside], positions[~inside]
        bias = crowd.bias[known]
        kernel = similarity(library.catalogue, known, known).kernel + 10 * np.outer(bias, bias)
        share = (liked[inside].sum() + 1) / (inside.sum() + 2)
        weights = np.linalg.solve(kernel + 1.5 * np.eye(len(known)), liked[inside] - share - bias)
        near = similarity(library.catalogue, query, known).kernel
        near += 10 * np.outer(crowd.bias[query], bias)
        assert taste[~inside] == pytest.approx(near @ weights + crowd.bias[query])


def test_nothing_of_a_row_comes_from_its_own_fold(library, crowd, plays):
    positions, liked, folds = plays
    flipped = np.where(folds == 0, ~liked, liked)
    one, other = (
        crowd_columns(
            library.catalogue, crowd, positions, folds, outside_folds(positions, y, folds, N_FOLDS)
        )
        for y in (liked, flipped)
    )
    np.testing.assert_allclose(one[folds == 0], other[folds == 0], rtol=1e-9, atol=1e-9)
    # The test can fail: the other folds see the change.
    assert not np.allclose(one[folds != 0], other[folds != 0])


def test_without_plays_there_is_the_crowds_opinion_alone(library, crowd):
    nothing = np.empty(0, dtype=int)
    references = outside_folds(nothing, nothing.astype(bool), nothing, N_FOLDS)
    query = np.arange(20)
    found = crowd_columns(library.catalogue, crowd, query, query % N_FOLDS, references)
    np.testing.assert_array_equal(found[:, CROWD_COLUMNS.index("crowd__ridge")], crowd.bias[query])
    assert np.isfinite(found).all()


def test_without_a_crowd_nothing_is_known(library, plays):
    positions, liked, folds = plays
    references = outside_folds(positions, liked, folds, N_FOLDS)
    found = crowd_columns(library.catalogue, None, positions, folds, references)
    assert found.shape == (45, len(CROWD_COLUMNS))
    assert np.isnan(found).all()


def test_columns_by_hand(library):
    crowd = crowd_of(checker_board(40, 420), 420)
    positions = np.arange(0, 60, 2)
    liked = positions % 12 == 0
    query, group = np.array([66, 71, 90]), np.zeros(3, dtype=int)
    found = crowd_columns(
        library.catalogue, crowd, query, group, everything(positions, liked),
        np.array([False, False, True]),
    )  # fmt: skip
    column = dict(zip(CROWD_COLUMNS, found.T, strict=True))
    together = crowd.factors["together"].scores(positions, np.where(liked, 4.0, 1.0))
    others = np.delete(together, positions)
    loved = crowd.factors["loved"].scores(positions[liked], np.ones(liked.sum()))
    expected = {
        "crowd__plays": np.log((crowd.n_plays[query] + 0.5) / 40),
        "crowd__likes": np.log((crowd.n_likes[query] + 0.5) / 40),
        "crowd__share_liked": (crowd.n_likes[query] + 1) / (crowd.n_plays[query] + 2),
        "crowd__bias": crowd.bias[query],
        "crowd__together": together[query],
        "crowd__together_scaled": (together[query] - others.mean()) / others.std(),
        "crowd__loved": loved[query],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(column[name][:2], values[:2], err_msg=name)
    # As of a movie that nobody knows.
    for name in ("crowd__plays", "crowd__likes", "crowd__share_liked"):
        assert np.isnan(column[name][2])
    for name in ("crowd__bias", "crowd__together", "crowd__loved"):
        assert column[name][2] == 0.0
    assert loved[90] != 0.0
