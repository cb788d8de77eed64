"""Finds out whether it is Jellyfin, of a known version, ready, and takes the key.

A starting server goes through phases: nobody listens; 503; an answer about itself with keys in
camelCase while everything else is 503; 503 again; ready. With a good key no phase says 401.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jfdask.errors import (
    JellyfinError,
    NotFound,
    ServerStarting,
    UnexpectedAnswer,
    UnsupportedVersion,
)
from jfdask.jellyfin.answers import TryAgain
from jfdask.jellyfin.fields import Fields

if TYPE_CHECKING:
    from jfdask.jellyfin.client import JellyfinClient

logger = logging.getLogger(__name__)

# The line went from 10.11 to 12.0.
OLDEST, NEWEST_MAJOR = (10, 11), 12
PRODUCT = "Jellyfin Server"
PUBLIC_INFO = "/System/Info/Public"  # told without a key
UNREACHABLE_SECONDS = 90.0  # how long nobody may listen, of the time for starting
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 5.0

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:[.+-].{0,50})?")


@dataclass(frozen=True)
class ServerInfo:
    """What a server says of itself."""

    version: str  # such as "10.11.11"
    server_id: str
    name: str


def wait_until_ready(
    client: JellyfinClient,
    startup_seconds: float,
    on_wait: Callable[[str], None] | None = None,
) -> ServerInfo:
    """Return what a server says of itself once it answers questions asked with the key.

    Parameters
    ----------
    client
        Whom to ask. The key is sent only after the server said that it is Jellyfin.
    startup_seconds
        Longest wait for a server that says it is starting. Where nobody listens the wait is
        `UNREACHABLE_SECONDS` at most; a host that does not exist is not waited for.
    on_wait
        Told, before every pause, why it is waited.

    Raises
    ------
    ServerStarting, ServerUnreachable, ServerFault, TooManyRequests
        It was not ready in time.
    UnsupportedVersion
        It is older than 10.11, or not Jellyfin.
    Unauthorized, Forbidden, NotFound, UnexpectedAnswer
        It is ready, but the key or the url is wrong.
    """
    began = last_contact = time.monotonic()
    pause = PAUSE_SECONDS
    while True:
        try:
            return _look(client)
        except TryAgain as again:
            failure, asked_for = again.error, again.pause_seconds
        now = time.monotonic()
        if isinstance(failure, ServerStarting):
            last_contact = now
        left = min(began + startup_seconds, last_contact + UNREACHABLE_SECONDS) - now
        if left <= 0:
            raise _gave_up(failure, now - began)
        if on_wait is not None:
            on_wait(str(failure))
        # One last look at the very end, whatever the server asked for.
        time.sleep(min(left, max(pause, asked_for or 0.0)))
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def read_version(body: Any, url: str) -> tuple[ServerInfo, bool]:
    """Return what ``/System/Info/Public`` says, and whether the server is still starting.

    Raises
    ------
    UnsupportedVersion
        It is older than 10.11, or not Jellyfin.
    """
    if not isinstance(body, Mapping):
        raise UnsupportedVersion(f"{url} is not Jellyfin: it does not say what it is.")
    starting = "version" in body
    by_name = {str(name).lower(): value for name, value in body.items()}
    fields = Fields(by_name, Counter())
    product, version = fields.line("productname") or PRODUCT, fields.line("version") or ""
    match = _VERSION.fullmatch(version)
    if product != PRODUCT or match is None:
        raise UnsupportedVersion(
            f"{url} is not Jellyfin: it calls itself {product!r}, version {version!r}."
        )
    major, minor = int(match[1]), int(match[2])
    if (major, minor) < OLDEST:
        raise UnsupportedVersion(
            f"{url} runs version {version}; jfdask reads Jellyfin 10.11 and 12. Update the server."
        )
    if (major, minor) != OLDEST and major != NEWEST_MAJOR:
        logger.warning("%s runs version %s, which jfdask was not tested with.", url, version)
    name, server_id = fields.line("servername") or "", fields.line("id") or ""
    return ServerInfo(version, server_id, name), starting


def _look(client: JellyfinClient) -> ServerInfo:
    """Ask, without the key, what the server is, and then, with the key, whether it is ready."""
    try:
        public = client.ask_once(client.address(PUBLIC_INFO), with_key=False).body
    except NotFound:
        missing = True
    else:
        missing = False
    if missing:
        raise NotFound(
            f"No Jellyfin at {client.url}: {PUBLIC_INFO} is not there (404). Check the url "
            "and its base path."
        )
    info, starting = read_version(public, client.url)
    if starting:
        raise TryAgain(ServerStarting(f"{client.url} is starting (version {info.version})."))
    private = client.ask_once(client.address("/System/Info")).body
    if not isinstance(private, Mapping) or "Version" not in private:
        raise UnexpectedAnswer(f"{client.url}/System/Info does not answer as Jellyfin does.")
    if client.url != client.given_url:
        logger.warning(
            "%s leads to %s, which is asked instead. Put that into the settings as url.",
            client.given_url,
            client.url,
        )
    return info


def _gave_up(failure: JellyfinError, waited_seconds: float) -> JellyfinError:
    waited = f" Waited {waited_seconds:.0f} s for it." if waited_seconds >= 1 else ""
    return type(failure)(f"{failure}{waited}")
