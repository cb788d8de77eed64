"""Who asks: an API key, a person's own token, or nobody, by the rules of either version."""

from __future__ import annotations

import hmac
import re

from jfdask.demo.answers import Refused, empty
from jfdask.demo.call import Call
from jfdask.demo.records import User
from jfdask.demo.world import World

_TOKEN = re.compile(r'\btoken="?([^",\s]+)"?', re.IGNORECASE)
_LEGACY_HEADERS = ("X-Emby-Token", "X-MediaBrowser-Token")


def authenticate(world: World, api_key: str, call: Call) -> User | None:
    """Return the person who asks, None for an API key.

    Raises
    ------
    Refused
        401 without a body: no token, a wrong one, or a way of giving it that 12 took away.
    """
    token = _token(call, is_12=world.is_12)
    if token and hmac.compare_digest(token.encode(), api_key.encode()):
        return None
    user_id = world.household.tokens.get(token or "")
    for user in world.household.users:
        if user.user_id == user_id and not user.is_disabled:
            return user
    raise Refused(empty(401))


def _token(call: Call, *, is_12: bool) -> str | None:
    scheme, _, rest = call.headers.get("Authorization", "").partition(" ")
    schemes = {"mediabrowser"} if is_12 else {"mediabrowser", "emby"}
    found = _TOKEN.search(rest) if scheme.lower() in schemes else None
    if found:
        return found.group(1)
    if token := call.text("ApiKey"):
        return token
    if is_12:
        return None
    legacy = (call.headers.get(name) for name in _LEGACY_HEADERS)
    return next((t for t in legacy if t), None) or call.text("api_key")
