from dataclasses import replace

import numpy as np

from jfdask.model.fallback import newcomer_reasons
from jfdask.model.personal import LearnOptions, fit

NOTHING = np.empty(0, dtype=np.int64)


def test_a_movie_that_nobody_rated(library):
    nothing = np.full(420, np.nan)
    facts = replace(library.facts, community_rating=nothing, critic_rating=nothing)
    [[reason]] = newcomer_reasons(np.array([3]), facts, NOTHING, 3)
    assert reason.kind == "general"


def test_reasons_say_what_there_is_to_say(library):
    for (reason,) in newcomer_reasons(np.arange(20), library.facts, NOTHING, 3):
        assert reason.kind == "rating"
        assert "of 10 by the public" in reason.text


def test_what_somebody_marked_is_told_who_has_played_nothing(library, listed):
    marked = np.arange(420) == 30
    history = library.history("cleo", NOTHING, NOTHING > 0, is_favorite=marked)
    learned = fit(history, library.features, LearnOptions())
    assert learned.kind == "newcomer"
    for n_reasons, kinds in ((3, ["favorite", "rating"]), (1, ["favorite"])):
        frame, _ = listed(history, learned, n_reasons=n_reasons)
        of_movie = frame.set_index("movie_id")["reason_kinds"]
        assert list(of_movie[library.features.movie_ids[30]]) == kinds
        assert sum("favorite" in some for some in of_movie) == 1
