import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jfdask.nightly.signals import Signals


def later(number: int) -> None:
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()


def test_nothing_comes():
    with Signals() as signals:
        assert signals.wait(0.05) is None
        assert signals.wait(-1) is None


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_told_at_once(number):
    with Signals() as signals:
        later(number)
        began = time.monotonic()
        assert signals.wait(30) == number
        assert time.monotonic() - began < 10


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_came_before_is_not_lost(number):
    with Signals() as signals:
        os.kill(os.getpid(), number)
        assert signals.wait(30) == number


def test_the_end_of_a_child_wakes_and_does_not_stop():
    with Signals() as signals:
        child = subprocess.Popen([sys.executable, "-c", ""])
        began = time.monotonic()
        assert signals.wait(30) is None
        assert time.monotonic() - began < 20
        child.wait()


@pytest.mark.usefixtures("_heard")
def test_a_stop_among_ends_of_children_is_found():
    with Signals() as signals:
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGCHLD):
            os.kill(os.getpid(), number)
        assert signals.wait(30) == signal.SIGTERM


def test_handlers_are_as_before():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    with Signals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_ctrl_c_that_a_shell_has_turned_off_stays_off():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.wait(0.1) is None
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def _heard():
    """Signals as in a process of its own, however the tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
