"""Whole pretrainings, on a copy of the finished night's store."""

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from jfdask.errors import DamagedArtifact, DumpError, LockHeld, MissingArtifact
from jfdask.model.catalogue import catalogue_of
from jfdask.model.history import History
from jfdask.model.metrics import area_under_curve
from jfdask.model.sampling import LIKED
from jfdask.stages.files import CHOICE, METRICS
from jfdask.stages.household import features
from jfdask.stages.lists import finished_unit, lists_of_run
from jfdask.stages.places import Place
from jfdask.stages.pools import PRIOR, find_pool, read_pool
from jfdask.stages.pretrain import pretrain
from jfdask.stages.pretrain.workplace import Workplace
from jfdask.store.keys import MANIFEST, join
from jfdask.store.lock import hold_lock
from jfdask.store.runs import latest_run

from ...invented import N_PEOPLE, zipped

pytestmark = [pytest.mark.cluster, pytest.mark.server]


def scores(pool, catalogue, history):
    """Return P(played) and P(favourite) of what somebody has not played, by the trees."""
    others = pool.of(history.user_id)
    rows = others.rows(catalogue, history.played, history.liked, history.unplayed)
    return others.model.played(rows), others.model.favorite(rows)


@pytest.fixture(scope="session")
def pretrained(finished, invented, tmp_path_factory):
    """Nights with a prior, on two workers from a folder; and what came of it."""
    folder = tmp_path_factory.mktemp("pretrained")
    nights = finished.copy(folder)
    return nights, pretrain(nights.settings, invented.write_csv(folder), nights.told)


def prior_of(nights):
    return {key: nights.store.read(key) for key in nights.store.list(PRIOR)}


def test_what_came_of_it_is_told(pretrained, invented):
    nights, made = pretrained
    n_films = len(invented.movies)
    assert made.common == {"home": n_films}
    assert made.home == "home"
    assert not made.is_as_before
    told = {"dump": "ml-invented", "household": "home", "n_ratings": len(invented.ratings)}
    told |= {"n_people": N_PEOPLE, "n_taken": N_PEOPLE, "n_trained": N_PEOPLE, "n_films": n_films}
    assert {k: v for k, v in made.summary.items() if k != "made_of"} == told
    assert find_pool(nights.store, PRIOR).summary == made.summary
    counts = nights.told.counts
    assert counts["ml-invented", "people"] == (N_PEOPLE, N_PEOPLE)
    assert counts["ml-invented", "crowds"] == (6, 6)
    assert counts["ml-invented", "MB"][0] == counts["ml-invented", "MB"][1]


def test_a_planted_taste_is_found_for_somebody_new(pretrained, invented):
    nights, _ = pretrained
    pool = read_pool(nights.store, PRIOR).over(invented.movies, outside=True)
    catalogue = catalogue_of(
        features(Place(nights.store.address, latest_run(nights.store), "home"))
    )
    loved = np.array([invented.loved[0] in genres for genres in invented.movies["genres"]])
    played = np.sort(np.r_[np.flatnonzero(loved)[:12], np.flatnonzero(~loved)[:12]])
    everything, none = np.arange(len(loved)), np.empty(0, dtype=np.int64)
    given = (played, loved[played], everything, catalogue.movie_ids, none, none)
    history = History("somebody new", *given)
    by_play, by_favorite = scores(pool, catalogue, history)
    assert area_under_curve(loved[history.unplayed], by_favorite) > 0.9
    assert area_under_curve(loved[history.unplayed], by_play) > 0.6


