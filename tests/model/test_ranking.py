from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jfdask.model.ranking import N_DIVERSE, candidates_of, diversified, likeness, rank

PARTS = [7, 19, 53, 111]  # of the one collection, in order


def candidates(library, played, **columns):
    history = library.history("anna", played, np.zeros(len(played), dtype=bool), **columns)
    return candidates_of(history, library.facts)


@pytest.mark.parametrize(
    ("played", "next_part"),
    [
        ([0], 7),
        ([7], 19),
        ([7, 19], 53),
        ([19, 53], 7),  # a first part that was left out comes before the rest
        ([7, 53], 19),
        ([7, 19, 53, 111], None),
    ],
)
def test_of_a_collection_only_the_next_unseen_part(library, played, next_part):
    found = np.intersect1d(candidates(library, played), PARTS).tolist()
    assert found == ([] if next_part is None else [next_part])


def test_parts_that_she_may_not_see_do_not_hold_back_the_rest(library):
    plays = library.plays(np.array([0]), np.array([False]))
    plays = plays[plays["movie_id"] != "m0007"]
    from jfdask.model.history import history_of

    history = history_of("anna", plays, library.features.movie_ids)
    found = candidates_of(history, library.facts)
    assert np.intersect1d(found, PARTS).tolist() == [19]
    assert 7 not in found


def test_what_is_played_or_begun_is_left_out(library):
    fraction = np.zeros(len(library.movies))
    fraction[[5, 7]] = 0.5
    found = candidates(library, [3, 4], position_fraction=fraction)
    assert np.intersect1d(found, [3, 4, 5]).size == 0
    # The first part is under way: neither it nor what comes after it.
    assert np.intersect1d(found, PARTS).size == 0
    assert len(found) == len(library.movies) - 3 - len(PARTS)


def test_what_was_rated_without_having_been_played_is_left_out(library):
    """Who rates a film has seen it, here or elsewhere; a heart may be a wish."""
    rating, favorite = np.full(len(library.movies), np.nan), np.zeros(len(library.movies), bool)
    rating[[9, 10, 12]] = 1.0, 10.0, 10.0
    favorite[[11, 12]] = True
    found = candidates(library, [3], rating=rating, is_favorite=favorite)
    assert np.intersect1d(found, [9, 10, 11, 12]).tolist() == [11, 12]


@pytest.mark.parametrize(
    "given", [{"rating": 1.0}, {"rating": 9.0}, {"position_fraction": 0.5, "abandoned": True}]
)
def test_a_part_that_was_judged_holds_none_back(library, given):
    is_first = np.arange(len(library.movies)) == PARTS[0]
    usual = {"rating": np.nan, "position_fraction": 0.0, "abandoned": False}
    columns = {name: np.where(is_first, value, usual[name]) for name, value in given.items()}
    found = candidates(library, [3], **columns)
    assert np.intersect1d(found, PARTS).tolist() == [PARTS[1]]


def test_a_favourite_not_played_may_be_recommended(library):
    favorite = np.isin(np.arange(len(library.movies)), [9])
    assert 9 in candidates(library, [3], is_favorite=favorite)


def test_order_is_by_score_then_by_id(library):
    positions = np.array([2, 5, 9, 30])
    scores = np.array([0.5, 0.7, 0.5, 0.5 + 1e-13])
    assert positions[by_score(library, positions, scores, library.facts)].tolist() == [5, 2, 9, 30]


def by_score(library, positions, scores, facts):
    return rank(library.catalogue, positions, scores, facts, 2, diversity=0.0)


def crowded(library):
    facts = replace(
        library.facts,
        collection_ids=np.where(np.arange(420) < 30, "c1", "").astype(object),
        collection_order=np.full(420, np.nan),
    )
    positions = np.arange(60)
    return facts, positions, -positions.astype(float)


def test_at_most_two_of_a_collection_in_the_first_ten(library):
    facts, positions, scores = crowded(library)
    order = by_score(library, positions, scores, facts)
    assert order[:10].tolist() == [0, 1, *range(30, 38)]
    # The rest keep the order of their scores, and nobody is lost.
    assert order[10:].tolist() == [*range(2, 30), *range(38, 60)]


