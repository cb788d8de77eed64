import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jfdask.errors import DamagedArtifact, MissingArtifact, NewerArtifact
from jfdask.features.matrix import LABEL_FREE_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.model.catalogue import catalogue_of
from jfdask.model.crowd import Member, crowd_of, crowds_of
from jfdask.model.films import films_of
from jfdask.model.history import History
from jfdask.model.others import Pool
from jfdask.model.pooled import PooledModel, training_rows_of
from jfdask.settings import StoreSettings
from jfdask.stages import pools
from jfdask.stages.pools import (
    PRIOR,
    StoredPool,
    crowd_at,
    find_pool,
    newly_there,
    prior_summary,
    read_pool,
    write_pool,
)
from jfdask.store.filesystem import address_of, open_store
from jfdask.tables import MOVIES

N_MOVIES, N_PEOPLE = 160, 40
EMPTY = {
    c.name: [] if str(c.type).startswith("list") else None
    for c in MOVIES.columns
    if str(c.type).startswith(("list", "timestamp"))
}
GENRES = ("Action", "Comedy", "Drama", "War")


def scores(pool, catalogue, history):
    """Return P(played) and P(favourite) of what somebody has not played, by the trees."""
    others = pool.of(history.user_id)
    rows = others.rows(catalogue, history.played, history.liked, history.unplayed)
    return others.model.played(rows), others.model.favorite(rows)


@pytest.fixture
def store(tmp_path):
    return open_store(address_of(StoreSettings(url=str(tmp_path))))


@pytest.fixture(scope="module")
def movies():
    rng = np.random.default_rng(0)
    return MOVIES.frame(
        [
            {
                **EMPTY,
                "movie_id": f"m{i:03}",
                "film_id": f"tmdb:{i}",
                "tmdb_id": str(i),
                "name": f"Title {i}",
                "genres": [GENRES[i % 4]],
                "production_year": float(rng.integers(1970, 2024)),
                "community_rating": float(rng.uniform(3, 9)),
                "first_in_collection": False,
                "in_collection": False,
            }
            for i in range(N_MOVIES)
        ]
    )


@pytest.fixture(scope="module")
def catalogue(movies):
    fitted = fit_blocks(movies, None, LABEL_FREE_BLOCKS)
    ids = movies["movie_id"].to_numpy(dtype=str)
    return catalogue_of(FeatureMatrix(ids, fitted.transform(movies), fitted.columns))


@pytest.fixture(scope="module")
def histories(catalogue):
    rng = np.random.default_rng(1)
    found = []
    for i in range(N_PEOPLE):
        played = np.sort(rng.choice(N_MOVIES, 40, replace=False))
        empty = np.empty(0, dtype=np.int64)
        everything = np.arange(N_MOVIES)
        given = (played, played % 4 == i % 4, everything, catalogue.movie_ids, empty, empty)
        found.append(History(f"u{i:02}", *given))
    return found


@pytest.fixture(scope="module")
def pool(catalogue, histories):
    members = [Member(h.user_id, h.played, h.liked) for h in histories]
    crowds = crowds_of(members, N_MOVIES)
    rows = [training_rows_of(catalogue, crowds.of(h.user_id), h, 42) for h in histories]
    return Pool(PooledModel({"max_iter": 20}, {"max_iter": 20}).fit(rows), crowds)


@pytest.fixture(scope="module")
def stored(pool, histories, movies):
    members = [Member(h.user_id, h.played, h.liked) for h in histories]
    everybody = crowd_of(members, N_MOVIES)
    return StoredPool(pool.model, films_of(movies), pool.crowds, everybody, {"n": 1})


def test_the_films_are_in_the_order_of_their_ids(store, stored):
    write_pool(store, "some/where", stored)
    found = read_pool(store, "some/where")
    assert found.summary == {"n": 1}
    assert found.films["film_id"].tolist() == sorted(f"tmdb:{i}" for i in range(N_MOVIES))


@pytest.fixture(scope="module")
def over_films(stored, histories, movies):
    """The same pool with its crowds over the films in their own order."""
    row = {film: i for i, film in enumerate(stored.films["film_id"])}
    where = np.array([row[film] for film in movies["film_id"]])
    members = []
    for h in histories:
        order = np.argsort(where[h.played])
        members.append(Member(h.user_id, where[h.played][order], h.liked[order]))
    crowds, everybody = crowds_of(members, N_MOVIES), crowd_of(members, N_MOVIES)
    return StoredPool(stored.model, stored.films, crowds, everybody)


