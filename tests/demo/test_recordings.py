"""Every recorded call of two real servers is made to the demo, and the answers compared.

By shape and meaning: the same status, type and keys, the same movies in the same order, the same
counts and values. Ids of things that the server makes, Etags and its own dates only have to be of
the same type.
"""

from __future__ import annotations

import base64
import http.client
import json
import struct
import urllib.parse
from typing import Any

import pytest

KEY = "0123456789abcdef0123456789abcdef"
VERSIONS = ("10.11", "12.0")

#: Calls that the demo does not answer.
SKIPPED = {
    "recommendations": "lists by an algorithm of the server's own; jfdask replaces it",
    "similar": "lists by an algorithm of the server's own; jfdask replaces it",
    "activity": "a log of logins; nothing reads it",
}

#: Values of these keys are the server's own: only their type is compared.
OWN_VALUES = {
    "Etag", "ETag", "Key", "traceId", "DisplayPreferencesId", "ParentId", "DateLastMediaAdded",
    "ImageTag", "Path", "LocalAddress", "WebSocketPortNumber", "Size", "BitRate", "Bitrate",
    "CurrentProgressPercentage", "ChildCount",
}  # fmt: skip

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", 300, 300, 8)
#: Bodies that the recordings do not hold, as they are not JSON.
RAW_BODIES = {
    "image-upload": base64.b64encode(PNG),
    "image-upload-raw": PNG,
    "bad-json": b'{"Name":',
    "bad-content-type": b"Name=x",
}
HEADERS = ("content-type", "retry-after", "cache-control", "vary")


def names_of(version: str) -> list[str]:
    import lzma
    from pathlib import Path

    path = Path(__file__).parents[1] / "recordings" / f"{version}.jsonl.xz"
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["name"] for line in lines]


CALLS = [
    pytest.param(version, position, id=f"{version}-{name}")
    for version in VERSIONS
    for position, name in enumerate(names_of(version))
    if name not in SKIPPED and not name.startswith("startup-")
]


class Replay:
    """Makes the recorded calls to a demo server, in order, and keeps what differed."""

    def __init__(self, url: str) -> None:
        self._host = urllib.parse.urlsplit(url).netloc
        self._ids: dict[str, str] = {}  # recorded id of something made -> ours

    def differences(self, record: dict[str, Any]) -> list[str]:
        status, headers, body = self._ask(record)
        expected = record["response"]
        found = []
        if status != expected["status"]:
            found.append(f"status {status}, recorded {expected['status']}")
        for name in HEADERS:
            if headers.get(name) != expected["headers"].get(name):
                found.append(f"{name} {headers.get(name)}, recorded {expected['headers'].get(name)}")
        if expected["headers"].get("content-length") == "0" and body:
            found.append("a body where there was none")
        recorded = expected["body"]
        if recorded == "(left out)" or record["name"] == "gzip":
            return found
        text = body.decode()
        is_json = (headers.get("content-type") or "").startswith("application/json")
        answer = json.loads(text) if is_json else text or None
        if record["request"]["path"] in ("/Playlists", "/Collections") and status == 200:
            self._ids[recorded["Id"]] = answer["Id"]
        recorded = json.loads(self._ours(json.dumps(recorded)))
        return found + list(compare(record["name"], recorded or None, answer))

    def _ask(self, record: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        request, name = record["request"], record["name"]
        headers = {k: v.replace("API_KEY", KEY) for k, v in request["headers"].items()}
        if token := self._token(record):
            headers["Authorization"] = f'MediaBrowser Token="{token}"'
        elif record["auth"] == "anon":
            headers["Authorization"] = 'MediaBrowser Client="x", Device="y"'
        body = RAW_BODIES.get(name)
        if request["body"] is not None:
            body = self._ours(json.dumps(request["body"])).encode()
            headers["Content-Type"] = "application/json"
        query = {k: self._ours(str(v)) for k, v in request["query"].items()}
        query = {k: v.replace("API_KEY", KEY) for k, v in query.items()}
        target = self._ours(request["path"]) + "?" + urllib.parse.urlencode(query)
        connection = http.client.HTTPConnection(self._host, timeout=20)
        try:
            connection.request(request["method"], target.rstrip("?"), body, headers)
            answer = connection.getresponse()
            lowered = {k.lower(): v for k, v in answer.getheaders()}
            return answer.status, lowered, answer.read()
        finally:
            connection.close()

    def _token(self, record: dict[str, Any]) -> str | None:
        person = "ben" if record["name"].endswith("as-ben") else "anna"
        tokens = {"key": KEY, "bad": "f" * 32, "user": f"token-of-{person}"}
        return tokens.get(record["auth"])

    def _ours(self, text: str) -> str:
        for theirs, ours in self._ids.items():
            text = text.replace(theirs, ours)
        return text


def compare(where: str, theirs: Any, ours: Any, parent: str = "") -> Any:
    """Yield what differs between a recorded value and ours."""
    key = where.rpartition(".")[2].partition("[")[0]
    if type(theirs) is not type(ours) and not _both_numbers(theirs, ours):
        yield f"{where}: {_short(ours)}, recorded {_short(theirs)}"
    elif isinstance(theirs, dict):
        if missing := sorted(theirs.keys() - ours.keys()):
            yield f"{where}: without {missing}"
        if more := sorted(ours.keys() - theirs.keys()):
            yield f"{where}: with {more}"
        for name in theirs.keys() & ours.keys():
            if not _is_own(where, name, theirs):
                yield from compare(f"{where}.{name}", theirs[name], ours[name])
            elif type(theirs[name]) is not type(ours[name]):
                yield f"{where}.{name}: {_short(ours[name])}, recorded {_short(theirs[name])}"
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield f"{where}: {len(ours)} entries, recorded {len(theirs)}"
        elif key in ("Genres", "GenreItems", "Studios"):
            # Those of a collection come in an order of the server's own.
            a, b = (sorted(_name(x) for x in values) for values in (theirs, ours))
            if a != b:
                yield f"{where}: {b}, recorded {a}"
        else:
            for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
                yield from compare(f"{where}[{i}]", a, b)
    elif theirs != ours:
        yield f"{where}: {_short(ours)}, recorded {_short(theirs)}"


def _both_numbers(a: Any, b: Any) -> bool:
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))


def _name(value: Any) -> str:
    return value["Name"] if isinstance(value, dict) else value


def _short(value: Any) -> str:
    return repr(value)[:80]


def _is_own(where: str, name: str, shape: dict[str, Any]) -> bool:
    if name in OWN_VALUES:
        return True
    kind = shape.get("Type")
    if name in ("DateCreated", "DateLastSaved"):
        return kind != "Movie"
    if name == "Id":
        return kind in ("Folder", "ManualPlaylistsFolder", "UserRootFolder") or "[" in where and any(
            part in where for part in ("People", "GenreItems", "Studios", "tasks-")
        )
    return False


@pytest.fixture(scope="module")
def replayed(recordings, rebuild, serve):
    """All differences, by version and position of the call."""
    found = {}
    for version in VERSIONS:
        records = recordings(version)
        with serve(rebuild(records), version=version) as server:
            replay = Replay(server.url)
            for position, record in enumerate(records):
                name = record["name"]
                if name in SKIPPED or name.startswith("startup-"):
                    continue
                server.world.is_scanning = name == "tasks-while-scanning"
                found[version, position] = replay.differences(record)
    return found


@pytest.mark.parametrize(("version", "position"), CALLS)
def test_answers_as_recorded(replayed, version, position):
    assert replayed[version, position] == []
