from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit
from sklearn.base import clone

from jfdask.model.crowd import (
    N_GROUPS,
    Crowds,
    Member,
    crowd_outside,
    crowds_apart,
    group_of,
)
from jfdask.model.forest import AffinityClassifier
from jfdask.model.inputs import InMemory
from jfdask.model.metrics import area_under_curve
from jfdask.model.others import Others, learn_pool
from jfdask.model.personal import LearnOptions, fit
from jfdask.model.personal_list import score_movies
from jfdask.model.played import PlayedClassifier
from jfdask.model.pooled import label_columns, training_rows_of
from jfdask.model.pooled_classifiers import OWN_FAVORITE, PooledFavorite, PooledPlayed


def with_liked(history, liked):
    return type(history)(
        history.user_id,
        history.played,
        liked,
        history.visible,
        history.item_ids,
        history.in_progress,
        history.favorite_unplayed,
    )


def classifiers(library, others, history):
    given = InMemory(library.features), InMemory(others)
    taste = history.taste
    favorite = PooledFavorite(AffinityClassifier(prior_strength=0), *given)
    favorite.fit(taste.positions, taste.liked, taste.weight)
    played = PooledPlayed(PlayedClassifier(), *given)
    return favorite, played.fit(history.played, history.liked, others=history.unplayed)


def test_planted_tastes_of_all_are_found(histories, crowds, library):
    """Somebody new is scored by what the others taught."""
    new = histories[0]
    pool = learn_pool(library.catalogue, crowds(histories[1:]), histories[1:], 42)
    favorite, played = classifiers(library, pool.of(new.user_id), new)
    query = new.unplayed
    loved = np.isin(library.director[query], library.director[new.played[new.liked]])
    for score in (favorite.predict_proba(query)[:, 1], favorite.predict_listed(query)):
        assert area_under_curve(loved, score) > 0.9
    assert played.predict_proba(query).shape == (len(query), 2)


def test_what_a_crowd_has_not_heard_of_is_not_what_nobody_wants(histories, crowds, library):
    """Trees that were never shown a new film list it half as often as her own model does."""
    catalogue = library.catalogue
    new = np.arange(catalogue.n_movies) % 10 == 3
    seen = [h.without(new[h.played]) for h in histories]
    learned_of = crowds(seen)
    unaware = Crowds(tuple(crowd.unaware_of(new) for crowd in learned_of.of_group))
    pool = replace(learn_pool(catalogue, learned_of, seen, 42), crowds=unaware)

    def n_new(history, pool):
        learned = fit(history, library.features, LearnOptions(), pool=pool)
        scores = score_movies(learned, catalogue, history.unplayed)
        return new[history.unplayed[np.argsort(-scores)[:40]]].sum()

    with_pool, alone = (sum(n_new(h, p) for h in seen[:8]) for p in (pool, None))
    assert 0.7 < with_pool / alone < 1.3


def test_random_labels_teach_nothing(histories, crowds, library):
    rng = np.random.default_rng(0)
    random = [with_liked(h, rng.random(len(h.played)) < 0.5) for h in histories]
    hidden = [np.arange(len(h.played)) % 5 == 0 for h in random]
    seen = [h.without(inside) for h, inside in zip(random, hidden, strict=True)]
    pool = learn_pool(library.catalogue, crowds(seen), seen, 42)
    areas = []
    for history, inside, visible in zip(random, hidden, seen, strict=True):
        favorite, _ = classifiers(library, pool.of(history.user_id), visible)
        score = favorite.predict_proba(history.played[inside])[:, 1]
        area = area_under_curve(history.liked[inside], score)
        if area is not None:
            areas.append(area)
    assert abs(np.mean(areas) - 0.5) < 3 * np.std(areas) / np.sqrt(len(areas))


def test_random_plays_teach_nothing_of_what_is_played(histories, crowds, library):
    rng = np.random.default_rng(1)
    seen, hidden, areas = [], [], []
    for history in histories:
        played = np.sort(rng.choice(library.catalogue.n_movies, 80, replace=False))
        whole = library.history(history.user_id, played, rng.random(80) < 0.5)
        inside = np.arange(80) % 5 == 0
        seen.append(whole.without(inside))
        hidden.append(played[inside])
    pool = learn_pool(library.catalogue, crowds(seen), seen, 42)
    for visible, found in zip(seen, hidden, strict=True):
        _, played = classifiers(library, pool.of(visible.user_id), visible)
        query = visible.unplayed
        areas.append(area_under_curve(np.isin(query, found), played.predict_proba(query)[:, 1]))
    assert abs(np.mean(areas) - 0.5) < 3.5 * np.std(areas) / np.sqrt(len(areas))


def test_the_order_of_people_does_not_matter(histories, crowds, library):
    given = library.catalogue, crowds(histories[:6])
    one, other = (
        learn_pool(*given, people, 42).model for people in (histories[:6], histories[5::-1])
    )
    np.testing.assert_array_equal(one.favorite_.nodes_, other.favorite_.nodes_)
    np.testing.assert_array_equal(one.played_.nodes_, other.played_.nodes_)


