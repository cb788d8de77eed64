import json
import pickle
from collections import Counter

import numpy as np
import pytest

from jfdask.demo.household import demo_household
from jfdask.demo.process import start_demo
from jfdask.errors import LockHeld, MissingArtifact, SettingsError
from jfdask.model.personal_list import EXPLAINED
from jfdask.stages import night
from jfdask.stages.files import STAGE_NAMES
from jfdask.stages.lists import figures_of, finished_unit, list_of, lists_of_run
from jfdask.stages.night import run_stages
from jfdask.stages.units import Selection
from jfdask.store.keys import person
from jfdask.store.lock import hold_lock
from jfdask.store.runs import latest_run, list_runs
from jfdask.store.verify import verify_run
from jfdask.tables import MOVIES, PLAYS, RECOMMENDATIONS

pytestmark = [pytest.mark.cluster, pytest.mark.server]

HOUSEHOLD = demo_household()


def lists(nights, run_id=None):
    run_id = run_id or latest_run(nights.store)
    return {one.name: one.document for one in lists_of_run(nights.store, run_id)}


def unit(nights, stage, run_id=None):
    return finished_unit(nights.store, run_id or latest_run(nights.store), stage, "home")


def said_of(name):
    """Return the movies that somebody marked or rated without having played them."""
    user = HOUSEHOLD.user(name)
    plays = HOUSEHOLD.plays[user.user_id]
    return [
        movie
        for movie in HOUSEHOLD.movies
        if (play := plays.get(movie.item_id))
        and not play.played
        and (play.is_favorite or play.rating is not None)
    ]


def asking_for_people(requests):
    return [r for r in requests if "People" in r["query"].get("fields", "")]


