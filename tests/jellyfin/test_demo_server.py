"""The questions put to the demo Jellyfin, a process of its own over real HTTP."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from jfdask.demo.process import start_demo
from jfdask.errors import ServerStarting, Unauthorized
from jfdask.jellyfin.connection import Server, connect
from jfdask.jellyfin.paging import MAX_ROUNDS, find_shift, page_starts
from jfdask.jellyfin.reading import (
    MARKS,
    count_visible,
    read_collections,
    read_credits,
    read_id_page,
    read_item_page,
    read_items,
    read_members,
    read_plays_page,
    read_users,
)

from .conftest import distinct

pytestmark = pytest.mark.server
SIZE = 60


@pytest.fixture(scope="module", params=["10.11", "12.0"])
def demo(request):
    with start_demo(version=request.param, base_path="/media", people_seconds_per_movie=0) as demo:
        yield demo


@pytest.fixture
def client(demo, monkeypatch, no_pauses):
    monkeypatch.setenv("JFDASK_API_KEY", demo.api_key)
    with connect(Server(demo.url, timeout_seconds=20)) as client:
        yield client


def pages_of(read, size=SIZE):
    first = read(0, size)
    return [first, *(read(start, size) for start in page_starts(first.total, size)[1:])]


def test_a_whole_household(demo, client):
    info = client.wait_until_ready(10)
    assert info.server_id
    users = [user for user in read_users(client) if not user.is_disabled]
    widest = next(user for user in users if user.sees_everything)

    pages = pages_of(lambda s, n: read_item_page(client, s, n))
    assert find_shift([page.receipt for page in pages]) is None
    assert not any(page.broken for page in pages)
    items = distinct([page.frame for page in pages])
    assert len(items) == pages[0].total >= 250
    ids = distinct([page.frame for page in pages_of(lambda s, n: read_id_page(client, s, n))])
    assert list(ids["item_id"]) == list(items["item_id"])
    assert list(ids["etag"]) == list(items["etag"])

    some = list(items["item_id"][:90])
    assert read_items(client, some).equals(items[:90])
    credits = read_credits(client, some)
    assert list(credits["item_id"]) == some
    assert list(credits["etag"]) == list(items["etag"][:90])
    assert credits["person_types"].map(lambda types: "Director" in types).mean() > 0.9

    known = set(items["item_id"])
    for user in users:
        plays = pages_of(lambda s, n, u=user: read_plays_page(client, u.user_id, s, n))
        assert find_shift([page.receipt for page in plays]) is None
        seen = distinct([page.frame for page in plays])
        assert set(seen["item_id"]) <= known
        assert (len(seen) == len(known)) >= user.sees_everything

    collections = read_collections(client, widest.user_id)
    members = [read_members(client, widest.user_id, c.collection_id) for c in collections]
    assert all(len(m) >= 2 and set(m) <= known for m in members)
    assert len(members) >= 5


def test_marked_movies_alone_are_all_that_a_person_has_to_do_with(demo, client):
    def history(user, only=None):
        read = partial(read_plays_page, client, user.user_id, only=only)
        return distinct([page.frame for page in pages_of(read)])

    users = [user for user in read_users(client) if not user.is_disabled]
    for user in users:
        # Thumbs up and down for what she has nothing to do with.
        left = history(user).query("not played and not is_favorite and position_fraction == 0")
        for item_id, rating in zip(left["item_id"], (10, 1), strict=False):
            demo.order("plays", user=user.user_id, item=item_id, rating=rating)
    for user in users:
        seen = history(user)
        assert count_visible(client, user.user_id) == len(seen)
        by_mark = {mark: history(user, mark) for mark in MARKS}
        assert by_mark["IsPlayed"].equals(seen[seen["played"]].reset_index(drop=True))
        assert by_mark["IsFavorite"]["is_favorite"].all()
        assert (by_mark["Likes"]["rating"] == 10).any() or not len(seen)
        touched = seen["played"] | seen["is_favorite"] | (seen["position_fraction"] > 0)
        touched |= seen["rating"] >= 6.5
        marked = distinct(list(by_mark.values()))
        assert set(marked["item_id"]) == set(seen.loc[touched, "item_id"])


def test_only_what_was_saved_since(demo, client):
    chosen = read_item_page(client, 7, 1).first_id
    demo.order(f"items/{chosen}", certificate="R")
    since = datetime.now(UTC) - timedelta(seconds=30)
    changed = read_item_page(client, 0, SIZE, changed_since=since)
    assert chosen in set(changed.frame["item_id"])
    assert changed.total < 50
    later = datetime.now(UTC) + timedelta(days=1)
    assert read_item_page(client, 0, SIZE, changed_since=later).total == 0


def test_faults_that_pass(demo, client):
    whole = read_item_page(client, 0, SIZE)
    for kind in ("503", "500", "drop"):
        demo.order("outage", requests=3, kind=kind)
        assert read_item_page(client, 0, SIZE).frame.equals(whole.frame)
    demo.order("outage", requests=6)
    with pytest.raises(ServerStarting, match="Tried 6 times"):
        read_item_page(client, 0, SIZE)


def test_a_start_is_waited_for(demo, client, monkeypatch):
    clock = SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic)
    monkeypatch.setattr("jfdask.jellyfin.startup.time", clock)
    for phase, n_requests in (("migrating", 2), ("degraded", 2), ("loading", 2)):
        demo.order("phase", phase=phase, requests=n_requests)
    reasons = []
    assert client.wait_until_ready(60, on_wait=reasons.append).version
    assert len(reasons) >= 4


def test_a_bad_key(demo, client, monkeypatch):
    monkeypatch.setenv("JFDASK_API_KEY", "0" * 31 + "1")
    with connect(Server(demo.url)) as stranger, pytest.raises(Unauthorized):
        stranger.wait_until_ready(30)


def test_a_library_that_changes_while_it_is_read(demo, client):
    """Whatever was there throughout is read once; when the changes end, the list settles."""
    before = {i for page in pages_of(lambda s, n: read_id_page(client, s, n), 500)
              for i in page.frame["item_id"]}  # fmt: skip
    demo.order("faults", change=1.0, max_changes=4, seed=3)
    try:
        for _ in range(MAX_ROUNDS):
            pages = pages_of(lambda s, n: read_id_page(client, s, n))
            shift = find_shift([page.receipt for page in pages])
            if shift is None:
                break
    finally:
        demo.order("faults")
    assert shift is None
    changes = demo.order("log", method="GET")["changes"]
    assert len(changes) == 4
    gone = {i for kind, i in changes if kind == "vanish"}
    read = Counter(i for page in pages for i in page.frame["item_id"])
    seams = Counter(page.last_id for page in pages[:-1])
    assert before - gone <= read.keys()
    assert all(n - seams[i] == 1 for i, n in read.items())
