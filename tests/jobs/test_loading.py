import gc

import pytest

from jobs.loading import quick_loading


@pytest.fixture
def thaw():
    # Before, too: what others have frozen is freed at any time, and counts down.
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("thaw")
def test_garbage_is_looked_for_afterwards_but_not_in_what_was_loaded():
    with quick_loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


@pytest.mark.usefixtures("thaw")
def test_what_cannot_be_loaded_leaves_all_as_it_was():
    with pytest.raises(ModuleNotFoundError), quick_loading():
        import jfdask.nowhere  # noqa: F401
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("thaw")
def test_who_has_turned_it_off_finds_it_off():
    gc.disable()
    with quick_loading():
        pass
    assert not gc.isenabled()