class TestFirstNight:
    def test_a_run_is_whole_and_read(self, finished):
        store = finished.store
        run_id = latest_run(store)
        assert verify_run(store, run_id) == []
        assert finished.told.stages == list(STAGE_NAMES)
        kinds = {kind for _, kind in finished.told.counts}
        assert {"pages", "people of movies", "movies", "people", "fits of candidates"} <= kinds
        assert all(done == total for done, total in finished.told.counts.values())

    def test_everybody_who_is_not_disabled_has_a_list(self, finished):
        wanted = {u.name for u in HOUSEHOLD.users if not u.is_disabled}
        assert set(lists(finished)) == wanted

    @pytest.mark.parametrize("name", ["ingrid", "marco", "lea", "tom"])
    def test_the_planted_liking_comes_out_on_top(self, finished, name):
        taste = HOUSEHOLD.planted_taste(name)
        score = {movie.item_id: taste.score(movie) for movie in HOUSEHOLD.movies}
        found = [score[row["item_id"]] for row in lists(finished)[name]["recommendations"]]
        unplayed = [taste.score(movie) for movie in HOUSEHOLD.unplayed(name)]
        assert np.mean(found[:10]) > np.quantile(unplayed, 0.8)
        assert np.corrcoef(found, -np.arange(len(found)))[0, 1] > 0.5

    def test_only_what_may_be_seen_and_was_not_played_or_begun(self, finished):
        for name, document in lists(finished).items():
            user = HOUSEHOLD.user(name)
            items = {item.item_id: item for item in HOUSEHOLD.movies}
            for row in document["recommendations"]:
                play = HOUSEHOLD.play(user.user_id, row["item_id"])
                assert HOUSEHOLD.may_see(user, items[row["item_id"]])
                assert not play.played
                assert not play.position_ticks

    def test_ranks_reasons_and_collections(self, finished):
        for document in lists(finished).values():
            rows = document["recommendations"]
            assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
            assert all(1 <= len(row["reasons"]) <= 3 for row in rows[:EXPLAINED])
            assert not any(row["reasons"] for row in rows[EXPLAINED:])
            assert len({row["movie_id"] for row in rows}) == len(rows)
            assert document["score_meaning"]
        movies = unit(finished, "fetch").table("movies.parquet", MOVIES)
        box = dict(zip(movies["movie_id"], movies["collection_id"], strict=True))
        for document in lists(finished).values():
            ten = Counter(box[row["movie_id"]] for row in document["recommendations"][:10])
            assert all(n <= 2 for c, n in ten.items() if isinstance(c, str))

    def test_nobody_is_named_in_somebody_elses_list(self, finished):
        names = {user.name for user in HOUSEHOLD.users}
        for name, document in lists(finished).items():
            told = json.dumps(document["recommendations"]).casefold()
            others = {other for other in names - {name} if len(other) > 3}
            assert not [o for o in others if f'"{o}"' in told or f" {o} " in told]

    def test_the_newcomer_is_told_so_and_gets_well_rated_ones(self, finished):
        document = lists(finished)["newcomer"]
        assert document["kind"] == "newcomer"
        assert "0 movies played" in document["notice"]
        assert len(document["recommendations"]) > 100

    def test_the_table_and_the_document_are_the_same_list(self, finished):
        found = list_of(finished.store, "lea")
        frame = unit(finished, "recommend").table(
            person(found.user_id, "recommendations.parquet"), RECOMMENDATIONS
        )
        rows = found.document["recommendations"]
        assert list(frame["movie_id"]) == [row["movie_id"] for row in rows]
        assert [list(r) for r in frame["reasons"]] == [row["reasons"] for row in rows]

    def test_probabilities_stand_beside_the_movies_and_are_measured(self, finished):
        trained = unit(finished, "train")
        n_plays = 0
        for document in lists(finished).values():
            told = [row["p_favorite"] for row in document["recommendations"]]
            name = person(document["user_id"], "reliability.json")
            if document["kind"] != "affinity":
                assert set(told) == {None}
                assert name not in trained.manifest.files
                continue
            # None for those alone of which she has said what she thinks.
            favorites = {m.item_id for m in said_of(document["name"])}
            rows = document["recommendations"]
            untold = {row["item_id"] for row in rows if row["p_favorite"] is None}
            assert untold == favorites & {row["item_id"] for row in rows}
            assert all(0 < p < 1 for p in told if p is not None)
            measured = trained.json(name)
            n_plays += measured["n"]
            assert sum(b["n"] for b in measured["bins"]) == measured["n"] > 20
        everybody = trained.manifest.summary["calibration"]
        assert everybody["n"] == n_plays > 0
        assert 0 < everybody["error"] < 0.3

    def test_the_models_are_better_than_both_rules(self, finished):
        for name in ("ingrid", "marco", "lea"):
            figures = figures_of(finished.store, list_of(finished.store, name))
            auc = {m: f["auc"] for m, f in figures["metrics"]["out_of_fold"].items()}
            assert auc["model"] > max(auc["always_true"], auc["community_rating"])

    def test_the_key_is_nowhere_in_the_store(self, finished, demo):
        store = finished.store
        assert not [k for k in store.list() if demo.api_key.encode() in store.read(k)]
        assert demo.api_key not in repr(finished.settings)
        assert demo.api_key.encode() not in pickle.dumps(finished.settings)


