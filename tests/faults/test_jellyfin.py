"""A server that is slow, breaks off, fails, goes away for a while or for good."""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jfdask.demo.process import start_demo
from jfdask.store.manifests import load_unit

from .conftest import HOUSEHOLD
from .nights import HOME, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]


def was_read(house, night):
    """What a fetch alone has read, as `House.result` tells it."""
    unit = load_unit(house.store, night.run_id(), "fetch", HOME)
    files = {name: file.sha256 for name, file in unit.files.items()}
    return unit.status, files, dict(unit.inputs), unit.settings


@pytest.mark.parametrize(
    ("faults", "many"),
    [
        ({"latency_seconds": 0.5}, 0),
        ({"drop": 0.25}, 3),
        ({"fail_500": 0.25}, 3),
        ({"fail_503": 0.25}, 3),
    ],
    ids=["slow", "breaks off in mid-page", "database is locked", "overloaded"],
)
def test_what_passes_costs_time_only(first_night, server, undisturbed, faults, many):
    server.order("log", method="DELETE")
    server.order("faults", **faults)
    night = first_night.run("fetch")
    assert night.code == 0, night.told
    assert was_read(first_night, night) == undisturbed["fetch"]
    asked = server.order("log?requests=true", method="GET")["requests"]
    again = Counter(json.dumps(request, sort_keys=True) for request in asked)
    assert len(asked) - len(again) >= many


def test_all_of_it_in_one_night(next_night, server, undisturbed):
    server.order("faults", latency_seconds=0.1, drop=0.1, fail_500=0.1, fail_503=0.1, seed=3)
    night = next_night.run()
    assert night.code == 0, night.told
    assert next_night.result() == undisturbed
    assert next_night.damages() == []


def test_too_slow_is_told_and_the_list_of_before_stays(next_night, server):
    before = next_night.result()["recommend"][1]
    server.order("faults", latency_seconds=2.0)
    night = next_night.with_settings({"fetch.timeout_seconds": 0.5, "fetch.attempts": 2}).run()
    assert night.code == 3, night.told
    assert "no whole answer within 0.5 s (fetch.timeout_seconds)" in night.told
    assert set(next_night.statuses().values()) == {"kept"}
    assert next_night.result()["recommend"][1] == before
    assert next_night.damages() == []


def test_every_answer_500(next_night, server):
    before = next_night.result()["recommend"][1]
    server.order("faults", fail_500=1.0)
    quick = next_night.with_settings({"fetch.attempts": 2, "fetch.startup_seconds": 3})
    night = quick.run()
    assert night.code == 3, night.told
    assert "an error within the server" in night.told
    assert set(next_night.statuses().values()) == {"kept"}
    assert next_night.result()["recommend"][1] == before
    assert next_night.damages() == []


