import io
import zipfile
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from jfdask.demo.process import start_demo
from jfdask.errors import DataError, MissingArtifact
from jfdask.model.catalogue import catalogue_of
from jfdask.model.crowd import FEWEST, N_GROUPS, Member, crowds_apart, crowds_of
from jfdask.model.others import learn_pool
from jfdask.model.pooled import PooledModel
from jfdask.settings import RecommendSettings, StoreSettings
from jfdask.stages import pool
from jfdask.stages.files import (
    CHOICE,
    FEATURIZE,
    FETCH,
    LEARNED,
    METRICS,
    MOVIES_TABLE,
    PLAYS_TABLE,
    POOL,
    TRAIN,
    USER,
)
from jfdask.stages.household import features, features_digest, history, pool_digest
from jfdask.stages.lists import finished_unit, lists_of_run
from jfdask.stages.places import Place
from jfdask.stages.pool import is_fresh, tasks
from jfdask.stages.pool.making import Making, of_plays
from jfdask.stages.pools import POOLS, find_pool, read_pool
from jfdask.stages.recommend.tasks import recommend_to
from jfdask.stages.unit_tasks import reader
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.keys import MANIFEST, join, person
from jfdask.store.runs import latest_run
from jfdask.store.tables import decode_arrow, encode_arrow
from jfdask.store.units import UnitWriter
from jfdask.tables import MOVIES, PLAYS

SETTINGS = {"random_state": 42, "code": "x"}
HOME = {"n_people": 30, "n_plays": 1000, "n_liked": 400, "n_films": 200, "who": "these"}
POOL_OF_HOME = {"settings": SETTINGS, "people": {"home": HOME}}

NOW = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({}, True),
        ({"n_plays": 1040}, True),
        ({"n_plays": 1060}, False),
        ({"n_films": 210}, True),
        ({"n_films": 211}, False),
        ({"who": "others"}, False),
    ],
)
def test_a_pool_stays_until_much_has_changed(change, stays):
    assert is_fresh(POOL_OF_HOME, SETTINGS, {"home": {**HOME, **change}}) is stays


def test_a_pool_is_of_these_households_and_this_code():
    assert not is_fresh(POOL_OF_HOME, {**SETTINGS, "code": "y"}, {"home": HOME})
    assert not is_fresh(POOL_OF_HOME, SETTINGS, {"home": HOME, "next door": HOME})
    assert not is_fresh({}, SETTINGS, {"home": HOME})


def test_a_group_is_left_out_by_the_names_of_the_files():
    names = ["plays-1-a.parquet", "plays-2-b.parquet", "left-1-a.parquet"]
    assert of_plays(names) == names[:2]
    assert of_plays(names, 1) == names[1:2]


def test_plays_of_a_film_count_by_whatever_id_a_household_knows_it(tmp_path):
    """One has Imdb ids alone of two films, and one of them twice."""
    store = open_store(address_of(StoreSettings(url=str(tmp_path))))
    ids = [("603", "tt133"), ("604", "tt134"), *((str(i), None) for i in range(8))]
    away = [*((None, imdb_id) for _, imdb_id in ids[:2]), ("604", None), *ids[2:]]
    places = [fetched_by_hand(store, "home", ids), fetched_by_hand(store, "away", away)]
    making = Making(store.address, "pools/made")
    tasks.make_crowds(making, places)
    made = making.read_crowds()
    of_film = dict(zip(made.films["film_id"], made.crowds.of_group[0].n_plays, strict=True))
    everybody = made.crowds.of_group[0].n_people
    assert of_film.keys() == {f"tmdb:{tmdb_id}" for tmdb_id, _ in ids}
    assert of_film["tmdb:603"] == of_film["tmdb:604"] == everybody > FEWEST


def fetched_by_hand(store, household, ids):
    """Write what was fetched of people who have played all films of these ids."""
    place = Place(store.address, "20260801T030000Z-0a1b2c", household)
    blank = {c.name: [] if pa.types.is_list(c.type) else None for c in MOVIES.columns}
    movies = [
        {
            **blank,
            "movie_id": f"m{i}",
            "film_id": f"tmdb:{tmdb_id}" if tmdb_id else f"imdb:{imdb_id}",
            "tmdb_id": tmdb_id,
            "imdb_id": imdb_id,
        }
        for i, (tmdb_id, imdb_id) in enumerate(ids)
    ]
    seen = {"played": True, "is_favorite": False, "position_fraction": 0.0, "abandoned": False}
    writer = UnitWriter(store, place.run_id, FETCH, household)
    writer.table(MOVIES_TABLE, MOVIES, MOVIES.frame(movies))
    blank = dict.fromkeys(c.name for c in PLAYS.columns)
    plays = [{**blank, **seen, "movie_id": f"m{i}", "item_id": f"m{i}"} for i in range(len(ids))]
    for number in range(FEWEST):
        name = person(f"{household}{number:02}", PLAYS_TABLE)
        writer.table(name, PLAYS, PLAYS.frame(plays))
    writer.close(inputs={}, settings={}, code_version="1", started=NOW, finished=NOW)
    return place


