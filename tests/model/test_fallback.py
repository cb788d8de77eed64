from dataclasses import replace

import numpy as np

from jfdask.model.fallback import newcomer_reasons


def test_a_movie_that_nobody_rated(library):
    nothing = np.full(420, np.nan)
    facts = replace(library.facts, community_rating=nothing, critic_rating=nothing)
    [[reason]] = newcomer_reasons(np.array([3]), facts)
    assert reason.kind == "general"


def test_reasons_say_what_there_is_to_say(library):
    for (reason,) in newcomer_reasons(np.arange(20), library.facts):
        assert reason.kind == "rating"
        assert "of 10 by the public" in reason.text
