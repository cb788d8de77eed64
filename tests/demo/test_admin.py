from __future__ import annotations

import pytest

from jfdask.demo.household import demo_household


@pytest.fixture
def client(serve, ask):
    with serve(demo_household()) as server:
        yield ask(server.url)


def test_only_the_key_gets_in(client):
    assert client.send("/_demo/log", Authorization="")[0] == 401
    assert client.send("/_demo/nothing")[0] == 404


def test_a_movie_is_added_edited_and_removed(client):
    added = client.json("/_demo/items", "POST", {"name": "New", "genres": ["Drama"], "year": 2020})
    assert client.movies(limit=0)["TotalRecordCount"] == 344
    listed = client.json(f"/Items?ids={added['Id']}&fields=Etag,Genres")["Items"][0]
    assert (listed["Name"], listed["Genres"]) == ("New", ["Drama"])
    client.json(f"/_demo/items/{added['Id']}", "POST", {"overview": "Now with words."})
    edited = client.json(f"/Items?ids={added['Id']}&fields=Etag,Overview")["Items"][0]
    assert edited["Overview"] == "Now with words."
    assert edited["Etag"] != listed["Etag"]
    client.json(f"/_demo/items/{added['Id']}", "DELETE")
    assert client.movies(limit=0)["TotalRecordCount"] == 343
    assert client.send(f"/_demo/items/{added['Id']}", "DELETE")[0] == 404


def test_an_answer_can_be_spoilt(client):
    movie = client.movies(limit=1)["Items"][0]["Id"]
    raw = {"Id": None, "CommunityRating": "high", "Genres": 7}
    client.json(f"/_demo/items/{movie}", "POST", {"raw": raw})
    shown = client.json(f"/Items?ids={movie}&fields=Genres")["Items"][0]
    assert "Id" not in shown
    assert (shown["CommunityRating"], shown["Genres"]) == ("high", 7)


def test_plays_and_favourites_are_set(client):
    movie = client.movies(limit=1)["Items"][0]["Id"]
    play = {"user": "newcomer", "item": movie, "played": True, "is_favorite": True}
    client.json("/_demo/plays", "POST", {**play, "last_played": "2026-01-02T03:04:05Z"})
    users = {u["Name"]: u["Id"] for u in client.json("/Users")}
    (item,) = client.movies(userId=users["newcomer"], filters="IsFavorite")["Items"]
    assert item["UserData"]["LastPlayedDate"] == "2026-01-02T03:04:05.0000000Z"


def test_a_user_is_added_and_limited(client):
    made = client.json("/_demo/users", "POST", {"name": "guest", "max_age_score": 0})
    seen = client.movies(userId=made["Id"])["Items"]
    assert {i.get("OfficialRating") for i in seen} == {"G", "Approved", None}
    client.json("/_demo/users", "POST", {"name": "guest", "folder_ids": []})
    assert client.movies(userId=made["Id"], limit=0)["TotalRecordCount"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("items", {"no_such_field": 1}),
        ("plays", {"user": "nobody", "item": "0" * 32}),
        ("phase", {"phase": "asleep", "requests": 1}),
        ("outage", {}),
        ("faults", {"unknown": 1}),
    ],
)
def test_mistakes_are_told(client, path, body):
    status, _, text = client.send(f"/_demo/{path}", "POST", body)
    assert status == 400
    assert path in text.decode()


def test_faults_and_scans_can_be_switched(client):
    client.json("/_demo/faults", "POST", {"fail_500": 1.0})
    assert client.send("/Users")[0] == 500
    client.json("/_demo/faults", "POST", {})
    assert client.send("/Users")[0] == 200
    client.json("/_demo/scanning", "POST", {"running": True})
    states = {t["Key"]: t["State"] for t in client.json("/ScheduledTasks")}
    assert states["RefreshLibrary"] == "Running"


def test_the_log_counts_what_was_asked(client):
    client.movies(limit=1)
    client.movies(limit=2, fields="People")
    log = client.json("/_demo/log?requests=true")
    assert log["counts"] == {"GET /Items": 2}
    assert log["max_in_flight"] == 1
    assert log["requests"][1]["query"]["fields"] == "People"
    client.json("/_demo/log", "DELETE")
    assert client.json("/_demo/log")["counts"] == {}
