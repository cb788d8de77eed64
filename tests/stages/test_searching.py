"""A search by dask-ml whose fits are the night's own tasks."""

import time

import numpy as np
import pytest
from dask_ml.model_selection import GridSearchCV
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from jfdask.errors import DataError, LockHeld
from jfdask.stages import searching
from jfdask.stages.searching import FAILED, Topic, cross_validated, fits_told
from jfdask.stages.window import drive

pytestmark = pytest.mark.cluster
N_ROWS, FOLDS, TOPIC = 12, KFold(3), Topic("topic", "run")


class Slow(BaseEstimator):
    """Is as good as it is asked to be, after a while."""

    def __init__(self, good=0.0, seconds=0.0):
        self.good = good
        self.seconds = seconds

    def fit(self, X, y=None):
        time.sleep(self.seconds)
        if self.good < 0:
            raise ValueError("no good")
        return self


class Night:
    """As much of a night as is told of fits."""

    def __init__(self, client):
        self.client = client


def score(estimator, X, y=None):
    return estimator.good + len(X)


@pytest.fixture(autouse=True)
def scored(monkeypatch):
    monkeypatch.setattr(searching, "_Score", lambda topic: score)


def fits_left(dask_scheduler):
    return [key for key in dask_scheduler.tasks if "slow" in str(key).lower()]


def driven(client, work, **more):
    [found] = drive(client, {"home": work}, 9, lambda *_: None, **more).values()
    return found


def test_results_are_those_of_dask_ml(client):
    grid = {"good": [0.3, 0.9, 0.5]}
    found = driven(client, cross_validated(Slow(), grid, FOLDS, N_ROWS, TOPIC))
    search = GridSearchCV(
        Slow(), grid, cv=FOLDS, scoring=score, refit=False, iid=False, scheduler="synchronous"
    ).fit(np.arange(N_ROWS))
    assert found["params"] == search.cv_results_["params"]
    np.testing.assert_array_equal(found["mean_test_score"], search.cv_results_["mean_test_score"])
    drawn = cross_validated(Slow(), grid, FOLDS, N_ROWS, TOPIC, drawn=(2, 0))
    assert len(driven(client, drawn)["params"]) == 2


def test_a_candidate_that_fails_costs_itself(client):
    found = driven(client, cross_validated(Slow(), {"good": [-1.0, 0.5]}, FOLDS, N_ROWS, TOPIC))
    assert found["mean_test_score"].tolist() == [FAILED, 4.5]


def test_what_ends_a_search_is_told(client, monkeypatch):
    def broken(*_):
        raise OSError("no rows")

    monkeypatch.setattr(FOLDS, "split", broken, raising=False)
    with pytest.raises(DataError, match="The search failed: a search failed with OSError"):
        raise driven(client, cross_validated(Slow(), {"good": [0.5]}, FOLDS, N_ROWS, TOPIC))


def test_a_night_that_is_stopped_leaves_no_fits_behind(client):
    def lost():
        if time.monotonic() - began > 1:
            raise LockHeld("lost")

    grid = {"good": np.linspace(0, 1, 20).tolist(), "seconds": [0.4]}
    search = cross_validated(Slow(), grid, FOLDS, N_ROWS, TOPIC)
    works = {"home": fits_told(Night(client), [search], TOPIC, lambda _: None)}
    began = time.monotonic()
    with pytest.raises(LockHeld):
        drive(client, works, 9, lambda *_: None, watch=lost)
    deadline = time.monotonic() + 30
    while left := client.run_on_scheduler(fits_left):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