def test_a_list_too_short_to_avoid_them_holds_all(library):
    facts, positions, scores = crowded(library)
    assert by_score(library, positions[:5], scores[:5], facts).tolist() == [0, 1, 2, 3, 4]
    assert by_score(library, positions[:0], scores[:0], facts).tolist() == []


def test_movies_of_one_director_do_not_stand_in_a_row(library):
    theirs = np.flatnonzero(library.director == 3)[:6]
    others = np.flatnonzero(library.director != 3)[:60]
    best = np.r_[theirs, others]
    scores = np.linspace(1, 0.4, len(best))
    plain = diversified(library.catalogue, best, scores, 0.0)
    assert plain.tolist() == list(range(len(best)))
    mixed = diversified(library.catalogue, best, scores, 0.6)
    assert mixed[0] == 0
    assert sorted(mixed.tolist()) == plain.tolist()
    n_first = [np.isin(best[order[:6]], theirs).sum() for order in (plain, mixed)]
    assert n_first[0] == 6
    assert n_first[1] <= 3


def test_each_place_is_the_best_of_what_is_left_by_the_formula(library):
    best, diversity = np.arange(40), 0.4
    scores = np.random.default_rng(0).random(40)
    scores = np.sort(scores)[::-1]
    catalogue = library.catalogue
    kernel = (catalogue.kernel_tokens[best] @ catalogue.kernel_tokens[best].T).toarray()
    kernel += 0.6 * (catalogue.text[best] @ catalogue.text[best].T).toarray()
    cosine = kernel / np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
    relevance = (scores - scores[-1]) / (scores[0] - scores[-1])
    expected = [0]
    while len(expected) < 40:
        left = np.setdiff1d(best, expected)
        worth = (1 - diversity) * relevance[left] - diversity * cosine[left][:, expected].max(
            axis=1
        )
        expected.append(int(left[np.argmax(worth)]))
    assert diversified(catalogue, best, scores, diversity).tolist() == expected


def test_diversity_leaves_the_rest_of_a_long_list_alone(library):
    positions = np.arange(len(library.movies))
    scores = np.random.default_rng(1).random(len(positions))
    facts = replace(library.facts, collection_ids=np.full(420, "", dtype=object))
    plain, mixed = (
        rank(library.catalogue, positions, scores, facts, 2, diversity) for diversity in (0.0, 0.9)
    )
    assert plain[:20].tolist() != mixed[:20].tolist()
    assert plain[N_DIVERSE:].tolist() == mixed[N_DIVERSE:].tolist()
    assert sorted(mixed.tolist()) == positions.tolist()


def test_equal_scores_keep_their_order(library):
    order = diversified(library.catalogue, np.arange(9), np.full(9, 0.5), 0.9)
    assert order.tolist() == list(range(9))
    assert diversified(library.catalogue, np.arange(0), np.empty(0), 0.9).tolist() == []


def test_all_films_of_a_collection_that_is_no_series_are_candidates(library):
    facts = replace(library.facts, collection_order=np.full(420, np.nan))
    found = candidates_of(library.history("anna", [7], [False]), facts)
    assert np.intersect1d(found, [7, 19, 53, 111]).tolist() == [19, 53, 111]


def test_movies_without_metadata_are_like_nothing(library):
    catalogue = library.catalogue
    bare = np.ones(420)
    bare[[0, 1]] = 0.0
    nothing = replace(
        catalogue,
        kernel_tokens=csr_matrix(catalogue.kernel_tokens.multiply(bare[:, None])),
        text=csr_matrix(catalogue.text.multiply(bare[:, None])),
    )
    best = np.arange(12)
    assert np.isfinite(likeness(nothing, best)).all()
    order = diversified(nothing, best, np.linspace(1, 0.4, 12), 0.2)
    assert order[:2].tolist() == [0, 1]
    assert sorted(order.tolist()) == best.tolist()


def test_rounding_makes_no_other_order(library):
    catalogue = library.catalogue
    unlike = replace(
        catalogue, kernel_tokens=catalogue.kernel_tokens * 0.0, text=catalogue.text * 0.0
    )
    scores = np.array([1.0, 0.5, 0.5 + 1e-13, 0.0])
    assert diversified(unlike, np.arange(4), scores, 0.2).tolist() == [0, 1, 2, 3]