def test_scores_stay_the_same(store, over_films, pool, catalogue, histories, movies):
    write_pool(store, PRIOR, over_films)
    found = read_pool(store, PRIOR).over(movies, outside=False)
    for history in histories[:3]:
        expected = scores(pool, catalogue, history)
        np.testing.assert_allclose(scores(found, catalogue, history), expected, atol=1e-5)


def test_who_is_outside_gets_the_crowd_of_everybody(store, over_films, catalogue, movies):
    write_pool(store, PRIOR, over_films)
    pool = read_pool(store, PRIOR).over(movies, outside=True)
    assert isinstance(pool, Pool)
    assert {pool.crowds.of(user).n_people for user in "abcdefgh"} == {N_PEOPLE}
    inside = read_pool(store, PRIOR).over(movies, outside=False)
    assert inside.crowds.of("u00").n_people < N_PEOPLE


def test_a_movie_that_the_pool_does_not_know_has_no_counts(store, over_films, movies, catalogue):
    write_pool(store, PRIOR, over_films)
    other = movies.copy()
    other.loc[7, ["film_id", "tmdb_id", "name"]] = ["tmdb:9999", "9999", "Unheard of"]
    pool = read_pool(store, PRIOR).over(other, outside=True)
    crowd = pool.crowds.of("anybody")
    unknown = np.arange(N_MOVIES) == 7
    np.testing.assert_array_equal(np.isnan(crowd.n_plays), unknown)
    np.testing.assert_array_equal(np.isnan(crowd.n_likes), unknown)
    assert crowd.bias[7] == 0.0
    empty = np.empty(0, dtype=np.int64)
    played = np.array([3, 7, 11])
    history = History(
        "anna", played, np.array([True, True, False]), np.arange(N_MOVIES),
        catalogue.movie_ids, empty, empty,
    )  # fmt: skip
    assert np.isfinite(scores(pool, catalogue, history)).all()


def test_a_film_that_next_to_nobody_played_is_not_unheard_of(store, over_films, movies):
    rare = over_films.films.iloc[:1].assign(film_id="tmdb:10000", tmdb_id="10000", in_crowd=False)
    films = pd.concat([over_films.films, rare]).sort_values("film_id", ignore_index=True)
    write_pool(store, PRIOR, replace(over_films, films=films))
    other = movies.copy()
    other.loc[7, ["film_id", "tmdb_id"]] = ["tmdb:10000", "10000"]
    crowd = read_pool(store, PRIOR).over(other, outside=True).crowds.of("anybody")
    as_before = read_pool(store, PRIOR).over(movies, outside=True).crowds.of("anybody")
    assert crowd.n_plays[7] == crowd.bias[7] == 0.0
    np.testing.assert_array_equal(crowd.n_plays[8:], as_before.n_plays[8:])
    np.testing.assert_array_equal(
        crowd.factors["loved"].vectors[8:], as_before.factors["loved"].vectors[8:]
    )


def test_what_is_not_there_is_said(store, over_films, movies):
    with pytest.raises(MissingArtifact):
        read_pool(store, PRIOR)
    assert find_pool(store, PRIOR) is None
    alone = StoredPool(over_films.model, over_films.films, None, over_films.everybody)
    receipt = write_pool(store, PRIOR, alone)
    assert find_pool(store, PRIOR).sha256 == receipt["manifest.json"].sha256
    with pytest.raises(MissingArtifact, match="in it"):
        read_pool(store, PRIOR).over(movies, outside=False)


def test_a_pool_is_replaced_as_a_whole(store, over_films):
    first = write_pool(store, PRIOR, over_films)
    alone = StoredPool(over_films.model, over_films.films, None, over_films.everybody)
    second = write_pool(store, PRIOR, alone)
    assert store.children(PRIOR) == sorted(second)
    assert second.keys() - first.keys() == set()
    assert read_pool(store, PRIOR).crowds is None


def test_the_same_pool_gives_the_same_bytes(store, over_films):
    assert write_pool(store, "one", over_films) == write_pool(store, "two", over_films)


def test_a_groups_crowd_may_be_too_small(store, over_films, histories):
    few = [Member(h.user_id, h.played, h.liked) for h in histories[:5]]
    pool = StoredPool(over_films.model, over_films.films, crowds_of(few, N_MOVIES))
    write_pool(store, "few", pool)
    assert read_pool(store, "few").crowds.of_group == (None,) * 5


