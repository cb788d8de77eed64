import numpy as np
import pytest

from jfdask.model.crowd import Crowd
from jfdask.model.others import Others

LOVED, IGNORED, UNKNOWN = 0, 1, 2


@pytest.fixture
def others(library):
    """A crowd of 100: one movie is loved by most, one nobody plays, one is newer than the crowd."""
    n = library.catalogue.n_movies
    n_plays, n_likes = np.full(n, 20.0), np.full(n, 8.0)
    n_plays[[LOVED, IGNORED, UNKNOWN]] = 90.0, 0.0, np.nan
    n_likes[[LOVED, IGNORED, UNKNOWN]] = 80.0, 0.0, np.nan
    return Others(None, Crowd(100, n_plays, n_likes, np.zeros(n), {}))


def test_what_the_crowd_has_not_heard_of_is_played_as_much_as_the_mean(others, library):
    odds = others.played_log_odds(library.catalogue)
    assert odds[IGNORED] < odds[UNKNOWN] < odds[LOVED]
    share = (np.nanmean(others.crowd.n_plays) + 0.5) / 101
    assert odds[UNKNOWN] == pytest.approx(np.log(share / (1 - share)))


def test_of_what_the_crowd_has_not_heard_the_public_alone_has_an_opinion(others, library):
    public = Others(None, None).favorite_log_odds(library.catalogue)
    beyond = others.favorite_log_odds(library.catalogue) - public
    assert beyond[UNKNOWN] == 0.0
    assert beyond[LOVED] > 0.5
    assert beyond[IGNORED] == pytest.approx(0.0)


def test_what_few_have_played_is_not_told(others, library):
    """In a large library most films were played by nobody: one person's plays would show."""
    n_plays = others.crowd.n_plays
    n_plays[:] = 0.0
    n_plays[[5, 6, 7]] = 1.0, 2.0, 3.0
    odds = others.played_log_odds(library.catalogue)
    assert odds[4] == odds[5] == odds[6] < odds[7]


def test_a_crowd_that_knows_nothing_is_none(library):
    nothing = np.full(library.catalogue.n_movies, np.nan)
    others = Others(None, Crowd(100, nothing, nothing, nothing * 0, {}))
    public = Others(None, None)
    assert not others.played_log_odds(library.catalogue).any()
    np.testing.assert_array_equal(
        others.favorite_log_odds(library.catalogue), public.favorite_log_odds(library.catalogue)
    )
