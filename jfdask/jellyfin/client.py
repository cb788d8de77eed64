"""A client of one Jellyfin server: its key, time-outs, retries, redirections.

The key is in one header, ``Authorization: MediaBrowser Token="…"``, of requests to one host. It
is in no address, log, message, pickle or traceback: whatever httpx raises holds the request and
its headers, so none of it leaves this module, not even as the context of an error of ours.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import random
import ssl
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies_environment

import httpx
import stamina

from jfdask.errors import JellyfinError, UnexpectedAnswer
from jfdask.jellyfin.answers import (
    REDIRECTIONS,
    Answer,
    Reply,
    TryAgain,
    read_answer,
    redirected,
    without_query,
)
from jfdask.jellyfin.failures import CONNECT_SECONDS, failure_of, too_slow
from jfdask.jellyfin.startup import PUBLIC_INFO, ServerInfo, wait_until_ready

__all__ = ["JellyfinClient", "ServerInfo"]

logger = logging.getLogger(__name__)

MAX_ANSWER = 64 * 2**20  # bytes, unpacked
MAX_REDIRECTIONS = 5
MAX_URL = 8_000  # characters; Jellyfin refuses some 60,000, proxies far fewer

# Waits between tries: 0.5, 1, 2, 4, … seconds and up to a second more by chance.
WAIT_INITIAL, WAIT_MAX, WAIT_JITTER = 0.5, 30.0, 1.0

Param = str | int | bool | datetime | list[str] | tuple[str, ...] | None


class JellyfinClient:
    """Asks one server; made by `jfdask.jellyfin.connection.connect`. Not picklable.

    Parameters
    ----------
    url
        The server's address with its base path, without a query.
    key
        The API key.
    key_place
        Where the key was found, in words.
    ssl_context
        Whom to trust.
    timeout_seconds
        Longest wait for one answer, from sending to its last byte.
    attempts
        Tries of one request.
    transport
        Instead of the network.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        key_place: str,
        ssl_context: ssl.SSLContext,
        timeout_seconds: float,
        attempts: int,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = self.given_url = url.rstrip("/")
        self._is_found = False  # it was asked without the key, and answered
        self._auth = _KeyHeader(key)
        self._key_place = key_place
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._http = httpx.Client(
            headers={"Accept": "application/json", "User-Agent": "jfdask"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            verify=ssl_context,
            follow_redirects=False,
            # A proxy of the environment is for the outside.
            trust_env=not _is_inside(self.url),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"JellyfinClient({self.url!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A JellyfinClient holds the API key and does not travel: send the Server and call "
            "connect(server) where it is used."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get_json(self, path: str, **params: Param) -> Any:
        """Return the JSON at a path; see `get`."""
        return self.get(path, **params).body

    def get(self, path: str, **params: Param) -> Answer:
        """Ask for a path and try again while that may help.

        Parameters
        ----------
        path
            Below the server's address, such as ``/Items``.
        **params
            The query: true and false in lower case, lists joined by commas, times as UTC; None
            is left out.

        Raises
        ------
        JellyfinError
            What the server said in the end. `ServerUnreachable`, `ServerStarting`, `ServerFault`
            and `TooManyRequests` come after ``attempts`` tries, or when the server wants to be
            left alone for longer; the others at once.
        """
        return self._ask(self._address(path, params), with_key=True)

    def find_https(self) -> None:
        """See to it that no key is sent by http to a server that leads to https.

        Raises
        ------
        JellyfinError
            It does not say what it is; see `get`.
        """
        if self.url.startswith("http:") and not self._is_found:
            self._ask(self.address(PUBLIC_INFO), with_key=False)

    def wait_until_ready(
        self, startup_seconds: float, on_wait: Callable[[str], None] | None = None
    ) -> ServerInfo:
        """Wait for a starting server, then check its version and the key; see `startup`."""
        return wait_until_ready(self, startup_seconds, on_wait)

    def ask_once(self, url: str, *, with_key: bool = True) -> Answer:
        """Send one request, follow it within the same server, and read the answer.

        Where http leads to https, https is asked from then on.

        Raises
        ------
        TryAgain
            It may succeed when sent again.
        JellyfinError
            It will not.
        """
        deadline = time.monotonic() + self._timeout_seconds
        for _ in range(MAX_REDIRECTIONS + 1):
            reply = self._without_key(self._exchange(url, with_key, deadline))
            if reply.status not in REDIRECTIONS:
                answer = read_answer(reply, self._key_place if with_key else None)
                self._is_found |= not with_key
                return answer
            url = redirected(reply)
            here, there = urlsplit(self.url), urlsplit(url)
            if (here.scheme, there.scheme) == ("http", "https"):
                self.url = urlunsplit((there.scheme, there.netloc, here.path, "", ""))
        raise UnexpectedAnswer(f"{without_query(url)} redirects in a circle: check the url.")

    def address(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.url}{path}"

    def _ask(self, url: str, *, with_key: bool) -> Answer:
        deadline = time.monotonic() + self._attempts * self._timeout_seconds
        tries = stamina.retry_context(
            on=lambda error: _pause(error, deadline),
            attempts=self._attempts,
            timeout=self._attempts * self._timeout_seconds,
            wait_initial=WAIT_INITIAL,
            wait_max=WAIT_MAX,
            wait_jitter=WAIT_JITTER,
        )
        n_tries, failure = 0, JellyfinError(f"{without_query(url)} was never asked.")
        try:
            for attempt in tries:
                if attempt.num > 1:
                    logger.info("Try %d of %d: %s", attempt.num, self._attempts, failure)
                with attempt:
                    n_tries = attempt.num
                    try:
                        return self.ask_once(url, with_key=with_key)
                    except TryAgain as again:
                        failure = again.error
                        raise
        except TryAgain:
            pass
        # Outside of the handler, so that no context hangs on it.
        raise type(failure)(f"{failure} Tried {n_tries} time{'s' * (n_tries > 1)}.")

    def _address(self, path: str, params: dict[str, Param]) -> str:
        texts = {name: _param(value) for name, value in params.items() if value is not None}
        url = str(httpx.URL(self.address(path), params=texts))
        if len(url) > MAX_URL:
            raise ValueError(f"A request for {path} of {len(url)} characters: ask for fewer ids.")
        return url

    def _exchange(self, url: str, with_key: bool, deadline: float) -> Reply:
        """Send one request and read the whole answer."""
        try:
            with self._http.stream("GET", url, auth=self._auth if with_key else None) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > MAX_ANSWER or time.monotonic() > deadline:
                        break
                headers = {name.lower(): value for name, value in response.headers.items()}
                reply = Reply(url, response.status_code, headers, bytes(content))
            failure = self._guard(reply, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            reply, failure = Reply(url, 0, {}, b""), failure_of(url, error, self._timeout_seconds)
        if failure is not None:
            raise failure
        return reply

    def _guard(self, reply: Reply, deadline: float) -> Exception | None:
        where = without_query(reply.url)
        if len(reply.content) > MAX_ANSWER:
            return UnexpectedAnswer(
                f"{where} answers with more than {MAX_ANSWER // 2**20} MiB. Lower fetch.page_size."
            )
        if time.monotonic() > deadline:
            return TryAgain(too_slow(where, self._timeout_seconds))
        return None

    def _without_key(self, reply: Reply) -> Reply:
        """Return an error's answer without the key, should a proxy repeat what it was sent."""
        if reply.status < 300:
            return reply
        content = reply.content.replace(self._auth.key.encode(), b"***")
        headers = {n: value.replace(self._auth.key, "***") for n, value in reply.headers.items()}
        return Reply(reply.url, reply.status, headers, content)


class _KeyHeader(httpx.Auth):
    """Puts the key into the one header that every supported version takes."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "_KeyHeader(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key does not travel.")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f'MediaBrowser Token="{self.key}"'
        yield request


def _pause(error: Exception, deadline: float) -> bool | float:
    """Return whether, or after how many seconds, to try again: stamina's back-off hook."""
    if not isinstance(error, TryAgain):
        return False
    if error.pause_seconds is None:
        return True
    if time.monotonic() + error.pause_seconds > deadline:
        return False
    # Not all clients that were sent away at once shall come back at once.
    return error.pause_seconds + random.uniform(0, WAIT_JITTER)  # noqa: S311


def _is_inside(url: str) -> bool:
    """Tell an address of this machine, or one in a range of NO_PROXY: httpx reads names alone."""
    host = httpx.URL(url).host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or any(address in network for network in _ranges_of_no_proxy())


def _ranges_of_no_proxy() -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in getproxies_environment().get("no", "").split(","):
        with contextlib.suppress(ValueError):  # a name
            yield ipaddress.ip_network(entry.strip(), strict=False)


def _param(value: Param) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