def test_nobody_likes_anything(store, over_films, histories):
    members = [Member(h.user_id, h.played, h.liked & False) for h in histories]
    pool = StoredPool(over_films.model, over_films.films, None, crowd_of(members, N_MOVIES))
    write_pool(store, "none", pool)
    found = read_pool(store, "none").everybody.factors["loved"]
    assert found.vectors.shape == (N_MOVIES, 0)


def test_a_damaged_prior_is_none(store, over_films):
    assert prior_summary(store) is None
    write_pool(store, PRIOR, replace(over_films, summary={"n": 2}))
    assert prior_summary(store) == {"n": 2}
    [films] = [name for name in store.children(PRIOR) if name.startswith("films")]
    store.delete(f"{PRIOR}/{films}")
    pools._load.cache_clear()
    assert prior_summary(store) is None


@pytest.mark.parametrize("stem", ["films", "crowd", "model"])
def test_damage_is_noticed(store, over_films, stem):
    write_pool(store, "bad", over_films)
    for name in store.children("bad"):
        if name.startswith(stem):
            store.write(f"bad/{name}", b"something else")
    with pytest.raises(DamagedArtifact, match=stem):
        read_pool(store, "bad")


@pytest.mark.parametrize("wrong", [{"files": None}, {"schema": None}, {"files": ["a"]}])
def test_a_manifest_of_other_types_is_none(store, over_films, wrong):
    write_pool(store, "pool", over_films)
    document = json.loads(store.read("pool/manifest.json"))
    store.write("pool/manifest.json", json.dumps({**document, **wrong}).encode())
    assert find_pool(store, "pool") is None
    with pytest.raises(DamagedArtifact, match="no manifest of a pool"):
        read_pool(store, "pool")


def test_another_document_or_a_newer_one_is_refused(store, over_films):
    write_pool(store, "pool", over_films)
    document = json.loads(store.read("pool/manifest.json"))
    store.write("pool/manifest.json", json.dumps({**document, "schema": 99}).encode())
    with pytest.raises(NewerArtifact, match="schema 99"):
        read_pool(store, "pool")
    store.write("pool/manifest.json", json.dumps({**document, "kind": "run"}).encode())
    with pytest.raises(DamagedArtifact, match="no manifest of a pool"):
        read_pool(store, "pool")


def test_what_nobody_has_had_time_for_is_not_unpopular(movies):
    came = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(N_MOVIES), unit="D")
    newest = newly_there(movies.assign(date_created=came - pd.Timedelta(days=90)))
    assert not newest.any()  # 60 of 160: filled within few days
    came = came.where(np.arange(N_MOVIES) >= N_MOVIES - 20, pd.NaT)
    new = newly_there(movies.assign(date_created=came))
    assert np.flatnonzero(new).tolist() == list(range(N_MOVIES - 20, N_MOVIES))

    often = np.array([3, N_MOVIES - 1])
    members = [Member(f"u{i}", often, np.array([True, True])) for i in range(9)]
    crowd, rows = crowd_of(members, N_MOVIES), np.arange(N_MOVIES)
    np.testing.assert_array_equal(crowd_at(crowd, rows).n_plays, crowd.n_plays)
    known = crowd_at(crowd, rows, new)
    is_unknown = np.isnan(known.n_plays)
    # What has been played as it is, is known; and so is what has been there for long.
    np.testing.assert_array_equal(is_unknown, new & (rows != N_MOVIES - 1))
    np.testing.assert_array_equal(np.isnan(known.n_likes), is_unknown)


def test_the_public_has_had_time_for_what_is_new_here(movies):
    dates = pd.Series(pd.NaT, index=movies.index).astype("datetime64[us]")
    dates.iloc[:5] = pd.Timestamp("2026-01-01")
    new = movies.assign(date_created=dates)
    films = films_of(new)
    members = [Member(f"u{i:02}", np.arange(10, 20), np.ones(10, bool)) for i in range(N_PEOPLE)]
    crowds = crowds_of(members, len(films))
    pool = StoredPool(PooledModel(), films, crowds, crowd_of(members, len(films)))
    assert np.isnan(pool.over(new, outside=False).of("u01").crowd.n_plays[:5]).all()
    assert not np.isnan(pool.over(new, outside=True).of("u01").crowd.n_plays).any()
