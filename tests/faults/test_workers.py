"""Workers that are killed, and workers without memory."""

import json
import re
from pathlib import Path

import pytest

from .conftest import house_in

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]


TWO = {"cluster.workers": 2}


@pytest.mark.parametrize(
    "task",
    [
        "read_first_pages",
        "read_people",
        "ensure_text_model",
        "transform",
        "learn_people",
        "recommend_to",
    ],
)
def test_a_killed_worker_costs_time_only(first_night, server, undisturbed, task):
    house = first_night.with_settings(TWO)
    if task.startswith("read"):
        server.order("faults", latency_seconds=0.3)
    if task == "ensure_text_model":
        house = house.without_settings("features.text_model")
    with house.night(is_open=True) as night:
        night.kill_worker_doing(task)
        server.order("faults")
        assert night.end() == 0, night.told
        assert night.leaves_nobody()
    assert house.result() == undisturbed
    assert house.damages() == []


def test_a_worker_killed_in_a_search_costs_time_only(first_night, tmp_path_factory):
    # Of fewer favourites there are rows to search on.
    searching = {**TWO, "train.search": "small", "train.min_favorites": 3}
    house = first_night.with_settings(searching)
    undisturbed = house_in(tmp_path_factory.mktemp("undisturbed"), house.demo, **house.changes)
    assert undisturbed.run().code == 0
    with house.night(is_open=True) as night:
        night.kill_worker_doing("('householdclassifier-fit-score")
        assert night.end() == 0, night.told
        assert night.leaves_nobody()
    assert house.result() == undisturbed.result()
    assert house.damages() == []


GREEDY = Path(__file__).with_name("greedy_worker.py")


def test_a_task_that_needs_more_memory_than_there_is_costs_its_person_only(next_night, undisturbed):
    def hers(files, user_id):
        return {name: sha for name, sha in files.items() if f"/{user_id}/" in name}

    before = next_night.result()["train"][1]
    greedy, *others = sorted({name.split("/")[1] for name in before if name.startswith("people/")})
    night = (
        next_night.with_settings({"cluster.memory_limit": "1GB"})
        .but(DASK_DISTRIBUTED__WORKER__PRELOAD=json.dumps([str(GREEDY)]), GREEDY=greedy)
        .run()
    )
    assert night.code == 3, night.told
    no_model, no_list = next_night.problems()
    her = re.escape(f"home: User '{next_night.name_of(greedy)}': ")
    assert re.match(her + r"Workers died .* Give them more \(cluster.memory_limit\)", no_model)
    assert re.match(her + "no list tonight", no_list)
    now = next_night.result()
    assert hers(now["train"][1], greedy) == hers(before, greedy)
    for stage in ("train", "recommend"):
        for user_id in others:
            assert hers(now[stage][1], user_id) == hers(undisturbed[stage][1], user_id) != {}
    assert next_night.damages() == []


QUICK = {"cluster.stall_seconds": 15}


def test_less_memory_than_a_task_needs(next_night):
    before, lists = next_night.latest(), next_night.result()["recommend"][1]
    # Not enough for the libraries that tasks load, to say nothing of data.
    night = next_night.with_settings({**QUICK, "cluster.memory_limit": "150MB"}).run()
    # They die before the night begins, or in it: then the household keeps what it had.
    assert night.code in (1, 3), night.told
    assert "Give them more (cluster.memory_limit)" in night.told
    assert (next_night.latest() == before) == (night.code == 1)
    assert (next_night.result()["recommend"][1], next_night.damages()) == (lists, [])


def test_workers_that_stand_still_over_their_memory(next_night):
    before, lists = next_night.latest(), next_night.result()["recommend"]
    # Shares instead of bytes: how much the libraries take differs from machine to machine.
    still = next_night.with_settings({**QUICK, "cluster.memory_limit": "4GB"}).but(
        DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE="0.001",
        DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE="False",
    )
    night = still.run()
    assert night.code == 1, night.told
    assert "No worker can work" in night.told
    assert next_night.latest() == before
    assert (next_night.result()["recommend"], next_night.damages()) == (lists, [])


def test_workers_that_have_to_put_things_on_disk(next_night, undisturbed):
    tight = next_night.with_settings({"cluster.memory_limit": "4GB"}).but(
        DASK_DISTRIBUTED__WORKER__MEMORY__TARGET="0.001",
        DASK_DISTRIBUTED__WORKER__MEMORY__SPILL="0.002",
    )
    night = tight.run()
    assert night.code == 0, night.told
    assert next_night.result() == undisturbed
    assert next_night.damages() == []
