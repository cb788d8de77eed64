import numpy as np


def test_a_history_is_positions(library):
    n = len(library.movies)
    fraction = np.zeros(n)
    fraction[[3, 5, 6]] = 0.4, 0.6, np.nan
    favorite = np.isin(np.arange(n), [3, 9])
    history = library.history(
        "anna", [3, 4], [True, False], position_fraction=fraction, is_favorite=favorite
    )
    assert history.played.tolist() == [3, 4]
    assert history.liked.tolist() == [True, False]
    assert history.n_liked == 1
    assert history.in_progress.tolist() == [5, 6]  # 3 is being seen again
    assert history.favorite_unplayed.tolist() == [9]
    assert history.item_ids[3] == "m0003-copy"
    assert len(history.unplayed) == n - 2
    # What she marked or began was not left alone.
    assert np.setdiff1d(history.unplayed, history.left).tolist() == [5, 6, 9]


def test_what_was_rated_well_elsewhere_was_not_left_alone(library):
    rating = np.full(len(library.movies), np.nan)
    rating[[4, 5, 9]] = 9.0, 9.0, 2.0
    history = library.history("anna", [3, 4], [True, False], rating=rating)
    assert history.rated_up.tolist() == [5]
    assert np.setdiff1d(history.unplayed, history.left).tolist() == [5]


def test_what_the_catalogue_lacks_is_left_out(library):
    from jfdask.model.history import history_of

    plays = library.plays(np.array([3, 4]), np.array([True, False]))
    fewer = np.delete(library.features.movie_ids, [0, 3])
    history = history_of("anna", plays.sample(frac=1, random_state=0), fewer)
    assert fewer[history.played].tolist() == ["m0004"]
    assert len(history.visible) == len(fewer)


def test_hidden_plays_are_as_if_not_played(library):
    history = library.history("anna", [3, 4, 8], [True, False, True])
    seen = history.without(np.array([True, False, False]))
    assert seen.played.tolist() == [4, 8]
    assert seen.liked.tolist() == [False, True]
    assert 3 in seen.unplayed


def test_likes_are_graded_and_unplayed_movies_have_labels_too(library):
    n = len(library.movies)
    rating, count = np.full(n, np.nan), np.zeros(n)
    rating[[4, 5, 9]] = 2.0, 8.0, 2.0
    count[[3, 4, 5]] = 2.0, 1.0, 1.0
    history = library.history(
        "anna",
        [3, 4, 5],
        [False, False, False],
        rating=rating,
        play_count=count,
        is_favorite=np.isin(np.arange(n), [7]),
        abandoned=np.isin(np.arange(n), [11]),
    )
    assert history.played.tolist() == [3, 4, 5]
    assert history.liked.tolist() == [True, False, True]
    taste = history.taste
    assert taste.positions.tolist() == [3, 4, 5, 7, 9, 11]
    assert taste.liked.tolist() == [True, False, True, True, False, False]
    # What is hidden is not known; what was said of others still is.
    seen = history.without(np.array([True, False, False]))
    assert seen.taste.positions.tolist() == [4, 5, 7, 9, 11]
    assert seen.liked.tolist() == [False, True]


def test_of_too_many_plays_some_are_kept_liked_ones_first(library):
    ids = library.features.movie_ids
    played, liked = np.arange(20), np.isin(np.arange(20), [2, 5, 11])
    history = library.history("anna", played.tolist(), liked.tolist())
    assert history.at_most(20, ids) is history
    kept = history.at_most(8, ids)
    assert len(kept.played) == len(kept.labels.positions) == 8
    assert kept.played[kept.liked].tolist() == [2, 5, 11]
    assert kept.unplayed.tolist() == history.unplayed.tolist()
    assert kept.item_ids[np.searchsorted(kept.visible, 11)] == "m0011-copy"
    # One play more moves at most one other out.
    more = library.history("anna", list(range(21)), [*liked.tolist(), False]).at_most(8, ids)
    assert len(np.setdiff1d(kept.played, more.played)) <= 1


def test_hearts_of_what_was_not_played_count_as_labels(library):
    ids = library.features.movie_ids
    hearts = np.arange(len(ids)) < 60
    history = library.history("anna", list(range(20)), [True] * 10 + [False] * 10)
    many = library.history(
        "anna", list(range(20)), [True] * 10 + [False] * 10,
        is_favorite=hearts & ~np.isin(np.arange(len(ids)), np.arange(10, 20)),
    )  # fmt: skip
    kept = many.at_most(20, ids)
    assert kept.played.tolist() == history.played.tolist()
    assert kept.visible.tolist() == many.visible.tolist()
    assert len(kept.taste.positions) == 20
    assert kept.taste.liked.sum() == 10
    assert np.isin(np.arange(10, 20), kept.taste.positions).all()


def test_what_was_rated_well_elsewhere_is_never_taken_for_left_alone(library):
    ids = library.features.movie_ids
    rating = np.full(len(ids), np.nan)
    rating[20:120] = 9.0
    history = library.history("anna", list(range(20)), [True] * 10 + [False] * 10, rating=rating)
    kept = history.at_most(40, ids)
    assert len(kept.taste.positions) == 40
    assert kept.left.tolist() == history.left.tolist()


def test_both_kinds_of_plays_stay(library):
    ids = library.features.movie_ids
    liked = np.arange(20) >= 2
    kept = library.history("anna", list(range(20)), liked.tolist()).at_most(8, ids)
    assert kept.played[~kept.liked].tolist() == [0, 1]
    assert len(kept.played) == 8
    half = library.history("anna", list(range(20)), (np.arange(20) < 10).tolist()).at_most(8, ids)
    assert half.n_liked == 4
    assert len(half.played) == 8


def test_which_plays_are_learned_from_is_drawn_for_each_person(library):
    ids = library.features.movie_ids
    kept = [
        library.history(name, list(range(60)), [False] * 60).at_most(10, ids).played.tolist()
        for name in ("anna", "ben")
    ]
    assert kept[0] != kept[1]
