from types import SimpleNamespace

import httpx
import pytest

from jfdask.errors import (
    BadGateway,
    BrokenOff,
    NotFound,
    ServerFault,
    ServerStarting,
    ServerUnreachable,
    Unauthorized,
)
from jfdask.jellyfin.connection import Server, connect
from jfdask.stages.fetch import client as module
from jfdask.stages.fetch.client import asked


class Keyed(str):
    """A client that is its key."""

    __slots__ = ()

    def find_https(self):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server whose client says which key it was made with."""
    keys = map(Keyed, ["first key", "second key", "third key"])
    monkeypatch.setattr(module, "connect", lambda server: next(keys))
    module._client.cache_clear()
    yield Server("http://server")
    module._client.cache_clear()


def test_a_client_is_kept(server):
    assert [asked(server, str.upper) for _ in range(2)] == ["FIRST KEY", "FIRST KEY"]


def test_a_key_that_was_replaced_is_read_again(server):
    def ask(key):
        if key == "first key":
            raise Unauthorized("401")
        return key

    assert [asked(server, ask) for _ in range(2)] == ["second key", "second key"]


@pytest.mark.parametrize(("error", "n"), [(Unauthorized, 2), (NotFound, 1)])
def test_a_wrong_key_is_tried_once_more_and_nothing_else_is(server, error, n):
    tried = []

    def refuse(key):
        tried.append(key)
        raise error("no")

    with pytest.raises(error):
        asked(server, refuse)
    assert len(tried) == n


def test_no_process_sends_the_key_by_http_where_that_leads_to_https(monkeypatch):
    sent = []

    def answer(request):
        sent.append((request.url.scheme, request.url.path, "authorization" in request.headers))
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"Location": f"https://tv{request.url.path}"})
        return httpx.Response(200, json={})

    monkeypatch.setenv("JFDASK_API_KEY", "0" * 32)
    mock = httpx.MockTransport(answer)
    monkeypatch.setattr(module, "connect", lambda server: connect(server, transport=mock))
    module._client.cache_clear()
    for _ in range(2):
        assert asked(Server("http://tv/jf"), lambda client: client.get_json("/Items")) == {}
    module._client.cache_clear()
    assert sent == [
        ("http", "/jf/System/Info/Public", False),
        ("https", "/jf/System/Info/Public", False),
        ("https", "/jf/Items", True),
        ("https", "/jf/Items", True),
    ]


class Away:
    """A client of a server that is away for some looks; 0: it is there, and answers badly."""

    def __init__(self, n_looks=None, error=ServerUnreachable):
        self.n_looks, self.error, self.n_asked = n_looks, error, 0

    def find_https(self):
        pass

    def ask(self):
        self.n_asked += 1
        if self.n_asked == 1:
            raise self.error("nobody there")
        return "answer"

    def wait_until_ready(self, seconds, on_wait):
        assert seconds == 300.0
        if self.n_looks is None:
            on_wait("nobody there")
            raise self.error("nobody there. Waited 60 s for it.")
        for _ in range(self.n_looks):
            on_wait("nobody there.")


@pytest.fixture
def away(monkeypatch):
    """Make a server's client one that is away."""
    monkeypatch.setattr(module, "_given_up", {})

    def make(n_looks, error=ServerUnreachable):
        client = Away(n_looks, error)
        monkeypatch.setattr(module, "connect", lambda server: client)
        module._client.cache_clear()
        return client

    yield make
    module._client.cache_clear()


@pytest.mark.parametrize("error", [ServerUnreachable, ServerStarting, BadGateway])
def test_a_server_that_comes_back_is_asked_again(away, error, caplog):
    away(3, error)
    assert asked(Server("http://server"), Away.ask) == "answer"
    assert caplog.messages == ["nobody there. Waiting for it."]


def test_a_server_that_was_there_all_the_time_is_not_asked_again(away):
    client = away(0)
    with pytest.raises(ServerUnreachable, match=r"^nobody there$"):
        asked(Server("http://server"), Away.ask)
    assert client.n_asked == 1


@pytest.mark.parametrize("error", [BadGateway, BrokenOff])
def test_no_whole_answer_to_one_question_costs_that_alone(away, error):
    """A `ServerFault` is halved, by whoever asked for many movies."""
    client = away(0, error)
    with pytest.raises(ServerFault, match=r"^nobody there$"):
        asked(Server("http://server"), Away.ask)
    assert client.n_asked == 1


def test_a_server_that_fails_while_it_is_waited_for_is_no_fault_of_what_others_ask(away):
    client = away(None)

    def fail(*_):
        raise ServerFault("500")

    client.wait_until_ready = fail
    with pytest.raises(ServerUnreachable, match="nobody there"):
        asked(Server("http://server"), Away.ask)
    with pytest.raises(ServerUnreachable, match="500"):
        asked(Server("http://server"), Away.ask)


@pytest.mark.parametrize("error", [ServerUnreachable, BadGateway])
def test_a_server_that_stays_away_is_waited_for_once(away, error, monkeypatch):
    client = away(None, error)
    now = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    server, other = Server("http://server"), Server("http://other")
    with pytest.raises(ServerUnreachable, match=r"^nobody there$"):
        asked(server, Away.ask)
    for _ in range(100):
        with pytest.raises(ServerUnreachable, match="Waited 60 s"):
            asked(server, Away.ask)
    assert client.n_asked == 1
    assert asked(other, Away.ask) == "answer"
    now[0] += module.GIVEN_UP_SECONDS
    assert asked(server, Away.ask) == "answer"


def test_a_server_that_starts_is_waited_for(away):
    client = away(1)

    def start(_):
        client.n_asked += 1
        if client.n_asked == 1:
            raise ServerStarting("503")
        return "answer"

    assert asked(Server("http://server"), start) == "answer"


def test_a_key_that_was_exchanged_is_read_again(server, monkeypatch):
    def wait_until_ready(key, seconds, on_wait):
        if key == "first key":
            raise Unauthorized("401")
        return f"ready, by the {key}"

    monkeypatch.setattr(Keyed, "wait_until_ready", wait_until_ready, raising=False)
    assert module.ready(server) == "ready, by the second key"
