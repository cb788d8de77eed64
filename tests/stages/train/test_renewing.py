from types import SimpleNamespace

import pandas as pd
import pytest

from jfdask.demo.household import demo_household
from jfdask.stages.files import FAVORITE, LEARNED, METRICS, RELIABILITY
from jfdask.stages.lists import finished_unit, lists_of_run
from jfdask.stages.places import Place
from jfdask.stages.train import renewing
from jfdask.store.address import StoreAddress
from jfdask.store.keys import person
from jfdask.store.runs import latest_run

pytestmark = [pytest.mark.cluster, pytest.mark.server]

HOUSEHOLD = demo_household()


def lea_of(nights):
    """Return what is stored of lea's model."""
    run_id = latest_run(nights.store)
    [user_id] = [one.user_id for one in lists_of_run(nights.store, run_id) if one.name == "lea"]
    trained = finished_unit(nights.store, run_id, "train", "home")
    learned = trained.json(person(user_id, LEARNED))
    model = trained.model(person(user_id, FAVORITE))
    figures = [trained.bytes(person(user_id, name)) for name in (METRICS, RELIABILITY)]
    return learned, model, figures


def play(demo, n):
    for movie in HOUSEHOLD.unplayed("lea")[:n]:
        demo.order("plays", user="lea", item=movie.item_id, played=True, play_count=1)


def test_forests_stay_until_much_has_changed(finished, own_demo, night_after, tmp_path):
    nights = night_after.at(own_demo, tmp_path)
    before, old, figures = lea_of(nights)
    play(own_demo, 2)
    assert nights.run().exit_code == 0
    learned, model, same_figures = lea_of(nights)
    assert learned["grown_on"] == before["grown_on"]
    assert learned["wanted"] != before["wanted"]
    assert model.trees_[0].nodes_.tobytes() == old.trees_[0].nodes_.tobytes()
    # One of them was a favourite not yet played, and known.
    assert len(model.movie_ids_) == len(old.movie_ids_) + 1
    assert same_figures == figures

    # Two and eight more of some 140: that is more than a twentieth since they were grown.
    play(own_demo, 10)
    assert nights.run().exit_code == 0
    learned, model, new_figures = lea_of(nights)
    assert learned["grown_on"] != before["grown_on"]
    assert model.trees_[0].nodes_.tobytes() != old.trees_[0].nodes_.tobytes()
    assert new_figures != figures


def test_forests_whose_night_is_pruned_are_grown_anew(finished, own_demo, night_after, tmp_path):
    nights = night_after.at(own_demo, tmp_path)
    first = lea_of(nights)[0]["grown_on"]
    play(own_demo, 1)
    nights.run(store={"keep": 1})
    assert lea_of(nights)[0]["grown_on"] == first
    play(own_demo, 2)
    nights.run(store={"keep": 1})
    assert lea_of(nights)[0]["grown_on"] != first


BLANK = {
    "played": False,
    "play_count": 0.0,
    "is_favorite": False,
    "rating": None,
    "abandoned": False,
}


@pytest.mark.parametrize(("plays", "movies"), [(0.06, 0.0), (0.0, 0.06)])
def test_with_much_that_is_new_models_are_learned_anew(tmp_path, monkeypatch, plays, movies):
    document = {"learned_by": "x", "grown_on": {"plays": "1", "movies": "2"}, "summary": {}}
    monkeypatch.setattr(renewing, "reader", lambda *_: SimpleNamespace(json=lambda name: document))
    monkeypatch.setattr(renewing, "grown_on", lambda *_: {"plays": "3", "movies": "4"})
    monkeypatch.setattr(renewing, "_changed_plays", lambda *_: plays)
    monkeypatch.setattr(renewing, "_changed_movies", lambda *_: movies)
    monkeypatch.setattr(renewing, "read_learned", lambda *_: pytest.fail("read all the same"))
    place = Place(StoreAddress(str(tmp_path)), "20260802T030000Z-0a1b2c", "home", previous="x")
    assert renewing.renewed(place, "ann", "x") is None


@pytest.mark.parametrize(
    "change", [{"rating": 2.0}, {"abandoned": True}, {"is_favorite": True}, {"play_count": 2.0}]
)
def test_all_that_makes_a_label_is_news(change):
    before, now = (
        renewing._touched(
            pd.DataFrame([BLANK | {"movie_id": "a", "rating": 9.0} | new]).astype({"rating": float})
        )
        for new in ({}, change)
    )
    assert renewing.share_changed(before, now) == 1.0
