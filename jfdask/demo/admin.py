"""Routes that no Jellyfin has, under ``/_demo``: a test changes the world and looks back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from jfdask.demo.answers import Answer, empty, json_answer, problem
from jfdask.demo.call import Call, as_id, parse_date
from jfdask.demo.faults import Faults, Trouble
from jfdask.demo.records import Item, Play, User, stable_id
from jfdask.demo.startup import Gate, Phase
from jfdask.demo.world import World

PREFIX = "/_demo/"
MAX_LOGGED = 20_000


@dataclass
class Log:
    """What was asked of the server."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    n_in_flight: int = 0
    max_in_flight: int = 0

    def begin(self, call: Call) -> None:
        """Note a request that has come in."""
        self.n_in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.n_in_flight)
        if len(self.requests) < MAX_LOGGED:
            asked = {"method": call.method, "path": call.path, "query": dict(call.query)}
            self.requests.append(asked)

    def end(self) -> None:
        """Note that one was answered."""
        self.n_in_flight -= 1


@dataclass
class Admin:
    """Answers ``/_demo/…``; only the API key gets here."""

    world: World
    gate: Gate
    trouble: Trouble
    log: Log

    def answer(self, call: Call) -> Answer:
        """Answer one call; the last part of the path names what to do."""
        what, _, item_id = call.path[len(PREFIX) :].strip("/").lower().partition("/")
        routes: dict[tuple[str, str], Callable[[Call, str], Answer]] = {
            ("POST", "items"): self._put_item,
            ("DELETE", "items"): self._remove_item,
            ("POST", "plays"): self._put_play,
            ("POST", "users"): self._put_user,
            ("POST", "outage"): self._order_outage,
            ("POST", "phase"): self._order_phase,
            ("POST", "scanning"): self._set_scanning,
            ("POST", "faults"): self._set_faults,
            ("GET", "log"): self._read_log,
            ("DELETE", "log"): self._clear_log,
        }
        handler = routes.get((call.method, what))
        if handler is None:
            return empty(404)
        try:
            return handler(call, item_id)
        except (KeyError, TypeError, ValueError) as error:
            return problem(400, {what: [f"{type(error).__name__}: {error}"]})

    def _put_item(self, call: Call, item_id: str) -> Answer:
        """Add a movie, or edit one: fields of ``Item``; ``raw`` spoils keys of the answer."""
        body = call.json()
        item = self.world.household.items.get(as_id(item_id) or "")
        if item is None:
            libraries = [f for f in self.world.household.folders if f.kind == "movies"]
            name = body.get("name", "Untitled")
            new_id = as_id(item_id) or stable_id("Movie", name, len(self.world.household.items))
            item = Item(new_id, "Movie", name, folder_id=libraries[0].folder_id)
            item.created = self.world.clock()
        _assign(item, body)
        if "saved" not in body:
            item.saved = self.world.clock()
        self.world.household.add([item])
        return json_answer({"Id": item.item_id})

    def _remove_item(self, _call: Call, item_id: str) -> Answer:
        if self.world.household.items.pop(as_id(item_id) or "", None) is None:
            return problem(404)
        self.world.household.touch()
        return empty(204)

    def _put_play(self, call: Call, _: str) -> Answer:
        """Set what a user (name or id) has to do with an item."""
        body = call.json()
        user = self.world.household.user(body.pop("user"))
        item_id = as_id(body.pop("item")) or ""
        plays = self.world.household.plays.setdefault(user.user_id, {})
        _assign(plays.setdefault(item_id, Play()), body)
        return empty(204)

    def _put_user(self, call: Call, _: str) -> Answer:
        """Add a user or change one, by name."""
        body = call.json()
        household = self.world.household
        user = next((u for u in household.users if u.name == body["name"]), None)
        if user is None:
            user = User(stable_id("User", body["name"]), body["name"])
            household.users.append(user)
        _assign(user, body)
        household.touch()
        return json_answer({"Id": user.user_id})

    def _order_outage(self, call: Call, _: str) -> Answer:
        """Let the next requests fail: ``requests``, ``kind`` 503, 500 or drop."""
        body = call.json()
        kind = body.get("kind", "503")
        if kind not in ("503", "500", "drop"):
            raise ValueError(f"kind {kind!r}: expected 503, 500 or drop")
        self.trouble.outage += [kind] * int(body["requests"])
        return empty(204)

    def _order_phase(self, call: Call, _: str) -> Answer:
        """Let the next requests meet a phase of the start: ``phase``, ``requests``."""
        body = call.json()
        self.gate.order(Phase(body["phase"]), int(body["requests"]))
        return empty(204)

    def _set_scanning(self, call: Call, _: str) -> Answer:
        self.world.is_scanning = bool(call.json()["running"])
        return empty(204)

    def _set_faults(self, call: Call, _: str) -> Answer:
        """Replace the faults: fields of ``Faults``; those left out are none."""
        self.trouble.faults = Faults(**call.json())
        return empty(204)

    def _read_log(self, call: Call, _: str) -> Answer:
        counts = Counter(f"{r['method']} {r['path']}" for r in self.log.requests)
        return json_answer(
            {
                "counts": counts,
                "max_in_flight": self.log.max_in_flight,
                "changes": self.trouble.changes,
                "requests": self.log.requests if call.flag("requests") else [],
            }
        )

    def _clear_log(self, _call: Call, _: str) -> Answer:
        self.log.requests.clear()
        self.log.max_in_flight = self.log.n_in_flight
        return empty(204)


def _assign(record: Any, values: dict[str, Any]) -> None:
    """Set fields of a record from JSON; ValueError for a name that it does not have."""
    known = {f.name: str(f.type) for f in fields(record)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{type(record).__name__} has no {name!r}; it has {sorted(known)}")
        if "datetime" in known[name] and isinstance(value, str):
            value = parse_date(value)
        setattr(record, name, tuple(value) if "tuple" in known[name] and value else value)


def is_admin_path(path: str) -> bool:
    """Tell if a path is one of these."""
    return path.lower().startswith(PREFIX)
