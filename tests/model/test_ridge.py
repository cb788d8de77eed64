import numpy as np

from jfdask.model.kernel import own_kernel, similarity
from jfdask.model.ridge import ridge_inverse, ridge_of_groups


def test_the_inverse_is_that_of_the_lifted_kernel(library):
    positions = np.arange(7, 300, 4)
    kernel = similarity(library.catalogue, positions, positions).kernel
    inverse = ridge_inverse(library.catalogue, positions, 1.5)
    np.testing.assert_allclose(
        inverse @ (kernel + 1.5 * np.eye(len(kernel))), np.eye(74), atol=1e-9
    )
    assert inverse is ridge_inverse(library.catalogue, positions.copy(), 1.5)
    assert inverse is not ridge_inverse(library.catalogue, positions, 2.0)
    assert ridge_inverse(library.catalogue, positions[:0], 1.5).shape == (0, 0)


def test_a_groups_weights_are_those_of_its_plays_alone(library):
    rng = np.random.default_rng(0)
    positions = np.sort(rng.choice(420, 60, replace=False))
    kernel = own_kernel(library.catalogue, positions)
    members = rng.integers(4, size=60)[:, None] != np.arange(5)  # the last is everybody
    members = np.column_stack([members, np.zeros(60, dtype=bool)])
    residuals = np.where(members, rng.normal(size=members.shape), 0.0)
    weights = ridge_of_groups(ridge_inverse(library.catalogue, positions, 1.5), residuals, members)
    assert members[:, 4].all()
    assert not weights[:, 5].any()
    for group in range(5):
        inside = np.flatnonzero(members[:, group])
        block = kernel[np.ix_(inside, inside)]
        lifted = block + 1.5 * np.eye(len(block))
        alone = np.linalg.solve(lifted, residuals[inside, group])
        np.testing.assert_allclose(weights[inside, group], alone)
        assert not weights[~members[:, group], group].any()
