import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from jfdask.errors import NotEnoughPlays
from jfdask.model import pooled as module
from jfdask.model import pooled as pooled_module
from jfdask.model.affinity import everything
from jfdask.model.crowd_columns import CROWD_COLUMNS, crowd_columns
from jfdask.model.holdout import stable_seed
from jfdask.model.labels import Labels
from jfdask.model.metrics import area_under_curve
from jfdask.model.pooled import (
    PooledModel,
    PooledRows,
    pooled_columns,
    scoring_rows_of,
    training_rows_of,
)
from jfdask.model.rows import inner_folds


def with_liked(history, liked):
    return type(history)(
        history.user_id,
        history.played,
        liked,
        history.visible,
        history.item_ids,
        history.in_progress,
        history.favorite_unplayed,
    )


def test_a_row_does_not_see_its_own_label(histories, crowds, library):
    """Flip one label: in the whole household her own row stays bit for bit."""
    catalogue, person = library.catalogue, histories[3]
    crowd = crowds(histories).of(person.user_id)
    rows = training_rows_of(catalogue, crowd, person, 42)
    assert np.isfinite(rows.X[:, rows.columns.index("crowd__ridge")]).all()
    for which in (0, 11, 40):
        liked = person.liked.copy()
        liked[which] = ~liked[which]
        other = with_liked(person, liked)
        everybody = [*histories[:3], other, *histories[4:]]
        again = training_rows_of(catalogue, crowds(everybody).of(person.user_id), other, 42)
        np.testing.assert_array_equal(again.X[which], rows.X[which])
        assert not np.array_equal(again.X, rows.X, equal_nan=True)


def test_columns_tell_as_much_on_training_as_on_new_rows(histories, crowds, library):
    """Where a column had seen labels, it would tell more, or the reverse, of what is learned from.

    But for the person's own share of liked plays, which is that of other folds, and so a little
    less where a row is liked: of whoever is scored it is one number, and tells nothing.
    """
    catalogue, everybody = library.catalogue, crowds(histories)
    found = []
    for history in histories:
        crowd = everybody.of(history.user_id)
        for fold in (0, 1):
            hidden = np.arange(len(history.played)) % 5 == fold
            seen, new = history.without(hidden), history.played[hidden]
            training = training_rows_of(catalogue, crowd, seen, 42)
            rows = scoring_rows_of(catalogue, crowd, seen.played, seen.liked, seen.unplayed)
            is_new = np.isin(seen.unplayed, new)
            liked = training.liked[training.played]
            found.append(
                [
                    areas(liked, training.X[training.played]),
                    areas(history.liked[hidden], rows.X[is_new]),
                    areas(training.played, training.X),
                    areas(is_new, rows.X),
                ]
            )
    telling = np.mean(found, axis=0) - 0.5  # shape (4, n_columns)
    shares = ("person__share_liked", "person__logit_share_liked")
    is_share = np.isin(pooled_columns(catalogue), shares)
    for on_training, on_new in (telling[:2], telling[2:]):
        assert np.abs(on_training - on_new)[~is_share].max() < 0.1
        assert (on_new[is_share] == 0).all()
        assert np.abs(on_new).max() > 0.1  # there is something to be told


def areas(liked, X):
    """Return the area under the curve of each column."""
    return [area_under_curve(liked, column) for column in np.nan_to_num(X, nan=-9.0).T]


def rows_of(n, columns, seed):
    rng = np.random.default_rng(seed)
    liked = rng.random(n) < 0.5
    played = liked | (rng.random(n) < 0.5)
    X = np.column_stack([liked + rng.normal(0, 0.1, n), rng.random((n, len(columns) - 1))])
    return PooledRows(X.astype(np.float32), columns, played, liked)


def test_households_may_have_other_columns():
    one, two = ("a", "tokens__genre:Drama"), ("a", "tokens__genre:War", "b")
    model = PooledModel().fit([rows_of(400, one, 0), rows_of(400, two, 1)])
    assert model.columns_ == ("a", "tokens__genre:Drama", "tokens__genre:War", "b")
    new = rows_of(200, ("b", "a", "c"), 2)
    new = PooledRows(new.X[:, [1, 0, 2]], new.columns, new.played, new.liked)
    assert area_under_curve(new.liked[new.played], model.favorite(new)[new.played]) > 0.95
    aligned = module.aligned_columns(np.ones((1, 1), dtype=np.float32), ("a",), model.columns_)
    np.testing.assert_array_equal(aligned, [[1, 0, 0, np.nan]])


def test_above_the_cap_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 500)
    people = [np.arange(1000) for _ in range(3)]
    kept = module._sampled(people, 42)
    sizes = [len(k) for k in kept]
    assert sum(sizes) < 600
    assert min(sizes) > 100
    again = module._sampled(people, 42)
    assert all(np.array_equal(a, b) for a, b in zip(kept, again, strict=True))


