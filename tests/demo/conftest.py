"""The recorded household, rebuilt from the recordings, and a server that runs in a thread."""

from __future__ import annotations

import http.client
import json
import lzma
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jfdask.demo.call import parse_date
from jfdask.demo.records import (
    Credit,
    DemoHousehold,
    Folder,
    Item,
    Play,
    User,
    stable_id,
)
from jfdask.demo.server import DemoServer

RECORDINGS = Path(__file__).parents[1] / "recordings"
ROOT_NAMES = {"Movies": "dev", "Shows": "tv", "Collections": "collections"}
N_ROWS_UNSHOWN = 197  # 373 rows of an unknown type on 12.0, 176 of which 10.11 counts too
KEY = "0123456789abcdef0123456789abcdef"


def read_recordings(version: str) -> list[dict[str, Any]]:
    with lzma.open(RECORDINGS / f"{version}.jsonl.xz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def recorded_household(records: list[dict[str, Any]]) -> DemoHousehold:
    """Return what the recorded server held before the first of the recorded calls."""
    body = {r["name"]: r["response"].get("body") for r in records}
    folders = [
        Folder(
            f["ItemId"], f["Name"], f["CollectionType"], f["Locations"][0], ROOT_NAMES[f["Name"]]
        )
        for f in body["virtual-folders"]
    ]
    by_kind = {f.kind: f.folder_id for f in folders}
    users = [_user(u) for u in body["users"]]
    people = {i["Id"]: i["People"] for k in ("0", "100") for i in body[f"people-{k}"]["Items"]}
    movies = [
        _movie(i, people[i["Id"]], by_kind["movies"])
        for k in ("0", "100")
        for i in body[f"movies-page-{k}"]["Items"]
    ]
    boxes = [
        Item(
            item_id=b["Id"],
            type="BoxSet",
            name=b["Name"],
            created=parse_date(b["DateCreated"]),
            folder_id=by_kind["boxsets"],
            members=[m["Id"] for m in body[f"members-{b['Id']}"]["Items"]],
        )
        for b in body["boxsets"]["Items"]
    ]
    kinds = ("Series", "Season", "Episode", "Episode")
    series = [Item(stable_id(k, i), k, f"{k} {i}") for i, k in enumerate(kinds)]
    household = DemoHousehold(
        server_id=body["system-info-public"]["Id"],
        users=users,
        folders=folders,
        items={},
        n_rows_unshown=N_ROWS_UNSHOWN,
    )
    household.add([*movies, *boxes, *series])
    for user in users:
        seen = body.get(f"userdata-{user.name}")
        if seen:
            plays = {i["Id"]: _play(i["UserData"]) for i in seen["Items"]}
            household.plays[user.user_id] = plays
    for name in ("anna", "ben"):
        household.tokens[f"token-of-{name}"] = household.user(f"dev-{name}").user_id
    return household


def _user(shape: dict[str, Any]) -> User:
    policy = shape["Policy"]
    return User(
        user_id=shape["Id"],
        name=shape["Name"],
        is_admin=policy["IsAdministrator"],
        is_disabled=policy["IsDisabled"],
        is_hidden=policy["IsHidden"],
        max_age_score=policy.get("MaxParentalRating"),
        blocks_unrated="Movie" in policy["BlockUnratedItems"],
        folder_ids=None if policy["EnableAllFolders"] else tuple(policy["EnabledFolders"]),
        last_login=_date(shape.get("LastLoginDate")),
        last_activity=_date(shape.get("LastActivityDate")),
    )


def _movie(shape: dict[str, Any], people: list[dict[str, str]], folder_id: str) -> Item:
    name = shape["Name"]
    file = f"{name} ({shape.get('ProductionYear')})"
    return Item(
        item_id=shape["Id"],
        type="Movie",
        name=name,
        created=parse_date(shape["DateCreated"]),
        folder_id=folder_id,
        original_title=shape.get("OriginalTitle"),
        overview=shape.get("Overview"),
        # A real server transliterates for sorting; this one needs to be told.
        forced_sort_name="jia zu hui yi" if name.startswith("家族会議") else None,
        taglines=shape["Taglines"],
        genres=shape["Genres"],
        tags=shape["Tags"],
        studios=[s["Name"] for s in shape["Studios"]],
        credits=[Credit(p["Name"], p["Type"], p["Role"]) for p in people],
        provider_ids=shape["ProviderIds"],
        premiere=_date(shape.get("PremiereDate")),
        year=shape.get("ProductionYear"),
        certificate=shape.get("OfficialRating"),
        community_rating=shape.get("CommunityRating"),
        critic_rating=shape.get("CriticRating"),
        runtime_ticks=shape["RunTimeTicks"],
        path=f"/media/movies/{file}/{file}.mkv",
    )


def _play(shape: dict[str, Any]) -> Play:
    return Play(
        played=shape["Played"],
        play_count=shape["PlayCount"],
        is_favorite=shape["IsFavorite"],
        position_ticks=shape["PlaybackPositionTicks"],
        last_played=_date(shape.get("LastPlayedDate")),
    )


def _date(text: str | None) -> datetime | None:
    return None if text is None else parse_date(text)


@contextmanager
def serving(household: DemoHousehold, **options: Any) -> Iterator[DemoServer]:
    """Run a server in a thread for as long as the block lasts."""
    server = DemoServer(household, api_key=KEY, **{"people_seconds_per_movie": 0, **options})
    listens = threading.Event()
    run = threading.Thread(target=server.serve_forever, args=[lambda _: listens.set()])
    run.start()
    assert listens.wait(10)
    try:
        yield server
    finally:
        server.stop()
        run.join(10)
        assert not run.is_alive()


@pytest.fixture(scope="session")
def recordings() -> Callable[[str], list[dict[str, Any]]]:
    return read_recordings


@pytest.fixture(scope="session")
def rebuild() -> Callable[[list[dict[str, Any]]], DemoHousehold]:
    return recorded_household


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def api_key() -> str:
    return KEY


class Asker:
    """Asks a server for JSON, as a client with the API key."""

    def __init__(self, url: str, key: str = KEY) -> None:
        self.url, self.key = url, key

    def send(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        parts = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        if "Authorization" not in headers:
            headers["Authorization"] = f'MediaBrowser Token="{self.key}"'
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, parts.path + path, data, headers)
            answer = connection.getresponse()
            lowered = {k.lower(): v for k, v in answer.getheaders()}
            return answer.status, lowered, answer.read()
        finally:
            connection.close()

    def json(self, path: str, method: str = "GET", body: Any = None) -> Any:
        status, _, text = self.send(path, method, body)
        assert status in (200, 204), (status, text)
        return json.loads(text) if text else None

    def movies(self, **query: Any) -> dict[str, Any]:
        given = {"recursive": "true", "includeItemTypes": "Movie", "collapseBoxSetItems": "false"}
        return self.json("/Items?" + urllib.parse.urlencode({**given, **query}))


@pytest.fixture(scope="session")
def ask() -> type[Asker]:
    return Asker
