from dataclasses import replace

import numpy as np
import pytest

from jfdask.model.fallback import newcomer_reasons, newcomer_scores, well_known


def test_better_rated_comes_first_among_equally_known(library):
    catalogue = replace(library.catalogue, completeness=np.zeros((420, 2)))
    scores = newcomer_scores(catalogue, library.facts)
    both = (library.facts.community_rating + library.facts.critic_rating / 10) / 2
    known = np.isfinite(both)
    assert np.all(np.diff(scores[known][np.argsort(both[known])]) >= -1e-12)


def test_a_well_known_film_beats_an_obscure_one_of_the_same_rating(library):
    facts = replace(
        library.facts, community_rating=np.full(420, 8.0), critic_rating=np.full(420, np.nan)
    )
    facts.community_rating[100:] = 6.0
    completeness = np.zeros((420, 2))
    completeness[5] = 4.0
    scores = newcomer_scores(replace(library.catalogue, completeness=completeness), facts)
    assert scores.argmax() == 5
    assert scores[6] > scores[200]


def test_no_ratings_at_all(library):
    nothing = np.full(420, np.nan)
    facts = replace(library.facts, community_rating=nothing, critic_rating=nothing)
    assert np.isfinite(newcomer_scores(library.catalogue, facts)).all()
    assert newcomer_reasons(np.array([3]), facts)[0][0].kind == "general"


def test_reasons_say_what_there_is_to_say(library):
    for (reason,) in newcomer_reasons(np.arange(20), library.facts):
        assert reason.kind == "rating"
        assert "of 10 by the public" in reason.text


def test_how_known_lies_between_0_and_1(library):
    fame = well_known(library.catalogue, library.facts)
    assert fame.min() >= 0
    assert fame.max() <= 1
    assert fame.mean() == pytest.approx(0.5)
