import numpy as np
import pytest

from jfdask.model import affinity
from jfdask.model.affinity import AFFINITY_COLUMNS, affinities, everything, outside_folds
from jfdask.model.kernel import share_liked, similarity


def column(rows, name):
    return rows[:, AFFINITY_COLUMNS.index(f"affinity__{name}")]


@pytest.fixture(scope="module")
def plays(library):
    positions = np.arange(0, 120, 2)
    return positions, np.random.default_rng(0).random(60) < 0.5


def test_plays_that_are_as_near_as_each_other_all_count(library, plays):
    """Which of them a partition puts first depends on the processor."""
    positions, liked = plays
    references = everything(positions, liked)
    kernel = np.zeros((1, 60))
    kernel[0, :5], kernel[0, 5:40] = 2.0, 1.0
    ridge = references.ridge(library.catalogue)
    columns = affinity._kernel_columns(kernel, np.array([0]), references, ridge)
    residual, weight = liked - share_liked(liked), kernel[0]
    assert columns[1][0] == pytest.approx((weight * residual).sum() / weight.sum())


def test_a_directors_affinity_is_the_shrunken_mean_over_the_plays(library, plays):
    positions, liked = plays
    query = np.arange(200, 260)
    rows = affinities(library.catalogue, query, np.zeros(60, dtype=int), everything(*plays))
    mean = (liked.sum() + 1) / (60 + 2)
    for row, movie in enumerate(query):
        same = library.director[positions] == library.director[movie]
        expected = (liked[same] - mean).sum() / (same.sum() + 2.0)
        assert column(rows, "director_mean")[row] == pytest.approx(expected)
        assert column(rows, "director_max")[row] == pytest.approx(expected)
        assert column(rows, "director_familiarity")[row] == pytest.approx(np.log1p(same.sum()))


def test_genre_columns_by_hand(library, plays):
    positions, liked = plays
    genres = library.movies["genres"]
    mean = share_liked(liked)
    rows = affinities(library.catalogue, np.array([301]), np.array([0]), everything(*plays))
    of_genre = {}
    for genre in genres[301]:
        has = np.array([genre in genres[p] for p in positions])
        of_genre[genre] = (liked[has] - mean).sum() / (has.sum() + 5.0)
    block = library.features.block("tokens__genre:")[301].toarray().ravel()
    names = library.features.block_columns("tokens__genre:")
    weight = {n.split(":")[1]: w for n, w in zip(names, block, strict=True) if w}
    total = sum(weight.values())
    assert set(weight) == set(of_genre)
    expected = sum(weight[g] / total * of_genre[g] for g in weight)
    assert column(rows, "genre_mean")[0] == pytest.approx(expected)
    assert column(rows, "genre_max")[0] == pytest.approx(max(of_genre.values()))
    assert column(rows, "genre_min")[0] == pytest.approx(min(of_genre.values()))


def test_kernel_columns_by_hand(library, plays):
    positions, liked = plays
    query = np.array([7, 300, 415])
    rows = affinities(library.catalogue, query, np.zeros(3, dtype=int), everything(*plays))
    kernel = similarity(library.catalogue, query, positions).kernel
    own = similarity(library.catalogue, positions, positions).kernel
    residual = liked - share_liked(liked)
    weights = np.linalg.solve(own + 1.5 * np.eye(len(own)), residual)
    np.testing.assert_allclose(column(rows, "kernel_ridge"), kernel @ weights)
    np.testing.assert_allclose(column(rows, "nearest_liked"), kernel[:, liked].max(axis=1))
    np.testing.assert_allclose(column(rows, "nearest_disliked"), kernel[:, ~liked].max(axis=1))
    np.testing.assert_allclose(column(rows, "similarity_mean"), kernel.mean(axis=1))
    for row in range(3):
        nearest = np.argsort(-kernel[row])[:20]
        weight = np.clip(kernel[row, nearest], 0, None)
        assert column(rows, "nearest_mean")[row] == pytest.approx(
            (weight * residual[nearest]).sum() / weight.sum()
        )


def test_the_previous_instalment_speaks_for_the_next(library):
    # Parts 1 and 2 are at 7 and 19, part 3 at 53.
    positions, liked = np.array([7, 19, 30]), np.array([False, True, False])
    query = np.array([53, 19, 60])
    rows = affinities(
        library.catalogue, query, np.zeros(3, dtype=int), everything(positions, liked)
    )
    mean = share_liked(liked)
    assert column(rows, "previous_instalment").tolist() == pytest.approx([1 - mean, -mean, 0.0])


def test_groups_are_as_if_each_were_alone(library, plays):
    positions, liked = plays
    folds = np.arange(60) % 3
    together = affinities(library.catalogue, positions, folds, outside_folds(*plays, folds, 3))
    for fold in range(3):
        inside = folds == fold
        alone = affinities(
            library.catalogue,
            positions[inside],
            np.zeros(inside.sum(), dtype=int),
            everything(positions[~inside], liked[~inside]),
        )
        np.testing.assert_allclose(together[inside], alone, atol=1e-12)


def test_chunks_do_not_show(library, plays, monkeypatch):
    query, group = np.arange(420), np.zeros(420, dtype=int)
    whole = affinities(library.catalogue, query, group, everything(*plays))
    monkeypatch.setattr(affinity, "CHUNK", 50)
    parts = affinities(library.catalogue, query, group, everything(*plays))
    np.testing.assert_allclose(parts, whole, atol=1e-12)


@pytest.mark.parametrize("liked", [[], [True], [False, False]])
def test_hardly_any_plays(library, liked):
    references = everything(np.arange(len(liked)), np.array(liked, dtype=bool))
    rows = affinities(library.catalogue, np.arange(5, 9), np.zeros(4, dtype=int), references)
    assert rows.shape == (4, len(AFFINITY_COLUMNS))
    assert np.isfinite(rows).all()
