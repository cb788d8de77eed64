from __future__ import annotations

import socket
import threading
import time
import urllib.parse

import pytest

from jfdask.demo.household import demo_household
from jfdask.demo.records import DemoHousehold
from jfdask.demo.server import DemoServer
from jfdask.demo.startup import Gate, Phase, StartUp

COMPARED = ("content-type", "retry-after", "cache-control")


@pytest.mark.parametrize("version", ["10.11", "12.0"])
def test_every_recorded_answer_of_a_start_is_that_of_a_phase(
    version, recordings, rebuild, serve, ask, api_key
):
    records = [r for r in recordings(version) if r["name"].startswith("startup-")]
    answered = [r for r in records if "error" not in r["response"]]
    assert len(answered) > 10
    with serve(rebuild(recordings(version)), version=version) as server:
        client = ask(server.url)
        for record in answered:
            seen = []
            for phase in Phase:
                if phase is Phase.REFUSED:
                    continue
                server.gate.order(phase, 1)
                auth = f'MediaBrowser Token="{api_key}"' if record["auth"] == "key" else ""
                path = record["request"]["path"]
                seen.append(_told(*client.send(path, Authorization=auth)))
            response = record["response"]
            expected = (
                response["status"],
                [response["headers"].get(name) for name in COMPARED],
                _meaning(response["body"]),
            )
            assert any(_agrees(answer, expected) for answer in seen), (record["name"], seen)


def _told(status, headers, body):
    return status, [headers.get(name) for name in COMPARED], body.decode()


def _agrees(answer, expected):
    body, text = expected[2], answer[2]
    return answer[:2] == expected[:2] and (body is None or all(word in text for word in body))


def _meaning(body):
    """Return words that the body has to hold; None: it was left out."""
    if isinstance(body, dict):
        return [f'"{key}"' for key in body]
    return None if body.startswith("(") else [body]


@pytest.mark.parametrize("phase", [Phase.MIGRATING, Phase.DEGRADED, Phase.LOADING])
def test_with_a_good_key_a_start_is_503(phase, serve, ask):
    with serve(demo_household()) as server:
        server.gate.order(phase, 2)
        client = ask(server.url)
        assert client.send("/Users")[0] == 503
        assert client.send("/Items")[0] == 503
        assert client.send("/Users")[0] == 200


def test_phases_follow_each_other_by_the_clock():
    now = [100.0]
    gate = Gate(StartUp(migrating_seconds=2, degraded_seconds=3, loading_seconds=1), lambda: now[0])
    gate.open()
    met = []
    for now[0] in (100, 101.9, 102, 104.9, 105, 105.9, 106, 1000):
        met.append(gate.next_phase().value)
    assert met == ["migrating"] * 2 + ["degraded"] * 2 + ["loading"] * 2 + ["ready"] * 2


def test_nobody_listens_at_first():
    household = DemoHousehold("0" * 32, [], [], {})
    server = DemoServer(household, api_key="k" * 32, startup=StartUp(refused_seconds=0.3))
    told = threading.Event()
    run = threading.Thread(target=server.serve_forever, args=[lambda _: told.set()])
    run.start()
    try:
        assert told.wait(10)
        address = ("127.0.0.1", urllib.parse.urlsplit(server.url).port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(address, timeout=5).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        else:
            pytest.fail("it never listened")
    finally:
        server.stop()
        run.join(10)
