from itertools import pairwise

import dask
import dask.array as da
import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack, random_array, vstack
from threadpoolctl import threadpool_limits

from jfdask.features.svd import clip_components, fix_signs, project, settle


def _svd(X, n_components, n_partitions):
    """U · S as a stage computes it, from csr_matrix blocks."""
    bounds = np.linspace(0, X.shape[0], n_partitions + 1).astype(int)
    blocks = [
        da.from_delayed(
            dask.delayed(X[start:stop]),
            shape=(stop - start, X.shape[1]),
            meta=csr_matrix((0, 0), dtype=np.float64),
        )
        for start, stop in pairwise(bounds)
    ]
    k = clip_components(n_components, X.shape)
    # With the default iterator the year would drown every other column.
    _, s, V = da.linalg.svd_compressed(
        da.concatenate(blocks), k, iterator="QR", n_power_iter=4, seed=0
    )
    with threadpool_limits(1):  # as on a worker; and a busy machine is not made busier
        s, V = dask.compute(s, V, scheduler="synchronous")
    s, V = settle(s, np.asarray(V))
    return s, project(X, V)


@pytest.fixture(scope="module")
def catalogue():
    """Unscaled years beside sparse flags, as the method `seed` has them."""
    random = np.random.default_rng(0)
    years = csr_matrix(random.integers(1930, 2025, (80, 1)).astype(np.float64))
    days = csr_matrix(random.integers(1, 366, (80, 1)).astype(np.float64))
    flags = random_array((80, 300), density=0.03, rng=random, format="csr")
    return csr_matrix(hstack([years, days, flags.astype(bool).astype(np.float64)]))


@pytest.mark.parametrize("n_components", [20, 75, 1000])
def test_any_partitioning_gives_the_same_components(catalogue, n_components):
    s, expected = _svd(catalogue, n_components, 1)
    for n_partitions in (2, 7):
        _, found = _svd(catalogue, n_components, n_partitions)
        np.testing.assert_allclose(found / s, expected / s, rtol=0, atol=1e-9)


def test_all_components_are_exact(catalogue):
    s, US = _svd(catalogue, 80, 3)
    np.testing.assert_allclose(s, np.linalg.svd(catalogue.toarray(), compute_uv=False), rtol=1e-9)
    np.testing.assert_allclose(US @ US.T, (catalogue @ catalogue.T).toarray(), rtol=1e-9)


def test_rows_that_stand_there_twice_add_no_component(catalogue):
    twice = csr_matrix(vstack([catalogue[:30], catalogue[:30]]))
    s, expected = _svd(twice, 60, 1)
    assert len(s) == 30
    np.testing.assert_allclose(_svd(twice, 60, 7)[1] / s, expected / s, atol=1e-9)


def test_equal_singular_values_have_one_basis_too():
    X = csr_matrix(np.eye(12)[:, ::-1])
    expected = _svd(X, 12, 1)[1]
    np.testing.assert_allclose(expected, X.toarray(), atol=1e-9)
    np.testing.assert_allclose(_svd(X, 12, 5)[1], expected, atol=1e-9)


def test_settle_turns_only_what_is_equal():
    random = np.random.default_rng(1)
    V = np.linalg.qr(random.normal(size=(9, 4)))[0].T
    s = np.array([5.0, 2.0, 2.0, 1.0])
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[0.6, -0.8], [0.8, 0.6]]
    signs = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    np.testing.assert_allclose(settle(s, signs * (rotation @ V))[1], settle(s, V)[1], atol=1e-12)
    settled = settle(s, V)[1]
    np.testing.assert_allclose(settled.T * s @ settled, V.T * s @ V, atol=1e-12)


def test_signs_follow_the_largest_entry():
    V = np.array([[0.1, -3.0], [0.5, -0.5 - 1e-12]])
    assert fix_signs(V).tolist() == [[-0.1, 3.0], [0.5, -0.5 - 1e-12]]


@pytest.mark.parametrize("shape", [(20, 30), (1, 5), (5, 1)])
def test_an_empty_matrix_has_no_components(shape):
    s, US = _svd(csr_matrix(shape, dtype=np.float64), 4, 1)
    assert (len(s), US.shape) == (0, (shape[0], 0))


def test_components_are_at_most_the_rank():
    assert [clip_components(64, shape) for shape in ((5, 100), (100, 5), (100, 100), (0, 9))] == [
        5,
        5,
        64,
        0,
    ]
