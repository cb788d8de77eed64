import numpy as np

from jfdask.model.kernel import share_liked, similarity, similarity_product


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


def test_the_share_of_liked_is_never_0_or_1():
    assert share_liked(np.zeros(0, dtype=bool)) == 0.5
    assert share_liked(np.ones(8, dtype=bool)) == 0.9


def test_the_kernel_times_weights_needs_no_kernel(library, monkeypatch):
    rng = np.random.default_rng(3)
    query, reference = rng.permutation(420)[:90], rng.permutation(420)[:50]
    weights = rng.normal(size=50)
    expected = similarity(library.catalogue, query, reference).kernel @ weights
    assert np.allclose(similarity_product(library.catalogue, query, reference, weights), expected)
    monkeypatch.setattr("jfdask.model.kernel._VALUES", 3)
    assert np.allclose(similarity_product(library.catalogue, query, reference, weights), expected)
    both = similarity_product(
        library.catalogue, query, reference, np.column_stack([weights, -2 * weights])
    )
    assert np.allclose(both, np.column_stack([expected, -2 * expected]))
    nothing = np.empty(0, dtype=int)
    assert similarity_product(library.catalogue, nothing, reference, weights).shape == (0,)
    assert not similarity_product(library.catalogue, query, nothing, weights[:0]).any()