class TestNightAfter:
    def test_nothing_changed_nothing_done_again(self, finished, night_after, demo):
        before = latest_run(finished.store)
        demo.order("log", method="DELETE")
        summary = night_after.run()
        assert summary.exit_code == 0
        assert latest_run(night_after.store) == summary.run_id != before
        for stage in ("featurize", "train", "recommend"):
            assert summary.reports[stage]["home"].reused
        assert lists(night_after) == lists(finished)
        asked = demo.order("log?requests=true", method="GET")["requests"]
        assert asked
        assert not asking_for_people(asked)

    def test_a_play_is_learned_from_and_only_changed_people_are_learned_again(
        self, finished, own_demo, night_after, tmp_path
    ):
        nights = night_after.at(own_demo, tmp_path)
        wish = lists(finished)["lea"]["recommendations"][0]
        own_demo.order("plays", user="lea", item=wish["item_id"], played=True, play_count=1)
        summary = nights.run()
        assert summary.exit_code == 0
        assert summary.reports["featurize"]["home"].reused
        assert not summary.reports["train"]["home"].reused
        tonight = lists(nights)
        assert wish["movie_id"] not in [r["movie_id"] for r in tonight["lea"]["recommendations"]]
        for name in ("ingrid", "marco", "tom", "newcomer"):
            assert tonight[name] == lists(finished)[name]

    def test_a_new_movie_and_a_removed_one(self, finished, own_demo, night_after, tmp_path):
        nights = night_after.at(own_demo, tmp_path)
        gone = lists(finished)["tom"]["recommendations"][0]["item_id"]
        own_demo.order(f"items/{gone}", method="DELETE")
        movie = own_demo.order(
            "items", name="Brand New", genres=["Animation"], year=2026, certificate="G",
            folder_id=next(m.folder_id for m in HOUSEHOLD.movies if m.item_id == gone),
        )  # fmt: skip
        own_demo.order("log", method="DELETE")
        summary = nights.run()
        assert summary.exit_code == 0, summary.problems
        ids = [row["item_id"] for row in lists(nights)["tom"]["recommendations"]]
        assert gone not in ids
        assert movie["Id"] in ids
        asked = own_demo.order("log?requests=true", method="GET")["requests"]
        assert [r["query"]["ids"] for r in asking_for_people(asked)] == [movie["Id"]]

    def test_a_library_of_which_much_is_missing(self, finished, own_demo, night_after, tmp_path):
        nights = night_after.at(own_demo, tmp_path)
        for movie in HOUSEHOLD.movies[: len(HOUSEHOLD.movies) // 2]:
            own_demo.order(f"items/{movie.item_id}", method="DELETE")
        summary = nights.run()
        assert summary.exit_code == 3
        assert "Yesterday's result is kept" in summary.problems[0]
        assert lists(nights) == lists(finished)
        assert verify_run(nights.store, summary.run_id) == []
        # The next night still compares with the last good one.
        assert nights.run().exit_code == 3
        meant = nights.run(accept_loss=True)
        assert meant.exit_code == 0, meant.problems
        assert lists(nights) != lists(finished)
        assert nights.run().exit_code == 0


class TestResuming:
    def test_a_night_broken_off_goes_on_where_it_was(
        self, finished, night_after, own_demo, tmp_path, monkeypatch
    ):
        nights = night_after.at(own_demo, tmp_path)
        own_demo.order("plays", user="lea", item=HOUSEHOLD.movies[0].item_id, play_count=9)

        def stop(*_args, **_kwargs):
            raise KeyboardInterrupt

        before = latest_run(nights.store)
        with monkeypatch.context() as patch:
            patch.setattr(night.recommend, "run", stop)
            with pytest.raises(KeyboardInterrupt):
                nights.run()
        assert latest_run(nights.store) == before
        [broken_off] = [r.run_id for r in list_runs(nights.store) if not r.is_finished]
        own_demo.order("log", method="DELETE")
        summary = nights.run()
        assert summary.run_id == broken_off == latest_run(nights.store)
        assert summary.exit_code == 0
        assert own_demo.order("log?requests=true", method="GET")["requests"] == []
        assert summary.reports["train"]["home"].reused

    def test_stages_one_by_one_are_the_night(self, finished, night_after):
        last = latest_run(night_after.store)
        runs = [night_after.run(stage).run_id for stage in STAGE_NAMES]
        assert len(set(runs)) == 1
        assert latest_run(night_after.store) == runs[0] != last
        assert lists(night_after) == lists(finished)

    def test_a_stage_alone_goes_on_from_the_finished_night(self, finished, night_after):
        summary = night_after.run("recommend", recommend={"reasons": 1})
        assert summary.exit_code == 0
        assert not summary.reports["recommend"]["home"].reused
        rows = lists(night_after)["tom"]["recommendations"]
        assert all(len(row["reasons"]) == 1 for row in rows)
        assert verify_run(night_after.store, summary.run_id) == []

    def test_what_an_earlier_run_had_read_is_no_reading_of_tonight(
        self, finished, night_after, demo
    ):
        night_after.run("train", train={"search": "off"})
        demo.order("log", method="DELETE")
        assert night_after.run().exit_code == 0
        assert demo.order("log", method="GET")["counts"]

    def test_a_stage_on_what_does_not_fit_together(self, finished, night_after):
        for stage in ("fetch", "featurize", "train"):
            night_after.run(stage)
        night_after.run("featurize", features={"n_components": 3})
        with pytest.raises(MissingArtifact, match="Run first: jfdask train"):
            night_after.run("recommend")

    def test_a_model_of_another_library_is_not_asked(self, finished, night_after):
        """Somebody whose model was not learned again keeps her list, and is told of."""
        fewer = {"text_dimensions": 16}
        for stage in ("fetch", "featurize", "pool"):
            night_after.run(stage, features=fewer)
        settings = night_after.settings.model_copy(
            update={"features": night_after.settings.features.model_copy(update=fewer)}
        )
        lea = Selection(users=("lea",))
        run_stages(settings, ["train"], night_after.told, selection=lea)
        summary = run_stages(settings, ["recommend"], night_after.told)
        assert summary.exit_code == 3
        assert len(summary.problems) == len(lists(finished)) - 1
        assert all("Run: jfdask train" in problem for problem in summary.problems)
        before, now = lists(finished), lists(night_after)
        assert now.keys() == before.keys()
        assert not any("'lea'" in problem for problem in summary.problems)
        for name in before.keys() - {"lea"}:
            assert now[name]["recommendations"] == before[name]["recommendations"]

    def test_a_model_of_before_that_is_damaged_is_trained_again(self, finished, night_after):
        store, last = night_after.store, latest_run(night_after.store)
        for key in store.list(f"runs/{last}/train/home/people"):
            if key.endswith("favorite.skops"):
                store.write(key, b"broken")
        summary = night_after.run()
        assert summary.exit_code == 0, summary.problems
        assert lists(night_after) == lists(finished)

    def test_a_stage_without_the_one_before(self, finished, tmp_path):
        store = finished.settings.store.model_copy(update={"url": str(tmp_path / "empty")})
        settings = finished.settings.model_copy(update={"store": store})
        with pytest.raises(MissingArtifact, match="jfdask fetch"):
            run_stages(settings, ["train"], finished.told)


class TestSeveralHouseholds:
    def test_households_on_one_server_share_its_requests(self, finished, tmp_path):
        with start_demo(people_seconds_per_movie=0, latency=True) as slow:
            nights = finished.at(slow, tmp_path)
            [home] = nights.settings.households
            twins = tuple(home.model_copy(update={"name": f"home{i}"}) for i in range(3))
            store = nights.settings.store.model_copy(update={"url": str(tmp_path / "twins")})
            update = {"households": twins, "store": store}
            nights.settings = nights.settings.model_copy(update=update)
            slow.order("log", "DELETE")
            summary = nights.run("fetch", fetch={"requests_in_flight": 1})
            assert {r.status for r in summary.reports["fetch"].values()} == {"done"}
            assert slow.order("log", "GET")["max_in_flight"] == 1


class TestFailures:
    def test_one_household_that_fails_stops_nobody_else(self, finished, night_after):
        [home] = finished.settings.households
        away = home.model_copy(update={"name": "away", "url": "http://127.0.0.1:9"})
        night_after.settings = night_after.settings.model_copy(update={"households": (home, away)})
        summary = night_after.run(fetch={"startup_seconds": 0.0, "attempts": 1})
        assert summary.exit_code == 3
        assert summary.reports["recommend"]["away"].status == "failed"
        assert any("away" in problem for problem in summary.problems)
        assert lists(night_after) == lists(finished)

    def test_a_server_that_is_gone_leaves_yesterdays_list(self, finished, night_after):
        [home] = finished.settings.households
        gone = home.model_copy(update={"url": "http://127.0.0.1:9"})
        night_after.settings = night_after.settings.model_copy(update={"households": (gone,)})
        summary = night_after.run(fetch={"startup_seconds": 0.0, "attempts": 1})
        assert summary.exit_code == 3
        assert summary.reports["recommend"]["home"].status == "kept"
        assert lists(night_after) == lists(finished)

    def test_the_first_night_fails(self, finished, tmp_path):
        [home] = finished.settings.households
        gone = home.model_copy(update={"url": "http://127.0.0.1:9"})
        store = finished.settings.store.model_copy(update={"url": str(tmp_path)})
        settings = finished.settings.model_copy(update={"households": (gone,), "store": store})
        fetch = settings.fetch.model_copy(update={"startup_seconds": 0.0, "attempts": 1})
        settings = settings.model_copy(update={"fetch": fetch})
        summary = run_stages(settings, STAGE_NAMES, finished.told)
        assert summary.exit_code == 1
        assert not summary.is_latest
        assert latest_run(type(finished)(settings).store) is None

    def test_another_night_holds_the_lock(self, finished, night_after):
        with (
            hold_lock(night_after.store, "another night", 60),
            pytest.raises(LockHeld, match="another night"),
        ):
            night_after.run()

    def test_no_household_and_a_grid_that_cannot_be_searched(self, finished):
        nothing = finished.settings.model_copy(update={"households": ()})
        with pytest.raises(SettingsError, match="No household"):
            run_stages(nothing, STAGE_NAMES, finished.told)
        with pytest.raises(SettingsError, match="no_such_parameter"):
            finished.run(train={"search": {"no_such_parameter": (1,)}})

    def test_a_user_who_is_not_there(self, finished, night_after):
        [home] = finished.settings.households
        wrong = home.model_copy(update={"users": ("nobody",)})
        night_after.settings = night_after.settings.model_copy(update={"households": (wrong,)})
        summary = night_after.run()
        assert summary.exit_code == 3
        assert "knows no user 'nobody'" in summary.problems[0]


class TestMethods:
    @pytest.mark.parametrize("search", ["off", {"max_depth": (3, 5), "min_samples_leaf": (2,)}])
    def test_the_method_seed(self, finished, night_after, search):
        summary = night_after.run(train={"method": "seed", "search": search})
        assert summary.exit_code == 0, summary.problems
        found = list_of(night_after.store, "marco")
        assert found.document["kind"] == "seed"
        assert all(0 <= row["score"] <= 1 for row in found.document["recommendations"])
        longest = max(
            int(unit(night_after, "fetch").table(name, PLAYS)["played"].sum())
            for name in unit(night_after, "fetch").names("people/")
            if name.endswith("plays.parquet")
        )
        assert summary.reports["featurize"]["home"].summary["n_components"] <= longest

    def test_a_search_of_each_persons_own(self, finished, night_after):
        grid = {"min_samples_leaf": (3, 12)}
        summary = night_after.run(train={"search": grid, "search_per": "person"})
        assert summary.exit_code == 0, summary.problems
        assert summary.reports["train"]["home"].summary["search"]["searched"] == 8
        # What was found is kept.
        again = night_after.run(
            train={"search": grid, "search_per": "person"}, recommend={"reasons": 2}
        )
        assert again.reports["train"]["home"].reused


def test_a_stage_that_is_run_too_early_says_which_one_is_missing(finished, tmp_path):
    store = finished.settings.store.model_copy(update={"url": str(tmp_path / "store")})
    nights = type(finished)(finished.settings.model_copy(update={"store": store}))
    assert nights.run("fetch").exit_code == 0
    with pytest.raises(MissingArtifact, match="stage featurize has not been done"):
        nights.run("train")