class _ReadWhenAskedFor(Sequence):
    """People's rows, of which it notes how many are in memory at once."""

    def __init__(self, people):
        self.people, self.there, self.most = people, weakref.WeakSet(), 0

    def __len__(self):
        return len(self.people)

    def __getitem__(self, index):
        found = replace(self.people[index], X=self.people[index].X.copy())
        self.there.add(found)
        self.most = max(self.most, len(self.there))
        return found


def test_the_rows_of_all_people_are_never_in_memory_beside_those_learned_from():
    people = [rows_of(200 + i, ("a", "b"), i) for i in range(6)]
    one_by_one = _ReadWhenAskedFor(people)
    model, known = PooledModel().fit(one_by_one), PooledModel().fit(people)
    assert one_by_one.most <= 2  # the next one is read before the last is let go
    np.testing.assert_array_equal(model.favorite(people[0]), known.favorite(people[0]))
    np.testing.assert_array_equal(model.played(people[0]), known.played(people[0]))


def test_what_is_learned_from_stays_as_it_is():
    """A column that nobody has a value of is filled for scikit-learn, in a copy."""
    rows = rows_of(200, ("a", "b"), 0)
    rows.X[:, 1] = np.nan
    PooledModel().fit([rows])
    assert np.isnan(rows.X[:, 1]).all()


def test_nothing_to_learn_from():
    with pytest.raises(NotEnoughPlays, match="no plays"):
        PooledModel().fit([])
    rows = rows_of(50, ("a",), 0)
    everything = PooledRows(rows.X, rows.columns, np.ones(50, dtype=bool), rows.liked)
    with pytest.raises(NotEnoughPlays, match="needs both"):
        PooledModel().fit([everything])


def test_without_favourites_nothing_is_learned_of_them():
    rows = rows_of(200, ("a", "b"), 0)
    plain = PooledRows(rows.X, rows.columns, rows.played, np.zeros(200, dtype=bool))
    assert PooledModel().fit([plain]).favorite(plain) is None


def test_a_label_that_is_worth_nothing_teaches_nothing():
    rows = rows_of(600, ("a", "b"), 0)
    wrong = rows_of(600, ("a", "b"), 1)
    wrong = PooledRows(wrong.X, wrong.columns, wrong.played, ~wrong.liked, np.zeros(600))
    both = PooledModel().fit_favorite([rows, wrong])
    alone = PooledModel().fit_favorite([rows])
    np.testing.assert_array_equal(both.favorite(rows), alone.favorite(rows))


def test_plays_are_worth_what_their_labels_are(histories, library):
    one = histories[0]
    rows = training_rows_of(library.catalogue, None, one, 42)
    assert rows.contrast is None
    np.testing.assert_array_equal(rows.weight[rows.played], one.taste.weight)
    assert set(rows.weight[rows.liked]) == {1.0}
    assert set(rows.weight[rows.played & ~rows.liked]) == {0.5}


def test_a_tenth_of_the_rows_is_of_what_the_crowd_has_not_heard_of(histories, library, crowds):
    """They are those that are asked for when it has not; her plays are known all the same."""
    one, catalogue = histories[0], library.catalogue
    crowd = crowds(histories).of(one.user_id)
    rows = training_rows_of(catalogue, crowd, one, 42)
    unknown = np.isnan(rows.X[:, rows.columns.index("crowd__plays")])
    assert 0.04 < unknown.mean() < 0.2
    assert unknown[rows.played].sum() > 0
    left = one.left
    is_new = np.zeros(catalogue.n_movies, dtype=bool)
    is_new[left[:3]] = True
    asked = scoring_rows_of(catalogue, crowd.unaware_of(is_new), one.played, one.liked, left)
    new = np.isnan(asked.X[:, asked.columns.index("crowd__plays")])
    assert new.sum() == is_new.sum()
    columns = crowd_columns(
        catalogue, crowd, left, np.zeros(len(left), int), everything(one.played, one.liked), new
    )
    difference = np.nan_to_num(asked.X[:, -len(CROWD_COLUMNS) :] - columns)
    # By all movies, three of which are unknown here and known there.
    scaled = CROWD_COLUMNS.index("crowd__together_scaled")
    assert np.abs(difference).max() < 0.05
    assert np.abs(np.delete(difference, scaled, axis=1)).max() < 1e-5


