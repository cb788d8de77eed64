import numpy as np

from jfdask.model.kernel import ridge_weights, share_liked, similarity


def test_the_kernel_is_symmetric_and_positive(library):
    rows = np.arange(0, 420, 5)
    kernel = similarity(library.catalogue, rows, rows).kernel
    np.testing.assert_allclose(kernel, kernel.T)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9


def test_movies_of_one_director_are_more_alike(library):
    rows = np.arange(420)
    kernel = similarity(library.catalogue, rows, rows).kernel
    same = library.director[:, None] == library.director[None, :]
    other = ~np.eye(420, dtype=bool)
    # The director's block has weight .25 and rows of length 1.
    assert np.isclose((kernel[same & other].mean() - kernel[~same].mean()), 0.25, atol=0.03)


def test_ridge_is_the_usual_one(library):
    rows = np.arange(30)
    kernel = similarity(library.catalogue, rows, rows).kernel
    residual = np.random.default_rng(0).normal(size=30)
    weights = ridge_weights(kernel, residual, 1.5)
    np.testing.assert_allclose(kernel @ weights + 1.5 * weights, residual)


def test_the_share_of_liked_is_never_0_or_1():
    assert share_liked(np.zeros(0, dtype=bool)) == 0.5
    assert share_liked(np.ones(8, dtype=bool)) == 0.9
