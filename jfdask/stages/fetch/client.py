"""A worker's clients: one for each server, with the key read in this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from jfdask.errors import (
    BadGateway,
    BrokenOff,
    JellyfinError,
    ServerFault,
    ServerStarting,
    ServerUnreachable,
    Unauthorized,
)
from jfdask.jellyfin.client import JellyfinClient
from jfdask.jellyfin.connection import Server, connect
from jfdask.jellyfin.startup import ServerInfo

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: A server that was waited for in vain is not asked by this worker for so long: of hundreds of
#: questions each would wait anew.
GIVEN_UP_SECONDS = 30.0
_given_up: dict[Server, tuple[float, JellyfinError]] = {}


def asked(server: Server, ask: Callable[[JellyfinClient], T]) -> T:
    """Return what a server says; ask once more if it was away, or the key is another one now.

    A server that is started anew in the middle of a night is waited for as at its beginning. A
    worker lives for weeks; in the meantime the file with the key may have got another one.

    Raises
    ------
    JellyfinError
        What the server said in the end. A `ServerFault` is of this question; others may fare
        better.
    """
    until, error = _given_up.get(server, (0.0, JellyfinError()))
    if time.monotonic() < until:
        raise type(error)(str(error))
    try:
        return _ask(server, ask)
    except Unauthorized:
        # Not closed: other threads of this worker may be in the middle of a request.
        _client.cache_clear()
    except (ServerUnreachable, ServerStarting) as error:
        if not _came_back(server, error):
            raise
    return _ask(server, ask)


def _ask(server: Server, ask: Callable[[JellyfinClient], T]) -> T:
    client = _client(server)
    # Of a cluster's processes only one has seen the server begin the night.
    client.find_https()
    return ask(client)


def ready(server: Server) -> ServerInfo:
    """Return what a server says of itself, once it is ready.

    Raises
    ------
    JellyfinError
        It was not ready in time, or is not one to be read.
    """
    waiting = _Waiting()
    try:
        return _client(server).wait_until_ready(server.startup_seconds, waiting)
    except Unauthorized:
        _client.cache_clear()
    return _client(server).wait_until_ready(server.startup_seconds, waiting)


def _came_back(server: Server, why: JellyfinError) -> bool:
    """Wait for a server that is away; False if it was there all the time, or stays away.

    Raises
    ------
    ServerFault
        It was there all the time, and only to this question is there no whole answer.
    """
    waiting = _Waiting()
    try:
        _client(server).wait_until_ready(server.startup_seconds, waiting)
    except JellyfinError as error:
        # No fault of what others ask for meanwhile.
        told = ServerUnreachable(str(error)) if isinstance(error, ServerFault) else error
        _given_up[server] = time.monotonic() + GIVEN_UP_SECONDS, told
        return False
    if isinstance(why, BadGateway | BrokenOff) and not waiting.has_begun:
        raise ServerFault(str(why)) from None
    return waiting.has_begun


class _Waiting:
    """Is told of every pause; says so once. It may take minutes: the task has left its thread."""

    def __init__(self) -> None:
        self.has_begun = False

    def __call__(self, why: str) -> None:
        if not self.has_begun:
            self.has_begun = True
            logger.warning("%s Waiting for it.", why)


# As many servers as a worker may ask at once.
@lru_cache(maxsize=64)
def _client(server: Server) -> JellyfinClient:
    return connect(server)
