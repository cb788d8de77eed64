from collections import Counter
from datetime import datetime

import httpx
import numpy as np
import pandas as pd
import pytest

from jfdask.errors import NotFound, UnexpectedAnswer
from jfdask.jellyfin.listing import Listing, identity_of
from jfdask.jellyfin.paging import find_shift, page_starts
from jfdask.jellyfin.reading import (
    Collection,
    read_collections,
    read_credits,
    read_id_page,
    read_item_page,
    read_items,
    read_members,
    read_plays_page,
    read_users,
)
from jfdask.tables import CREDITS, ITEM_IDS, ITEM_PLAYS, ITEMS

from .conftest import distinct

ANNA, BOX = "0942bb1c009a42d3bd36cb79a324110f", "78e9db72fe77d0361591f03f611ddf2a"
IDS = [f"{n:032x}" for n in range(1, 200)]


def read_all(read, size):
    """Read all pages of a list."""
    first = read(0, size)
    return [first, *(read(start, size) for start in page_starts(first.total, size)[1:])]


# ---- as real servers answer --------------------------------------------------------------


def test_users(recorded, recorded_client):
    users = {user.name: user for user in read_users(recorded_client)}
    assert sorted(users) == [
        "admin", "child", "dev-anna", "dev-ben", "dev-cleo", "dev-dan", "disabled", "hidden",
        "newcomer", "nolibrary",
    ]  # fmt: skip
    assert [u.user_id for u in read_users(recorded_client)] == sorted(
        u.user_id for u in users.values()
    )
    assert users["dev-anna"].user_id == recorded.user_id("dev-anna")
    assert [u for u in users if users[u].is_disabled] == ["disabled"]
    assert {u for u in users if not users[u].sees_everything} == {"child", "nolibrary"}


@pytest.mark.parametrize("size", [17, 100, 500])
def test_all_movies_in_pages_of_any_size(recorded, recorded_client, size):
    pages = read_all(lambda s, n: read_item_page(recorded_client, s, n), size)
    assert find_shift([page.receipt for page in pages]) is None
    items = distinct([page.frame for page in pages])
    said = {i["Id"]: i for name in ("movies-page-0", "movies-page-100")
            for i in recorded.body(name)["Items"]}  # fmt: skip
    assert list(items["item_id"]) == sorted(said)
    assert not sum((Counter(page.broken) for page in pages), Counter())
    ITEMS.to_arrow(items)
    rows = items.set_index("item_id")
    for item_id, raw in said.items():
        row = rows.loc[item_id]
        assert row["name"] == raw["Name"]
        assert list(row["genres"]) == raw["Genres"]
        assert row["runtime_hours"] == raw["RunTimeTicks"] / 36e9
        assert pd.isna(row["community_rating"]) == ("CommunityRating" not in raw)
        assert pd.isna(row["tmdb_id"]) == ("Tmdb" not in raw["ProviderIds"])


def test_the_odd_movies(recorded_client):
    items = read_item_page(recorded_client, 0, 500).frame.set_index("name")
    nothing = items.loc["Nothing Known"]
    assert pd.isna(nothing[["overview", "premiere_date", "community_rating", "tmdb_id"]]).all()
    assert len(items.loc["Long Words", "genres"]) == 40
    assert len(items.loc["Long Words", "overview"]) > 10_000
    assert list(items.loc["家族会議 🎬", "genres"]) == ["ドラマ"]
    assert np.isnan(items.loc["Unrated", "community_rating"])
    glass = items.loc["The Glass Detective"]
    assert glass["premiere_date"] == pd.Timestamp("1990-06-01")
    assert (glass["imdb_id"], glass["tmdb_id"]) == ("tt90000000", "90000000")


def test_ids(recorded, recorded_client):
    page = read_id_page(recorded_client, 0, 500)
    raw = {i["Id"]: i["Etag"] for name in ("movies-page-0", "movies-page-100")
           for i in recorded.body(name)["Items"]}  # fmt: skip
    assert dict(zip(page.frame["item_id"], page.frame["etag"], strict=True)) == raw


def test_people_with_their_etags(recorded, recorded_client):
    ids = [i["Id"] for i in recorded.body("people-0")["Items"]]
    credits = read_credits(recorded_client, ids[::-1]).set_index("item_id")
    assert list(credits.index) == sorted(ids)
    for raw in recorded.body("people-0")["Items"]:
        row = credits.loc[raw["Id"]]
        assert row["etag"] == raw["Etag"]
        assert list(row["person_names"]) == [p["Name"] for p in raw["People"]]
        assert list(row["person_types"]) == [p["Type"] for p in raw["People"]]


