from __future__ import annotations

import http.client
import time

import pytest

from jfdask.demo.faults import Faults, Trouble, share
from jfdask.demo.household import demo_household
from jfdask.demo.world import World


def faults_of(faults, n=2000):
    trouble = Trouble(faults)
    return [trouble.next_fault() for _ in range(n)]


def test_rates_are_kept_and_the_seed_decides():
    faults = Faults(fail_503=0.1, fail_500=0.05, drop=0.02, seed=7)
    seen = faults_of(faults)
    assert seen == faults_of(faults)
    assert seen != faults_of(Faults(fail_503=0.1, fail_500=0.05, drop=0.02, seed=8))
    assert 150 < seen.count("503") < 250
    assert 60 < seen.count("500") < 140
    assert 20 < seen.count("drop") < 70
    assert set(faults_of(Faults())) == {None}


def test_shares_are_spread_evenly():
    shares = [share(0, i, "x") for i in range(2000)]
    assert 0.47 < sum(shares) / len(shares) < 0.53


def test_an_unwell_server_says_when_to_come_back(serve, ask):
    with serve(demo_household(), faults=Faults(fail_503=1, retry_after_seconds=2)) as server:
        status, headers, _ = ask(server.url).send("/Users")
    assert (status, headers["retry-after"]) == (503, "002")


def test_a_locked_database_is_500(serve, ask):
    with serve(demo_household(), faults=Faults(fail_500=1)) as server:
        status, _, body = ask(server.url).send("/Users")
    assert (status, body) == (500, b"Error processing request.")


def test_a_dropped_connection_ends_in_the_middle_of_the_body(serve, ask):
    half_read = pytest.raises(http.client.IncompleteRead)
    with serve(demo_household(), faults=Faults(drop=1)) as server, half_read as error:
        ask(server.url).send("/Users")
    assert len(error.value.partial) > 100


def test_an_outage_lasts_as_many_requests_as_ordered(serve, ask):
    with serve(demo_household()) as server:
        client = ask(server.url)
        client.json("/_demo/outage", "POST", {"requests": 2, "kind": "500"})
        assert [client.send("/Users")[0] for _ in range(3)] == [500, 500, 200]
        assert client.send("/_demo/outage", "POST", {"requests": 1, "kind": "no"})[0] == 400


def changed_world(n_listings, **kwargs):
    world = World(demo_household(), "12.0")
    trouble = Trouble(Faults(change=1.0, **kwargs))
    for _ in range(n_listings):
        trouble.before_listing(world)
    return world, trouble


def test_movies_appear_vanish_and_move():
    before = {m.item_id: m.created for m in demo_household().movies}
    world, trouble = changed_world(30)
    after = {m.item_id: m.created for m in world.household.movies}
    by_kind = {kind: {i for k, i in trouble.changes if k == kind} for kind, _ in trouble.changes}
    assert set(by_kind) == {"appear", "vanish", "move"}
    assert set(before) - set(after) == by_kind["vanish"] & set(before)
    assert set(after) - set(before) == by_kind["appear"] - by_kind["vanish"]
    moved = {i for i in after.keys() & before.keys() if after[i] != before[i]}
    assert moved <= by_kind["move"]
    assert moved


def test_changes_are_the_same_again_and_end():
    one, other = changed_world(40, max_changes=5), changed_world(40, max_changes=5)
    assert one[1].changes == other[1].changes
    assert len(one[1].changes) == 5


def test_a_listing_changes_the_library_and_the_log_tells(serve, ask):
    with serve(demo_household(), faults=Faults(change=1.0)) as server:
        client = ask(server.url)
        for _ in range(4):
            client.movies(limit=5)
        client.movies(limit=0)  # a count changes nothing
        assert len(client.json("/_demo/log")["changes"]) == 4


def test_latency_is_added(serve, ask):
    with serve(demo_household(), faults=Faults(latency_seconds=0.2)) as server:
        began = time.perf_counter()
        ask(server.url).send("/Users")
        assert time.perf_counter() - began >= 0.2
