import json

import pytest

from jfdask.errors import (
    BadGateway,
    BrokenOff,
    Forbidden,
    NotFound,
    ServerFault,
    ServerStarting,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
)
from jfdask.jellyfin.answers import (
    Reply,
    TryAgain,
    read_answer,
    redirected,
    retry_after,
)

URL = "https://tv.example/jf/Items?userId=0123"
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
JSON_TYPE = {"content-type": "application/json; charset=utf-8"}


def reply(status, content=b"", **headers):
    return Reply(URL, status, {k.replace("_", "-"): v for k, v in headers.items()}, content)


def error_of(answered, key_place="environment variable TV_KEY"):
    try:
        read_answer(answered, key_place)
    except TryAgain as again:
        return again.error, True
    except Exception as error:
        return error, False
    raise AssertionError("no error")


@pytest.mark.parametrize(
    ("status", "error", "again"),
    [
        (400, UnexpectedAnswer, False),
        (401, Unauthorized, False),
        (403, Forbidden, False),
        (404, NotFound, False),
        (405, UnexpectedAnswer, False),
        (408, UnexpectedAnswer, True),
        (414, UnexpectedAnswer, False),
        (415, UnexpectedAnswer, False),
        (429, TooManyRequests, True),
        (500, ServerFault, True),
        (501, ServerFault, False),
        (502, BadGateway, True),
        (503, ServerStarting, True),
        (504, BadGateway, True),
        (521, BadGateway, True),
        (528, ServerFault, False),
        (530, BadGateway, True),
    ],
)
def test_every_status_is_an_error_of_ours(status, error, again):
    caught, transient = error_of(reply(status))
    assert type(caught) is error
    assert transient is again
    assert "https://tv.example/jf/Items answers" in str(caught)
    assert "userId" not in str(caught)


def test_401_names_where_the_key_is():
    caught, _ = error_of(reply(401))
    assert "environment variable TV_KEY" in str(caught)


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (403, Forbidden)])
def test_a_refusal_of_a_proxy_says_so(status, error):
    by_proxy = [
        error_of(reply(status, HTML))[0],
        error_of(reply(status, www_authenticate='Basic realm="x"'))[0],
        error_of(reply(status), key_place=None)[0],  # the key was not sent: none is refused
    ]
    for caught in by_proxy:
        assert type(caught) is error
        assert "proxy in front of Jellyfin" in str(caught)
        assert "TV_KEY" not in str(caught)


def test_too_long_an_address_says_what_to_lower():
    assert "fetch.people_per_call" in str(error_of(reply(414))[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'{"title": "One or more validation errors occurred.", "errors": {"userId": ["bad"]}}',
            "(One or more validation errors occurred. userId)",
        ),
        (b'"Playlist not found"', "(Playlist not found)"),
        (b"Error processing request.", "(Error processing request.)"),
        (HTML, "(a web page)"),
        (b"", "answers 400:"),
        (b"\x1b[31mred\x00", "([31mred)"),
        (b"x" * 100_000, "(" + "x" * 200 + ")"),
        (b"[1, 2]", "answers 400:"),
    ],
)
def test_a_servers_own_words_are_repeated_on_one_short_line(content, said):
    caught, _ = error_of(reply(400, content))
    assert said in str(caught)
    assert len(str(caught)) < 400


def test_a_page_where_json_belongs_is_a_proxys():
    caught, again = error_of(reply(200, b"\n " + HTML, content_type="text/html"))
    assert isinstance(caught, UnexpectedAnswer)
    assert not again
    assert "proxy" in str(caught)


def test_text_where_json_belongs():
    caught, again = error_of(reply(200, b"It works!"))
    assert isinstance(caught, UnexpectedAnswer)
    assert not again


def test_json_that_breaks_off_may_be_whole_next_time():
    caught, again = error_of(reply(200, b'{"Items": [', content_type="application/json"))
    assert isinstance(caught, BrokenOff)
    assert again


def test_json_nested_without_end():
    caught, again = error_of(reply(200, b"[" * 200_000, content_type="application/json"))
    assert isinstance(caught, UnexpectedAnswer)
    assert not again


def test_odd_json_is_read():
    content = b'\xef\xbb\xbf{"a": NaN, "b": ' + b"9" * 10_000 + b', "c": "\xff", "d": 7}'
    body = read_answer(reply(200, content), "").body
    assert body["d"] == 7
    assert body["c"] == "�"
    assert body["b"] != body["b"]  # not a number


def test_the_servers_clock_comes_along():
    answer = read_answer(reply(200, b"{}", date="Sun, 22 Nov 2026 18:00:00 GMT"), "")
    assert answer.server_time.isoformat() == "2026-11-22T18:00:00+00:00"
    assert read_answer(reply(200, b"{}", date="noon"), "").server_time is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        ("005", 5),
        ("0", 0),
        ("Sun, 22 Nov 2026 18:00:07 GMT", 7),
        ("Sun, 22 Nov 2026 17:00:00 GMT", 0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("\u0665", None),
        ("Sun, 99 Nov 2026 18:00:07 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    headers = {"retry-after": value, "date": "Sun, 22 Nov 2026 18:00:00 GMT"}
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("here", "location", "there"),
    [
        ("http://tv/Items?a=1", "/jf/Items?a=1", "http://tv/jf/Items?a=1"),
        ("http://tv/Items", "http://tv:80/jf/Items", "http://tv:80/jf/Items"),
        ("http://tv:8096/Items?a=1", "https://tv:8920/Items?a=1", "https://tv:8920/Items?a=1"),
        ("https://tv/a/Items", "../Items#x", "https://tv/Items"),
        ("https://TV/Items", "https://tv/Other", "https://tv/Other"),
    ],
)
def test_redirections_within_a_server_are_followed(here, location, there):
    assert redirected(Reply(here, 302, {"location": location}, b"")) == there


@pytest.mark.parametrize(
    ("here", "location"),
    [
        ("http://tv/Items", "http://evil.example/Items?token=1"),
        ("http://tv/Items", "//evil.example/Items"),
        ("https://tv/Items", "http://tv/Items"),
        ("http://tv:8096/Items", "http://tv:8097/Items"),
        ("http://tv/Items", "https://tv.evil.example/Items"),
        ("http://tv/Items", "https://me:pw@tv/Items"),
        ("http://tv/Items", "http://tv:99999/Items"),
        ("http://tv/Items", "ftp://tv/Items"),
        ("http://tv/Items", "http://[half/Items"),
        ("http://tv/Items", ""),
    ],
)
def test_redirections_elsewhere_are_refused(here, location):
    with pytest.raises(UnexpectedAnswer, match="redirects to") as caught:
        redirected(Reply(here, 302, {"location": location}, b""))
    assert "token" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_answers_of_real_servers(recorded):
    """What was recorded of bad requests is what is made of it here."""
    expected = {
        "users-auth-bad": Unauthorized,
        "no-route": NotFound,
        "movies-bad-user": UnexpectedAnswer,
        "movies-unknown-user": NotFound,
        "filter-IsPlayed-nouser": ServerFault,
        "other-user-as-user": Forbidden,
        "no-method": UnexpectedAnswer,
        "ids-many": UnexpectedAnswer,
        "users-unknown": NotFound,
    }
    for name, error in expected.items():
        said = recorded.named(name)["response"]
        body = said["body"]
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        caught, _ = error_of(Reply(URL, said["status"], said["headers"], content))
        assert type(caught) is error, name