@pytest.mark.parametrize("learned", [{"pool": "another"}, {}])
def test_a_model_is_not_asked_with_another_pool_than_it_was_learned_with(tmp_path, learned):
    """Somebody whose model was kept, and a pool that came, went, or is another one."""
    store = open_store(address_of(StoreSettings(url=str(tmp_path))))
    place = Place(store.address, "20260801T030000Z-0a1b2c", "home")
    choice = {CHOICE: {"prefix": None, "sha256": "", "outside": False}}
    write_unit(place, FEATURIZE, {})
    write_unit(place, POOL, choice)
    document = {"features": features_digest(place), **learned}
    write_unit(place, TRAIN, {person("a1", LEARNED): document})
    write_unit(place, FETCH, {person("a1", USER): {"user_id": "a1", "name": "anna"}})
    [report] = recommend_to(place, ["a1"], ["a1"], RecommendSettings())
    assert report.problem.startswith("User 'anna': no list tonight: what was learned of her is of")
    # With tonight's it is asked: then figures are missing here.
    write_unit(place, TRAIN, {person("a1", LEARNED): {**document, "pool": pool_digest(place)}})
    [report] = recommend_to(place, ["a1"], ["a1"], RecommendSettings())
    assert METRICS in report.problem


def write_unit(place, stage, documents):
    writer = UnitWriter(place.store, place.run_id, stage, place.household)
    for name, document in documents.items():
        writer.json(name, document)
    writer.close(inputs={}, settings={}, code_version="1", started=NOW, finished=NOW)


@pytest.mark.cluster
@pytest.mark.server
def test_few_people_are_learned_of_alone(finished):
    run_id = latest_run(finished.store)
    choice = finished_unit(finished.store, run_id, POOL, "home").json(CHOICE)
    assert choice == {"prefix": None, "sha256": "", "outside": False}


@pytest.mark.cluster
@pytest.mark.server
def test_what_failed_is_told_and_costs_the_pool_alone(night_after, monkeypatch):
    """Also if the night before had none, and wanted none."""
    monkeypatch.setattr(pool, "FEWEST", 2)
    monkeypatch.setattr(pool, "_of_our_own", lambda *_: DataError("no room"))
    summary = night_after.run("pool", "train", "recommend")
    assert summary.exit_code == 3
    assert any("Nothing was learned of all people together" in p for p in summary.problems)
    assert set(kinds_of(night_after)) <= {"affinity", "played-only", "newcomer"}


@pytest.mark.cluster
@pytest.mark.server
@pytest.mark.timeout(900)
def test_a_night_of_many_people(finished, tmp_path):
    """Everybody is scored by what all teach; the next night finds it there."""
    n_people = FEWEST + 6  # so that there is a crowd outside of every group
    given = {"movies": 150, "people": n_people, "plays": 40}
    with start_demo(**given, latency=False, people_seconds_per_movie=0) as demo:
        nights = finished.at(demo, tmp_path)
        store = nights.settings.store.model_copy(update={"url": str(tmp_path / "store")})
        nights = type(nights)(nights.settings.model_copy(update={"store": store}))
        summary = nights.run()
        assert summary.exit_code == 0, summary.problems
        first = choice_of(nights)
        found = find_pool(nights.store, first["prefix"])
        assert found.sha256 == first["sha256"]
        assert not first["outside"]
        assert not nights.store.list("making")
        kinds = kinds_of(nights)
        assert len(kinds) == n_people
        assert set(kinds) == {"pooled"}
        stored = read_pool(nights.store, first["prefix"])
        assert len(stored.without_group) == len(stored.crowds.of_group)
        lists = list(lists_of_run(nights.store, summary.run_id))
        scores = [row["score"] for one in lists for row in one.document["recommendations"]]
        assert np.isfinite(scores).all()
        user_ids = [one.user_id.encode() for one in lists]
        for key in nights.store.list(POOLS):
            data = unpacked(nights.store.read(key))
            assert not any(user_id in data for user_id in user_ids), key

        as_it_is_measured(nights, summary.run_id, stored)
        taken_up_again(nights, summary.run_id, first["prefix"])
        assert nights.run().exit_code == 0
        assert choice_of(nights) == first
        damage_a_file(nights.copy(tmp_path / "damaged"), first)
        lose_a_file(nights, first["prefix"])
        alone = nights.run(train={"pool": False, "search": "off"})
        assert alone.exit_code == 0
        assert "pooled" not in kinds_of(nights)
        assert choice_of(nights)["prefix"] is None

        assert nights.run(train={"pool_candidates": 2}).exit_code == 0
        searched = choice_of(nights)
        assert searched["prefix"] != first["prefix"]
        found = find_pool(nights.store, searched["prefix"]).summary["search"]
        assert len(found["candidates"]) == len(found["auc"]) == 2
        assert nights.told.counts["all households", "fits of candidates"] == (10, 10)
        assert "search" not in stored.summary


