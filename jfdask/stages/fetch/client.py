"""A worker's clients: one for each server, with the key read in this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from jfdask.errors import Unauthorized
from jfdask.jellyfin.client import JellyfinClient
from jfdask.jellyfin.connection import Server, connect

T = TypeVar("T")


def asked(server: Server, ask: Callable[[JellyfinClient], T]) -> T:
    """Return what a server says; ask once more, with the key read anew, if it is refused.

    A worker lives for weeks; in the meantime the file with the key may have got another one.

    Raises
    ------
    JellyfinError
        What the server said in the end.
    """
    try:
        return ask(_client(server))
    except Unauthorized:
        # Not closed: other threads of this worker may be in the middle of a request.
        _client.cache_clear()
    return ask(_client(server))


@lru_cache(maxsize=32)
def _client(server: Server) -> JellyfinClient:
    return connect(server)
