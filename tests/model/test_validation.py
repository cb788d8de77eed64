import json
from dataclasses import replace

import numpy as np
import pytest

from jfdask.model.calibration import Calibration
from jfdask.model.forest import AffinityClassifier
from jfdask.model.labels import Labels
from jfdask.model.validation import validate

OPTIONS = {"held_out": 0.2, "n_folds": 5, "random_state": 42}


def figures(library, history, **changes):
    # Planted tastes do not follow the public's ratings, which are to have no say here.
    model = AffinityClassifier(library.source, n_estimators=10, repetitions=1, prior_strength=0)
    return validated(history, library, model, **changes).metrics


def validated(history, library, model, **changes):
    return validate(history, library.catalogue, model, **{**OPTIONS, **changes})


def test_planted_taste_is_measured_beside_two_rules(library, planted):
    history, _ = planted
    found = figures(library, history)
    assert set(found) == {"held_out", "out_of_fold"}
    for part in found.values():
        assert part["model"].auc > 0.9
        assert part["model"].auc > part["community_rating"].auc
        assert part["always_true"].auc == 0.5
        assert len({m.n for m in part.values()}) == 1
    assert found["held_out"]["model"].n + found["out_of_fold"]["model"].n == len(history.played)
    json.dumps({k: {m: v.to_dict() for m, v in p.items()} for k, p in found.items()})


def test_random_labels_measure_a_half(library):
    areas = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        played = np.sort(rng.choice(420, 150, replace=False))
        history = library.history(f"user{seed}", played, rng.random(150) < 0.5)
        areas.append(figures(library, history)["out_of_fold"]["model"].auc)
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas) / np.sqrt(6) + 0.01


def test_held_out_labels_do_not_reach_the_figures_of_the_others(library, planted):
    history, _ = planted
    from jfdask.model.holdout import is_held_out

    hidden = is_held_out("anna", library.features.movie_ids[history.played], 0.2)
    flipped = library.history("anna", history.played, history.liked ^ hidden)
    assert figures(library, flipped)["out_of_fold"] == figures(library, history)["out_of_fold"]


@pytest.mark.parametrize("held_out", [0.0, 0.95])
def test_too_few_on_either_side(library, planted, held_out):
    history, _ = planted
    found = figures(library, history, held_out=held_out)
    assert "held_out" not in found


def test_it_repeats(library, planted):
    history, _ = planted
    assert figures(library, history) == figures(library, history)


def test_every_play_has_a_probability_that_was_made_without_it(library, planted):
    history, _ = planted
    model = AffinityClassifier(library.source, n_estimators=10, repetitions=1)
    found = validated(history, library, model)
    assert found.reliability.n.sum() == len(history.played)
    assert found.reliability.n_liked.sum() == history.n_liked
    assert found.calibration.slope > 1.2  # the planted taste is surer than most people's
    without_held_out = validated(history, library, model, held_out=0.0)
    assert without_held_out.reliability.n.sum() == len(history.played)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_of_more_plays_than_are_learned_from_probabilities_are_of_all(library, monkeypatch, share):
    """One in ten is liked, or is not, whatever it is: half of what is learned from."""
    monkeypatch.setattr("jfdask.model.history.MOST_PLAYS", 60)
    rng = np.random.default_rng(0)
    played = np.sort(rng.choice(420, 300, replace=False))
    history = library.history("many", played, rng.permutation(300) < 300 * share)
    model = AffinityClassifier(library.source, n_estimators=10, repetitions=1)
    found = validated(history, library, model)
    n_liked = [f["model"].n_liked for f in found.metrics.values()]
    assert (sum(f["model"].n for f in found.metrics.values()), sum(n_liked)) == (60, 30)
    taught = history.thinned(library.features.movie_ids)
    scores = model.fit(taught.played, taught.liked).predict_proba(history.unplayed)[:, 1]
    assert found.calibration.apply(scores).mean() == pytest.approx(share, abs=0.05)
    told = found.reliability
    assert told.n.sum() == pytest.approx(60, abs=5)
    assert told.n_liked.sum() / told.n.sum() == pytest.approx(share, abs=0.05)
    assert told.probability.sum() / told.n.sum() == pytest.approx(share, abs=0.05)


def test_what_is_not_measured_is_calibrated_as_most_people(library):
    model = AffinityClassifier(library.source, n_estimators=5, repetitions=1)
    few = library.history("few", np.arange(4), [True, False, False, False])
    found = validated(few, library, model)
    assert (found.metrics, found.reliability) == ({}, None)
    assert found.calibration == Calibration()


def test_of_labels_that_are_not_in_every_fold_nothing_is_measured(library):
    """Nearly everything is a favourite, one thing is not, and one play tells nothing."""
    played = np.arange(0, 420, 10)
    liked = np.arange(len(played)) > 1
    kinds = set()
    for number in range(12):
        history = library.history(f"user{number}", played, liked)
        labelled = np.arange(len(played)) != 1
        weight = np.full(len(played) - 1, 1.0)
        labels = Labels(played[labelled], liked[labelled], weight)
        found = figures(library, replace(history, labels=labels))
        kinds.add(bool(found))
    assert False in kinds