def unpacked(data):
    """Return what a file says, its compression undone."""
    if data.startswith(b"PAR1"):
        table = decode_arrow(data, "a file")
        return repr((table.schema.metadata, table.to_pydict())).encode()
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as files:
            return b"".join(files.read(name) for name in files.namelist())
    return data


def test_packed_ids_are_found():
    table = encode_arrow(pa.table({"user": ["an id"] * 50}))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("schema.json", "an id " * 50)
    for data in (table, packed.getvalue(), b"an id"):
        assert b"an id" in unpacked(data)


def as_it_is_measured(nights, run_id, stored):
    """What workers learn in parts is what ``learn_pool`` does, which quality.py measures."""
    place, seed = Place(nights.store.address, run_id, "home"), nights.settings.train.random_state
    catalogue = catalogue_of(features(place))
    people = [history(place, user_id) for user_id in tasks.who_teaches(place)]
    members = [Member(h.user_id, h.played, h.liked) for h in people]
    crowds = crowds_of(members, catalogue.n_movies)
    whole = learn_pool(catalogue, crowds, people, seed, crowds_apart(members, catalogue.n_movies))
    parts = stored.over(reader(place, FETCH).table(MOVIES_TABLE, MOVIES), outside=False)
    for somebody in people[:4]:
        found = []
        for pool_ in (whole, parts):
            others = pool_.of(somebody.user_id)
            rows = others.rows(catalogue, somebody.played, somebody.liked, somebody.unplayed)
            unseen = pool_.unseen_of(somebody.user_id).model.favorite(rows)
            found.append([others.model.favorite(rows), others.model.played(rows), unseen])
        np.testing.assert_allclose(*found, atol=1e-6)


def taken_up_again(nights, run_id, prefix):
    """What is there of a pool is not made again, and the same pool comes out."""
    store, seed = nights.store, nights.settings.train.random_state
    place, making = Place(store.address, run_id, "home"), Making(store.address, "pools/again")
    ids = tasks.who_teaches(place)
    tasks.make_crowds(making, [place])
    names = []
    files = pool._files(ids)
    for some in files:
        names += tasks.make_rows(making, place, some, seed)
    rows = store.read(making.key(names[0]))
    store.write(making.key(names[0]), b"there")
    tasks.make_crowds(making, [place])
    tasks.make_rows(making, place, files[0], seed)
    assert store.read(making.key(names[0])) == b"there"
    store.write(making.key(names[0]), rows)
    for _ in range(2):
        tasks.fit_played(making, sorted(names), PooledModel(random_state=seed))
        for group in (None, *range(N_GROUPS)):
            tasks.fit_favorite(making, sorted(names), PooledModel(random_state=seed), group)
        # The second time round there is nothing left to read.
        store.write(making.key(names[0]), b"")
    published = tasks.publish(making, {})
    assert tasks.publish(making, {}) == published  # a worker that died before it could say so
    once, again = (
        {name for name in store.children(folder) if name != MANIFEST}
        for folder in (prefix, "pools/again")
    )
    assert again == once
    store.delete_all("pools/again")


def damage_a_file(nights, choice):
    """A pool that cannot be read is made again, in its place."""
    [films] = (n for n in nights.store.children(choice["prefix"]) if n.startswith("films-"))
    key = join(choice["prefix"], films)
    stored = nights.store.read(key)
    nights.store.write(key, b"not what was written")
    assert nights.run("pool", "train", "recommend").exit_code == 0
    assert choice_of(nights)["prefix"] == choice["prefix"]
    assert nights.store.read(key) == stored
    assert set(kinds_of(nights)) == {"pooled"}


def lose_a_file(nights, prefix):
    """A pool that is not whole is none, and so is another one than the night chose."""
    [model, *_] = (n for n in nights.store.children(prefix) if n.startswith("model-"))
    with pytest.raises(MissingArtifact, match="was replaced"):
        read_pool(nights.store, prefix, "another")
    nights.store.delete(f"{prefix}/{model}")
    assert find_pool(nights.store, prefix) is None


@pytest.mark.cluster
@pytest.mark.server
def test_a_choice_that_is_damaged_stops_no_night(night_after):
    store = night_after.store
    place = Place(store.address, latest_run(store), "home")
    assert tasks.chosen_before(place) is None
    unit = finished_unit(store, place.run_id, POOL, "home").manifest
    store.write(unit.key(CHOICE), b"not what was written")
    assert tasks.chosen_before(place) is None
    assert night_after.run().exit_code == 0


def choice_of(nights):
    return finished_unit(nights.store, latest_run(nights.store), POOL, "home").json(CHOICE)


def kinds_of(nights):
    run_id = latest_run(nights.store)
    trained = finished_unit(nights.store, run_id, "train", "home")
    ids = [one.user_id for one in lists_of_run(nights.store, run_id)]
    return [trained.json(person(user_id, METRICS))["kind"] for user_id in ids]
