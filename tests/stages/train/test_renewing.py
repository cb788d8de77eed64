import pytest

from jfdask.demo.household import demo_household
from jfdask.stages.files import FAVORITE, LEARNED, METRICS
from jfdask.stages.lists import finished_unit, lists_of_run
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
    return learned, model, trained.bytes(person(user_id, METRICS))


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