def test_one_person_in_five_jobs(recorded, recorded_client):
    everyone = [i for name in ("people-0", "people-100") for i in recorded.body(name)["Items"]]
    [odd] = [i["Id"] for i in everyone if i["Name"] == "Odd People"]
    row = read_credits(recorded_client, [odd]).iloc[0]
    assert "GuestStar" in list(row["person_types"])
    assert len(set(row["person_ids"])) < len(row["person_ids"])


@pytest.mark.parametrize("name", ["dev-anna", "dev-dan"])
def test_plays(recorded, recorded_client, name):
    user_id = recorded.user_id(name)
    pages = read_all(lambda s, n: read_plays_page(recorded_client, user_id, s, n), 60)
    assert find_shift([page.receipt for page in pages]) is None
    plays = distinct([page.frame for page in pages]).set_index("item_id")
    said = recorded.body(f"userdata-{name}")["Items"]
    assert len(plays) == len(said) == 156
    for raw in said:
        row, data = plays.loc[raw["Id"]], raw["UserData"]
        assert (row["played"], row["is_favorite"]) == (data["Played"], data["IsFavorite"])
        assert row["play_count"] == data["PlayCount"]
        assert pd.isna(row["last_played"]) == ("LastPlayedDate" not in data)


@pytest.mark.parametrize(("name", "n_visible"), [("child", 16), ("nolibrary", 0)])
def test_a_person_has_a_row_for_what_she_may_see(recorded, recorded_client, name, n_visible):
    page = read_plays_page(recorded_client, recorded.user_id(name), 0, 50)
    assert page.total == len(page.frame) == n_visible
    ITEM_PLAYS.to_arrow(page.frame)


def test_collections_and_their_members(recorded, recorded_client):
    anna = recorded.user_id("dev-anna")
    collections = read_collections(recorded_client, anna)
    assert len(collections) == 12
    assert collections == sorted(collections, key=lambda c: c.collection_id)
    assert "The Broken Waltz Collection" in {c.name for c in collections}
    for collection in collections:
        members = read_members(recorded_client, anna, collection.collection_id)
        said = recorded.body(f"members-{collection.collection_id}")["Items"]
        assert members == [i["Id"] for i in said]
        assert members


def test_an_unknown_id_of_a_person(client_of):
    client = client_of(lambda request: httpx.Response(404, text="Error processing request."))
    with pytest.raises(NotFound):
        read_plays_page(client, ANNA, 0, 10)


# ---- what is asked -----------------------------------------------------------------------


def listing(items, total=None, **more):
    total = len(items) if total is None else total
    return httpx.Response(200, json={"Items": items, "TotalRecordCount": total} | more)


def movie(item_id=IDS[0], **more):
    return {"Id": item_id, "Name": "A", "Type": "Movie", "Etag": "e"} | more


@pytest.fixture
def asked(client_of):
    """A client of an empty library, and the parameters it sent."""
    seen = []

    def answer(request):
        seen.append((request.url.path, dict(request.url.params)))
        return listing([])

    return client_of(answer), seen


MOVIES = {"recursive": "true", "includeItemTypes": "Movie", "collapseBoxSetItems": "false"}
ORDER = {"sortBy": "DateCreated,SortName", "sortOrder": "Ascending"}


def test_what_changed_is_asked_in_utc(asked):
    client, seen = asked
    page = read_item_page(client, 10, 20, changed_since=datetime(2026, 1, 2, 3, 4, 5))
    [(path, params)] = seen
    assert path == "/Items"
    assert params.pop("fields").split(",")[0] == "Overview"
    assert params == MOVIES | ORDER | {
        "startIndex": "10",
        "limit": "20",
        "minDateLastSaved": "2026-01-02T03:04:05Z",
        "enableImages": "false",
        "enableUserData": "false",
    }
    assert page.n_items == 0
    assert page.first_id is None
    ITEMS.to_arrow(page.frame)


def test_every_list_of_movies_is_uncollapsed_and_ordered(asked):
    client, seen = asked
    read_item_page(client, 0, 5)
    read_id_page(client, 0, 5)
    read_plays_page(client, ANNA, 0, 5)
    for _, params in seen:
        assert (MOVIES | ORDER).items() <= params.items()
        assert "People" not in params.get("fields", "")
    assert "fields" not in seen[2][1]
    assert seen[2][1]["userId"] == ANNA


