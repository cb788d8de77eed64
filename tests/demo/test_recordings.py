"""Every recorded call of two real servers is made to the demo, and the answers compared.

By shape and meaning: the same status, type and keys, the same movies in the same order, the same
counts and values. Ids of things that the server makes, Etags and its own dates only have to be of
the same type.
"""

from __future__ import annotations

import base64
import http.client
import json
import lzma
import math
import re
import struct
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    "CurrentProgressPercentage", "ChildCount", "LastExecutionResult",
}  # fmt: skip
#: So are these of a playlist: a real server works them out by and by, in the background.
OWN_OF_PLAYLISTS = {
    "RunTimeTicks", "CumulativeRunTimeTicks", "OfficialRating", "Genres", "GenreItems", "Studios",
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
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{1,7}Z")


def _names(version: str) -> list[str]:
    path = Path(__file__).parents[1] / "recordings" / f"{version}.jsonl.xz"
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["name"] for line in lines]


def _is_replayed(name: str) -> bool:
    # The calls to a server that starts are compared in test_startup.
    return name not in SKIPPED and not name.startswith("startup-")


CALLS = [
    pytest.param(version, position, id=f"{version}-{name}")
    for version in VERSIONS
    for position, name in enumerate(_names(version))
    if _is_replayed(name)
]