def test_it_is_the_prior_that_is_measured(pretrained, invented, monkeypatch):
    """What workers learn in parts is what quality.py learns of the same people."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    from quality_bench import ours, people

    nights, _ = pretrained
    place = Place(nights.store.address, latest_run(nights.store), "home")
    catalogue, random_state = catalogue_of(features(place)), nights.settings.train.random_state
    dump = []
    for user_id, rated in invented.ratings.groupby("userId"):
        position = rated["movieId"].to_numpy() - 1
        order = np.argsort(position)
        liked = rated["rating"].to_numpy()[order] >= LIKED
        given = (str(user_id), position[order], liked, catalogue.movie_ids)
        dump.append(people.whole_history(*given))
    world = SimpleNamespace(catalogue=catalogue, kept=lambda _, learn: learn())
    measured = ours._prior(world, dump, dump, "", random_state)
    made = read_pool(nights.store, PRIOR).over(invented.movies, outside=True)
    played = np.arange(0, catalogue.n_movies, 5)
    somebody = people.whole_history("somebody new", played, played % 2 == 0, catalogue.movie_ids)
    found = [scores(pool, catalogue, somebody) for pool in (measured, made)]
    np.testing.assert_allclose(*found, atol=1e-6)


def test_nobody_of_the_dump_is_kept(pretrained):
    nights, _ = pretrained
    assert nights.store.list("pretrain") == []
    pool = read_pool(nights.store, PRIOR)
    assert pool.crowds is None
    assert pool.everybody.n_people == N_PEOPLE
    assert set(nights.store.children()) == {"latest", "prior", "runs", "state"}


def test_one_worker_and_a_zip_file_give_the_same_bytes(pretrained, night_after, tmp_path, invented):
    nights, _ = pretrained
    dump = zipped(invented.write_csv(tmp_path))
    local = night_after.settings.cluster.model_copy(update={"address": "local", "workers": 1})
    settings = night_after.settings.model_copy(update={"cluster": local})
    pretrain(settings, dump, night_after.told)
    assert prior_of(night_after) == prior_of(nights)


def test_the_same_again_is_there_already(pretrained, invented, tmp_path):
    nights, made = pretrained
    before = prior_of(nights)
    again = pretrain(nights.settings, invented.write_csv(tmp_path), nights.told)
    assert again.is_as_before
    assert again.summary == made.summary
    assert prior_of(nights) == before


class Stopped(BaseException):
    pass


def stopping_at(told, kind):
    """Return progress that is stopped like by a signal when some of a kind are done."""

    class Stopping(type(told)):
        def advance(self, household, kind_, done, total):
            if kind_ == kind and done > total // 2:
                raise Stopped

    return Stopping()


def made_at(nights):
    root = Path(nights.settings.store.url)
    return {str(p.relative_to(root)): p.stat().st_mtime_ns for p in root.glob("pretrain/*/*.*")}


def test_killed_as_it_ended_it_leaves_nothing(pretrained, invented, night_after, tmp_path):
    dump = invented.write_dat(tmp_path)  # titles and years, no ids
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workplace, "remove", Mock(side_effect=Stopped))
        with pytest.raises(Stopped):
            pretrain(night_after.settings, dump, night_after.told)
    assert night_after.store.list("pretrain")
    made = pretrain(night_after.settings, dump, night_after.told)
    assert made.is_as_before
    assert not night_after.store.list("pretrain")
    assert made.summary["n_trained"] == N_PEOPLE
    assert made.common["home"] > 0.95 * len(invented.movies)


def test_a_prior_that_is_damaged_or_newer_is_told_of_and_not_used(pretrained, tmp_path, caplog):
    nights = pretrained[0].copy(tmp_path)
    key = join(PRIOR, MANIFEST)
    manifest = nights.store.read(key)
    [crowd] = [n for n in nights.store.children(PRIOR) if n.startswith("crowd")]
    nights.store.write(join(PRIOR, crowd), b"not what was written")
    for text in (manifest, manifest.replace(b'"schema":1,', b'"schema":99,')):
        nights.store.write(key, text)
        summary = nights.run("pool", "train", "recommend")
        assert summary.exit_code == 3
        assert all("The prior cannot be used" in problem for problem in summary.problems)
        assert ("written by a newer jfdask" in caplog.text) == (text != manifest)
        assert len(list(lists_of_run(nights.store, summary.run_id))) > 0


def test_what_was_broken_off_goes_on(pretrained, invented, night_after, tmp_path):
    dump = invented.write_csv(tmp_path)
    with pytest.raises(Stopped):
        pretrain(night_after.settings, dump, stopping_at(night_after.told, "people"))
    assert find_pool(night_after.store, PRIOR) is None
    before, after = made_at(night_after), {}
    assert any("rows-" in name for name in before)

    class Looking(type(night_after.told)):
        def advance(self, household, kind, done, total):
            after.update(made_at(night_after))

    pretrain(night_after.settings, dump, Looking())
    kept = {name for name in before if not name.endswith("films.parquet")}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert len(after) > len(before)
    assert prior_of(night_after) == prior_of(pretrained[0])


def test_what_is_damaged_half_way_is_removed(invented, night_after, tmp_path):
    dump, store = invented.write_csv(tmp_path), night_after.store
    with pytest.raises(Stopped):
        pretrain(night_after.settings, dump, stopping_at(night_after.told, "people"))
    rows = [key for key in store.list("pretrain") if "rows-" in key]
    store.write(rows[0], b"PAR1, but not whole")
    with pytest.raises(DamagedArtifact):
        pretrain(night_after.settings, dump, night_after.told)
    assert store.list("pretrain") == []


def test_a_bad_line_costs_nothing_but_itself(pretrained, invented, tmp_path):
    nights, _ = pretrained
    before = prior_of(nights)
    dump = invented.write_csv(tmp_path)
    lines = (dump / "ratings.csv").read_text().splitlines()
    lines[4000] = "7,eight,4.0,1"
    (dump / "ratings.csv").write_text("\n".join(lines))
    with pytest.raises(DumpError, match=r"ratings\.csv, line 4001: '7,eight,4.0,1' is no rating"):
        pretrain(nights.settings, dump, nights.told)
    assert prior_of(nights) == before
    assert nights.store.list("pretrain") == []
    assert not nights.store.exists("lock")


def test_few_people_are_no_crowd(invented, night_after, tmp_path):
    dump = invented.write_csv(tmp_path)
    few = invented.ratings[invented.ratings["userId"] < 30]
    few.to_csv(dump / "ratings.csv", index=False)
    with pytest.raises(DumpError, match="of 29 people, of whom 29 rated"):
        pretrain(night_after.settings, dump, night_after.told)


def test_people_who_rated_little_of_the_library(invented, night_after, tmp_path):
    dump = invented.write_csv(tmp_path)
    few = invented.ratings[invented.ratings["timestamp"] < 1_000_015]
    few.to_csv(dump / "ratings.csv", index=False)
    with pytest.raises(DumpError, match="Only 0 of 120 people of the dump rated 20 films"):
        pretrain(night_after.settings, dump, night_after.told)


def test_a_night_at_work_is_not_disturbed(invented, night_after, tmp_path):
    dump = invented.write_csv(tmp_path)
    with hold_lock(night_after.store, "jfdask run", 60), pytest.raises(LockHeld):
        pretrain(night_after.settings, dump, night_after.told)


def test_without_features_there_is_nothing_to_learn_over(invented, finished, tmp_path):
    store = finished.settings.store.model_copy(update={"url": str(tmp_path / "empty")})
    settings = finished.settings.model_copy(update={"store": store})
    with pytest.raises(MissingArtifact, match="jfdask fetch, jfdask featurize"):
        pretrain(settings, invented.write_csv(tmp_path), finished.told)


def test_from_then_on_every_night_uses_it(pretrained, tmp_path):
    nights = pretrained[0].copy(tmp_path)
    summary = nights.run("pool", "train", "recommend")
    assert summary.exit_code == 0, summary.problems
    run_id = latest_run(nights.store)
    choice = finished_unit(nights.store, run_id, "pool", "home").json(CHOICE)
    assert choice["prefix"] == PRIOR
    assert choice["outside"]
    trained = finished_unit(nights.store, run_id, "train", "home")
    kinds = {
        trained.json(name)["kind"] for name in trained.names("people/") if name.endswith(METRICS)
    }
    assert "pooled" in kinds
    assert "affinity" not in kinds
