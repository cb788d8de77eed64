import numpy as np
import pytest
from scipy.special import logit

from jfdask.model.catalogue import TOKEN_BLOCKS
from jfdask.model.contributions import (
    _spread,
    favorite_parts,
    played_parts,
    token_affinities,
)
from jfdask.model.others import learn_pool
from jfdask.model.personal import LearnOptions, fit
from jfdask.model.personal_list import score_movies, score_parts
from jfdask.model.prior import favorite_log_odds

QUICK = {"n_estimators": 15}


@pytest.fixture(scope="module")
def learned(library, planted):
    return fit(planted[0], library.features, LearnOptions(params=QUICK))


def as_listed(catalogue, model, query):
    """Return the logit of P(favourite) with the prior as strong as in a list."""
    share = model.listed_trust_ / model.trust_
    prior = favorite_log_odds(catalogue)[query]
    return share * logit(model.predict_proba(query)[:, 1]) + (1 - share) * prior


def test_the_parts_sum_up_to_the_models_logits(library, planted, learned):
    query, catalogue = planted[0].unplayed, library.catalogue
    parts = favorite_parts(catalogue, learned.favorite, query)
    expected = as_listed(catalogue, learned.favorite, query)
    assert parts.total == pytest.approx(expected, abs=1e-9)
    parts = played_parts(catalogue, learned.played, query)
    expected = logit(learned.played.predict_proba(query)[:, 1])
    assert parts.total == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_whatever_the_blend(library, planted, learned, share):
    query = planted[0].unplayed[::7]
    model = learned.favorite.set_params(ridge_share=share)
    expected = as_listed(library.catalogue, model, query)
    total = favorite_parts(library.catalogue, model, query).total
    model.set_params(ridge_share=0.5)
    assert total == pytest.approx(expected, abs=1e-9)


def test_what_a_list_is_ordered_by_is_the_sum_of_its_parts(library, planted, learned):
    query = planted[0].unplayed
    score = score_movies(learned, library.catalogue, query)
    parts = score_parts(learned, library.catalogue, query)
    assert parts.total == pytest.approx(logit(score), abs=1e-9)
    some = score_parts(learned, library.catalogue, query[::-3])
    assert some.total == pytest.approx(logit(score[::-3]), abs=1e-9)


def test_the_planted_directors_have_moved_most(library, planted, learned):
    history, directors = planted
    query = history.unplayed
    tokens = favorite_parts(library.catalogue, learned.favorite, query).tokens.toarray()
    names = library.catalogue.token_names
    is_loved = np.isin(library.director[query], directors)
    greatest = names[tokens.argmax(axis=1)]
    expected = [f"tokens__director:d{d:03}" for d in library.director[query[is_loved]]]
    assert np.mean(greatest[is_loved] == expected) >= 0.95


def test_only_a_movies_own_tokens_have_parts(library, planted, learned):
    query = planted[0].unplayed
    parts = score_parts(learned, library.catalogue, query)
    has = library.catalogue.tokens[query].toarray() != 0
    assert not (parts.tokens.toarray() != 0)[~has].any()
    assert (parts.tokens.toarray() != 0)[has].any()


def test_models_that_cannot_say(library):
    nobody = library.history("cora", np.array([], dtype=int), [])
    newcomer = fit(nobody, library.features, LearnOptions())
    assert score_parts(newcomer, library.catalogue, nobody.unplayed) is None
    some = library.history("ben", np.arange(12), np.zeros(12, dtype=bool))
    played = fit(some, library.features, LearnOptions())
    assert played.kind == "played-only"
    parts = score_parts(played, library.catalogue, some.unplayed)
    score = score_movies(played, library.catalogue, some.unplayed)
    assert parts.total == pytest.approx(logit(score), abs=1e-9)
    assert score_parts(played, library.catalogue, np.empty(0, dtype=int)) is None


@pytest.mark.parametrize("has_favorites", [True, False])
def test_with_a_pool_it_is_what_moved_her_own_models(histories, crowds, library, has_favorites):
    pool = learn_pool(library.catalogue, crowds(histories[:6]), histories[:6], 42)
    catalogue, plays = library.catalogue, histories[8].played
    history = library.history("new", plays, histories[8].liked & has_favorites)
    learned = fit(history, library.features, LearnOptions(), pool=pool)
    assert learned.kind == ("pooled" if has_favorites else "played-only")
    query = history.unplayed
    liked = favorite_log_odds(catalogue)[query]
    if has_favorites:
        trust = learned.favorite.trust_
        assert 0.9 < trust < 1
        own = logit(learned.favorite.alone.predict_proba(query)[:, 1])
        liked = trust * own + (1 - trust) * liked
    played = logit(learned.played.alone.predict_proba(query)[:, 1])
    expected = (liked + 2 * len(plays) / (len(plays) + 1) * played) / 3
    assert score_parts(learned, catalogue, query).total == pytest.approx(expected, abs=1e-9)


def test_what_moved_down_is_of_what_leans_down(library):
    """What a kind moved down is of those of the movie's tokens that lean down."""
    catalogue, kind = library.catalogue, [b.name for b in TOKEN_BLOCKS].index("actor")
    query = np.array([0])
    own = catalogue.tokens[query].indices
    actors = own[catalogue.block_of_token[own] == kind]
    leaning = np.zeros(catalogue.tokens.shape[1])
    leaning[actors] = -1.0
    leaning[actors[0]] = 1.0
    for moved, theirs in ((0.3, actors[:1]), (-0.3, actors[1:])):
        of_kinds = np.zeros((1, len(TOKEN_BLOCKS)))
        of_kinds[0, kind] = moved
        shared, nobodys = _spread(catalogue, query, of_kinds, leaning)
        assert sorted(shared.toarray()[0].nonzero()[0]) == sorted(theirs)
        assert shared.sum() == pytest.approx(moved)
        assert nobodys[0] == 0.0


def test_affinities_of_tokens_by_hand(library):
    catalogue, plays = library.catalogue, np.arange(40)
    residual = np.where(plays % 3 == 0, 0.6, -0.3)
    found = token_affinities(catalogue, plays, residual)
    for token in (0, 60, 200, len(found) - 1):
        having = catalogue.tokens[plays, token].toarray().ravel() != 0
        shrinkage = TOKEN_BLOCKS[catalogue.block_of_token[token]].shrinkage
        assert found[token] == pytest.approx(residual[having].sum() / (having.sum() + shrinkage))
