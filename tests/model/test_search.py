import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from jfdask.model.forest import AffinityClassifier
from jfdask.model.holdout import is_held_out
from jfdask.model.inputs import InMemory
from jfdask.model.labels import Labels
from jfdask.model.search import HouseholdClassifier, RowFolds, score_people, search_rows
from jfdask.model.seed import SeedClassifier

N_PEOPLE = 4


def histories(library, n_plays=100):
    people = []
    for code in range(N_PEOPLE):
        rng = np.random.default_rng(code)
        played = np.sort(rng.choice(len(library.movies), n_plays, replace=False))
        liked = library.director[played] % N_PEOPLE == code
        people.append(library.history(f"user{code}", played, liked))
    return people


def rows_of(library, **changes):
    options = {"held_out": 0.2, "min_favorites": 10, **changes}
    return search_rows(histories(library), library.features.movie_ids, library.features, **options)


@pytest.fixture(scope="module")
def rows(library):
    return rows_of(library)


def household(rows, **params):
    return HouseholdClassifier(InMemory(rows), AffinityClassifier(), max_trees=8, **params)


def test_every_fold_is_stratified_within_every_person(rows):
    for train, test in RowFolds(5).split(np.arange(len(rows))):
        assert np.intersect1d(train, test).size == 0
        for code in range(N_PEOPLE):
            own = rows.person == code
            for kind in (rows.liked, ~rows.liked):
                n, of_test = (own & kind).sum(), (own & kind)[test].sum()
                assert n // 5 <= of_test <= n // 5 + 1


def test_rows_are_of_labels_not_of_plays(library):
    """What was given up takes part, and plays that nothing is known of do not."""
    known = []
    for history in histories(library):
        given_up = history.unplayed[:20]
        positions = np.sort(np.r_[history.played[::2], given_up])
        liked = np.isin(positions, history.played[history.liked])
        weight = np.where(np.isin(positions, given_up), 0.5, 1.0)
        known.append(replace(history, labels=Labels(positions, liked, weight)))
    ids = library.features.movie_ids
    rows = search_rows(known, ids, library.features, held_out=0.0, min_favorites=5)
    for code, history in enumerate(sorted(known, key=lambda h: h.user_id)):
        own = rows.person == code
        order = np.argsort(rows.movie[own])
        np.testing.assert_array_equal(rows.movie[own][order], history.labels.positions)
        np.testing.assert_array_equal(rows.liked[own][order], history.labels.liked)
        np.testing.assert_array_equal(rows.weight[own][order], history.labels.weight)
    HouseholdClassifier(InMemory(rows), AffinityClassifier()).fit(np.arange(len(rows)))


def test_held_out_plays_are_not_among_the_rows(library, rows):
    ids = library.features.movie_ids
    for code in range(N_PEOPLE):
        own = ids[rows.movie[rows.person == code]]
        assert not is_held_out(f"user{code}", own, 0.2).any()
    assert len(rows_of(library, held_out=0.0)) == 100 * N_PEOPLE
    assert 0.7 * 100 * N_PEOPLE < len(rows) < 0.9 * 100 * N_PEOPLE


def test_people_without_enough_of_either_class_stay_away(library):
    assert len(rows_of(library, min_favorites=60)) == 0


def test_rows_do_not_depend_on_the_order_of_people(library, rows):
    again = search_rows(
        histories(library)[::-1],
        library.features.movie_ids,
        library.features,
        held_out=0.2,
        min_favorites=10,
    )
    np.testing.assert_array_equal(again.movie, rows.movie)
    np.testing.assert_array_equal(again.person, rows.person)


