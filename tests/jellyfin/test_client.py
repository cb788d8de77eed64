import gzip
import json
import logging
import pickle
import socket
import ssl
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import httpx
import pytest
import tblib.pickling_support
import trustme

from jfdask.errors import (
    BadGateway,
    BrokenOff,
    JellyfinError,
    NotFound,
    ServerFault,
    ServerStarting,
    ServerUnreachable,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
)
from jfdask.jellyfin import client as client_module
from jfdask.jellyfin.connection import Server, connect
from jfdask.jellyfin.failures import failure_of

HEADER = "authorization"


def ok(request):
    return httpx.Response(200, json={"ok": True})


def test_the_key_goes_into_one_header_and_no_address(client_of, key):
    seen = []

    def answer(request):
        seen.append(request)
        return ok(request)

    client_of(answer, url="http://tv.example/jf").get_json("/Items", userId="u")
    [request] = seen
    assert request.headers[HEADER] == f'MediaBrowser Token="{key}"'
    assert str(request.url) == "http://tv.example/jf/Items?userId=u"
    assert key not in str([(k, v) for k, v in request.headers.items() if k != HEADER])


def test_parameters_are_written_as_the_server_reads_them(client_of):
    seen = []

    def answer(request):
        seen.append(dict(request.url.params))
        return ok(request)

    zone = timezone(timedelta(hours=2))
    client_of(answer).get_json(
        "/Items",
        recursive=True,
        collapseBoxSetItems=False,
        limit=0,
        ids=["a", "b"],
        nothing=None,
        naive=datetime(2026, 1, 2, 3, 4, 5, 6),
        aware=datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone),
    )
    assert seen == [
        {
            "recursive": "true",
            "collapseBoxSetItems": "false",
            "limit": "0",
            "ids": "a,b",
            "naive": "2026-01-02T03:04:05Z",
            "aware": "2026-01-02T01:04:05Z",
        }
    ]


def test_an_address_that_is_too_long_is_not_sent(client_of):
    with pytest.raises(ValueError, match="fewer ids"):
        client_of(ok).get_json("/Items", ids=["0" * 32] * 1000)


class Failing:
    """Fails a number of times, then answers."""

    def __init__(self, n, failure):
        self.n, self.failure, self.asked = n, failure, 0

    def __call__(self, request):
        self.asked += 1
        if self.asked > self.n:
            return ok(request)
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure


TRANSIENT = [
    (httpx.Response(429), TooManyRequests),
    (httpx.Response(500, text="database is locked"), ServerFault),
    (httpx.Response(502), BadGateway),
    (httpx.Response(503), ServerStarting),
    (httpx.Response(504), BadGateway),
    (httpx.Response(200, content=b'{"Items": [', headers={"Content-Type": "application/json"}),
     BrokenOff),
    (httpx.ConnectError("refused"), ServerUnreachable),
    (httpx.ConnectTimeout("slow"), ServerUnreachable),
    (httpx.ReadTimeout("slow"), ServerUnreachable),
    (httpx.RemoteProtocolError("peer closed connection"), BrokenOff),
    (httpx.ReadError("reset"), BrokenOff),
]  # fmt: skip


@pytest.mark.parametrize(("failure", "error"), TRANSIENT)
def test_what_may_pass_is_tried_again(failure, error, client_of):
    server = Failing(3, failure)
    assert client_of(server, attempts=4).get_json("/Items") == {"ok": True}
    assert server.asked == 4


@pytest.mark.parametrize(("failure", "error"), TRANSIENT)
def test_tries_are_bounded(failure, error, client_of):
    server = Failing(99, failure)
    with pytest.raises(error, match="Tried 4 times") as caught:
        client_of(server, attempts=4).get_json("/Items")
    assert type(caught.value) is error
    assert server.asked == 4


@pytest.mark.parametrize(
    ("url", "asks_for_tls"), [("https://server/Items", True), ("http://server/Items", False)]
)
def test_no_connection_in_time_is_not_a_slow_answer(url, asks_for_tls):
    failure = failure_of(url, httpx.ConnectTimeout("slow"), 60.0)
    told = str(failure.error)
    assert "no connection within 10 s" in told
    assert ("speak https?" in told) == asks_for_tls


