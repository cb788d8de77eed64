from __future__ import annotations

import base64
import gzip
import json
import ssl
import struct
import time
import urllib.request

import pytest
import trustme

from jfdask.demo.answers import Answer
from jfdask.demo.household import demo_household, grown_household
from jfdask.demo.latency import NO_LATENCY, Latencies
from jfdask.demo.records import sort_name


@pytest.fixture(scope="module")
def running(serve):
    with serve(demo_household()) as server:
        yield server


@pytest.fixture
def client(running, ask):
    return ask(running.url)


def test_it_listens_on_loopback_only(running):
    assert running.url.startswith("http://127.0.0.1:")
    assert running._socket.getsockname()[0] == "127.0.0.1"


def test_pages_cut_one_order(client):
    order = {"sortBy": "DateCreated,SortName", "sortOrder": "Ascending"}
    everything = client.movies(**order)
    pages = [client.movies(**order, startIndex=s, limit=50) for s in range(0, 400, 50)]
    ids = [i["Id"] for page in pages for i in page["Items"]]
    assert ids == [i["Id"] for i in everything["Items"]]
    assert {p["TotalRecordCount"] for p in pages} == {len(ids)} == {343}


def test_orders(client):
    names = [i["Name"] for i in client.movies(sortBy="SortName", sortOrder="Descending")["Items"]]
    assert names == sorted(names, key=sort_name, reverse=True)
    years = [i["ProductionYear"] for i in client.movies(sortBy="ProductionYear")["Items"]]
    assert years == sorted(years)
    assert client.movies(sortBy="NoSuchKey")["TotalRecordCount"] == 343


def test_a_person_sees_what_the_limits_allow(client):
    users = {u["Name"]: u["Id"] for u in client.json("/Users")}
    totals = {n: client.movies(userId=i, limit=0)["TotalRecordCount"] for n, i in users.items()}
    assert totals["ingrid"] == totals["newcomer"] == 343
    assert totals["marco"] < 343
    certificates = {i.get("OfficialRating") for i in client.movies(userId=users["tom"])["Items"]}
    assert certificates <= {"G", "PG", "Approved"}


def test_collections_replace_their_movies_for_a_key_of_12(serve, ask):
    for version, replaced in (("12.0", True), ("10.11", False)):
        with serve(demo_household(), version=version) as server:
            bare = ask(server.url).json("/Items?recursive=true&includeItemTypes=Movie")
        assert ("BoxSet" in {i["Type"] for i in bare["Items"]}) is replaced
        assert (bare["TotalRecordCount"] < 343) is replaced


def test_the_etag_changes_with_metadata_only(client):
    movie = client.movies(limit=1, fields="Etag")["Items"][0]
    user = client.json("/Users")[0]["Id"]

    def etag():
        return client.json(f"/Items?ids={movie['Id']}&fields=Etag")["Items"][0]["Etag"]

    client.json(f"/UserFavoriteItems/{movie['Id']}?userId={user}", "POST")
    client.json(f"/UserPlayedItems/{movie['Id']}?userId={user}", "POST")
    assert etag() == movie["Etag"]
    page = client.json(f"/Items/{movie['Id']}?userId={user}")
    client.json(f"/Items/{movie['Id']}", "POST", {**page, "Tags": ["edited"]})
    assert etag() != movie["Etag"]


def test_min_date_last_saved_lists_what_was_edited_since(client):
    movie = client.movies(limit=1, startIndex=7)["Items"][0]
    client.json(f"/_demo/items/{movie['Id']}", "POST", {"saved": "2031-05-01T00:00:00Z"})
    changed = client.movies(minDateLastSaved="2031-01-01T00:00:00Z")
    assert [i["Id"] for i in changed["Items"]] == [movie["Id"]]


def test_a_long_address_is_414(client):
    status, _, body = client.send("/Items?ids=" + "a" * 60_000)
    assert (status, body) == (414, b"")


def test_gzip_is_sent_to_those_who_take_it(client):
    status, headers, body = client.send("/Users", **{"Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body)) == client.json("/Users")


def test_every_answer_is_dated(client):
    assert client.send("/health")[1]["date"].endswith("GMT")


def test_a_base_path_stands_before_all_others(serve, ask):
    with serve(demo_household(), base_path="/media/jellyfin/") as server:
        assert server.url.endswith("/media/jellyfin")
        assert len(ask(server.url).json("/Users")) == 6
        outside = ask(server.url.removesuffix("/media/jellyfin"))
        status, headers, _ = outside.send("/Users")
    assert (status, headers["content-type"]) == (404, "text/html")


def test_https(serve, api_key):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serve(demo_household(), ssl_options=context) as server:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with urllib.request.urlopen(f"{server.url}/System/Ping", context=trusting) as answer:
            assert answer.read() == b'"Jellyfin Server"'


def test_reading_people_takes_its_time(serve, ask):
    with serve(demo_household(), people_seconds_per_movie=0.005) as server:
        began = time.perf_counter()
        ask(server.url).movies(limit=40, fields="People")
        assert time.perf_counter() - began >= 0.2


def test_a_page_of_500_takes_what_it_took():
    seconds = Latencies().seconds
    assert seconds(Answer(kind="plain", n_items=500)) == pytest.approx(0.045, abs=0.01)
    assert seconds(Answer(kind="fields", n_items=500)) == pytest.approx(0.12, abs=0.01)
    assert 0.06 <= seconds(Answer(kind="user_data", n_items=500)) <= 0.16
    assert NO_LATENCY.seconds(Answer(kind="fields", n_items=500)) == 0


def test_a_grown_household_is_served(serve, ask):
    with serve(grown_household(120, 2)) as server:
        client = ask(server.url)
        page = client.movies(limit=10, fields="Overview,People")
    assert page["TotalRecordCount"] == 120
    assert all(i["Overview"] and i["People"] for i in page["Items"])


def test_no_representation_holds_the_key(running, api_key):
    assert api_key not in repr(running)
    assert api_key not in repr(running.world)


def test_two_playlists_of_one_name_and_the_same_id_made_anew(client):
    user = client.json("/Users")[0]["Id"]
    body = {"Name": "Twice", "Ids": [], "UserId": user, "MediaType": "Video", "IsPublic": False}
    first, second = (client.json("/Playlists", "POST", body)["Id"] for _ in range(2))
    assert first != second
    client.json(f"/Items/{first}", "DELETE")
    assert client.json("/Playlists", "POST", body)["Id"] == first


def test_a_cover_can_be_set_and_taken_away(client):
    movie = client.movies(limit=1)["Items"][0]["Id"]
    picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", 600, 900, 8)
    path = f"{client.url}/Items/{movie}/Images/Primary"
    headers = {
        "Authorization": f'MediaBrowser Token="{client.key}"',
        "Content-Type": "image/png",
    }
    sent = urllib.request.Request(path, base64.b64encode(picture), headers, method="POST")
    with urllib.request.urlopen(sent) as answer:
        assert answer.status == 204
    (image,) = client.json(f"/Items/{movie}/Images")
    assert (image["Width"], image["Height"]) == (600, 900)
    client.json(f"/Items/{movie}/Images/Primary", "DELETE")
    assert client.json(f"/Items/{movie}/Images") == []
