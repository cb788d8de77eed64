"""What a training row may know: never its own label."""

import numpy as np
import pytest

from jfdask.model.affinity import AFFINITY_COLUMNS
from jfdask.model.metrics import area_under_curve
from jfdask.model.rows import (
    INNER_FOLDS,
    contrast_rows,
    inner_folds,
    row_columns,
    scoring_rows,
    training_rows,
)


@pytest.fixture(scope="module")
def plays(library):
    rng = np.random.default_rng(3)
    positions = np.sort(rng.choice(len(library.movies), 90, replace=False))
    return positions, rng.random(90) < 0.4


def test_a_label_flipped_changes_nothing_that_its_own_row_is_given(library, plays):
    positions, liked = plays
    before = training_rows(library.catalogue, positions, liked, 0, 42)
    for row in (0, 17, 44, 89):
        flipped = liked.copy()
        flipped[row] = ~flipped[row]
        after = training_rows(library.catalogue, positions, flipped, 0, 42)
        np.testing.assert_array_equal(after[row], before[row])
        assert not np.array_equal(after, before, equal_nan=True)


def test_the_labels_of_a_rows_own_fold_do_not_reach_it(library, plays):
    positions, liked = plays
    folds = inner_folds(library.catalogue, positions, 0, 42)
    before = training_rows(library.catalogue, positions, liked, 0, 42)
    flipped = liked ^ (folds == 2)
    after = training_rows(library.catalogue, positions, flipped, 0, 42)
    np.testing.assert_array_equal(after[folds == 2], before[folds == 2])


def test_columns_are_as_good_on_training_rows_as_on_new_ones(library):
    """A leak makes a column better where it was trained; leave-one-out makes it worse."""
    gaps = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        positions = np.sort(rng.choice(len(library.movies), 200, replace=False))
        liked = rng.random(200) < np.where(library.director[positions] < 14, 0.75, 0.25)
        old = np.sort(rng.choice(200, 125, replace=False))
        new = np.setdiff1d(np.arange(200), old)
        # 125 plays, of which 100 are each row's reference; the new rows get 100 as well.
        train = training_rows(library.catalogue, positions[old], liked[old], 0, seed)
        test = scoring_rows(
            library.catalogue, positions[new], positions[old[:100]], liked[old[:100]]
        )
        gaps.append(
            [
                area_under_curve(liked[old], train[:, c]) - area_under_curve(liked[new], test[:, c])
                for c in range(len(AFFINITY_COLUMNS))
            ]
        )
    gap, error = np.mean(gaps, axis=0), np.std(gaps, axis=0) / np.sqrt(len(gaps))
    assert np.all(np.abs(gap) < 4 * error + 0.01), dict(
        zip(np.array(AFFINITY_COLUMNS)[np.abs(gap) >= 4 * error + 0.01], gap, strict=False)
    )
    assert abs(gap.mean()) < 0.01


def test_sampled_negatives_see_as_many_plays_as_plays_do(library, plays):
    positions, liked = plays
    negatives = np.setdiff1d(np.arange(len(library.movies)), positions)
    folds = inner_folds(library.catalogue, positions, 0, 42)
    rows = contrast_rows(
        library.catalogue, positions, liked, folds, negatives, np.arange(len(negatives)) % 5
    )
    column = row_columns(library.catalogue).index("affinity__decade_familiarity")
    is_play = np.arange(len(rows)) < len(positions)
    # Plays are random here: what tells them from the others would be counts alone.
    assert abs(area_under_curve(is_play, rows[:, column]) - 0.5) < 0.1


def test_folds_are_even_and_do_not_depend_on_order(library, plays):
    positions, _ = plays
    folds = inner_folds(library.catalogue, positions, 0, 42)
    assert np.bincount(folds, minlength=INNER_FOLDS).tolist() == [18] * 5
    np.testing.assert_array_equal(
        inner_folds(library.catalogue, positions[::-1], 0, 42), folds[::-1]
    )
    assert not np.array_equal(inner_folds(library.catalogue, positions, 1, 42), folds)


def test_rows_are_finite_but_for_missing_numbers(library, plays):
    rows = training_rows(library.catalogue, *plays, 0, 42)
    assert rows.shape == (90, len(row_columns(library.catalogue)))
    assert np.isfinite(rows[:, : len(AFFINITY_COLUMNS)]).all()
