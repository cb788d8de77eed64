import numpy as np
import pytest

from jfdask.errors import NotEnoughPlays
from jfdask.model import pooled as module
from jfdask.model.crowd import Member, crowds_of
from jfdask.model.metrics import area_under_curve
from jfdask.model.pooled import (
    PooledModel,
    PooledRows,
    blended,
    in_order,
    learn_pool,
    pooled_columns,
    scoring_rows_of,
    training_rows_of,
)

N_PEOPLE = 30


@pytest.fixture(scope="module")
def histories(planting):
    return [planting(f"u{i:02}", 100 + i)[0] for i in range(N_PEOPLE)]


def crowds(histories, library):
    members = [Member(h.user_id, h.played, h.liked) for h in histories]
    return crowds_of(members, library.catalogue.n_movies)


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


def test_a_row_does_not_see_its_own_label(histories, library):
    """Flip one label: in the whole household her own row stays bit for bit."""
    catalogue, person = library.catalogue, histories[3]
    crowd = crowds(histories, library).of(person.user_id)
    rows = training_rows_of(catalogue, crowd, person, 42)
    assert np.isfinite(rows.X[:, rows.columns.index("crowd__ridge")]).all()
    for which in (0, 11, 40):
        liked = person.liked.copy()
        liked[which] = ~liked[which]
        other = with_liked(person, liked)
        everybody = [*histories[:3], other, *histories[4:]]
        again = training_rows_of(
            catalogue, crowds(everybody, library).of(person.user_id), other, 42
        )
        np.testing.assert_array_equal(again.X[which], rows.X[which])
        assert not np.array_equal(again.X, rows.X, equal_nan=True)


def test_columns_are_as_good_on_training_as_on_new_rows(histories, library):
    """Where a column had seen labels, it would be better on the rows learned from."""
    catalogue, everybody = library.catalogue, crowds(histories, library)
    differences = []
    for history in histories[:12]:
        hidden = np.arange(len(history.played)) % 5 == 0
        seen = history.without(hidden)
        crowd = everybody.of(history.user_id)
        training = training_rows_of(catalogue, crowd, seen, 42)
        scoring = scoring_rows_of(catalogue, crowd, seen, history.played[hidden])
        for name in ("affinity__kernel_ridge", "crowd__ridge", "affinity__director_mean"):
            which = training.columns.index(name)
            on_training = area_under_curve(
                training.liked[training.played], training.X[training.played, which]
            )
            on_new = area_under_curve(history.liked[hidden], scoring.X[:, which])
            differences.append((on_training, on_new))
    on_training, on_new = np.array(differences).reshape(-1, 3, 2).mean(axis=0).T
    np.testing.assert_allclose(on_training, on_new, atol=0.12)


def test_planted_tastes_of_all_are_found(histories, library):
    """Somebody new is scored by what the others taught."""
    catalogue, new = library.catalogue, histories[0]
    pool = learn_pool(catalogue, crowds(histories[1:], library), histories[1:], 42)
    played, favorite = pool.scores(catalogue, new, new.unplayed)
    loved = np.isin(library.director[new.unplayed], library.director[new.played[new.liked]])
    assert area_under_curve(loved, favorite) > 0.9
    assert played.shape == favorite.shape == new.unplayed.shape
    order = in_order(played, favorite)
    assert loved[np.argsort(-order)[:20]].mean() > 3 * loved.mean()


def test_random_labels_teach_nothing(histories, library):
    rng = np.random.default_rng(0)
    catalogue, areas = library.catalogue, []
    random = [with_liked(h, rng.random(len(h.played)) < 0.5) for h in histories]
    hidden = [np.arange(len(h.played)) % 5 == 0 for h in random]
    seen = [h.without(inside) for h, inside in zip(random, hidden, strict=True)]
    pool = learn_pool(catalogue, crowds(seen, library), seen, 42)
    for history, inside, visible in zip(random, hidden, seen, strict=True):
        _, favorite = pool.scores(catalogue, visible, history.played[inside])
        area = area_under_curve(history.liked[inside], favorite)
        if area is not None:
            areas.append(area)
    assert abs(np.mean(areas) - 0.5) < 3 * np.std(areas) / np.sqrt(len(areas))


def test_random_plays_teach_nothing_of_what_is_played(histories, library):
    rng = np.random.default_rng(1)
    catalogue, seen, areas = library.catalogue, [], []
    hidden = []
    for history in histories:
        played = np.sort(rng.choice(catalogue.n_movies, 80, replace=False))
        whole = library.history(history.user_id, played, rng.random(80) < 0.5)
        inside = np.arange(80) % 5 == 0
        seen.append(whole.without(inside))
        hidden.append(played[inside])
    pool = learn_pool(catalogue, crowds(seen, library), seen, 42)
    for visible, found in zip(seen, hidden, strict=True):
        query = visible.unplayed
        played, _ = pool.scores(catalogue, visible, query)
        areas.append(area_under_curve(np.isin(query, found), played))
    assert abs(np.mean(areas) - 0.5) < 3.5 * np.std(areas) / np.sqrt(len(areas))


def test_two_people_are_enough(histories, library):
    pool = learn_pool(library.catalogue, crowds(histories[:2], library), histories[:2], 42)
    played, favorite = pool.scores(library.catalogue, histories[0], histories[0].unplayed)
    assert np.isfinite(played).all()
    assert np.isfinite(favorite).all()


def test_the_order_of_people_does_not_matter(histories, library):
    query = histories[0].unplayed
    everybody = crowds(histories[:6], library)
    scores = [
        learn_pool(library.catalogue, everybody, people, 42).scores(
            library.catalogue, histories[0], query
        )
        for people in (histories[:6], histories[5::-1])
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


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
    aligned = module._aligned(np.ones((1, 1), dtype=np.float32), ("a",), model.columns_)
    np.testing.assert_array_equal(aligned, [[1, 0, 0, np.nan]])


def test_above_the_cap_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 500)
    people = [rows_of(1000, ("a", "b"), i) for i in range(3)]
    kept = module._sampled(people, 42)
    sizes = [len(k) for _, k in kept]
    assert sum(sizes) < 600
    assert min(sizes) > 100
    again = module._sampled(people, 42)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(kept, again, strict=True))


def test_nothing_to_learn_from():
    with pytest.raises(NotEnoughPlays, match="no plays"):
        PooledModel().fit([])
    rows = rows_of(50, ("a",), 0)
    everything = PooledRows(rows.X, rows.columns, np.ones(50, dtype=bool), rows.liked)
    with pytest.raises(NotEnoughPlays, match="needs both"):
        PooledModel().fit([everything])


def test_without_favourites_there_is_the_order_by_what_is_played():
    rows = rows_of(200, ("a", "b"), 0)
    plain = PooledRows(rows.X, rows.columns, rows.played, np.zeros(200, dtype=bool))
    model = PooledModel().fit([plain])
    assert model.favorite(plain) is None
    assert in_order(np.array([0.5]), None) == 0.0
    assert blended(None, np.array([0.3])) == 0.3
    assert blended(np.array([0.3]), None) == 0.3
    assert blended(np.array([0.2]), np.array([0.4])) == pytest.approx(0.3)


def test_columns_are_named(library, histories):
    rows = training_rows_of(library.catalogue, None, histories[0], 42)
    assert rows.columns == pooled_columns(library.catalogue)
    assert rows.X.shape[1] == len(rows.columns) == len(set(rows.columns))
    assert np.isnan(rows.X[:, rows.columns.index("crowd__bias")]).all()
