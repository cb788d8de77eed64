import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import logit

from jfdask.model.contributions import favorite_parts
from jfdask.model.crowd import Member, crowds_of
from jfdask.model.others import learn_pool
from jfdask.model.parts import Parts
from jfdask.model.personal import LearnOptions, fit
from jfdask.model.personal_list import EXPLAINED, recommend, score_movies
from jfdask.model.reasons import evidence_of, explain

from .conftest import plant, plant_cause


def reasons_of(library, history, candidates, n=3):
    """Reasons as of a model that cannot say what moved its scores."""
    evidence = evidence_of(library.catalogue, history)
    return explain(library.catalogue, library.facts, evidence, np.asarray(candidates), n)


def first_reasons(cause, pool=None):
    """Yield the group of each recommended movie, and its first reason; all must be true."""
    library, options = cause.library, LearnOptions(params={"n_estimators": 40})
    learned = fit(cause.history, library.features, options, pool=pool)
    frame, _ = recommend(learned, cause.history, library.features, library.facts)
    frame = frame[:EXPLAINED]
    positions = np.searchsorted(library.features.movie_ids, frame["movie_id"].to_numpy(dtype=str))
    for position, reasons, kinds in zip(
        positions, frame["reasons"], frame["reason_kinds"], strict=True
    ):
        for kind, text in zip(kinds, reasons, strict=True):
            check_sentence(library, cause.history, position, kind, text)
        yield cause.group[position], reasons[0], kinds[0]


def names_cause(cause, kind, group, text, told):
    """Tell whether a movie's first reason is the planted one."""
    if kind == "similar":
        film = re.match("Because you liked (.+?): ", text)
        return bool(film) and film[1] in cause.library.facts.titles[cause.group == group]
    return told == kind and f"Beloved {group}" in text


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["director", "actor", "genre", "collection", "similar"])
def test_the_planted_cause_is_named_first(planting_cause, kind, noise):
    named = total = 0
    for seed in range(2):
        cause = planting_cause(kind, seed, noise)
        for group, text, told in first_reasons(cause):
            if group >= 0:
                total += 1
                named += names_cause(cause, kind, group, text, told)
    # Of a collection only the next part is in the list.
    assert total >= (8 if kind == "collection" else 32)
    assert named / total >= 0.95


def someone_alike(cause, user_id, seed):
    """Return somebody who likes two of the things that have been planted, and nothing else."""
    rng = np.random.default_rng(seed)
    things = np.unique(cause.group[cause.group >= 0])
    loved = np.flatnonzero(np.isin(cause.group, rng.permutation(things)[:2]))
    others = np.setdiff1d(np.arange(len(cause.group)), loved)
    played = np.sort(np.r_[rng.permutation(loved)[:12], rng.choice(others, 56, replace=False)])
    return cause.library.history(user_id, played, np.isin(played, loved))


def pool_beside(cause, *more):
    """Return what people teach of whom half like things of a kind, and half directors."""
    library = cause.library
    people = [someone_alike(cause, f"u{i:02}", i) for i in range(15)]
    people += [*(plant(library, f"v{i:02}", i)[0] for i in range(15)), *more]
    members = [Member(h.user_id, h.played, h.liked) for h in people]
    crowds = crowds_of(members, library.catalogue.n_movies)
    return learn_pool(library.catalogue, crowds, people, 42)


@pytest.mark.parametrize("kind", ["director", "actor", "genre", "collection", "similar"])
def test_the_planted_cause_is_named_first_by_what_many_taught(kind):
    """Half of the pool goes by directors: what she goes by is hers all the same."""
    named = total = 0
    for seed, noise, is_in_pool in ((1, 0.0, True), (2, 0.1, False)):
        cause = plant_cause(kind, seed, noise)
        pool = pool_beside(cause, *[cause.history] * is_in_pool)
        for group, text, told in first_reasons(cause, pool=pool):
            if group >= 0:
                total += 1
                named += names_cause(cause, kind, group, text, told)
    assert total >= (8 if kind == "collection" else 32)
    assert named / total >= 0.95


