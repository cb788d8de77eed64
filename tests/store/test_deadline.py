import threading
import time

import pytest

from jfdask.store.deadline import within


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_none_is_a_result() -> None:
    assert within(5.0, lambda: None) is None


def test_it_does_not_wait_longer() -> None:
    release = threading.Event()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.1, lambda: release.wait(20))
    assert time.monotonic() - begun < 5
    release.set()