def test_a_proxy_whose_host_is_none_is_told(client_of):
    server = Failing(99, UnicodeError("label empty or too long"))
    with pytest.raises(ServerUnreachable, match="proxy"):
        client_of(server).get_json("/Items")
    assert server.asked == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401), Unauthorized),
        (httpx.Response(404, json="User not found"), NotFound),
        (httpx.Response(400, json={"title": "Bad Request"}), UnexpectedAnswer),
        (httpx.Response(200, html="<html>"), UnexpectedAnswer),
        (httpx.Response(501), ServerFault),
    ],
)
def test_what_will_not_pass_is_said_at_once(answer, error, client_of):
    server = Failing(99, answer)
    with pytest.raises(error):
        client_of(server, attempts=4).get_json("/Items")
    assert server.asked == 1


def test_pauses_grow_vary_and_heed_retry_after(monkeypatch):
    pauses = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=pauses.append))
    for headers in ({}, {"Retry-After": "007"}):
        server = Failing(5, httpx.Response(503, headers=headers))
        mock = httpx.MockTransport(server)
        with connect(Server("http://tv.example"), transport=mock) as client:
            client.get_json("/Items")
    own, asked_for = pauses[:5], pauses[5:]
    for n, pause in enumerate(own):
        assert 0.5 * 2**n <= pause <= 0.5 * 2**n + 1
    assert len({round(p - 0.5 * 2**n, 6) for n, p in enumerate(own)}) > 1
    assert len(asked_for) == 5
    assert all(7 <= pause <= 8 for pause in asked_for)


@pytest.mark.parametrize(("status", "error"), [(503, ServerStarting), (429, TooManyRequests)])
def test_the_total_time_is_bounded(status, error, monkeypatch):
    """A server that wants to be left alone for longer than all tries may take is left alone."""
    clock = SimpleNamespace(sleep=lambda seconds: pytest.fail(f"slept {seconds} s"))
    monkeypatch.setattr("tenacity.nap.time", clock)
    server = Failing(99, httpx.Response(status, headers={"Retry-After": "3600"}))
    mock = httpx.MockTransport(server)
    with (
        connect(Server("http://tv.example", attempts=3), transport=mock) as client,
        pytest.raises(error, match="Tried 1 time"),
    ):
        client.get_json("/Items")


# ---- the key stays where it is -----------------------------------------------------------


def everything_of(error):
    """Return all that can be got out of an exception, its contexts, frames apart."""
    said, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        said += ["".join(traceback.format_exception(error)), repr(vars(error)), repr(error.args)]
        said.append(repr(getattr(getattr(error, "request", None), "headers", "")))
        error = error.__cause__ or error.__context__
    return "".join(said)


def echo(request):
    """A proxy that repeats what it was sent."""
    return httpx.Response(400, text=f"bad request: {request.headers['authorization']}")


def lead(request):
    """A proxy that repeats it in an address."""
    return httpx.Response(302, headers={"Location": f"http://a/{request.headers['authorization']}"})


@pytest.mark.parametrize("failure", [f for f, _ in TRANSIENT] + [httpx.Response(401), echo, lead])
def test_no_error_log_or_pickle_holds_the_key(failure, client_of, key, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "stamina", "jfdask"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    client = client_of(failure if callable(failure) else Failing(99, failure), attempts=2)
    with pytest.raises(JellyfinError) as caught:
        client.get_json("/Items", userId="u")
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert key not in everything_of(error)
    tblib.pickling_support.install(error)
    assert key.encode() not in pickle.dumps(error)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)
    logged = [caplog.text] + [str(vars(record)) for record in caplog.records]
    assert key not in "".join(logged)
    assert "userId" not in caplog.text


def test_a_client_shows_and_ships_no_key(client_of, key):
    client = client_of(ok)
    assert key not in repr(client)
    assert key not in repr(vars(client))
    with pytest.raises(TypeError, match="does not travel"):
        pickle.dumps(client)
    with pytest.raises(TypeError):
        pickle.dumps(client._auth)


