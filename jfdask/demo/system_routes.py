"""Routes of the server itself: versions, health, tasks."""

from __future__ import annotations

from typing import Any

from jfdask.demo.answers import Answer, json_answer
from jfdask.demo.call import Call
from jfdask.demo.records import EPOCH, stable_id
from jfdask.demo.routing import Route
from jfdask.demo.shapes import CONSTANTS, iso
from jfdask.demo.world import FULL_VERSIONS, World

SCAN_TASK = "RefreshLibrary"


def public_info(world: World) -> dict[str, Any]:
    """Return what anybody may know of the server."""
    return {
        "LocalAddress": world.url,
        "ServerName": world.household.server_name,
        "Version": FULL_VERSIONS[world.version],
        "ProductName": "Jellyfin Server",
        "OperatingSystem": "",
        "Id": world.household.server_id,
        "StartupWizardCompleted": True,
    }


def read_public_info(world: World, _call: Call) -> Answer:
    """Answer version and name; no token is needed."""
    return json_answer(public_info(world))


def read_info(world: World, call: Call) -> Answer:
    """Answer how the server is set up; administrators only."""
    call.needs_admin()
    return json_answer({**CONSTANTS["system_info"], **public_info(world)})


def read_health(_world: World, _call: Call) -> Answer:
    """Answer that the server is well."""
    return health("Healthy", {"Vary": "Accept-Encoding"})


def health(word: str, headers: dict[str, str]) -> Answer:
    """Return an answer of ``/health``."""
    caching = {"Cache-Control": "no-store, no-cache", **headers}
    return Answer(200, word.encode(), "text/plain", caching)


def ping(_world: World, _call: Call) -> Answer:
    """Answer the product's name."""
    return json_answer("Jellyfin Server")


def list_tasks(world: World, call: Call) -> Answer:
    """Answer the scheduled tasks; a library scan is one that is running."""
    call.needs_admin()
    tasks = [{**t, "Id": stable_id("Task", t["Key"])} for t in CONSTANTS["scheduled_tasks"]]
    for task in tasks:
        if task["Key"] == SCAN_TASK:
            times = {"StartTimeUtc": iso(EPOCH), "EndTimeUtc": iso(EPOCH), "Status": "Completed"}
            same = {k: task[k] for k in ("Name", "Key", "Id")}
            task["LastExecutionResult"] = {**times, **same}
        if task["Key"] == SCAN_TASK and world.is_scanning:
            task |= {"State": "Running", "CurrentProgressPercentage": 24}
    hidden = call.flag("isHidden")
    return json_answer([t for t in tasks if hidden is None or t["IsHidden"] == hidden])


def list_plugins(_world: World, call: Call) -> Answer:
    """Answer that there are no plugins."""
    call.needs_admin()
    return json_answer([])


ROUTES = (
    Route("GET", "/System/Info/Public", read_public_info, is_open=True),
    Route("GET", "/System/Info", read_info),
    Route("GET", "/System/Ping", ping, is_open=True),
    Route("GET", "/health", read_health, is_open=True),
    Route("GET", "/ScheduledTasks", list_tasks),
    Route("GET", "/Plugins", list_plugins),
)
