from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from jfdask.model.catalogue import NUMBER_KERNEL
from jfdask.model.prior import favorite_log_odds, shrunk, trust, well_known, well_rated

RATING = list(NUMBER_KERNEL).index("numbers__community_rating")


def with_ratings(catalogue, rating, completeness):
    scaled = catalogue.scaled.copy()
    scaled[:, RATING] = rating
    return replace(catalogue, scaled=scaled, completeness=completeness)


def test_better_rated_is_thought_better_among_equally_known(library):
    catalogue = replace(library.catalogue, completeness=np.zeros((420, 2)))
    scores = favorite_log_odds(catalogue)
    order = np.argsort(library.facts.community_rating, kind="stable")
    assert np.all(np.diff(scores[order]) >= -1e-12)
    assert np.ptp(scores) > 1


def test_what_is_hardly_known_lies_closer_to_the_mean(library):
    rating = np.where(np.arange(420) % 2 == 0, 2.0, -2.0)
    completeness = np.arange(420.0)[:, None]
    scores = well_rated(with_ratings(library.catalogue, rating, completeness))
    assert np.all(np.diff(np.abs(scores[::2])) > 0)
    assert np.all(np.sign(scores) == np.sign(rating))
    assert np.abs(scores).max() < 2


def test_no_ratings_at_all_are_no_opinion(library):
    scores = favorite_log_odds(with_ratings(library.catalogue, 0.0, np.zeros((420, 0))))
    assert not scores.any()


def test_how_known_lies_between_0_and_1(library):
    fame = well_known(library.catalogue)
    assert fame.min() >= 0
    assert fame.max() <= 1
    assert fame.mean() == pytest.approx(0.5)


def test_each_label_moves_a_list_a_little_less_than_the_one_before():
    shares = np.array([trust(n, 10) for n in range(40)])
    steps = np.diff(shares)
    assert shares[0] == 0
    assert np.all(steps > 0)
    assert np.all(np.diff(steps) < 0)
    assert steps.max() < 0.1


def test_a_share_of_1_is_what_was_learned_and_of_0_what_is_thought_without():
    learned, prior = np.array([0.2, 0.9]), np.array([1.0, -1.0])
    assert shrunk(learned, prior, 1.0) == pytest.approx(learned)
    assert shrunk(learned, prior, 0.0) == pytest.approx(expit(prior))
    half = shrunk(learned, prior, 0.5)
    assert np.all(
        (half > np.minimum(learned, expit(prior))) & (half < np.maximum(learned, expit(prior)))
    )


def test_a_missing_count_makes_no_odds_missing(library):
    completeness = library.catalogue.completeness.copy()
    completeness[5, 0] = np.nan
    odds = favorite_log_odds(replace(library.catalogue, completeness=completeness))
    assert np.isfinite(odds).all()
