import pytest

from jfdask.errors import NotFound, Unauthorized
from jfdask.jellyfin.connection import Server
from jfdask.stages.fetch import client as module
from jfdask.stages.fetch.client import asked


@pytest.fixture
def server(monkeypatch):
    """A server whose client says which key it was made with."""
    keys = iter(["first key", "second key", "third key"])
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
