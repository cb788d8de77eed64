from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import logit

from jfdask.model.history import history_of
from jfdask.model.others import Pool
from jfdask.model.personal import LearnOptions, fit, learn, renew
from jfdask.model.personal_list import (
    CROWDS_MEANINGS,
    EXPLAINED,
    SCORE_MEANINGS,
    recommend,
    score_movies,
    score_parts,
)
from jfdask.model.pooled import PooledModel, training_rows_of
from jfdask.model.prior import favorite_log_odds
from jfdask.tables import RECOMMENDATIONS

QUICK = LearnOptions(params={"n_estimators": 15, "repetitions": 1})


def test_the_list_is_a_whole_and_valid_table(library, listed, planted):
    history, _ = planted
    frame, _ = listed(history, learn(history, library.features, QUICK), n_reasons=2)
    RECOMMENDATIONS.to_arrow(frame)
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    assert not frame["movie_id"].duplicated().any()
    assert not set(frame["movie_id"]) & set(library.features.movie_ids[history.played])
    assert (frame["item_id"] == frame["movie_id"] + "-copy").all()
    assert frame["score"].is_monotonic_decreasing
    varied, _ = recommend(
        learn(history, library.features, QUICK), history, library.features, library.facts
    )
    assert not varied["score"].is_monotonic_decreasing
    assert sorted(varied["score"]) == sorted(frame["score"])
    assert set(frame["reasons"][:EXPLAINED].map(len)) <= {1, 2}
    assert set(frame["reasons"][EXPLAINED:].map(len)) == {0}
    assert (frame["reasons"].map(len) == frame["reason_kinds"].map(len)).all()


def test_movies_are_scored_without_a_list_as_in_it(library, listed, planted):
    history, _ = planted
    learned = fit(history, library.features, QUICK)
    assert learned.metrics == {}
    frame, _ = listed(history, learn(history, library.features, QUICK))
    positions = np.searchsorted(library.features.movie_ids, frame["movie_id"].to_numpy(dtype=str))
    scores = score_movies(learned, library.catalogue, positions)
    assert np.allclose(scores, frame["score"])


def test_a_list_goes_by_plays_taste_and_the_public(library, planted):
    history, _ = planted
    learned = fit(history, library.features, replace(QUICK, min_favorites=40))
    alone = fit(history, library.features, replace(QUICK, min_favorites=0))
    query, catalogue = history.unplayed, library.catalogue
    n = learned.favorite.evidence_
    own = logit(alone.favorite.predict_proba(query)[:, 1])
    public = favorite_log_odds(catalogue)[query]
    plays = len(history.played)
    played = plays / (plays + 10) * logit(alone.played.predict_proba(query)[:, 1])
    liked = n / (n + 40) * own + 40 / (n + 40) * public
    scores = score_movies(learned, catalogue, query)
    inside = np.abs(n / (n + 20) * own + 20 / (n + 20) * public) < 6.9  # where nothing is clipped
    np.testing.assert_allclose(logit(scores)[inside], ((liked + 2 * played) / 3)[inside], atol=1e-9)
    assert inside.mean() > 0.9


def test_nothing_played_gives_the_well_rated(library, listed):
    history = library.history("cora", np.array([], dtype=int), [])
    learned = learn(history, library.features, QUICK)
    assert learned.kind == "newcomer"
    frame, _ = listed(history, learned)
    assert len(frame) == len(library.movies) - 3  # of the collection the first part only
    ratings = library.movies.set_index("movie_id")["community_rating"]
    assert ratings[frame["movie_id"][:20]].mean() > ratings.mean() + 0.8
    assert frame["score"].between(0, 1).all()
    assert all("of 10 by the public" in r[0] for r in frame["reasons"][:EXPLAINED])


@pytest.mark.parametrize("n_played", [0, 1])
def test_who_has_only_marked_films_gets_others_like_them(library, listed, n_played):
    """What somebody marks who has hardly played anything is what she means to play."""
    theirs = np.flatnonzero(np.isin(library.director, [3, 7, 12]))
    marked, alike = theirs[::2], theirs[1::2]
    played, none = np.setdiff1d(np.arange(420), theirs)[:n_played], np.zeros(n_played, bool)
    marks = np.isin(np.arange(420), marked)
    frames = {}
    for hearts in (marks, np.zeros(420, bool)):
        history = library.history("cleo", played, none, is_favorite=hearts)
        learned = learn(history, library.features, QUICK)
        frames[bool(hearts.any())], _ = listed(history, learned)
        assert hearts.any() or learned.kind == "newcomer"
        if hearts.any() and not n_played:
            assert "The list goes by what was marked" in learned.notice
    place = {
        had: pd.Series(np.arange(len(f)), index=f["movie_id"]).reindex(
            library.features.movie_ids[alike]
        )
        for had, f in frames.items()
    }
    assert place[True].mean() < 0.6 * place[False].mean()
    told = [reason for reasons in frames[True]["reasons"][:EXPLAINED] for reason in reasons]
    assert any("marked" in reason or "favourite" in reason for reason in told)