def test_labels_that_are_not_the_plays_have_rows_as_they_are_asked_for(
    histories, library, crowds, monkeypatch
):
    """Half of the plays tell nothing, and something was given up."""
    monkeypatch.setattr(module, "HIDDEN", 0.0)
    one, catalogue = histories[0], library.catalogue
    given_up = one.unplayed[:6]
    known = np.sort(np.r_[one.played[::2], given_up])
    labels = Labels(known, np.isin(known, one.played[one.liked]), np.full(len(known), 0.5))
    person = replace(one, labels=labels)
    crowd = crowds(histories).of(one.user_id)
    plain = training_rows_of(catalogue, crowd, one, 42)
    rows = training_rows_of(catalogue, crowd, person, 42)
    n = len(plain.played)
    # P(played) is learned from what it was learned from before.
    assert rows.contrast[:n].all()
    assert not rows.contrast[n:].any()
    np.testing.assert_array_equal(rows.X[:n], plain.X)
    assert not rows.weight[:n].any()
    np.testing.assert_array_equal(rows.liked[n:], labels.liked)
    # A row that is asked for, with the labels of another fold left out, is such a row.
    folds = inner_folds(catalogue, known, 0, stable_seed(f"pooled rows of {one.user_id}", 42))
    outside = folds != 0
    asked = scoring_rows_of(
        catalogue, crowd, known[outside], labels.liked[outside], known[~outside]
    )
    np.testing.assert_allclose(asked.X, rows.X[n:][~outside], rtol=1e-4, atol=1e-6)
    both = PooledModel({"max_iter": 5}, {"max_iter": 5}).fit([rows, plain])
    alone = PooledModel({"max_iter": 5}, {"max_iter": 5}).fit([plain, plain])
    np.testing.assert_array_equal(both.played(plain), alone.played(plain))


def test_columns_are_named(library, histories):
    rows = training_rows_of(library.catalogue, None, histories[0], 42)
    assert rows.columns == pooled_columns(library.catalogue)
    assert rows.X.shape[1] == len(rows.columns) == len(set(rows.columns))
    assert np.isnan(rows.X[:, rows.columns.index("crowd__bias")]).all()


def test_a_sample_is_drawn_by_person_and_seed(monkeypatch):
    monkeypatch.setattr(pooled_module, "MOST_ROWS", 500)
    one, two = pooled_module._sampled([np.arange(1000)] * 2, 42)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, pooled_module._sampled([np.arange(1000)] * 2, 43)[0])


def test_labels_that_weigh_more_make_nobody_like_more():
    """Hearts are worth more than plays without one; that makes nobody like more."""
    rows = rows_of(600, ("a", "b"), 0)
    plain = PooledModel({"max_iter": 5}).fit_favorite([rows])
    weight = np.where(rows.liked, 1.0, 0.5)
    graded = PooledModel({"max_iter": 5}).fit_favorite([replace(rows, weight=weight)])
    np.testing.assert_allclose(graded.favorite(rows), plain.favorite(rows))


def test_what_the_crowd_does_not_know_is_drawn_for_each_person(histories, library, crowds):
    crowd = crowds(histories).of("u00")
    hidden = []
    for user_id in ("u00", "u00-too"):
        one = replace(histories[0], user_id=user_id)
        rows = training_rows_of(library.catalogue, crowd, one, 42)
        of_plays = rows.X[: len(one.played), rows.columns.index("crowd__plays")]
        hidden.append(np.isnan(of_plays))
    assert hidden[0].any()
    assert not np.array_equal(*hidden)


def test_rows_of_labels_are_hidden_from_the_crowd_too(histories, library, crowds):
    one = histories[0]
    known = np.sort(np.r_[one.played[::2], one.unplayed[:40]])
    labels = Labels(known, np.isin(known, one.played[one.liked]), np.full(len(known), 0.5))
    rows = training_rows_of(
        library.catalogue, crowds(histories).of(one.user_id), replace(one, labels=labels), 42
    )
    unknown = np.isnan(rows.X[~rows.contrast, rows.columns.index("crowd__plays")])
    assert 0 < unknown.mean() < 0.3


def test_what_she_marked_or_began_is_not_taught_as_left(library):
    n = len(library.movies)
    fraction, rating = np.zeros(n), np.full(n, np.nan)
    fraction[:100], rating[100:200] = 0.5, 9.0
    history = library.history(
        "anna", np.arange(400, 420), np.arange(20) < 8, position_fraction=fraction, rating=rating,
        is_favorite=np.isin(np.arange(n), np.r_[200:300, 400:408]),
    )  # fmt: skip
    rows = training_rows_of(library.catalogue, None, history, 42)
    assert (~rows.played).sum() == 100


def test_labels_weigh_what_they_are_worth(histories, library):
    one = histories[0]
    known = np.sort(np.r_[one.played, one.unplayed[:6]])
    weight = np.where(np.isin(known, one.played), 1.0, 0.5)
    labels = Labels(known, np.isin(known, one.played[one.liked]), weight)
    rows = training_rows_of(library.catalogue, None, replace(one, labels=labels), 42)
    np.testing.assert_array_equal(rows.weight[~rows.contrast], weight)


@pytest.mark.parametrize("fitting", ["fit_favorite", "fit_played"])
def test_no_more_rows_are_gathered_than_the_cap(monkeypatch, fitting):
    monkeypatch.setattr(pooled_module, "MOST_ROWS", 300)
    sizes = []
    gathered = pooled_module._gathered

    def noted(people, kept, columns):
        sizes.append(sum(map(len, kept)))
        return gathered(people, kept, columns)

    monkeypatch.setattr(pooled_module, "_gathered", noted)
    getattr(PooledModel({"max_iter": 1}, {"max_iter": 1}), fitting)([rows_of(1000, ("a", "b"), 0)])
    assert 200 < sizes[0] < 400
