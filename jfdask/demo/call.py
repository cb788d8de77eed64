"""One request as a handler sees it: parameters read as the server reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jfdask.demo.answers import Refused, empty, invalid, problem, processing_error
from jfdask.demo.records import DemoHousehold, User

_GUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_id(text: str) -> str | None:
    """Return an id without dashes in lower case, None if it is none.

    >>> as_id("ABABABAB-abab-abab-abab-abababababab")
    'abababababababababababababababab'
    """
    lowered = text.strip().lower()
    return lowered.replace("-", "") if _GUID.fullmatch(lowered) else None


@dataclass
class Call:
    """A request. Names of parameters ignore case; unknown ones are never looked at."""

    method: str
    path: str
    query: Mapping[str, str]  # names in lower case
    headers: Mapping[str, str]  # names ignore case
    body: bytes = b""
    user: User | None = None  # None: an API key asks, an administrator without a user
    path_ids: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a parameter, None if it is absent or empty."""
        return self.query.get(name.lower()) or None

    def names(self, name: str) -> list[str]:
        """Return a list separated by commas, in lower case."""
        return [p.strip().lower() for p in (self.text(name) or "").split(",") if p.strip()]

    def integer(self, name: str) -> int | None:
        """Return a number; 400 if it is none."""
        text = self.text(name)
        try:
            return None if text is None else int(text)
        except ValueError:
            raise invalid(name, str(text)) from None

    def flag(self, name: str) -> bool | None:
        """Return true or false; 400 if it is neither."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in ("true", "false"):
            raise invalid(name, text)
        return text.lower() == "true"

    def date(self, name: str) -> datetime | None:
        """Return a time in UTC; 400 if it cannot be read."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse_date(text)
        except ValueError:
            raise invalid(name, text) from None

    def guid(self, name: str) -> str | None:
        """Return an id; 400 if it is malformed."""
        text = self.text(name)
        if text is None:
            return None
        found = as_id(text)
        if found is None:
            raise invalid(name, text)
        return found

    def acting_user(self, household: DemoHousehold) -> User | None:
        """Return whom the call is for: ``userId``, else the caller; None for a bare key.

        An unknown id is 404, somebody else's without being administrator 403.
        """
        user_id = self.path_ids.get("user") or self.guid("userId")
        if user_id is None or (self.user and self.user.user_id == user_id):
            return self.user
        if self.user is not None and not self.user.is_admin:
            raise Refused(processing_error(403))
        for user in household.users:
            if user.user_id == user_id:
                return user
        raise Refused(processing_error(404))

    def needed_user(self, household: DemoHousehold) -> User:
        """Return whom the call is for; 400 if it is nobody."""
        user = self.acting_user(household)
        if user is None:
            raise Refused(processing_error(400))
        return user

    def needs_admin(self) -> None:
        """Refuse a person who is no administrator."""
        if self.user is not None and not self.user.is_admin:
            raise Refused(empty(403))

    def json(self) -> dict[str, Any]:
        """Return the JSON body with names in lower case; 415 for another type, 400 if broken."""
        kind = self.headers.get("Content-Type", "")
        if "json" not in kind.lower():
            raise Refused(problem(415))
        try:
            value = json.loads(self.body)
        except ValueError as error:
            names = re.findall(rb'"(\w+)"\s*:', self.body)
            where = f"$.{names[-1].decode()}" if names else "$"
            raise Refused(problem(400, {where: [f"{error}. Path: {where}"]})) from None
        if not isinstance(value, dict):
            raise Refused(problem(400, {"$": ["The JSON value could not be converted."]}))
        return {k.lower(): v for k, v in value.items()}


def parse_date(text: str) -> datetime:
    """Return a time in UTC from ISO 8601 with up to seven fractional digits; else ValueError."""
    # datetime reads six fractional digits, Jellyfin writes seven.
    date = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