@pytest.mark.parametrize("bad", ["", "zzz", "12bc0803-1f23-3723-c090-3896a1ebc592", "0" * 32])
def test_an_id_the_server_would_ignore_is_not_sent(asked, bad):
    client, seen = asked
    for ask in (
        lambda: read_plays_page(client, bad, 0, 5),
        lambda: read_collections(client, bad),
        lambda: read_members(client, ANNA, bad),
        lambda: read_credits(client, [IDS[0], bad]),
    ):
        with pytest.raises(ValueError, match="not an id"):
            ask()
    assert seen == []


def test_no_ids_are_no_question(asked):
    client, seen = asked
    CREDITS.to_arrow(read_credits(client, []))
    ITEMS.to_arrow(read_items(client, []))
    assert seen == []


def test_ids_are_bounded(asked):
    with pytest.raises(ValueError, match="at most 100"):
        read_items(asked[0], IDS[:101])


# ---- answers that are not to be trusted --------------------------------------------------

ROOT = {"Id": IDS[5], "Name": "root", "Type": "ManualPlaylistsFolder"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (listing([movie(), movie(IDS[1], Type="BoxSet")]), "asked for Movie, got 'BoxSet'"),
        (listing([ROOT]), "ignored a filter"),
        (listing([movie(i) for i in IDS[:9]]), "ignored the limit"),
        (listing([movie()], StartIndex=3), "ignored the start"),
        (httpx.Response(200, json=[movie()]), "list of items"),
        (httpx.Response(200, json={"Items": None, "TotalRecordCount": 0}), "list of items"),
        (httpx.Response(200, json={"Items": []}), "how many"),
        (listing([], total="7"), "how many"),
        (listing([], total=-1), "how many"),
        (listing([], total=True), "how many"),
    ],
)
def test_a_page_that_was_not_asked_for(client_of, answer, said):
    client = client_of(lambda request: answer)
    for read in (
        lambda: read_item_page(client, 0, 5),
        lambda: read_id_page(client, 0, 5),
        lambda: read_plays_page(client, ANNA, 0, 5),
    ):
        with pytest.raises(UnexpectedAnswer, match=said):
            read()


def test_a_recorded_root_folder_is_not_taken_for_movies(recorded, client_of):
    root = recorded.body("ids-bad")
    client = client_of(lambda request: httpx.Response(200, json=root))
    with pytest.raises(UnexpectedAnswer, match="ignored a filter"):
        read_credits(client, [IDS[0]])
    with pytest.raises(UnexpectedAnswer, match="ignored which collection"):
        read_members(client, ANNA, BOX)


def test_collections_in_place_of_movies_are_noticed(recorded, client_of):
    body = recorded.body("boxsets")
    client = client_of(lambda request: httpx.Response(200, json=body))
    with pytest.raises(UnexpectedAnswer, match="asked for Movie, got 'BoxSet'"):
        read_item_page(client, 0, 30)


def test_other_movies_than_those_asked_for(client_of):
    client = client_of(lambda request: listing([movie(IDS[7])]))
    for read in (read_items, read_credits):
        with pytest.raises(UnexpectedAnswer, match="which ids"):
            read(client, [IDS[0]])


def test_ids_that_are_gone_are_left_out(client_of):
    client = client_of(lambda request: listing([movie(IDS[1])]))
    assert list(read_items(client, IDS[:3])["item_id"]) == [IDS[1]]


def test_a_server_that_ignores_the_person(client_of):
    client = client_of(lambda request: listing([movie(), movie(IDS[1])]))
    with pytest.raises(UnexpectedAnswer, match="which person"):
        read_plays_page(client, ANNA, 0, 5)


@pytest.mark.parametrize("body", [{}, 7, "users"])
def test_users_that_are_no_list(client_of, body):
    with pytest.raises(UnexpectedAnswer, match="list of people"):
        read_users(client_of(lambda request: httpx.Response(200, json=body)))


# ---- broken items cost themselves --------------------------------------------------------