# ---- a real server -----------------------------------------------------------------------


@pytest.fixture
def ask(no_pauses):
    """Ask a real server one question."""

    def ask_(server, path="/Items", base="", **settings):
        settings = {"timeout_seconds": 5.0, "attempts": 3} | settings
        with connect(Server(server.url + base, **settings)) as client:
            return client.get_json(path)

    return ask_


def test_a_base_path(local_server, ask, key):
    server = local_server(lambda h: h.say_json({"path": h.path}))
    assert ask(server, base="/media/jf/") == {"path": "/media/jf/Items"}
    assert server.requests[0][1][HEADER] == f'MediaBrowser Token="{key}"'


def test_a_packed_answer(local_server, ask):
    body = gzip.compress(json.dumps({"ok": "é"}).encode())
    server = local_server(lambda h: h.say(200, body, Content_Encoding="gzip"))
    assert ask(server) == {"ok": "é"}


def test_a_redirection_within_the_server_is_followed_with_the_key(local_server, ask, key):
    def answer(handler):
        if handler.path.startswith("/jf/"):
            handler.say_json({"path": handler.path})
        else:
            handler.say(302, Location=f"/jf{handler.path}")

    server = local_server(answer)
    assert ask(server, "/Items") == {"path": "/jf/Items"}
    assert all(headers[HEADER].count(key) == 1 for _, headers in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_is_not_sent_to_another_host(status, local_server, ask, key):
    other = local_server(lambda h: h.say_json({}))
    # Another port of this machine is another server.
    server = local_server(lambda h: h.say(status, Location=f"{other.url}/Items?secret=1"))
    with pytest.raises(UnexpectedAnswer, match=f"redirects to {other.url}/Items;") as caught:
        ask(server)
    assert "secret" not in str(caught.value)
    assert other.requests == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "is_direct"),
    [
        ("http://localhost:8096", True),
        ("http://127.0.0.2", True),
        ("http://192.168.1.20:8096", True),
        ("http://[fd00::7]:8096", True),
        ("http://192.169.1.20", False),
        ("http://tv.example", False),
    ],
)
def test_a_proxy_is_for_the_outside(url, is_direct, client_of, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "tv.home.arpa, 192.168.0.0/16,fd00::/8,*.local")
    assert client_module._is_inside(url) is is_direct


def test_a_circle_of_redirections_ends(local_server, ask):
    server = local_server(lambda h: h.say(302, Location=h.path))
    with pytest.raises(UnexpectedAnswer, match="in a circle"):
        ask(server)
    assert len(server.requests) == 6


