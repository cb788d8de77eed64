import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from skops.io import dumps, get_untrusted_types

from jfdask.errors import NotEnoughPlays
from jfdask.model.played import PlayedClassifier, sampled_negatives


def fit(library, played, seed=0, **params):
    others = np.setdiff1d(np.arange(len(library.movies)), played)
    model = PlayedClassifier(library.source, random_state=seed, n_estimators=30, **params)
    return model.fit(played, np.zeros(len(played), dtype=bool), others=others)


def test_somebody_who_plays_what_two_directors_made(library):
    rng = np.random.default_rng(0)
    theirs = np.flatnonzero(np.isin(library.director, [3, 4, 5, 6, 7, 8]))
    played = np.sort(rng.choice(theirs, 36, replace=False))
    model = fit(library, played)
    new = np.setdiff1d(np.arange(len(library.movies)), played)
    assert roc_auc_score(np.isin(new, theirs), model.predict_proba(new)[:, 1]) > 0.9


def test_random_plays_teach_nothing(library):
    """Hidden plays are among the movies left, as for any movie that is not yet played."""
    areas = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        played = rng.choice(len(library.movies), 120, replace=False)
        model = fit(library, played[:80], seed)
        rest = np.setdiff1d(np.arange(len(library.movies)), played[:80])
        areas.append(roc_auc_score(np.isin(rest, played), model.predict_proba(rest)[:, 1]))
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas) / np.sqrt(len(areas)) + 0.01


def test_training_rows_of_random_plays_cannot_be_told_apart(library):
    """A negative that saw more of the history than a play would be told by its counts."""
    rng = np.random.default_rng(1)
    played = np.sort(rng.choice(len(library.movies), 120, replace=False))
    model = fit(library, played, min_samples_leaf=40)
    rest = np.setdiff1d(np.arange(len(library.movies)), played)
    # Scored with all of the history, new movies are still called plays as often as in training.
    share = 120 / len(library.movies)
    assert abs(model.predict_proba(rest)[:, 1].mean() - share) < 0.12


def test_order_does_not_matter_and_the_seed_does(library):
    played, liked = np.arange(0, 60, 2), np.arange(30) % 3 == 0
    others = np.arange(1, 420, 2)
    query = np.arange(100, 200)
    one = PlayedClassifier(library.source, n_estimators=10).fit(played, liked, others=others)
    two = PlayedClassifier(library.source, n_estimators=10).fit(
        played[::-1], liked[::-1], others=others[::-1]
    )
    np.testing.assert_array_equal(one.predict_proba(query), two.predict_proba(query))
    three = PlayedClassifier(library.source, n_estimators=10, random_state=1)
    three.fit(played, liked, others=others)
    assert not np.array_equal(one.predict_proba(query), three.predict_proba(query))


def test_the_sample_of_negatives_is_bounded(library, monkeypatch):
    monkeypatch.setattr("jfdask.model.played._FEWEST", 50)
    monkeypatch.setattr("jfdask.model.played._MOST", 90)
    left = np.arange(60, 420)
    for n_plays, expected in ((10, 50), (30, 60), (100, 90)):
        negatives, folds = sampled_negatives(library.catalogue, left, n_plays, 42)
        assert len(negatives) == expected
        assert np.all(np.diff(negatives) > 0)
        sizes = np.bincount(folds, minlength=5)
        assert sizes.max() - sizes.min() <= 1


def test_nothing_to_learn_from(library):
    model = PlayedClassifier(library.source)
    with pytest.raises(NotEnoughPlays, match="1 plays"):
        model.fit([3], [True], others=[4])
    with pytest.raises(NotEnoughPlays, match="0 movies not played"):
        model.fit([3, 4], [True, False], others=[3, 4])


def test_what_is_stored(library):
    data = dumps(fit(library, np.arange(20)).detached())
    assert set(get_untrusted_types(data=data)) == {
        "jfdask.model.played.PlayedClassifier",
        "jfdask.model.trees.Trees",
    }
    assert len(data) < 2_000_000


def test_negatives_are_drawn_by_seed_and_stay_as_the_library_grows(library, monkeypatch):
    monkeypatch.setattr("jfdask.model.played._FEWEST", 50)
    left = np.arange(60, 420)
    of_one, again, of_other = (
        sampled_negatives(library.catalogue, left, 10, seed)[0].tolist() for seed in (1, 1, 2)
    )
    assert of_one == again != of_other
    # A movie more in the library moves at most one other out.
    fewer = sampled_negatives(library.catalogue, np.delete(left, 5), 10, 1)[0]
    assert len(np.setdiff1d(fewer, of_one)) <= 1