@pytest.mark.parametrize("kind", ["director", "actor", "genre", "collection", "similar"])
def test_what_is_told_has_moved_the_pools_score(kind):
    """Had she not seen what is planted, its movies would lose more than others do."""
    cause = plant_cause(kind, 1)
    library, history = cause.library, cause.history
    pool, group = pool_beside(cause), cause.group[cause.history.unplayed]

    def log_odds(hers):
        learned = fit(hers, library.features, LearnOptions(), pool=pool)
        return logit(score_movies(learned, library.catalogue, history.unplayed))

    before = log_odds(history)
    for one in np.unique(group[group >= 0]):
        lost = before - log_odds(history.without(cause.group[history.played] == one))
        assert lost[group == one].mean() > lost[group < 0].mean() + 0.5


def test_the_planted_cause_is_named_first_without_parts(library, planting):
    named = total = 0
    for seed in range(10):
        history, directors = planting(f"user{seed}", seed)
        loved = history.unplayed[np.isin(library.director[history.unplayed], directors)]
        found = reasons_of(library, history, loved)
        for position, reasons in zip(loved, found, strict=True):
            total += 1
            name = f"Name of d{library.director[position]:03}"
            named += reasons[0].kind == "director" and name in reasons[0].text
    assert total >= 100
    assert named / total >= 0.95