class Proxy(ThreadingHTTPServer):
    """Stands before a demo server; where nobody listens it answers 502."""

    def __init__(self, demo):
        super().__init__(("127.0.0.1", 0), _Forwarding)
        self.behind, self.asked = demo.url, []
        self.refuse = lambda path: None  # a status, headers

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = *(self.server.refuse(self.path) or (0, {})), b""
        if not status:
            status, body = self.forward()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def forward(self):
        headers = {"Authorization": self.headers.get("Authorization") or ""}
        request = urllib.request.Request(self.server.behind + self.path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 502, b"<html>502 Bad Gateway</html>"

    def log_message(self, *args):
        pass


@pytest.fixture
def proxy_of():
    started = []

    def start(demo):
        proxy = Proxy(demo)
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.shutdown()
        proxy.server_close()


def test_no_answer_to_one_question_costs_what_was_asked_for(first_night, server, proxy_of):
    proxy = proxy_of(server)
    house = first_night.of(replace(server, url=proxy.url)).with_settings(SHORT)
    request = urllib.request.Request(
        f"{server.url}/Items?recursive=true&includeItemTypes=Movie&limit=1",
        headers={"Authorization": f'MediaBrowser Token="{server.api_key}"'},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        [movie] = json.load(answer)["Items"]
    proxy.refuse = lambda path: (504, {}) if "ids=" in path and movie["Id"] in path else None
    night = house.run("fetch")
    assert night.code == 3, night.told
    assert "The people of 1 of the movies could not be read" in night.told
    assert "Waiting for it." not in night.told


def test_too_many_requests_for_longer_than_is_waited(first_night, server, proxy_of):
    proxy = proxy_of(server)
    proxy.refuse = lambda path: (429, {"Retry-After": "6000"}) if "/Items?" in path else None
    night = first_night.of(replace(server, url=proxy.url)).run("fetch")
    assert night.code == 1, night.told
    assert "too many requests. Lower fetch.requests_in_flight." in night.told
    # The first page, the collections, and how many movies each of five people sees.
    assert sum("/Items?" in path for path in proxy.asked) <= 7


#: Tries that end sooner than the server is back.
SHORT = {"fetch.attempts": 2, "fetch.startup_seconds": 120}


@pytest.mark.parametrize(
    ("has_proxy", "away_seconds"), [(False, 60.0), (True, 6.0)], ids=["direct", "behind a proxy"]
)
@pytest.mark.parametrize("when", ["before it begins", "in the middle"])
def test_gone_for_a_while(first_night, undisturbed, proxy_of, when, has_proxy, away_seconds):
    with start_demo(**HOUSEHOLD) as demo:
        port, key = int(demo.url.rpartition(":")[2]), demo.api_key
        url = proxy_of(demo).url if has_proxy else demo.url
        house = first_night.of(replace(demo, url=url)).with_settings(SHORT)
        if when == "in the middle":
            demo.order("faults", latency_seconds=0.4)
            with house.night("fetch") as night:
                reading = house.folder / "store" / "runs" / night.run_id() / "fetch" / HOME
                until(lambda: any(reading.glob("reading/credits-*")), "people being read")
                _stop(demo)
                night.says("Waiting for it.")
                told = time.monotonic()
                until(lambda: time.monotonic() > told + away_seconds, "the time without a server")
                with start_demo(**HOUSEHOLD, port=port, api_key=key):
                    assert night.end() == 0, night.told
        else:
            _stop(demo)
            with house.night("fetch") as night:
                night.says("Waiting for it.")
                told = time.monotonic()
                until(lambda: time.monotonic() > told + away_seconds, "the time without a server")
                with start_demo(**HOUSEHOLD, port=port, api_key=key):
                    assert night.end() == 0, night.told
    assert re.search(r"Waiting for it\.$", night.told, flags=re.MULTILINE)
    _, *what = was_read(house, night)
    _, files, inputs, _ = undisturbed["fetch"]
    assert what[:2] == [files, inputs]


@pytest.mark.parametrize("when", ["before it begins", "in the middle"])
def test_gone_for_good(next_night, when):
    before = next_night.result()["recommend"][1]
    with start_demo(**HOUSEHOLD) as demo:
        house = next_night.of(demo).with_settings({**SHORT, "fetch.startup_seconds": 3})
        if when == "before it begins":
            _stop(demo)
            night = house.run()
        else:
            demo.order("faults", latency_seconds=0.4)
            with house.night() as night:
                night.says("pages")
                _stop(demo)
                night.end()
    assert night.code == 3, night.told
    assert "Is the server running, and the url right?" in night.told
    assert set(house.statuses().values()) == {"kept"}
    assert house.result()["recommend"][1] == before
    assert house.damages() == []


def test_gone_for_good_on_the_first_night(first_night):
    with start_demo(**HOUSEHOLD) as demo:
        house = first_night.of(demo).with_settings({**SHORT, "fetch.startup_seconds": 1})
        _stop(demo)
        night = house.run()
    assert night.code == 1, night.told
    assert "problem: home: " in night.told
    assert house.latest() is None


def _stop(demo):
    """Let a server die; its address refuses connections from then on."""
    import psutil

    process = psutil.Process(demo.pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)
