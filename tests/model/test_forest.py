import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from skops.io import dumps, get_untrusted_types, loads

from jfdask.errors import NotEnoughPlays
from jfdask.model.forest import AffinityClassifier, forest_of
from jfdask.model.inputs import InMemory


def quick(library, **params):
    return AffinityClassifier(library.source, **{"n_estimators": 20, "repetitions": 1, **params})


def test_planted_taste_is_found(library, planted):
    history, directors = planted
    # Planted tastes do not follow the public's ratings, which are to have no say here.
    model = AffinityClassifier(library.source, prior_strength=0)
    model.fit(history.played, history.liked)
    new = history.unplayed
    truth = np.isin(library.director[new], directors)
    score = model.predict_proba(new)[:, 1]
    assert roc_auc_score(truth, score) > 0.97
    assert set(new[np.argsort(-score)[:8]]) <= set(new[truth])


def test_random_labels_teach_nothing(library):
    areas = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        positions = rng.choice(len(library.movies), 200, replace=False)
        liked = rng.random(200) < 0.5
        model = quick(library, random_state=seed).fit(positions[:120], liked[:120])
        areas.append(roc_auc_score(liked[120:], model.predict_proba(positions[120:])[:, 1]))
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas) / np.sqrt(len(areas))
    assert np.std(areas) < 0.1


def test_few_labels_leave_most_to_the_public(library, planted):
    history, _ = planted
    query = history.unplayed
    ratings = library.movies["community_rating"].to_numpy()[query]
    follows = []
    for strength in (0, 10, 100, 1e6):
        model = quick(library, prior_strength=strength).fit(history.played, history.liked)
        follows.append(spearmanr(model.predict_proba(query)[:, 1], ratings).statistic)
    assert np.all(np.diff(follows) > 0)
    assert follows[-1] > 0.9


@pytest.mark.parametrize("strength", [0, 1, 10, 15.5])
def test_a_list_trusts_labels_half_as_soon(library, planted, strength):
    history, _ = planted
    model = quick(library, prior_strength=strength).fit(history.played, history.liked)
    n = model.evidence_
    assert n == min(history.n_liked, len(history.liked) - history.n_liked)
    assert model.trust_ == pytest.approx(n / (n + strength / 2))
    assert model.listed_trust_ == pytest.approx(n / (n + strength))


def test_a_label_of_less_weight_counts_for_less(library, planted):
    history, _ = planted
    query = history.unplayed

    def learned(sample_weight, strength):
        model = quick(library, prior_strength=strength)
        return model.fit(history.played, history.liked, sample_weight)

    # As long as a class is all alike, only the trust in what was learned is another.
    weight = np.where(history.liked, 0.5, 1.0)
    whole, halves = learned(None, 0), learned(weight, 0)
    np.testing.assert_array_equal(whole.predict_proba(query), halves.predict_proba(query))
    assert halves.evidence_ == whole.evidence_ / 2
    unsure = np.where(np.arange(len(weight)) % 2 == 0, 0.01, 1.0)
    assert not np.allclose(learned(unsure, 0).predict_proba(query), whole.predict_proba(query))
    for wrong in ([1.0], np.zeros(len(weight))):
        with pytest.raises(ValueError, match="weight above 0"):
            quick(library).fit(history.played, history.liked, wrong)


def test_the_order_of_rows_does_not_matter(library, planted):
    history, _ = planted
    order = np.random.default_rng(0).permutation(len(history.played))
    one = quick(library).fit(history.played, history.liked)
    two = quick(library).fit(history.played[order][:, None], history.liked[order].astype(int))
    query = history.unplayed
    np.testing.assert_array_equal(one.predict_proba(query), two.predict_proba(query))


def test_probabilities_keep_their_bounds(library, planted):
    history, _ = planted
    p = quick(library).fit(history.played, history.liked).predict_proba(history.unplayed)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p.min() >= 1e-3
    assert p.max() <= 1 - 1e-3


def test_classes_are_those_of_y(library, planted):
    history, _ = planted
    model = quick(library).fit(history.played, np.where(history.liked, "yes", "no"))
    assert model.classes_.tolist() == ["no", "yes"]
    query = history.unplayed
    sure = model.predict_proba(query)[:, 1] > 0.6
    assert sure.any()
    assert set(model.predict(query)[sure]) == {"yes"}


def test_it_is_an_estimator(library):
    model = quick(library, max_depth=3, criterion="entropy")
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert twin.features is model.features  # a catalogue is shared, not copied
    assert twin.set_params(min_samples_leaf=9).min_samples_leaf == 9


def test_settings_reach_the_forest(library, planted):
    history, _ = planted
    params = {"max_depth": 2, "min_samples_leaf": 9, "criterion": "entropy", "bootstrap": False}
    model = quick(library, repetitions=3, **params).fit(history.played, history.liked)
    forest = forest_of(model, seed=1)
    assert {name: forest.get_params()[name] for name in params} == params
    assert forest.n_jobs == 1
    assert len(model.trees_) == 3
    for trees in model.trees_:
        assert len(trees) == 20
        assert trees.depths_.max() == 2
        assert trees.nodes_["n_node_samples"].min() == 9


def test_what_is_stored_has_no_features_and_scores_the_same(library, planted):
    history, _ = planted
    model = quick(library).fit(history.played, history.liked)
    data = dumps(model.detached())
    trusted = ["jfdask.model.forest.AffinityClassifier", "jfdask.model.trees.Trees"]
    assert set(get_untrusted_types(data=data)) == set(trusted)
    read = loads(data, trusted=trusted)
    assert read.features is None
    assert model.features is not None
    with pytest.raises(ValueError, match="no features"):
        read.predict_proba([0])
    read.set_params(features=library.source)
    query = history.unplayed
    np.testing.assert_array_equal(read.predict_proba(query), model.predict_proba(query))


def test_a_play_that_left_the_library_is_passed_over(library, planted):
    history, _ = planted
    model = quick(library).fit(history.played, history.liked)
    gone = history.played[0]
    keep = np.delete(np.arange(len(library.movies)), gone)
    fewer = type(library.features)(
        library.features.movie_ids[keep], library.features.X[keep], library.features.columns
    )
    model.set_params(features=InMemory(fewer))
    assert np.isfinite(model.predict_proba(np.arange(len(keep)))).all()


def test_one_class_is_refused(library):
    with pytest.raises(NotEnoughPlays, match="P\\(played\\)"):
        quick(library).fit([1, 2, 3], [True, True, True])


@pytest.mark.parametrize("n_liked", [1, 2, 3])
def test_a_few_favourites_are_enough_to_run(library, n_liked):
    model = quick(library).fit(np.arange(8), np.arange(8) < n_liked)
    assert np.isfinite(model.predict_proba(np.arange(8, 40))).all()