def members(library, kind, name):
    """Tell, from the table alone, which movies have a token."""
    movies = library.movies
    if kind in ("director", "actor"):
        wanted = {"director": "Director", "actor": "Actor"}[kind]
        return np.array(
            [
                any(n == name and t == wanted for n, t in zip(*people, strict=True))
                for people in zip(movies["person_names"], movies["person_types"], strict=True)
            ]
        )
    if kind == "decade":
        return (movies["production_year"] // 10 * 10 == float(name)).to_numpy()
    if kind == "collection":
        return (movies["collection_name"] == name).to_numpy()
    column = {"genre": "genres", "studio": "studio_names"}[kind]
    return np.array([name in own for own in movies[column]])


SENTENCES = {
    "director": "Directed by (.+?)",
    "actor": "With (.+?)",
    "collection": "Part of (.+?)",
    "studio": "From (.+?)",
    "decade": "From the (.+?)s",
    "genre": "(.+?)",
}


def check_sentence(library, history, position, kind, text):
    """Check a reason by her history and the table alone; return whether it counts, or None."""
    if kind not in SENTENCES:
        return None
    liked = np.isin(np.arange(len(library.movies)), history.played[history.liked])
    seen = np.isin(np.arange(len(library.movies)), history.played)
    start = SENTENCES[kind]
    of = "(?:all )?(\\d+)(?: of the (\\d+))?"
    counted = text.replace("liked both you", "liked all 2 you")
    some = re.fullmatch(f"{start}: you liked {of} you have seen(, more than usual)?.", counted)
    one = re.fullmatch(f"{start}, like (.+), which you liked.*", text)
    has = members(library, kind, (some or one)[1])
    assert has[position], text
    if some:
        assert (liked & has).sum() == int(some[2])
        assert (seen & has).sum() == int(some[3] or some[2])
        assert bool(some[4]) == (2 * (liked & has).sum() < (seen & has).sum())
        assert not some[4] or (liked & has).sum() / (seen & has).sum() > liked.sum() / seen.sum()
    else:
        assert library.facts.titles[np.flatnonzero(liked & has)].tolist() == [one[2]]
        assert (seen & has).sum() == 1
    return bool(some)


def test_every_sentence_is_true(library, planted):
    history, _ = planted
    checked = set()
    found = reasons_of(library, history, history.unplayed)
    for position, reasons in zip(history.unplayed, found, strict=True):
        assert 1 <= len(reasons) <= 3
        for reason in reasons:
            counts = check_sentence(library, history, position, reason.kind, reason.text)
            if counts is not None:
                checked.add((reason.kind, counts))
    assert {k for k, _ in checked} >= {"director", "actor", "studio", "genre", "decade"}
    assert ("director", True) in checked
    assert any(not counts for _, counts in checked)


def test_every_sentence_is_true_of_more_plays_than_are_learned_from(library, planted, monkeypatch):
    monkeypatch.setattr("jfdask.model.history.MOST_PLAYS", 40)
    history, _ = planted
    learned = fit(history, library.features, LearnOptions(params={"n_estimators": 10}))
    assert len(learned.favorite.movie_ids_) == 40 < len(history.played)
    frame, _ = recommend(learned, history, library.features, library.facts)
    positions = np.searchsorted(library.features.movie_ids, frame["movie_id"].to_numpy(dtype=str))
    told = zip(positions, frame["reason_kinds"], frame["reasons"], strict=True)
    counted = [
        check_sentence(library, history, position, kind, text)
        for position, kinds, reasons in told
        for kind, text in zip(kinds, reasons, strict=True)
    ]
    assert counted.count(True) > 50


def test_texts_are_called_alike_only_with_words_that_both_have(library, planted):
    history, _ = planted
    liked_titles = set(library.facts.titles[history.played[history.liked]])
    n_found = 0
    for position, reasons in zip(
        history.unplayed, reasons_of(library, history, history.unplayed, n=9), strict=True
    ):
        for reason in (r for r in reasons if r.kind == "similar"):
            title = re.match("Because you liked (.+): both", reason.text)[1]
            assert title in liked_titles
            play = library.facts.titles.tolist().index(title)
            for word in re.findall("'(.+?)'", reason.text):
                for movie in (position, play):
                    text = f"{library.movies['name'][movie]} {library.movies['overview'][movie]}"
                    assert word in text.lower()
                n_found += 1
    assert n_found > 0


def test_watching_again_is_not_told_as_liking(library, planted):
    history, _ = planted
    count = np.zeros(len(library.movies))
    count[history.played[history.liked]] = 2.0
    again = library.history(
        "anna", history.played, np.zeros(len(history.played), dtype=bool), play_count=count
    )
    assert again.liked.tolist() == history.liked.tolist()
    hearts = reasons_of(library, history, history.unplayed, n=9)
    shown = reasons_of(library, again, again.unplayed, n=9)
    told = {r.text for reasons in shown for r in reasons}
    assert not [text for text in told if "which you liked" in text or ("you liked " in text
                and "liked or watched again" not in text)]  # fmt: skip
    assert [text for text in told if ", which you watched again." in text]
    assert [text for text in told if text.startswith("Because you watched ") and " again: " in text]
    assert len(hearts) == len(shown)


def test_each_kind_once_and_the_weightiest_first(library, planted):
    history, _ = planted
    for reasons in reasons_of(library, history, history.unplayed):
        kinds = [r.kind for r in reasons]
        assert len(set(kinds)) == len(kinds)
        weights = [r.weight for r in reasons]
        assert weights == sorted(weights, reverse=True)


def test_at_most_as_many_as_asked_for(library, planted):
    history, _ = planted
    found = reasons_of(library, history, history.unplayed, n=1)
    assert {len(r) for r in found} == {1}
    three = reasons_of(library, history, history.unplayed, n=3)
    assert [r[0] for r in three] == [r[0] for r in found]


def test_a_favourite_not_played_says_so_first(library):
    favorite = np.isin(np.arange(len(library.movies)), [9, 3, 4])
    history = library.history("a", [3, 4, 5], [True, True, False], is_favorite=favorite)
    reasons = reasons_of(library, history, [9])[0]
    assert reasons[0].kind == "favorite"


def test_without_favourites_plays_alone_are_told(library):
    theirs = np.flatnonzero(library.director == 3)
    played = np.sort(np.r_[theirs[:5], 100, 200, 300])
    history = library.history("a", played, np.zeros(len(played), dtype=bool))
    reasons = reasons_of(library, history, theirs[5:])
    seen = int((library.director[played] == 3).sum())
    for found in reasons:
        assert found[0].text == f"Directed by Name of d003: you have seen {seen} of those."
        assert all("favourite" not in r.text and "liked" not in r.text for r in found)


def test_when_nothing_personal_holds_it_says_so(library):
    history = library.history("a", [3, 4], [False, False])
    genres = {g for p in (3, 4) for g in library.movies["genres"][p]}
    strangers = [
        p
        for p in history.unplayed
        if not genres & set(library.movies["genres"][p])
        and not {library.director[3], library.director[4]} & {library.director[p]}
    ]
    texts = [r[0].text for r in reasons_of(library, history, strangers)]
    general = [t for t in texts if t.startswith(("Well rated", "Little in your history"))]
    assert len(general) > len(texts) / 2
    rating = library.movies["community_rating"]
    for position, text in zip(strangers, texts, strict=True):
        if text.startswith("Well rated"):
            assert rating[position] >= rating.median()
            assert f"{rating[position]:.1f}" in text


@pytest.mark.parametrize(("rating", "rest"), [(1.0, "; rated 1.0 of 10."), (np.nan, ".")])
def test_what_speaks_against_a_movie_is_not_passed_off_as_nothing(library, rating, rest):
    theirs = np.flatnonzero(library.director == 3)
    others = np.setdiff1d(np.arange(200, 300), theirs)
    played = np.sort(np.r_[theirs[:-2], others])
    history = library.history("a", played, np.isin(played, others[:5]))
    ratings = np.where(library.director == 3, rating, 5.0)
    facts = replace(library.facts, community_rating=ratings)
    evidence, nothing = evidence_of(library.catalogue, history), parts_of(library, 2, 0.0)
    found = explain(library.catalogue, facts, evidence, theirs[-2:], 3, nothing)
    assert [r[0].text for r in found] == [f"Little in your history speaks for it{rest}"] * 2


def parts_of(library, n, rating):
    nothing = np.zeros(n)
    tokens = csr_matrix((n, library.catalogue.tokens.shape[1]))
    return Parts(0.0, tokens, nothing, np.full(n, rating), nothing)


def test_a_rating_that_moved_most_is_told_last(library, planted):
    history, directors = planted
    ratings = library.facts.community_rating
    loved = np.isin(library.director, directors) & (ratings > np.median(ratings))
    candidates = np.intersect1d(history.unplayed, np.flatnonzero(loved))
    evidence = evidence_of(library.catalogue, history)
    learned = fit(history, library.features, LearnOptions(params={"n_estimators": 10}))
    parts = favorite_parts(library.catalogue, learned.favorite, candidates)
    high = replace(parts, rating=np.full(len(candidates), 99.0))
    low = replace(parts, rating=np.full(len(candidates), 1e-9))
    for n in (1, 2, 3):
        some = [
            explain(library.catalogue, library.facts, evidence, candidates, n, p)
            for p in (high, low)
        ]
        for with_rating, without in zip(*some, strict=True):
            assert with_rating[0] == without[0]
            assert "rating" not in [r.kind for r in without]
            if n > 1:
                assert with_rating[-1].kind == "rating"
                assert with_rating[-1].text.startswith("Well rated: ")
            assert len(with_rating) <= n


def test_nothing_is_told_that_moved_nothing(library, planted):
    history, _ = planted
    evidence = evidence_of(library.catalogue, history)
    parts = parts_of(library, len(history.unplayed), 0.0)
    found = explain(library.catalogue, library.facts, evidence, history.unplayed, 3, parts)
    assert {r.kind for reasons in found for r in reasons} <= {"general", "rating"}


def test_what_hardly_moved_the_score_is_not_told_beside_what_did(library, planted):
    history, _ = planted
    for reasons in reasons_of(library, history, history.unplayed, n=9):
        assert min(r.weight for r in reasons) >= 0.1 * max(r.weight for r in reasons)
