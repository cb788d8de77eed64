import logging
from types import SimpleNamespace

import httpx
import pytest

from jfdask.errors import (
    Forbidden,
    NotFound,
    ServerStarting,
    ServerUnreachable,
    Unauthorized,
    UnexpectedAnswer,
    UnsupportedVersion,
)
from jfdask.jellyfin import startup
from jfdask.jellyfin.startup import read_version

PUBLIC = {
    "ServerName": "tv",
    "Version": "12.0.0",
    "ProductName": "Jellyfin Server",
    "Id": "6ab4c55e1bea4802bd9161b044f13baa",
    "StartupWizardCompleted": True,
}


def public(**change):
    return PUBLIC | change


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only by sleeping; its list tells the pauses.

    For this module alone: a Dask client of the same process would put its messages off for as
    long as is slept here.
    """
    pauses = []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses))
    monkeypatch.setattr(startup, "time", clock)
    return pauses


@pytest.mark.parametrize("version", ["10.11.0", "10.11.11", "12.0.0", "12.3.1-rc1", "12.0"])
def test_versions_that_are_read(version, caplog):
    info, starting = read_version(public(Version=version), "http://tv")
    assert info.version == version
    assert not starting
    assert not caplog.records


def test_a_newer_version_is_read_with_a_warning(caplog):
    read_version(public(Version="13.0.0"), "http://tv")
    assert "13.0.0" in caplog.text


@pytest.mark.parametrize("version", ["10.10.7", "10.9.11", "4.8.11.0", "9.99.0"])
def test_older_ones_get_a_clear_message(version):
    with pytest.raises(UnsupportedVersion, match=f"{version}.*10.11 and 12. Update"):
        read_version(public(Version=version), "http://tv")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "Jellyfin Server",
        None,
        public(Version=None),
        public(Version="soon"),
        public(Version=12),
        public(ProductName="Emby Server"),
    ],
)
def test_what_is_not_jellyfin(body):
    with pytest.raises(UnsupportedVersion, match="http://tv is not Jellyfin"):
        read_version(body, "http://tv")


def test_a_ready_server_of_either_version(recorded, recorded_client):
    info = recorded_client.wait_until_ready(0)
    said = recorded.body("system-info-public")
    assert (info.version, info.server_id) == (said["Version"], said["Id"])
    # The key went out only after the server said what it is.
    assert [r.url.path for r in recorded.asked] == ["/System/Info/Public", "/System/Info"]


def test_where_http_leads_to_https_the_key_takes_that_way_only(client_of, caplog):
    sent = []

    def answer(request):
        sent.append((request.url.scheme, "authorization" in request.headers))
        if request.url.scheme == "http":
            there = f"https://tv.example:8920{request.url.path}"
            return httpx.Response(308, headers={"Location": there})
        return httpx.Response(200, json=PUBLIC)

    client = client_of(answer, url="http://tv.example/jf")
    client.wait_until_ready(0)
    client.get_json("/Users")
    assert sent == [("http", False), ("https", False), ("https", True), ("https", True)]
    assert caplog.messages == [
        "http://tv.example/jf leads to https://tv.example:8920/jf, which is asked instead. Put "
        "that into the settings as url."
    ]


def phases(recorded):
    """A server's start as it was recorded: what each call of a phase is answered."""
    by_phase = [
        {"/System/Info/Public": "startup-0"},
        {"/System/Info/Public": "startup-3"},
        {"/System/Info/Public": "startup-5"},
        {"/System/Info/Public": "startup-7", "other": None},
        {"/System/Info/Public": "system-info-public", "/System/Info": "startup-14"},
        {"/System/Info/Public": "system-info-public", "/System/Info": "system-info"},
    ]
    at = 0

    def answer(request):
        nonlocal at
        name = by_phase[at][request.url.path]
        if name != "system-info-public":
            at += 1
        said = recorded.named(name)["response"]
        if "error" in said:
            raise httpx.ConnectError("refused")
        if isinstance(said["body"], str):
            return httpx.Response(said["status"], headers=said["headers"], text=said["body"])
        return httpx.Response(said["status"], json=said["body"])

    return answer


def test_a_start_as_recorded_is_waited_for(recorded, client_of, clock):
    reasons = []
    client = client_of(phases(recorded))
    info = client.wait_until_ready(300, on_wait=reasons.append)
    assert info.version == recorded.body("system-info-public")["Version"]
    assert len(reasons) == len(clock) == 5
    assert "no connection" in reasons[0]
    assert all("starting" in reason for reason in reasons[1:])
    assert clock[1] == 5.0  # Retry-After: 005


def test_a_start_without_end_is_given_up(client_of, clock):
    client = client_of(lambda request: httpx.Response(503, headers={"Retry-After": "5"}))
    with pytest.raises(ServerStarting, match="Waited 42 s"):
        client.wait_until_ready(42)
    assert sum(clock) == pytest.approx(42)


@pytest.mark.parametrize("wait", ["0", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_server_that_asks_for_no_pause_is_left_alone_all_the_same(client_of, clock, wait):
    client = client_of(lambda request: httpx.Response(503, headers={"Retry-After": wait}))
    with pytest.raises(ServerStarting):
        client.wait_until_ready(20_000)
    assert min(clock[:-1]) == startup.PAUSE_SECONDS
    assert len(clock) > 2_000


def test_where_nobody_listens_the_wait_is_shorter(client_of, clock):
    def refuse(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(ServerUnreachable):
        client_of(refuse).wait_until_ready(3_000)
    assert sum(clock) == pytest.approx(startup.UNREACHABLE_SECONDS)


def test_a_proxy_before_a_stopped_server_is_not_waited_for_long(client_of, clock):
    with pytest.raises(ServerUnreachable, match="does not reach Jellyfin"):
        client_of(lambda request: httpx.Response(502)).wait_until_ready(3_000)
    assert sum(clock) == pytest.approx(startup.UNREACHABLE_SECONDS)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthorized), (403, Forbidden), (404, NotFound), (200, UnexpectedAnswer)],
)
def test_a_bad_key_is_not_waited_for(status, error, client_of, clock):
    def answer(request):
        if request.url.path == "/System/Info/Public":
            return httpx.Response(200, json=PUBLIC)
        return httpx.Response(status, json={})

    with pytest.raises(error):
        client_of(answer).wait_until_ready(300)
    assert not clock


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (httpx.Response(404, text="nginx"), NotFound, "No Jellyfin at .*base path"),
        (httpx.Response(200, html="<html>Login"), UnexpectedAnswer, "proxy"),
        (httpx.Response(200, json={"Version": "10.8.1"}), UnsupportedVersion, "10.8.1"),
        (httpx.Response(200, json={"version": "10.8.1"}), UnsupportedVersion, "10.8.1"),
    ],
)
def test_a_wrong_address_or_server_is_not_waited_for(answer, error, said, client_of, clock):
    with pytest.raises(error, match=said):
        client_of(lambda request: answer).wait_until_ready(300)
    assert not clock


def test_nothing_is_logged_of_a_wait(client_of, clock, caplog, key):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ServerStarting):
        client_of(lambda request: httpx.Response(503)).wait_until_ready(10)
    assert key not in caplog.text
