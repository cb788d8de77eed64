"""Recorded servers, and a tiny real one that does whatever a test wants."""

import json
import lzma
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import stamina

from jfdask.jellyfin.client import JellyfinClient
from jfdask.jellyfin.connection import Server, connect

KEY = "5ec2e7ab01234567890abcdef0123456"
RECORDINGS = Path(__file__).parents[1] / "recordings"
# Parameters that change what an answer holds of an item, or how many, but not which it is about.
ABOUT_THE_PAGE = {"startIndex", "limit", "fields", "enableImages", "enableUserData", "ids"}
ABOUT_THE_ORDER = {"sortBy", "sortOrder"}


def distinct(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all frames, one an item, sorted by it."""
    rows = pd.concat(frames, ignore_index=True).drop_duplicates("item_id")
    return rows.sort_values("item_id", ignore_index=True)


@cache
def recordings_of(version: str) -> list[dict[str, Any]]:
    with lzma.open(RECORDINGS / f"{version}.jsonl.xz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass
class Recorded:
    """A server that knows just what was recorded, and fails the test when asked otherwise."""

    version: str
    asked: list[httpx.Request] = field(default_factory=list)

    def named(self, name: str) -> dict[str, Any]:
        return next(r for r in recordings_of(self.version) if r["name"] == name)

    def body(self, name: str) -> Any:
        return self.named(name)["response"]["body"]

    def user_id(self, name: str) -> str:
        return next(u["Id"] for u in self.body("users") if u["Name"] == name)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        params = dict(request.url.params)
        public = request.url.path == "/System/Info/Public"
        assert request.headers.get("authorization") == (
            None if public else f'MediaBrowser Token="{KEY}"'
        )
        if request.url.path != "/Items":
            return self._plain(request.url.path, params)
        items = self._items(params)
        assert items is not None, f"{self.version} was never asked {params}"
        start, limit = int(params.get("startIndex", 0)), int(params.get("limit", len(items) + 1))
        body = {"Items": items[start : start + limit], "TotalRecordCount": len(items)}
        return httpx.Response(200, json=body | {"StartIndex": start})

    def _plain(self, path: str, params: dict[str, str]) -> httpx.Response:
        for record in recordings_of(self.version):
            request, response = record["request"], record["response"]
            usable = (
                record["auth"] == ("none" if path == "/System/Info/Public" else "key")
                and not record["name"].startswith("startup")
                and not request["headers"]
            )
            if usable and (request["path"], request["query"]) == (path, params):
                return httpx.Response(response["status"], json=response["body"])
        raise AssertionError(f"{self.version} was never asked {path} {params}")

    def _items(self, params: dict[str, str]) -> list[Any] | None:
        """Return the whole recorded list that a request asks a part of."""
        wanted_ids = set(params["ids"].split(",")) if "ids" in params else None
        positions: dict[int, Any] = {}
        total = None
        for record in recordings_of(self.version):
            query = {k: str(v) for k, v in record["request"]["query"].items()}
            body = record["response"].get("body")
            if record["request"]["path"] != "/Items" or not isinstance(body, dict):
                continue
            if record["auth"] != "key" or "Items" not in body or not _same_kind(query, params):
                continue
            if wanted_ids is not None:
                known = [i for i in body["Items"] if i["Id"] in wanted_ids]
                if "ids" in query and len(known) == len(wanted_ids):
                    return known
                continue
            total = body["TotalRecordCount"]
            positions |= {
                int(query.get("startIndex", 0)) + i: x for i, x in enumerate(body["Items"])
            }
        if total is None or len(positions) < total:
            return None
        return [positions[at] for at in range(total)]


def _same_kind(recorded: dict[str, str], asked: dict[str, str]) -> bool:
    if ("ids" in recorded) != ("ids" in asked):
        return False
    fields = set(asked.get("fields", "").split(",")) - {""}
    if not fields <= set(recorded.get("fields", "").split(",")):
        return False
    if asked.get("enableUserData") == "true" and recorded.get("enableUserData") != "true":
        return False
    loose = ABOUT_THE_PAGE
    if not set(recorded) & (ABOUT_THE_ORDER | {"limit"}):
        loose = loose | ABOUT_THE_ORDER  # all of it, in whatever order
    return {k: v for k, v in recorded.items() if k not in loose} == {
        k: v for k, v in asked.items() if k not in loose
    }


@pytest.fixture(params=["10.11", "12.0"])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    return Recorded(request.param)


@pytest.fixture
def recorded_client(recorded: Recorded, key: str) -> Iterator[JellyfinClient]:
    server = Server("http://tv.example:8096")
    with connect(server, transport=recorded.transport()) as client:
        yield client


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("JFDASK_API_KEY", KEY)
    return KEY


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Retries as many as set, but without waiting."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def client_of(no_pauses: None) -> Iterator[Callable[..., JellyfinClient]]:
    """Make clients of a function that answers requests; no pauses between tries."""
    clients = []

    def make(answer: Callable[[httpx.Request], httpx.Response], **server: Any) -> JellyfinClient:
        settings = {"url": "http://tv.example:8096"} | server
        client = connect(Server(**settings), transport=httpx.MockTransport(answer))
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@dataclass
class LocalServer:
    """A real HTTP server of this machine; ``answer`` is called with its handler."""

    httpd: ThreadingHTTPServer
    scheme: str = "http"
    host: str = "127.0.0.1"
    answer: Callable[[Any], None] = lambda handler: None
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.httpd.server_address[1]

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@pytest.fixture
def local_server() -> Iterator[Callable[..., LocalServer]]:
    """Start servers; they are stopped at the end of the test."""
    started: list[tuple[LocalServer, threading.Thread]] = []

    def start(answer: Callable[[Any], None], ssl_context: Any = None) -> LocalServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((self.path, headers))
                server.answer(self)

            def log_message(self, *args: object) -> None: ...

            def say(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def say_json(self, body: object, status: int = 200) -> None:
                self.say(status, json.dumps(body).encode(), Content_Type="application/json")

        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        httpd.daemon_threads = True
        httpd.handle_error = lambda *args: None  # type: ignore[method-assign]
        if ssl_context is not None:
            httpd.socket = ssl_context.wrap_socket(httpd.socket, server_side=True)
        server = LocalServer(httpd, "https" if ssl_context else "http", answer=answer)
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.httpd.shutdown()
        server.httpd.server_close()
        thread.join(5)
