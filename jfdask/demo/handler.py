"""HTTP as tornado gives it, turned into a call, and an answer turned into bytes."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import tornado.web

from jfdask.demo.answers import Answer, empty
from jfdask.demo.call import Call

MAX_TARGET_BYTES = 8192  # a longer path with query is 414

Answering = Callable[[Call], Awaitable[tuple[Answer, bool]]]


class CallHandler(tornado.web.RequestHandler):
    """Hands every request on; the answer comes with whether to break off in its middle."""

    def initialize(self, answering: Answering, base_path: str) -> None:
        """Take what tornado passes to every handler."""
        self._answering = answering
        self._base_path = base_path

    def set_default_headers(self) -> None:
        """Name the server as Jellyfin's names itself."""
        self.set_header("Server", "Kestrel")

    def compute_etag(self) -> str | None:
        """Send no Etag of the page."""
        return None

    def check_xsrf_cookie(self) -> None:
        """Have no forms to protect."""

    async def _handle(self) -> None:
        request = self.request
        base = self._base_path
        if len(request.uri or "") > MAX_TARGET_BYTES:
            self._send(empty(414))
            return
        if base and not (request.path + "/").startswith(base + "/"):
            # Not Jellyfin answers here but the proxy in front of it.
            self._send(Answer(404, b"<html><body>404 Not Found</body></html>", "text/html"))
            return
        query = {
            name.lower(): ",".join(v.decode("utf-8", "replace") for v in values)
            for name, values in request.query_arguments.items()
        }
        call = Call(
            method=request.method or "GET",
            path=request.path[len(base) :] or "/",
            query=query,
            headers=request.headers,
            body=request.body,
        )
        answer, drops = await self._answering(call)
        if drops:
            await self._break_off(answer)
        else:
            self._send(answer)

    get = head = post = put = delete = patch = options = _handle

    def _send(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.content_type is None:
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", answer.content_type)
        body = answer.body
        takes_gzip = "gzip" in self.request.headers.get("Accept-Encoding", "")
        if body and takes_gzip and "Vary" in answer.headers:
            self.set_header("Content-Encoding", "gzip")
            body = gzip.compress(body, 1, mtime=0)
        if answer.status != 204:
            self.set_header("Content-Length", str(len(body)))
        self.finish(body or None)

    async def _break_off(self, answer: Answer) -> None:
        """Promise the whole body, send half of it and hang up."""
        stream: Any = self.detach()
        body = answer.body or b"{}"
        head = f"HTTP/1.1 {answer.status} OK\r\nServer: Kestrel\r\n"
        head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.write(head.encode() + body[: len(body) // 2])
        stream.close()