class Replay:
    """Makes the recorded calls to a demo server, in order, and tells what differs."""

    def __init__(self, url: str, key: str) -> None:
        self._host = urllib.parse.urlsplit(url).netloc
        self._key = key
        self._ids: dict[str, str] = {}  # recorded id of something made -> ours

    def differences(self, record: dict[str, Any]) -> list[str]:
        status, headers, body = self._ask(record)
        expected, name = record["response"], record["name"]
        found = [
            f"{header} {headers.get(header)}, recorded {expected['headers'].get(header)}"
            for header in HEADERS
            if headers.get(header) != expected["headers"].get(header)
        ]
        if status != expected["status"]:
            found.append(f"status {status}, recorded {expected['status']}")
        if expected["headers"].get("content-length") == "0" and body:
            found.append("a body where there was none")
        if expected["body"] == "(left out)" or name == "gzip":
            return found
        is_json = (headers.get("content-type") or "").startswith("application/json")
        answer = json.loads(body) if is_json else body.decode() or None
        makes = record["request"]["path"] in ("/Playlists", "/Collections")
        if makes and status == 200:
            self._ids[expected["body"]["Id"]] = answer["Id"]
        recorded = json.loads(self._ours(json.dumps(expected["body"])))
        pair = [_comparable(name, x) for x in (recorded or None, answer)]
        return found + list(compare(name, *pair))

    def _ask(self, record: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        request = record["request"]
        headers = {k: v.replace("API_KEY", self._key) for k, v in request["headers"].items()}
        if token := self._token(record):
            headers["Authorization"] = f'MediaBrowser Token="{token}"'
        elif record["auth"] == "anon":
            headers["Authorization"] = 'MediaBrowser Client="x", Device="y"'
        body = RAW_BODIES.get(record["name"])
        if request["body"] is not None:
            body = self._ours(json.dumps(request["body"])).encode()
            headers["Content-Type"] = "application/json"
        query = {k: self._ours(str(v)) for k, v in request["query"].items()}
        query = {k: v.replace("API_KEY", self._key) for k, v in query.items()}
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
        tokens = {"key": self._key, "bad": "f" * 32, "user": f"token-of-{person}"}
        return tokens.get(record["auth"])

    def _ours(self, text: str) -> str:
        for theirs, ours in self._ids.items():
            text = text.replace(theirs, ours)
        return text


def _comparable(name: str, body: Any) -> Any:
    """Return what of an answer can be compared, where that is not all of it."""
    if name == "movies-unknown-type":  # everything there is, in no order: the count tells
        return {"TotalRecordCount": body["TotalRecordCount"], "n": len(body["Items"])}
    if name.startswith("suggestions"):  # at random
        return [body["TotalRecordCount"], *({"Type": i["Type"]} for i in body["Items"])]
    if name == "bad-json":  # the parser's own words
        return {**body, "errors": list(body["errors"])}
    if name == "tasks-while-scanning":  # which other tasks there are, depends on plug-ins
        return [t for t in body if t["Key"] == "RefreshLibrary"]
    if name.startswith(("playlists-", "tagged-list")):  # two of one name, in either order
        return {**body, "Items": sorted(body["Items"], key=lambda i: (i["Name"], i["Id"]))}
    return body


def compare(where: str, theirs: Any, ours: Any) -> Iterator[str]:
    """Give what differs between a recorded value and ours."""
    if not _same_type(theirs, ours):
        yield f"{where}: {ours!r:.80}, recorded {theirs!r:.80}"
    elif isinstance(theirs, dict):
        yield from _compare_keys(where, theirs, ours)
    elif isinstance(theirs, list) and len(theirs) != len(ours):
        yield f"{where}: {len(ours)} entries, recorded {len(theirs)}"
    elif isinstance(theirs, list):
        if where.endswith(("Genres", "GenreItems", "Studios")):
            theirs, ours = (sorted(x, key=str) for x in (theirs, ours))
        for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            yield from compare(f"{where}[{i}]", a, b)
    elif not _same_value(theirs, ours):
        yield f"{where}: {ours!r:.80}, recorded {theirs!r:.80}"


def _compare_keys(where: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    if theirs.keys() != ours.keys() and not where.endswith(".ImageBlurHashes.Primary"):
        less, more = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        yield f"{where}: without {less}, with {more}"
    for name in sorted(theirs.keys() & ours.keys()):
        if not _is_own(where, name, theirs):
            yield from compare(f"{where}.{name}", theirs[name], ours[name])
        elif not _same_type(theirs[name], ours[name]):
            yield f"{where}.{name}: {ours[name]!r:.80}, recorded {theirs[name]!r:.80}"
    if "UserData" in ours and ours["UserData"]["ItemId"] != ours["Id"]:
        yield f"{where}: UserData of another item"


def _same_type(a: Any, b: Any) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
    return numbers or type(a) is type(b)


def _same_value(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12)
    if isinstance(a, str) and TIME.fullmatch(a) and TIME.fullmatch(b):
        return _to_the_microsecond(a) == _to_the_microsecond(b)
    return bool(a == b)


def _to_the_microsecond(time: str) -> str:
    return time.rstrip("Z").ljust(27, "0")[:26]  # zeros at the end are left out here and there


def _is_own(where: str, name: str, shape: dict[str, Any]) -> bool:
    kind = shape.get("Type")
    folders = ("Folder", "ManualPlaylistsFolder", "UserRootFolder")
    if name in OWN_VALUES or (kind == "Playlist" and name in OWN_OF_PLAYLISTS):
        return True
    if name == "DateCreated":
        return kind != "Movie"
    if name == "Id":
        named = ("People", "GenreItems", "Studios", "tasks-")
        return kind in folders or any(n in where for n in named)
    # A user's data of a folder name the folder, a cover is named by its tag.
    own = name == "ItemId" and where.startswith("ancestors[1]")
    return own or (name == "Primary" and where.endswith("ImageTags"))


@pytest.fixture(scope="module")
def replayed(recordings, rebuild, serve, api_key):
    """All differences, by version and position of the call."""
    found = {}
    for version in VERSIONS:
        records = recordings(version)
        with serve(rebuild(records), version=version) as server:
            replay = Replay(server.url, api_key)
            for position, record in enumerate(records):
                if _is_replayed(record["name"]):
                    server.world.is_scanning = record["name"] == "tasks-while-scanning"
                    found[version, position] = replay.differences(record)
    return found


@pytest.mark.parametrize(("version", "position"), CALLS)
def test_answers_as_recorded(replayed, version, position):
    assert replayed[version, position] == []


def test_the_comparison_sees_differences():
    theirs = {"Items": [{"Type": "Movie", "Name": "A", "Etag": "x"}], "TotalRecordCount": 1}
    same = {"Items": [{"Type": "Movie", "Name": "A", "Etag": "y"}], "TotalRecordCount": 1}
    assert list(compare("x", theirs, same)) == []
    for changed in (
        {**same, "TotalRecordCount": 2},
        {**same, "Items": []},
        {**same, "Items": [{"Type": "Movie", "Name": "B", "Etag": "y"}]},
        {**same, "Items": [{"Type": "Movie", "Name": "A"}]},
        {**same, "Items": [{"Type": "Movie", "Name": "A", "Etag": None}]},
    ):
        assert len(list(compare("x", theirs, changed))) == 1


def test_nearly_all_calls_are_replayed():
    assert len(CALLS) == 2 * (len([n for n in _names("12.0") if _is_replayed(n)]))
    assert len(SKIPPED) == 3