def test_a_body_that_breaks_off_is_asked_for_again(local_server, ask):
    def answer(handler):
        if len(server.requests) < 3:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"Items": [')
            handler.close_connection = True
        else:
            handler.say_json({"ok": True})

    server = local_server(answer)
    assert ask(server) == {"ok": True}
    assert len(server.requests) == 3


def test_a_connection_closed_without_an_answer(local_server, ask):
    def answer(handler):
        handler.close_connection = True

    server = local_server(answer)
    with pytest.raises(ServerUnreachable, match="broke off"):
        ask(server)


@pytest.mark.parametrize("silent", [True, False])
def test_a_slow_server_is_not_waited_for_longer_than_set(silent, local_server, ask):
    stop = threading.Event()

    def answer(handler):
        if silent:
            stop.wait(20)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(200):  # never silent for long, never done
            handler.wfile.write(b" ")
            if stop.wait(0.05):
                return

    server = local_server(answer)
    began = time.monotonic()
    with pytest.raises(ServerUnreachable, match=r"within 0\.3 s"):
        ask(server, timeout_seconds=0.3, attempts=2)
    assert time.monotonic() - began < 5
    stop.set()


def test_an_endless_answer_is_given_up(local_server, ask, monkeypatch):
    monkeypatch.setattr(client_module, "MAX_ANSWER", 2**20)
    server = local_server(lambda h: h.say(200, b" " * 2**21))
    with pytest.raises(UnexpectedAnswer, match=r"1 MiB. Lower fetch.page_size"):
        ask(server)


def test_a_small_answer_that_unpacks_to_a_huge_one(local_server, ask, monkeypatch):
    monkeypatch.setattr(client_module, "MAX_ANSWER", 2**20)
    bomb = gzip.compress(b" " * 2**24)
    server = local_server(lambda h: h.say(200, bomb, Content_Encoding="gzip"))
    with pytest.raises(UnexpectedAnswer, match="MiB"):
        ask(server)


def test_nobody_listens(ask, local_server):
    server = local_server(lambda h: None)
    server.httpd.server_close()
    with pytest.raises(ServerUnreachable, match=r"[Rr]efused.*Tried 3 times"):
        ask(server)


@pytest.mark.parametrize(
    ("code", "n_tries"), [(socket.EAI_NONAME, 1), (socket.EAI_AGAIN, 3)], ids=["never", "not now"]
)
def test_a_host_that_does_not_exist_fails_fast(code, n_tries, monkeypatch, no_pauses):
    asked = []

    def resolve(*args, **kwargs):
        asked.append(args)
        raise socket.gaierror(code, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with (
        connect(Server("http://tv.invalid:8096", attempts=3)) as client,
        pytest.raises(ServerUnreachable, match=r"tv\.invalid"),
    ):
        client.get_json("/Items")
    assert len(asked) == n_tries


def test_a_proxy_of_the_environment_is_not_for_this_machine(local_server, ask, monkeypatch):
    proxy = local_server(lambda h: h.say_json({"proxied": True}))
    server = local_server(lambda h: h.say_json({"proxied": False}))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert ask(server) == {"proxied": False}
    assert proxy.requests == []


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_an_authority_of_ones_own(local_server, ask, tls, authority, tmp_path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    server = local_server(lambda h: h.say_json({"ok": True}), ssl_context=tls)
    assert ask(server, ca_file=str(file)) == {"ok": True}


def test_a_certificate_that_is_not_trusted_says_so_at_once(local_server, ask, tls):
    server = local_server(lambda h: h.say_json({}), ssl_context=tls)
    with pytest.raises(ServerUnreachable, match=r"not trusted .*ca_file") as caught:
        ask(server)
    assert "Tried" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "ends", "told"),
    [
        ("tv.example", 2100, "for another name .*Put a name that is in the certificate"),
        ("192.0.2.1", 2100, "for another name .*Put a name that is in the certificate"),
        ("127.0.0.1", 2021, "has expired: renew the server's certificate"),
    ],
)
def test_a_certificate_for_another_name_or_of_the_past(
    name, ends, told, local_server, ask, authority, tmp_path
):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    begins, ends = datetime(2020, 1, 1, tzinfo=UTC), datetime(ends, 1, 1, tzinfo=UTC)
    authority.issue_cert(name, not_before=begins, not_after=ends).configure_cert(context)
    server = local_server(lambda h: h.say_json({}), ssl_context=context)
    with pytest.raises(ServerUnreachable, match=told) as caught:
        ask(server, ca_file=str(file))
    assert "ca_file" not in str(caught.value)


def test_a_redirection_from_http_to_https_of_the_host(
    local_server, ask, tls, authority, tmp_path, key
):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    secure = local_server(lambda h: h.say_json({"ok": True}), ssl_context=tls)
    plain = local_server(lambda h: h.say(301, Location=f"{secure.url}{h.path}"))
    assert ask(plain, ca_file=str(file)) == {"ok": True}
    assert secure.requests[0][1][HEADER] == f'MediaBrowser Token="{key}"'


def test_https_to_a_server_of_http(local_server, ask):
    server = local_server(lambda h: h.say_json({}))
    server.scheme = "https"
    with pytest.raises(ServerUnreachable, match="TLS"):
        ask(server)


def test_the_servers_clock_is_kept(local_server, no_pauses):
    server = local_server(lambda h: h.say_json({}))
    with connect(Server(server.url)) as client:
        answered = client.get("/Items").server_time
    assert abs((answered - datetime.now(UTC)).total_seconds()) < 60