def test_broken_items_cost_themselves_and_are_counted(client_of):
    items = [
        movie(IDS[0]),
        {"Name": "no id", "Type": "Movie"},
        {"Id": IDS[1], "Name": "no type"},
        None,
        movie(IDS[2], CommunityRating="good"),
        movie(IDS[0]),
    ]
    client = client_of(lambda request: listing(items))
    page = read_item_page(client, 0, 10)
    assert list(page.frame["item_id"]) == [IDS[0], IDS[2]]
    assert (page.n_items, page.total) == (6, 6)
    assert page.broken == {
        "item without an Id": 1,
        "item without a Type": 1,
        "item that is not an object": 1,
        "CommunityRating is not a number": 1,
        "item twice in an answer": 1,
    }
    assert list(read_id_page(client, 0, 10).frame["item_id"]) == [IDS[0], IDS[2]]
    ITEM_IDS.to_arrow(read_id_page(client, 0, 10).frame)


def test_pages_meet_on_a_broken_item(client_of):
    """An item without an id is told from others by what it says."""
    items = [movie(IDS[0]), movie(IDS[1]), {"Name": "broken", "Type": "Movie"}, movie(IDS[3]),
             {"Name": "as well", "Type": "Movie"}]  # fmt: skip

    def answer(request):
        start, limit = (int(request.url.params[k]) for k in ("startIndex", "limit"))
        return listing(items[start : start + limit], total=5)

    client = client_of(answer)
    pages = read_all(lambda s, n: read_item_page(client, s, n), 3)
    assert find_shift([page.receipt for page in pages]) is None


def test_broken_people_of_the_server(client_of):
    users = [
        {"Name": "no id", "Policy": {}},
        7,
        {"Id": ANNA, "Name": "anna"},
        {"Id": BOX, "Policy": {"EnableAllFolders": True, "IsDisabled": "no"}},
    ]
    broken = Counter()
    client = client_of(lambda request: httpx.Response(200, json=users))
    found = read_users(client, broken)
    assert [u.name for u in found] == ["anna", BOX]
    assert [u.sees_everything for u in found] == [False, True]
    assert sum(broken.values()) == 4


def test_broken_collections(client_of):
    items = [{"Id": BOX, "Type": "BoxSet"}, {"Name": "x", "Type": "BoxSet"}, None]
    broken = Counter()
    found = read_collections(client_of(lambda request: listing(items)), ANNA, broken)
    assert found == [Collection(BOX, BOX)]
    assert broken == {"collection without an Id": 2}


def test_a_collection_of_mixed_things(client_of):
    items = [movie(IDS[3]), {"Id": IDS[4], "Type": "Series"}, None, movie(IDS[1]), movie(IDS[3])]
    client = client_of(lambda request: listing(items))
    assert read_members(client, ANNA, BOX) == [IDS[3], IDS[1]]


def test_many_collections_are_read_page_by_page(client_of):
    boxes = [{"Id": f"{n:032x}", "Name": f"box {n}", "Type": "BoxSet"} for n in range(1, 1202)]
    limits = []

    def answer(request):
        start, limit = (int(request.url.params[k]) for k in ("startIndex", "limit"))
        limits.append(limit)
        return listing(boxes[start : start + limit], total=len(boxes))

    found = read_collections(client_of(answer), ANNA)
    assert len(found) == 1201
    assert limits == [500, 500, 500]


def test_collections_that_never_settle_are_reported(client_of, caplog):
    n_calls = 0

    def answer(request):
        nonlocal n_calls
        n_calls += 1
        return listing([{"Id": IDS[n_calls], "Type": "BoxSet"}], total=5)

    found = read_collections(client_of(answer), ANNA)
    assert len(found) == n_calls == 3
    assert "kept changing" in caplog.text


def test_a_broken_item_is_the_same_whatever_its_plays():
    odd = {"Id": "odd", "Name": "Alien"}
    one, other = ({**odd, "UserData": {"PlayCount": n}} for n in (1, 2))
    assert identity_of(one) == identity_of(other) != identity_of({**odd, "Name": "Aliens"})


def test_a_broken_item_is_the_same_in_any_order():
    assert identity_of({"Id": "odd", "Name": "Alien"}) == identity_of(
        {"Name": "Alien", "Id": "odd"}
    )


def test_a_whole_list_needs_no_fingerprints():
    items = [{"Id": f"{i:032x}", "Type": "Movie"} for i in range(1, 4)]
    assert Listing(0, 3, 3, items, None).receipt().fingerprints == b""
    assert len(Listing(1, 3, 3, items, None).receipt().fingerprints) == 24
