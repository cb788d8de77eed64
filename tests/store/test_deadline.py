import subprocess
import sys
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


def _store_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "store-call"}


def test_a_thread_is_used_again_also_after_an_error() -> None:
    within(5.0, lambda: None)
    before = _store_threads()
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            within(5.0, lambda: 1 // 0)
        assert within(5.0, threading.current_thread) in before
    assert _store_threads() == before


def test_a_call_that_hangs_holds_up_no_other() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.1, lambda: release.wait(20))
    assert within(5.0, lambda: 3) == 3
    release.set()


FORKED = """
import os
import sys

from jfdask.store.deadline import within

assert within(5.0, lambda: 3) == 3
child = os.fork()
if child == 0:
    os._exit(within(5.0, lambda: 4))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_has_threads_of_its_own() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=60).returncode == 4