def test_each_person_has_a_classifier_of_her_own(library, rows):
    train, test = next(iter(RowFolds(5).split(np.arange(len(rows)))))
    model = household(rows).fit(train)
    scores = model.predict_proba(test)[:, 1]
    areas = []
    for code in range(N_PEOPLE):
        own, new = train[rows.person[train] == code], test[rows.person[test] == code]
        inner = AffinityClassifier(
            library.source, n_estimators=8, repetitions=1, class_weight="balanced"
        )
        inner.fit(rows.movie[own], rows.liked[own], sample_weight=rows.weight[own])
        alone = inner.predict_proba(rows.movie[new])[:, 1]
        np.testing.assert_array_equal(scores[rows.person[test] == code], alone)
        areas.append(roc_auc_score(rows.liked[new], alone))
    assert score_people(model, test) == pytest.approx(np.mean(areas))
    assert score_people(model, test) > 0.6


def test_what_is_remembered_changes_no_score(rows, monkeypatch):
    train, test = next(iter(RowFolds(5).split(np.arange(len(rows)))))
    warm = [household(rows).fit(train).predict_proba(test) for _ in range(2)]
    monkeypatch.setattr("jfdask.model.rows._memo.max_bytes", 1)
    cold = household(rows).fit(train).predict_proba(test)
    np.testing.assert_array_equal(warm[0], cold)
    np.testing.assert_array_equal(warm[1], cold)


def test_shuffled_labels_score_a_half(library):
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        people = [
            library.history(h.user_id, h.played, rng.permutation(h.liked))
            for h in histories(library)
        ]
        rows = search_rows(
            people, library.features.movie_ids, library.features, held_out=0.2, min_favorites=5
        )
        for train, test in RowFolds(3).split(np.arange(len(rows))):
            scores.append(score_people(household(rows).fit(train), test))
    assert abs(np.mean(scores) - 0.5) < 4 * np.std(scores) / np.sqrt(len(scores))


def test_a_search_over_it_works_without_labels(rows):
    search = GridSearchCV(
        household(rows),
        {"inner__min_samples_leaf": [3, 60]},
        cv=RowFolds(3),
        scoring=score_people,
        refit=False,
    ).fit(np.arange(len(rows)))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.n_splits_ == 3


def test_settings_of_the_inner_estimator_can_be_reached(rows):
    model = clone(household(rows)).set_params(inner__max_depth=2, inner__n_estimators=5)
    fitted = model.fit(np.arange(len(rows))).fitted_[0]
    assert (fitted.max_depth, fitted.n_estimators, fitted.repetitions) == (2, 5, 1)
    assert model.inner.features is None
    exact = clone(model).set_params(max_trees=None, inner__n_estimators=9)
    fitted = exact.fit(np.arange(100)).fitted_[0]
    assert (fitted.n_estimators, fitted.class_weight) == (9, "balanced_subsample")


def test_the_seeds_method_is_searched_alike(library):
    vectors = np.random.default_rng(0).normal(size=(len(library.movies), 30))
    rows = search_rows(
        histories(library), library.features.movie_ids, vectors, held_out=0.2, min_favorites=10
    )
    model = HouseholdClassifier(InMemory(rows), SeedClassifier(), max_trees=5)
    train, test = next(iter(RowFolds(5).split(np.arange(len(rows)))))
    assert 0.2 < score_people(model.fit(train), test) < 0.8


def test_one_class_or_an_unknown_person_do_not_stop_the_others(rows):
    liked_only = np.flatnonzero((rows.person == 0) & rows.liked)
    train = np.r_[liked_only, np.flatnonzero(rows.person == 1)]
    model = household(rows).fit(train)
    p = model.predict_proba(np.arange(len(rows)))[:, 1]
    assert (p[rows.person == 0] == 1.0).all()
    assert (p[rows.person == 2] == 0.5).all()
    assert score_people(model, liked_only) == 0.5


@dataclass(frozen=True)
class Named:
    name: str

    def load(self):
        raise NotImplementedError


def test_what_travels_is_small():
    model = HouseholdClassifier(Named("rows of a household"), AffinityClassifier())
    assert len(pickle.dumps((model, RowFolds(5), score_people))) < 2_000
