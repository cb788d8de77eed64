import weakref

import numpy as np

from jfdask.model.memo import Memo, digest


def test_the_same_question_is_answered_once():
    memo, asked = Memo(10_000), []

    def answer():
        asked.append(1)
        return np.ones(3)

    owner = object()
    first = memo.recall(owner, b"k", answer)
    assert memo.recall(owner, b"k", answer) is first
    assert len(asked) == 1
    other = object()
    memo.recall(other, b"k", answer)
    assert len(asked) == 2
    # Neither takes the other's place.
    memo.recall(other, b"k", answer)
    assert memo.recall(owner, b"k", answer) is first
    assert len(asked) == 2


def test_it_forgets_the_oldest_and_stays_within_its_bytes():
    memo, owner = Memo(3 * 80), object()
    for key in (b"a", b"b", b"c", b"a", b"d"):
        memo.recall(owner, key, lambda: np.ones(10))
    calls = []
    for key in (b"a", b"c", b"d", b"b"):
        memo.recall(owner, key, lambda key=key: calls.append(key) or np.ones(10))
    assert calls == [b"b"]


def test_the_last_two_owners_are_kept_alive():
    memo, owners = Memo(10_000), [np.ones(1) for _ in range(3)]
    gone = weakref.ref(owners[0])
    for owner in owners:
        for key in (b"a", b"b"):
            memo.recall(owner, key, lambda: np.ones(10))
    del owners[0], owner
    assert gone() is None
    calls = []
    for owner in owners:
        memo.recall(owner, b"a", lambda: calls.append(1) or np.ones(10))
    assert not calls


def test_what_is_too_large_is_not_kept():
    memo, owner, calls = Memo(100), object(), []
    for key in (b"small", b"large", b"small", b"large"):
        n = 10 if key == b"small" else 20
        assert len(memo.recall(owner, key, lambda n=n: calls.append(n) or np.ones(n))) == n
    assert calls == [10, 20, 20]


def test_answers_cannot_be_changed():
    memo = Memo(100)
    array = memo.recall(object(), b"k", lambda: np.ones(3))
    assert not array.flags.writeable


def test_digests_tell_values_types_and_bounds_apart():
    a = np.array([1, 2])
    parts = [
        (a,),
        (a.astype(float),),
        (a[:1], a[1:]),
        (a[None],),
        ("1", 2),
        (1, 2),
        (1, "2"),
        (12,),
    ]
    assert len({digest(*p) for p in parts}) == len(parts)
    assert digest(a, "x") == digest(a.copy(), "x")
