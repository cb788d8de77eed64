import numpy as np
import pytest
from scipy.stats import rankdata

from jfdask.model.inputs import InMemory
from jfdask.model.others import learn_pool
from jfdask.model.personal import LearnOptions, fit, learn, renew
from jfdask.model.personal_list import SCORE_MEANINGS, score_movies

QUICK = {"n_estimators": 15, "repetitions": 1}


def options(**changes):
    return LearnOptions(**{"params": QUICK, **changes})


def test_a_taste_is_learned_and_fills_the_top_of_the_list(library, listed, planted):
    history, directors = planted
    learned = learn(history, library.features, options())
    assert (learned.kind, learned.notice) == ("affinity", None)
    frame, meaning = listed(history, learned)
    assert meaning == SCORE_MEANINGS["affinity"]
    top = np.searchsorted(library.features.movie_ids, frame["movie_id"][:8].to_numpy(dtype=str))
    assert np.isin(library.director[top], directors).mean() >= 0.85
    assert all(k[0] == "director" for k in frame["reason_kinds"][:5])


def test_what_was_learned_is_renewed_with_tonights_plays(library, planted):
    history, _ = planted
    new = next(d for d in range(42) if not np.isin(library.director[history.played], d).any())
    made = np.flatnonzero(library.director == new)
    tonight = library.history(
        "anna",
        np.r_[history.played, made[:4]],
        np.r_[history.liked, np.ones(4, dtype=bool)],
    )
    before = learn(history, library.features, options())
    renewed = renew(before, tonight, library.features.movie_ids)
    assert renewed.favorite.trees_ is before.favorite.trees_
    assert renewed.played.trees_ is before.played.trees_
    assert renewed.metrics == before.metrics

    def scores(learned):
        return score_movies(learned, library.catalogue, tonight.unplayed)

    is_new = np.isin(tonight.unplayed, made)
    assert is_new.sum() == len(made) - 4
    old, now, anew = map(scores, (before, renewed, fit(tonight, library.features, options())))
    # What is liked since last night counts at once, as if all had been learned anew.
    assert (now[is_new] > np.quantile(now, 0.8)).all()
    assert old[is_new].mean() < np.quantile(old, 0.8)
    assert np.corrcoef(now, anew)[0, 1] > 0.9
    # It was not changed itself.
    np.testing.assert_array_equal(scores(before), old)


def test_news_are_counted_from_when_the_forests_were_grown(library, planted):
    history, _ = planted

    def with_hearts(n):
        """Return a night on which she has marked so many of her plays."""
        return library.history("anna", history.played, np.arange(len(history.played)) < n)

    ids = library.features.movie_ids
    learned = learn(with_hearts(8), library.features, options())
    assert "8 liked movies" in learned.notice
    grown = learned.favorite.trees_
    learned = renew(learned, with_hearts(10), ids)
    assert learned.favorite.trees_ is grown
    # What she is told of goes by tonight's labels, and so does how much her taste counts.
    assert f"10 liked movies and {len(history.played) - 10} others" in learned.notice
    assert f"{learned.favorite.listed_trust_:.0%}" in learned.notice
    # Two more again: little beside last night's, much beside those the forests were grown on.
    assert renew(learned, with_hearts(12), ids) is None


@pytest.mark.parametrize("is_liked", [True, False])
def test_news_are_those_of_the_rarer_class(library, planted, is_liked):
    history, _ = planted

    def marked(n):
        some = np.arange(len(history.played)) < n
        return library.history("anna", history.played, some if is_liked else ~some)

    ids = library.features.movie_ids
    learned = learn(marked(10), library.features, options())
    assert renew(learned, marked(11), ids) is not None
    assert renew(learned, marked(9), ids) is not None
    assert renew(learned, marked(16), ids) is None
    assert renew(learned, marked(5), ids) is None


def test_she_is_told_how_far_the_list_goes_by_her_taste(library, planted):
    history, _ = planted
    few = library.history("anna", history.played, np.arange(len(history.played)) < 4)
    learned = fit(few, library.features, options())
    share = learned.favorite.listed_trust_
    assert 0 < share < 0.5
    assert f"your own taste counts for {share:.0%} in the list" in learned.notice
    much = fit(few, library.features, options(min_favorites=0.5))
    assert much.favorite.listed_trust_ > 0.5
    assert much.notice is None


def test_what_does_not_fit_tonight_is_learned_anew(library, planted):
    from dataclasses import replace

    history, _ = planted
    ids = library.features.movie_ids
    learned = learn(history, library.features, options())
    other = replace(library.features, columns=tuple(f"{c}s" for c in library.features.columns))
    moved = replace(learned, favorite=learned.favorite.detached())
    moved.favorite.set_params(features=InMemory(other))
    assert renew(moved, history, ids) is None
    nobody = library.history("cora", np.array([], dtype=int), [])
    assert renew(learned, nobody, ids) is None
    assert renew(learn(nobody, library.features, options()), history, ids) is None


def test_the_same_again(library, listed, planted):
    history, _ = planted
    one, two = (listed(history, learn(history, library.features, options()))[0] for _ in range(2))
    assert one.to_json() == two.to_json()