def test_trees_that_were_grown_on_marks_do_not_stay_when_there_are_plays(library):
    marks = np.isin(np.arange(420), np.flatnonzero(np.isin(library.director, [3, 7, 12])))
    rating = np.where(np.isin(np.arange(420), np.arange(300, 320)) & ~marks, 1.0, np.nan)
    nothing, none = np.array([], dtype=int), np.array([], dtype=bool)
    marked = library.history("cleo", nothing, none, is_favorite=marks, rating=rating)
    learned = learn(marked, library.features, QUICK)
    played = np.setdiff1d(np.arange(0, 300, 60), np.flatnonzero(marks))[:3]
    later = library.history("cleo", played, played < 0, is_favorite=marks, rating=rating)
    assert learned.favorite is not None
    assert renew(learned, later, library.features.movie_ids) is None


def test_everything_played_gives_an_empty_list(library, listed):
    everything = np.arange(len(library.movies))
    liked = library.director < 10
    learned = learn(library.history("dora", everything, liked), library.features, QUICK)
    frame, _ = listed(library.history("dora", everything, liked), learned)
    assert len(frame) == 0
    RECOMMENDATIONS.to_arrow(frame)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 400), st.integers(0, 5))
def test_any_history_gives_a_list(library, listed, n_liked, n_other, n_hidden, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(420)
    played = np.sort(order[: n_liked + n_other])
    liked = np.isin(played, order[:n_liked])
    plays = library.plays(played, liked)
    visible = np.sort(np.r_[played, order[n_liked + n_other : 420 - n_hidden]])
    history = history_of("eve", plays.iloc[visible], library.features.movie_ids)
    learned = learn(history, library.features, replace(QUICK, min_favorites=5))
    frame, _ = listed(history, learned)
    assert set(frame["movie_id"]) <= set(library.features.movie_ids[visible])
    assert frame["score"].notna().all()
    assert (frame["reasons"][:EXPLAINED].map(len) >= 1).all()


def test_what_is_not_learned_from_is_known_all_the_same(library, listed, monkeypatch):
    """Of too many plays, and labels, some are learned from: all are left out and told."""
    monkeypatch.setattr("jfdask.model.history.MOST_PLAYS", 40)
    rng = np.random.default_rng(0)
    order = rng.permutation(np.setdiff1d(np.arange(420), [7, 19, 53, 111]))
    played, down, left = np.split(order, [200, 300])
    rating = np.where(np.isin(np.arange(420), down), 1.0, np.nan)
    history = library.history("many", played, np.arange(200) < 6, rating=rating)
    learned = learn(history, library.features, QUICK)
    assert len(learned.favorite.movie_ids_) == len(learned.played.movie_ids_) == 40
    n_others = len(history.taste.positions) - 6
    assert f"6 liked movies and {n_others} others are known" in learned.notice
    frame, _ = listed(history, learned)
    ids = library.features.movie_ids
    assert set(frame["movie_id"]) == {*ids[left], ids[7]}
    assert frame["p_favorite"].mean() < 0.1


def test_the_probability_is_the_calibrated_one_and_missing_without_a_model(
    library, listed, planted
):
    history, directors = planted
    learned = learn(history, library.features, QUICK)
    frame, _ = listed(history, learned)
    positions = np.searchsorted(library.features.movie_ids, frame["movie_id"].to_numpy(dtype=str))
    favorite = learned.favorite.predict_proba(positions)[:, 1]
    assert np.allclose(frame["p_favorite"], learned.calibration.apply(favorite))
    loved = np.isin(library.director[positions], directors)
    assert frame["p_favorite"][loved].mean() > frame["p_favorite"][~loved].mean() + 0.2
    nobody = library.history("cora", np.array([], dtype=int), [])
    newcomer, _ = listed(nobody, learn(nobody, library.features, QUICK))
    assert newcomer["p_favorite"].isna().all()


def test_a_newcomer_with_a_crowd_is_told_of_it(library, histories, crowds):
    catalogue, everybody = library.catalogue, crowds(histories)
    rows = [training_rows_of(catalogue, everybody.of(h.user_id), h, 42) for h in histories[:6]]
    pool = Pool(PooledModel({"max_iter": 3}, {"max_iter": 3}).fit(rows), everybody)
    nobody = library.history("new", np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_))
    for taught, meanings in ((pool, CROWDS_MEANINGS), (None, SCORE_MEANINGS)):
        learned = fit(nobody, library.features, LearnOptions(), pool=taught)
        frame, meaning = recommend(learned, nobody, library.features, library.facts)
        assert meaning == meanings["newcomer"]
        assert ("others play and like" in learned.notice) == (taught is not None)
        # Its reasons are the movies' own: nobody else's plays are one.
        assert {k for kinds in frame["reason_kinds"][:EXPLAINED] for k in kinds} == {"rating"}
        assert frame["reasons"][:EXPLAINED].map(len).eq(1).all()


def test_what_she_has_marked_is_no_question_of_chance(library, listed, planted):
    history, _ = planted
    wished = np.setdiff1d(history.unplayed, [7, 19, 53, 111])[:3]
    liked = history.played[history.liked]
    hearts = np.isin(np.arange(420), np.r_[liked, wished])
    history = library.history("anna", history.played, history.liked, is_favorite=hearts)
    frame, _ = listed(history, learn(history, library.features, QUICK))
    untold = frame["movie_id"][frame["p_favorite"].isna()]
    assert sorted(untold) == sorted(library.features.movie_ids[wished])


def test_the_original_method_has_no_parts(library, planted):
    history, _ = planted
    vectors = np.random.default_rng(0).normal(size=(420, 20))
    options = LearnOptions(method="seed", params={"n_estimators": 5})
    learned = fit(history, library.features, options, vectors=vectors)
    assert score_parts(learned, library.catalogue, history.unplayed[:9]) is None
