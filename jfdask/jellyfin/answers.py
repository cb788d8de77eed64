"""What an HTTP answer means: JSON, a redirection, or which of our errors. No network here."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from jfdask.errors import (
    BadGateway,
    BrokenOff,
    Forbidden,
    JellyfinError,
    NotFound,
    ServerFault,
    ServerStarting,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
)
from jfdask.jellyfin.fields import Fields

# A proxy without an answer of the server's; from 520 on Cloudflare's.
GATEWAY = frozenset({502, 504, *range(520, 528), 530})
TRANSIENT = frozenset({408, 429, 500, 503}) | GATEWAY
REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
MAX_DETAIL = 200  # characters of a server's own words in a message
MAX_DIGITS = 20  # longer whole numbers are no numbers of a film
DEFAULT_PORTS = {"http": 80, "https": 443}
_WEB_PAGE = "a web page"


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    url: str  # asked for, with its query
    status: int
    headers: Mapping[str, str]  # names in lower case
    content: bytes


@dataclass(frozen=True)
class Answer:
    """What a good answer says."""

    body: Any  # JSON
    server_time: datetime | None  # the server's clock, UTC, to the second


class TryAgain(Exception):
    """A request that may well succeed when sent again."""

    def __init__(self, error: JellyfinError, pause_seconds: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.pause_seconds = pause_seconds  # what the server asked for


def read_answer(reply: Reply, key_place: str | None) -> Answer:
    """Return the JSON of a reply.

    Parameters
    ----------
    reply
        No redirection.
    key_place
        Where the key is found, in words, for the message about a bad one; None: it was not sent.

    Raises
    ------
    TryAgain
        The server is busy or starting, or its answer is broken off.
    JellyfinError
        Any other answer that is not what was asked for.
    """
    if 200 <= reply.status < 300:
        return Answer(_json(reply), _date(reply.headers.get("date")))
    error = _error(reply, key_place)
    if reply.status in TRANSIENT:
        raise TryAgain(error, retry_after(reply.headers))
    raise error


def without_query(url: str) -> str:
    """Return an address as it may stand in a message.

    Examples
    --------
    >>> without_query("https://me:secret@tv.example:8920/jf/Items?userId=1#x")
    'https://tv.example:8920/jf/Items'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def redirected(reply: Reply) -> str:
    """Return where a redirection leads, if that is the same server.

    That is the same scheme, host and port, or the same host by https instead of http. The key
    goes along, so anything else is refused.

    Raises
    ------
    UnexpectedAnswer
        It leads elsewhere, or nowhere.
    """
    location = reply.headers.get("location", "")
    here = without_query(reply.url)
    try:
        target = urljoin(reply.url, location)
        old, new = urlsplit(reply.url), urlsplit(target)
        same, there = _may_follow(old, new), without_query(target)
    except ValueError:
        same, there = False, "a malformed address"
    if not location:
        same, there = False, "nowhere"
    if not same:
        raise UnexpectedAnswer(
            f"{here} redirects to {there}; the API key is not sent there. If that is your "
            "server, put its address into the settings."
        )
    return urlunsplit((new.scheme, new.netloc, new.path, new.query, ""))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds a server asks to be left alone; None if it does not.

    A date is taken against the server's own clock, if it tells it.

    Examples
    --------
    >>> retry_after({"retry-after": "005"})
    5.0
    >>> now, then = "Sun, 22 Nov 2026 18:00:00 GMT", "Sun, 22 Nov 2026 18:01:30 GMT"
    >>> retry_after({"retry-after": then, "date": now})
    90.0
    >>> retry_after({"retry-after": "soon"}) is None
    True
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:MAX_DIGITS])
    then = _date(value)
    if then is None:
        return None
    now = _date(headers.get("date")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def _may_follow(old: SplitResult, new: SplitResult) -> bool:
    if new.username is not None or new.hostname != old.hostname:
        return False
    if (old.scheme, new.scheme) == ("http", "https"):
        return True
    ports = [parts.port or DEFAULT_PORTS.get(parts.scheme) for parts in (old, new)]
    return old.scheme == new.scheme and ports[0] == ports[1]


def _date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _json(reply: Reply) -> Any:
    """Return the JSON of a reply; a broken byte costs its character, not the page."""
    where = without_query(reply.url)
    text = reply.content.decode("utf-8-sig", errors="replace")
    if text.lstrip()[:1] == "<":
        raise UnexpectedAnswer(
            f"{where} answers with a web page where JSON belongs: probably a login or error page "
            "of a proxy, or the address lacks Jellyfin's base path. Check the url."
        )
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError:
        broken_off = False
    except ValueError:
        # What set out to be JSON was broken off on the way.
        broken_off = "json" in reply.headers.get("content-type", "")
    # Outside of the handler: json's error holds the whole text.
    if broken_off:
        raise TryAgain(BrokenOff(f"{where} answers with broken JSON."))
    raise UnexpectedAnswer(
        f"{where} answers with something other than JSON: check that the url is Jellyfin's."
    )


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.nan


def _error(reply: Reply, key_place: str | None) -> JellyfinError:
    where, detail = without_query(reply.url), _detail(reply)
    said = f"{where} answers {reply.status}{f' ({detail})' if detail else ''}"
    match reply.status:
        case 401 | 403 if key_place is None or _is_proxys(reply, detail):
            refused = Unauthorized if reply.status == 401 else Forbidden
            return refused(
                f"{said}: a proxy in front of Jellyfin wants a login of its own, or lets nobody "
                "through. Let it pass Jellyfin's API through, or use the address behind it."
            )
        case 401:
            return Unauthorized(
                f"{said}: the server refuses the API key in {key_place}. Make a new one in "
                "Jellyfin under Dashboard, API Keys."
            )
        case 403:
            return Forbidden(
                f"{said}: the key in {key_place} is known, but it may not do this. Use an API "
                "key (Dashboard, API Keys), not a person's token, and look at the proxy's rules."
            )
        case 404:
            return NotFound(
                f"{said}: not there. If it is always so, the url lacks Jellyfin's base path or "
                "is another server's; else the person or film was removed meanwhile."
            )
        case 414:
            return UnexpectedAnswer(f"{said}: too long an address. Lower fetch.people_per_call.")
        case 429:
            return TooManyRequests(f"{said}: too many requests. Lower fetch.requests_in_flight.")
        case status if status in GATEWAY:
            return BadGateway(f"{said}: the proxy does not reach Jellyfin. Is it running?")
        case 503:
            return ServerStarting(f"{said}: the server is starting, or overloaded.")
        case status if status >= 500:
            return ServerFault(f"{said}: an error within the server. Its log tells more.")
        case _:
            return UnexpectedAnswer(
                f"{said}: it does not take the request. Is the url Jellyfin's, http or https?"
            )


def _is_proxys(reply: Reply, detail: str) -> bool:
    """Tell whether a refusal is none of Jellyfin's, which has few words and asks for no login."""
    asks_for = reply.headers.get("www-authenticate", "").lower()
    return detail == _WEB_PAGE or asks_for.startswith(("basic", "bearer", "digest", "negotiate"))


def _detail(reply: Reply) -> str:
    """Return a server's own words, on one short line; nothing of a web page."""
    text = reply.content[: 64 * 1024].decode("utf-8", errors="replace").strip()
    if text[:1] == "<" or "html" in text[:100].lower():
        return _WEB_PAGE
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = text
    if isinstance(body, Mapping):
        errors = body.get("errors")
        named = ", ".join(map(str, errors)) if isinstance(errors, Mapping) else ""
        body = f"{body.get('title') or ''}{f' {named}' if named else ''}"
    if not isinstance(body, str):
        return ""
    fields = Fields({"detail": body}, Counter())
    return (fields.line("detail") or "")[:MAX_DETAIL]
