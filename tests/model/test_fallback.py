from dataclasses import replace

import numpy as np

from jfdask.model.fallback import newcomer_reasons

NOBODY = np.zeros(20, dtype=bool)


def test_what_others_play_is_told_first(library):
    one, two = newcomer_reasons(np.arange(2), library.facts, np.array([True, False]))
    assert [reason.kind for reason in one] == ["general", "rating"]
    assert "Others play it" in one[0].text
    assert [reason.kind for reason in two] == ["rating"]


def test_a_movie_that_nobody_rated(library):
    nothing = np.full(420, np.nan)
    facts = replace(library.facts, community_rating=nothing, critic_rating=nothing)
    [[reason]] = newcomer_reasons(np.array([3]), facts, NOBODY[:1])
    assert reason.kind == "general"


def test_reasons_say_what_there_is_to_say(library):
    for (reason,) in newcomer_reasons(np.arange(20), library.facts, NOBODY):
        assert reason.kind == "rating"
        assert "of 10 by the public" in reason.text
