"""An S3 service behind a proxy that breaks off, refuses, or never answers, as it is told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "films"
Trouble = Literal["", "silent", "cut", "away"]
_HOP = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


class Bucket:
    """The service and the proxy in front of it.

    Trouble begins with the first PUT of a key that holds `trigger`, and stays until `mend`:

    silent
        Every PUT is taken and never answered, whatever becomes of it.
    cut
        The connection ends in the middle of that PUT; from then on all are refused.
    away
        Every connection ends before an answer.
    """

    def __init__(self, host: str, port: int) -> None:
        self.service = (host, port)
        self.trouble: Trouble = ""
        self.trigger: Callable[[str], bool] = lambda _key: False
        self.is_broken = threading.Event()
        self._mended = threading.Event()
        bucket = self

        class Handler(_Handler):
            proxied = bucket

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        direct = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake"}
        self.client = boto3.client("s3", endpoint_url=direct, region_name="us-east-1", **keys)
        self.client.create_bucket(Bucket=BUCKET)
        # What an earlier one held is there as long as this process is.
        for found in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            self.client.delete_object(Bucket=BUCKET, Key=found["Key"])
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of a store in it, through the proxy."""
        return {
            "url": f"s3://{BUCKET}/jfdask",
            "endpoint_url": self.url,
            "region": "us-east-1",
        }

    def fill_from(self, folder: Path) -> None:
        """Put a folder's files into it."""
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"jfdask/{path.relative_to(folder).as_posix()}"
                self.client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())

    def break_at(self, trouble: Trouble, trigger: Callable[[str], bool]) -> None:
        """Order trouble from the first PUT on whose key is so."""
        self._mended.clear()
        self.trouble, self.trigger = trouble, trigger

    def mend(self) -> None:
        """Work again."""
        self.trouble = ""
        self.is_broken.clear()
        self._mended.set()

    def close(self) -> None:
        self.mend()
        self._http.shutdown()
        self._http.server_close()

    def meets(self, method: str, path: str) -> Trouble:
        """Return what a request meets."""
        if self.trouble and not self.is_broken.is_set():
            if method != "PUT" or not self.trigger(path):
                return ""
            self.is_broken.set()
            return self.trouble
        if self.is_broken.is_set():
            if self.trouble == "silent":
                return "silent" if method == "PUT" else ""
            return "away"
        return ""

    def keep_waiting(self) -> None:
        """Hold a connection until the trouble is over."""
        self._mended.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxied: Bucket

    def _handle(self) -> None:
        trouble = self.proxied.meets(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if trouble == "away":
            self.close_connection = True
            return
        if trouble == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        connection = http.client.HTTPConnection(*self.proxied.service, timeout=60)
        # As it came: the headers are part of what is signed.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if trouble == "silent":
            self.proxied.keep_waiting()
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        n_bytes = answer.getheader("Content-Length", "0") if is_head else str(len(said))
        self.send_header("Content-Length", n_bytes)
        self.end_headers()
        if not is_head:
            self.wfile.write(said)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815

    def log_message(
        self,
        format: str,  # noqa: A002
        *args: object,
    ) -> None:
        """Keep the console to ourselves."""


@contextmanager
def bucket_behind_a_proxy() -> Iterator[Bucket]:
    """Start the service and its proxy."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        bucket = Bucket(*server.get_host_and_port())
        try:
            yield bucket
        finally:
            bucket.close()
    finally:
        server.stop()
