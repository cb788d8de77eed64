"""The demo Jellyfin: HTTP round the routes, with start-up, latency and faults."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import tornado.httpserver
import tornado.web

from jfdask.demo import (
    item_routes,
    play_routes,
    playlist_routes,
    system_routes,
    user_routes,
)
from jfdask.demo.admin import Admin, Log, is_admin_path
from jfdask.demo.answers import Answer, Refused, empty
from jfdask.demo.auth import authenticate
from jfdask.demo.call import Call
from jfdask.demo.faults import Faults, Trouble
from jfdask.demo.handler import CallHandler
from jfdask.demo.latency import NO_LATENCY, Latencies
from jfdask.demo.records import DemoHousehold
from jfdask.demo.routing import find_route
from jfdask.demo.startup import Gate, Phase, StartUp, starting_answer
from jfdask.demo.world import Version, World

_MAX_HEADER_BYTES = 256 * 1024  # read, so that it can be answered

ROUTES = (
    *system_routes.ROUTES,
    *user_routes.ROUTES,
    *item_routes.ROUTES,
    *play_routes.ROUTES,
    *playlist_routes.ROUTES,
)


class DemoServer:
    """A Jellyfin server on loopback that holds one household.

    Parameters
    ----------
    household
        What it holds; it is changed by what is written to the server.
    version
        Whose behaviour: ``12.0`` or ``10.11``.
    api_key
        The key it accepts.
    faults
        What goes wrong on purpose.
    people_seconds_per_movie
        What reading the people of a movie takes.
    latencies
        What other answers take; ``NO_LATENCY``: nothing.
    base_path
        A path in front of all others, as behind a reverse proxy, such as ``/jellyfin``.
    startup
        Phases to go through first.
    port
        0: any free one.
    ssl_options
        To serve HTTPS.
    """

    def __init__(
        self,
        household: DemoHousehold,
        *,
        version: Version = "12.0",
        api_key: str,
        faults: Faults | None = None,
        people_seconds_per_movie: float = 0.005,
        latencies: Latencies = NO_LATENCY,
        base_path: str = "",
        startup: StartUp | None = None,
        port: int = 0,
        ssl_options: ssl.SSLContext | None = None,
    ) -> None:
        self._base_path = "/" + base_path.strip("/") if base_path.strip("/") else ""
        self._ssl_options = ssl_options
        self._socket = _bind(port)
        scheme = "https" if ssl_options else "http"
        #: Where it answers, base path included.
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}{self._base_path}"
        self.world = World(household, version, self.url)
        self.gate = Gate(startup or StartUp(), time.monotonic)
        self.trouble = Trouble(faults or Faults())
        self.log = Log()
        self._api_key = api_key
        self._people_seconds = people_seconds_per_movie
        self._latencies = latencies
        self._admin = Admin(self.world, self.gate, self.trouble, self.log)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def __repr__(self) -> str:
        return f"DemoServer({self.url}, version={self.world.version})"

    def serve_forever(self, on_ready: Callable[[str], object] | None = None) -> None:
        """Serve until SIGTERM, SIGINT or ``stop``.

        Parameters
        ----------
        on_ready
            Called with the URL when it listens; with a first phase of refusals, before that.
        """
        asyncio.run(self._serve(on_ready or _log_nothing))

    def stop(self) -> None:
        """End ``serve_forever``; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self, on_ready: Callable[[str], object]) -> None:
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stop.set)
        given = {"answering": self.answer, "base_path": self._base_path}
        application = tornado.web.Application(
            [(r".*", CallHandler, given)], log_function=_log_nothing
        )
        http = tornado.httpserver.HTTPServer(
            application, ssl_options=self._ssl_options, max_header_size=_MAX_HEADER_BYTES
        )
        # Bound but not listening, the port refuses connections: the first phase of a start.
        refused = self.gate.startup.refused_seconds
        if refused:
            on_ready(self.url)
            await asyncio.sleep(refused)
        self._socket.listen(128)
        self._socket.setblocking(False)
        http.add_sockets([self._socket])
        self.gate.open()
        if not refused:
            on_ready(self.url)
        await self._stop.wait()
        http.stop()
        await http.close_all_connections()

    async def answer(self, call: Call) -> tuple[Answer, bool]:
        """Answer a call, after the time it takes.

        Returns
        -------
        answer
            What to send.
        drops
            Break the connection in the middle of it.
        """
        if is_admin_path(call.path):
            return self._refusable(self._answer_admin, call), False
        self.log.begin(call)
        try:
            began = time.perf_counter()
            fault = self.trouble.next_fault()
            if fault in ("503", "500"):
                answer = self.trouble.failure(fault)
            else:
                answer = self._refusable(self._answer, call)
            seconds = self._latencies.seconds(answer)
            seconds += self._people_seconds * answer.n_people_read
            seconds -= time.perf_counter() - began
            seconds = max(0.0, seconds) + self.trouble.faults.latency_seconds
            if seconds:
                await asyncio.sleep(seconds)
            return answer, fault == "drop"
        finally:
            self.log.end()

    def _refusable(self, handler: Callable[[Call], Answer], call: Call) -> Answer:
        try:
            return handler(call)
        except Refused as refused:
            return refused.answer

    def _answer_admin(self, call: Call) -> Answer:
        if authenticate(self.world, self._api_key, call) is not None:
            return empty(403)
        return self._admin.answer(call)

    def _answer(self, call: Call) -> Answer:
        if not self.world.is_12 and call.path.lower().startswith("/emby/"):
            call = replace(call, path=call.path[len("/emby") :])
        phase = self.gate.next_phase()
        if phase is not Phase.READY:
            needs_token = call.path.lower() not in ("/health", "/system/info/public")
            if phase is Phase.LOADING and needs_token:
                authenticate(self.world, self._api_key, call)
            return starting_answer(self.world, phase, call.path)
        route, ids = find_route(ROUTES, call.method, call.path)
        user = None if route.is_open else authenticate(self.world, self._api_key, call)
        call = replace(call, user=user, path_ids=ids)
        lists_page = call.path.lower().rstrip("/") == "/items" and call.integer("limit") != 0
        if lists_page and self.trouble.faults.change:
            self.trouble.before_listing(self.world)
        return route.handler(self.world, call)


def _log_nothing(_: object) -> None:
    """Keep the console to ourselves."""


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
