"""What the server answers with, and every refusal as the recorded servers worded it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json; charset=utf-8"
_SECTIONS = {400: "15.5.1", 404: "15.5.5", 415: "15.5.16"}


@dataclass(frozen=True)
class Answer:
    """A status, a body and what belongs to them."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    n_items: int = 0  # movies listed, for what the answer costs
    n_people_read: int = 0  # movies whose people were read
    kind: str = "other"  # plain, fields or user_data: what a listing cost on a real server


class Refused(Exception):
    """Leaves a handler at once with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(value: Any, status: int = 200, **cost: Any) -> Answer:
    """Return a JSON answer."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, JSON, {"Vary": "Accept-Encoding"}, **cost)


def empty(status: int) -> Answer:
    """Return an answer without a body: 204, 401, 404 of a route, 405, 414."""
    return Answer(status)


def processing_error(status: int) -> Answer:
    """Return what 400, 403, 404 and 500 look like when the server's own code refused."""
    return Answer(status, b"Error processing request.", "text/plain")


def problem(status: int, errors: dict[str, list[str]] | None = None) -> Answer:
    """Return ProblemDetails (RFC 9110), as the framework's own checks answer."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": f"https://tools.ietf.org/html/rfc9110#section-{_SECTIONS[status]}",
        "title": "One or more validation errors occurred." if errors else title,
        "status": status,
        "errors": errors,
        "traceId": "00-0-0-00",
    }
    return json_answer({k: v for k, v in body.items() if v is not None}, status)


def invalid(name: str, value: str) -> Refused:
    """Return the refusal of a parameter that cannot be read."""
    return Refused(problem(400, {name: [f"The value '{value}' is not valid."]}))
