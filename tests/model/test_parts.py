import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.special import logit

from jfdask.model.parts import Parts


def parts_of(base, rows):
    table = np.array(rows, dtype=float).reshape(-1, 5)
    return Parts(base, csr_matrix(table[:, :2]), table[:, 2], table[:, 3], table[:, 4])


SMALL = st.floats(-0.5, 0.5)
SOME = st.lists(st.tuples(*[SMALL] * 5), min_size=1, max_size=6)


@given(st.floats(0.05, 0.95), SOME)
def test_the_logit_is_the_sum_of_its_parts(base, rows):
    kept = parts_of(base, rows).within(0.001, 0.999)
    assert (kept.total >= 0.001 - 1e-12).all()
    assert (kept.total <= 0.999 + 1e-12).all()
    assert kept.as_logit().base == logit(base)
    assert kept.as_logit().total == pytest.approx(logit(kept.total), abs=1e-6)


def test_what_lies_within_stays_and_the_rest_shrinks_in_proportion():
    parts = parts_of(0.5, [[0.1, 0.0, 0.1, 0.0, 0.0], [0.6, 0.0, 0.3, 0.3, 0.0]])
    kept = parts.within(0.1, 0.9)
    assert kept.total == pytest.approx([0.7, 0.9])
    assert kept.tokens.toarray()[1] == pytest.approx([0.2, 0.0])
    assert (kept.text[1], kept.rating[1]) == pytest.approx((0.1, 0.1))


@given(st.floats(-0.2, 1.2), SOME)
def test_no_part_changes_its_sign(base, rows):
    """Of two plays against 400 movies left the base of kernel ridge is below the limits."""
    parts = parts_of(base, rows)
    kept = parts.within(0.01, 0.99)
    assert 0.01 <= kept.base <= 0.99
    np.testing.assert_allclose(kept.total, np.clip(kept.total, 0.01, 0.99), atol=1e-12)
    for before, after in ((parts.text, kept.text), (parts.rating, kept.rating)):
        assert (before * after >= 0).all()
        assert (np.abs(after) <= np.abs(before) + 1e-12).all()


def test_sums_and_multiples():
    some = parts_of(0.2, [[1, 2, 3, 4, 5], [0, 0, 0, 0, 1]])
    assert some.plus(some.scaled(2.0)).total == pytest.approx(3 * some.total)
    stretched = some.stretched(np.array([2.0, 0.0]))
    assert stretched.total == pytest.approx([0.2 + 30, 0.2])


def test_nothing_moved_is_the_base():
    parts = parts_of(0.3, [[0, 0, 0, 0, 0]])
    assert parts.as_logit().total == pytest.approx([logit(0.3)])
    assert parts.within(0.1, 0.9).total == pytest.approx([0.3])
