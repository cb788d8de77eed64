from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from jfdask.model.crowd_columns import CROWD_COLUMNS, columns_without
from jfdask.model.grid import chosen_params
from jfdask.model.inputs import InMemory
from jfdask.model.pooled import FAVORITE_DEFAULTS, PooledModel, PooledRows
from jfdask.model.pooled_search import (
    POOLED_GRID,
    GroupFolds,
    PooledClassifier,
    pooled_candidates,
)
from jfdask.model.search import score_people

SIZES = ((0, 80), (2, 120), (4, 100))
N_PLAYS = 300
FINE = {"min_samples_leaf": 10}


def planted():
    """What is liked is a narrow band, which large leaves cannot tell from its neighbours."""
    n_rows, rng = N_PLAYS, np.random.default_rng(0)
    X = rng.random((n_rows, 2))
    liked = np.abs(X[:, 0] - 0.5) < 0.07
    everything = np.ones(n_rows, dtype=bool)
    person = np.arange(n_rows) // 20
    return PooledRows(X.astype(np.float32), ("a", "b"), everything, liked, person=person)


def test_the_defaults_are_among_the_candidates_once():
    tried = pooled_candidates(30, 42)
    assert len(tried) == 30
    assert tried == pooled_candidates(30, 42)
    assert tried[0] is None
    for candidate in tried[1:]:
        assert candidate.keys() == POOLED_GRID.keys()
        assert candidate != {name: FAVORITE_DEFAULTS[name] for name in POOLED_GRID}
    assert len({str(candidate) for candidate in tried}) == 30
    assert all(FAVORITE_DEFAULTS[name] in values for name, values in POOLED_GRID.items())


def test_a_fold_is_a_group():
    folds = list(GroupFolds(SIZES).split(np.arange(N_PLAYS)))
    assert [len(test) for _, test in folds] == [n for _, n in SIZES]
    np.testing.assert_array_equal(np.concatenate([test for _, test in folds]), np.arange(300))
    assert all(np.intersect1d(train, test).size == 0 for train, test in folds)


def test_it_is_the_pooled_model():
    sample = planted()
    chosen = np.arange(0, 300, 2)[::-1].copy()
    found = PooledClassifier(InMemory(sample), SIZES, FINE, random_state=1).fit(chosen)
    alone = PooledModel(FINE, random_state=1).fit_favorite([sample.taken(chosen)])
    query = np.array([5, 3, 250])
    expected = alone.favorite(sample.taken(query))
    np.testing.assert_array_equal(found.predict_proba(query)[:, 1], expected)
    assert clone(found).favorite_params == FINE


def test_a_group_that_it_is_judged_by_is_in_no_crowd_that_it_learns_from():
    sample = planted()
    crowd = np.arange(N_PLAYS, dtype=np.float32)[:, None]
    columns = (*CROWD_COLUMNS, *columns_without(2))
    X = np.hstack([crowd + i for i in range(len(columns))])
    plays = replace(sample, X=X, columns=columns)
    found = PooledClassifier(InMemory(plays), SIZES, FINE).fit(np.r_[0:80, 200:300])
    others, query = plays.taken(np.r_[0:80, 200:300]), plays.taken(np.arange(80, 200))
    n = len(CROWD_COLUMNS)
    without = replace(others, X=others.X[:, n:], columns=CROWD_COLUMNS)
    expected = PooledModel(FINE).fit_favorite([without])
    np.testing.assert_array_equal(found.model_.favorite_.nodes_, expected.favorite_.nodes_)
    np.testing.assert_array_equal(
        found.predict_proba(np.arange(80, 200))[:, 1],
        expected.favorite(replace(query, X=query.X[:, :n], columns=CROWD_COLUMNS)),
    )


def test_with_one_class_nothing_is_learned():
    sample = planted()
    none = np.flatnonzero(~sample.liked)
    found = PooledClassifier(InMemory(sample), SIZES).fit(none)
    assert (found.predict_proba(none[:4]) == 0.5).all()
    assert score_people(found, np.arange(300)) == 0.5


def test_a_better_candidate_is_chosen_and_one_as_good_is_not():
    def chosen(tried):
        search = GridSearchCV(
            PooledClassifier(InMemory(planted()), SIZES),
            {"favorite_params": tried},
            cv=GroupFolds(SIZES),
            scoring=score_people,
            refit=False,
        )
        results = search.fit(np.arange(300)).cv_results_
        return chosen_params(results, 3, {"favorite_params": None})["favorite_params"]

    assert chosen([None, FINE]) == FINE
    assert chosen([None, {"max_leaf_nodes": 16}]) is None
