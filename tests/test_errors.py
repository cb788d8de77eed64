import inspect
import pickle

import pytest

from jfdask import errors

ALL = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, Exception)]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_errors_survive_the_way_back_from_a_worker(error):
    back = pickle.loads(pickle.dumps(error("what happened")))
    assert type(back) is error
    assert str(back) == "what happened"


def test_exit_codes():
    codes = {error.__name__: error.exit_code for error in ALL}
    assert codes.pop("SettingsError") == 2
    assert codes.pop("LockHeld") == 75
    assert set(codes.values()) == {1}


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_the_tree_in_the_docstring_is_whole(error):
    assert error.__name__ in errors.__doc__
