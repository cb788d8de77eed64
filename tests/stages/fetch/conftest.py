"""A household's work driven by hand: no cluster, each call answered where it is yielded."""

from collections.abc import Callable
from typing import Any

import pytest

from jfdask.errors import JfdaskError
from jfdask.stages.places import Place
from jfdask.stages.window import Call, Work
from jfdask.store.address import StoreAddress

Answer = Callable[[Call], Any]


def really(call: Call) -> Any:
    result = call.function(*call.args)
    return result if call.then is None else call.then(result)


def drive_by_hand(work: Work[Any], answer: Answer = really) -> Any:
    """Return what the work returns; an answer is sent like a task's result, errors too."""

    def result(call: Call) -> Any:
        try:
            return answer(call)
        except JfdaskError as error:
            return error

    try:
        batch = next(work)
        while True:
            batch = work.send([result(call) for call in batch])
    except StopIteration as stop:
        return stop.value


@pytest.fixture
def by_hand():
    return drive_by_hand


@pytest.fixture
def place(tmp_path):
    return Place(StoreAddress(str(tmp_path / "store")), "20260801T030000Z-0a1b2c", "home")