def test_models_that_were_stored_give_the_same_list(library, listed, planted):
    from dataclasses import replace

    history, _ = planted
    learned = learn(history, library.features, options())
    source = InMemory(library.features)
    stored = replace(
        learned,
        favorite=learned.favorite.detached().set_params(features=source),
        played=learned.played.detached().set_params(features=source),
    )
    assert listed(history, stored)[0].equals(listed(history, learned)[0])


def test_few_favourites_count_for_a_little(library, listed):
    theirs = np.flatnonzero(np.isin(library.director, [3, 4, 5]))
    played = theirs[::2]
    history = library.history("ben", played, np.arange(len(played)) < 3)
    learned = learn(history, library.features, options())
    assert learned.kind == "affinity"
    assert f"3 liked movies and {len(played) - 3} others" in learned.notice
    assert f"{learned.favorite.listed_trust_:.0%}" in learned.notice
    frame, _ = listed(history, learned)
    top = np.searchsorted(library.features.movie_ids, frame["movie_id"][:8].to_numpy(dtype=str))
    assert np.isin(top, theirs).mean() > 0.7


@pytest.mark.parametrize("liked", [False, True])
def test_one_class_leaves_the_list_to_plays_and_ratings(library, listed, liked):
    theirs = np.flatnonzero(np.isin(library.director, [3, 4, 5]))
    played = theirs[::2]
    history = library.history("ben", played, np.full(len(played), liked))
    learned = learn(history, library.features, options())
    assert learned.kind == "played-only"
    assert "tells nothing of what you like" in learned.notice
    assert learned.favorite is None
    assert learned.metrics == {}
    frame, meaning = listed(history, learned)
    assert "gets played" in meaning
    top = np.searchsorted(library.features.movie_ids, frame["movie_id"][:8].to_numpy(dtype=str))
    assert np.isin(top, theirs).mean() > 0.7
    rated = library.movies["community_rating"].to_numpy()
    left = theirs[1::2]
    scores = score_movies(learned, library.catalogue, left)
    assert np.corrcoef(scores, rated[left])[0, 1] > 0.2


@pytest.mark.parametrize("method", ["affinity", "seed", "with a pool"])
def test_nine_and_eleven_favourites_are_not_two_worlds(library, planted, histories, crowds, method):
    whole, _ = planted
    pool = None
    if method == "with a pool":
        method, pool = "affinity", learn_pool(library.catalogue, crowds(histories), histories, 42)
    vectors = (library.director[:, None] == np.arange(42)[None, :]).astype(float)
    favourites = np.random.default_rng(0).permutation(whole.played[whole.liked])

    def scores(n):
        history = library.history("anna", whole.played, np.isin(whole.played, favourites[:n]))
        few = QUICK if method == "affinity" else {"n_estimators": 15}
        learned = fit(
            history,
            library.features,
            options(method=method, params=few),
            vectors=vectors,
            pool=pool,
        )
        assert learned.kind == ("pooled" if pool else method)
        return score_movies(learned, library.catalogue, history.unplayed)

    of = {n: rankdata(scores(n)) for n in range(7, 15)}
    alike = {n: np.corrcoef(of[n], of[n + 1])[0, 1] for n in range(7, 14)}
    usual = np.mean([alike[n] for n in alike if n not in (9, 10)])
    assert min(alike[9], alike[10]) > usual - 0.05
    assert min(alike.values()) > 0.8


def test_a_favourite_not_played_teaches_taste(library):
    theirs = np.flatnonzero(library.director == 3)
    played = np.flatnonzero(np.isin(library.director, [8, 9, 10]))[::2]
    plain = library.history("ben", played, np.zeros(len(played), dtype=bool))
    favorite = np.isin(np.arange(len(library.movies)), theirs[:5])
    marked = library.history("ben", played, np.zeros(len(played), dtype=bool), is_favorite=favorite)
    before, after = (fit(h, library.features, options(min_favorites=0)) for h in (plain, marked))
    assert (before.kind, after.kind) == ("played-only", "affinity")
    everything = np.setdiff1d(plain.unplayed, theirs[:5])
    scores = [score_movies(m, library.catalogue, everything) for m in (before, after)]
    rank_of = [rankdata(s)[np.isin(everything, theirs)].mean() for s in scores]
    assert rank_of[1] > rank_of[0] + 40


def test_the_seeds_method(library, listed, planted):
    history, directors = planted
    vectors = (library.director[:, None] == np.arange(42)[None, :]).astype(float)
    learned = learn(
        history,
        library.features,
        options(method="seed", min_favorites=0, params={"n_estimators": 30, "min_samples_leaf": 2}),
        vectors=vectors,
    )
    assert (learned.kind, learned.played) == ("seed", None)
    frame, meaning = listed(history, learned)
    assert "original" in meaning
    assert frame["score"].between(0, 1).all()
    top = np.searchsorted(library.features.movie_ids, frame["movie_id"][:8].to_numpy(dtype=str))
    assert np.isin(library.director[top], directors).all()
    with pytest.raises(ValueError, match="vectors"):
        learn(history, library.features, options(method="seed"))