def test_to_measure_there_are_models_that_have_not_seen_her(histories, crowds, library):
    """Other labels of one person change all models but that of everybody outside her group.

    Nor does it learn of them by the crowds of the rows that it is grown on.
    """
    one, catalogue = histories[2], library.catalogue
    group = group_of(one.user_id, N_GROUPS)
    found = []
    for her in (one, with_liked(one, ~one.liked)):
        everybody = [*histories[:2], her, *histories[3:]]
        members = [Member(h.user_id, h.played, h.liked) for h in everybody]
        apart = crowds_apart(members, catalogue.n_movies)
        assert None not in apart.values()
        found.append(learn_pool(catalogue, crowds(everybody), everybody, 42, apart))
    before, after = found
    assert before.unseen_of(one.user_id).model is before.without_group[group]
    for g in range(N_GROUPS):
        nodes = [pool.without_group[g].favorite_.nodes_ for pool in found]
        assert np.array_equal(*nodes) == (g == group)
    assert not np.array_equal(before.model.favorite_.nodes_, after.model.favorite_.nodes_)


def test_rows_without_a_group_differ_by_the_crowd_alone(histories, library):
    one, catalogue = histories[2], library.catalogue
    members = [Member(h.user_id, h.played, h.liked) for h in histories]
    group = group_of(one.user_id, N_GROUPS)
    crowds = [crowd_outside(members, pair, catalogue.n_movies) for pair in ((group,), (group, 9))]
    beside = {9: label_columns(catalogue, replace(crowds[1], n_people=1), one, 42)}
    rows = training_rows_of(catalogue, crowds[0], one, 42, beside)
    plain = training_rows_of(catalogue, crowds[0], one, 42)
    np.testing.assert_array_equal(rows.seen_without(None).X, plain.X)
    without = rows.seen_without(9)
    assert without.columns == plain.columns
    other = without.columns.index("crowd__plays")
    differs = [
        name
        for i, name in enumerate(plain.columns)
        if not np.array_equal(without.X[rows.weight > 0, i], plain.X[rows.weight > 0, i], True)
    ]
    assert set(differs) == {"crowd__plays", "crowd__likes"}
    known = ~np.isnan(plain.X[:, other]) & (rows.weight > 0)
    np.testing.assert_allclose(
        without.X[known, other] - plain.X[known, other], np.log(crowds[0].n_people), rtol=1e-5
    )


def test_what_is_thought_anyway(histories, crowds, library):
    others = Others(None, crowds(histories).of("somebody"))
    crowd, catalogue = others.crowd, library.catalogue
    public = Others(None, None).favorite_log_odds(catalogue)
    beyond = others.favorite_log_odds(catalogue) - public
    known = crowd.n_plays > 5
    share = crowd.n_likes[known] / crowd.n_plays[known]
    assert np.corrcoef(beyond[known], share)[0, 1] > 0.9
    assert np.ptp(beyond[crowd.n_plays == 0]) < 1e-9
    played = others.played_log_odds(catalogue)
    assert (
        np.argsort(-played, kind="stable")[:5] == np.argsort(-crowd.n_plays, kind="stable")[:5]
    ).all()
    assert not Others(None, None).played_log_odds(catalogue).any()


def test_a_stored_model_holds_plays_alone(histories, crowds, library):
    pool = learn_pool(library.catalogue, crowds(histories[:4]), histories[:4], 42)
    favorite, played = classifiers(library, pool.of("new"), histories[0])
    for model in (favorite, played):
        bare = model.detached()
        assert bare.features is None
        assert bare.others is None
        assert model.others is not None
        with pytest.raises(ValueError, match="attaches"):
            bare.predict_proba([0])
        again = bare.set_params(features=model.features, others=model.others)
        query = histories[0].unplayed
        np.testing.assert_array_equal(again.predict_proba(query), model.predict_proba(query))
    assert clone(favorite).others is favorite.others


def test_a_share_is_her_own_and_forests_stay_when_plays_change(histories, crowds, library):
    pool = learn_pool(library.catalogue, crowds(histories[:4]), histories[:4], 42)
    before = histories[5]
    favorite, played = classifiers(library, pool.of(before.user_id), before)
    others, taste = favorite.others.load(), before.taste
    rows = others.rows(library.catalogue, taste.positions, taste.liked, before.unplayed)
    trees = others.model.favorite(rows)
    own = favorite.own_.set_params(features=favorite.features).predict_proba(before.unplayed)
    favorite.prior_strength = 0
    mixed = favorite.predict_proba(before.unplayed)[:, 1]
    log_odds = (1 - OWN_FAVORITE) * logit(trees) + OWN_FAVORITE * logit(own[:, 1])
    np.testing.assert_allclose(logit(mixed), log_odds, atol=1e-9)
    now = before.without(np.arange(len(before.played)) == 0)
    taste = now.taste
    tonight = favorite.renewed(taste.positions, taste.liked, taste.weight)
    assert tonight.own_.trees_ is favorite.own_.trees_
    assert len(tonight.movie_ids_) == len(favorite.movie_ids_) - 1
    plays = played.renewed(now.played, now.liked, others=now.unplayed)
    assert plays.own_.trees_ is played.own_.trees_
    assert len(plays.movie_ids_) == len(played.movie_ids_) - 1
