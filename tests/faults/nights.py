"""Nights as real processes: started, watched from outside, stopped, killed, looked at afterwards.

Nothing here sleeps for a fixed time to let something happen: it is waited for what the night
prints, what lies in the store, or what its scheduler says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

from jfdask.demo.process import Demo
from jfdask.settings import StoreSettings
from jfdask.stages.files import STAGE_NAMES, USER
from jfdask.store.filesystem import Store, address_of, open_store
from jfdask.store.keys import LOCK, MANIFEST, person
from jfdask.store.manifests import load_run, load_unit
from jfdask.store.runs import latest_run
from jfdask.store.units import UnitReader
from jfdask.store.verify import verify_run

#: Longest wait for anything: a busy machine is slow, a hanging night is hanging.
PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.02

OPEN_NIGHT = Path(__file__).with_name("open_night.py")
HOME = "home"
TONIGHT = {"train.random_state": 42}
#: Other text vectors, folds and forests: nothing of featurize and later is tonight's work.
YESTERDAY = {"train.random_state": 1}

#: A file that is there in the middle of a stage, well before its end. Pool is no such stage here:
#: five people have none, and it writes one small file.
BEGUN = {
    "fetch": f"{HOME}/reading/credits-*",
    "featurize": f"{HOME}/matrix-*",
    "train": f"{HOME}/people/*/learned.json",
    "recommend": f"{HOME}/people/*/recommendations.json",
}

BASE: dict[str, Any] = {
    "cluster.workers": 1,
    "cluster.dashboard_port": 0,
    "fetch.page_size": 12,
    "fetch.people_per_call": 5,
    "features.movies_per_partition": 15,
    "features.text_dimensions": 16,
    "train.search": "off",
    # Some people have a model of their own, some have not.
    "train.min_favorites": 15,
    **TONIGHT,
}


def until(is_true: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait for something; return what it is; AssertionError if it does not come."""
    end = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(_LOOK_SECONDS)
    return found


@dataclass(frozen=True)
class House:
    """A demo server, a store, and the settings of the nights between them."""

    demo: Demo
    folder: Path
    store_settings: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The store as this process sees it."""
        return open_store(address_of(StoreSettings.model_validate(self.store_settings)))

    def but(self, **environ: str) -> House:
        """Return the same with further variables in the environment of its nights."""
        return replace(self, environ={**self.environ, **environ})

    def with_settings(self, changes: dict[str, Any]) -> House:
        """Return the same with other settings, by their dotted names."""
        return replace(self, changes={**self.changes, **changes})

    def without_settings(self, *names: str) -> House:
        """Return the same with the defaults of some settings."""
        left = {name: value for name, value in self.changes.items() if name not in names}
        return replace(self, changes=left)

    def of(self, demo: Demo) -> House:
        """Return the same store with another server."""
        return replace(self, demo=demo)

    def config(self) -> Path:
        """Write the settings file of the nights to come."""
        key = self.folder / "key"
        key.write_text(self.demo.api_key, encoding="ascii")
        settings = {f"store.{k}": v for k, v in self.store_settings.items()}
        settings |= {**BASE, **self.changes}
        sections: dict[str, list[str]] = {}
        for name, value in settings.items():
            section, _, name = name.rpartition(".")
            sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
        lines = [line for name, keys in sorted(sections.items()) for line in (f"[{name}]", *keys)]
        lines += ["[[households]]", f'name = "{HOME}"', f'url = "{self.demo.url}"']
        lines += [f"api_key_file = {json.dumps(str(key))}"]
        path = self.folder / "jfdask.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    @contextmanager
    def night(
        self,
        *command: str,
        prepare: Callable[[], None] = lambda: None,
        is_open: bool = False,
    ) -> Iterator[Night]:
        """Start a night (or another command); whatever is left of it is gone at the end.

        Parameters
        ----------
        prepare
            Called in the new process before the command begins.
        is_open
            Whether ``Night.cluster`` can speak to its workers; else nobody but the night can.
        """

        def begin() -> None:
            # What a shell has started in the background ignores Ctrl-C, and so would the night.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            prepare()

        program = [str(OPEN_NIGHT)] if is_open else ["-m", "jobs"]
        argv = [sys.executable, *program, *(command or ("run",)), "--config", self.config()]
        process = subprocess.Popen(
            argv,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            # In a group of its own, as a shell starts it: Ctrl-C reaches its workers, too.
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(OPEN_NIGHT.parents[2]), **self.environ},
            preexec_fn=begin,
        )
        night = Night(process)
        try:
            yield night
        finally:
            night.clear_away()

    def run(self, *command: str, prepare: Callable[[], None] = lambda: None) -> Night:
        """Do a night to its end."""
        with self.night(*command, prepare=prepare) as night:
            night.end()
        return night

    def latest(self) -> str | None:
        """Return the run that readers read."""
        return latest_run(self.store)

    def result(self, run_id: str | None = None) -> dict[str, Any]:
        """Return what a run holds, but for times and the ids of runs: checksums by stage."""
        run_id = run_id or self.latest()
        assert run_id is not None
        result = {}
        for stage in STAGE_NAMES:
            unit = load_unit(self.store, run_id, stage, HOME)
            files = {name: file.sha256 for name, file in unit.files.items()}
            result[stage] = (unit.status, files, dict(unit.inputs), unit.settings)
        return result

    def statuses(self) -> dict[str, str]:
        """Return what became of the household in each stage of the run that is read."""
        return {stage: status for stage, (status, *_) in self.result().items()}

    def problems(self) -> list[str]:
        """Return what the summary of the run that is read names."""
        return list(load_run(self.store, self.latest() or "").summary["problems"])

    def name_of(self, user_id: str) -> str:
        """Return what the run that is read calls a person."""
        unit = UnitReader(self.store, load_unit(self.store, self.latest() or "", "fetch", HOME))
        return str(unit.json(person(user_id, USER))["name"])

    def damages(self) -> list[str]:
        """Return what is wrong with the run that readers read."""
        return verify_run(self.store, self.latest() or "")

    def expire_lock(self) -> None:
        """Let the time pass that a killed night's lease still has."""
        lease = json.loads(self.store.read(LOCK))
        lease["expires"] = datetime.now(UTC).isoformat()
        self.store.write(LOCK, json.dumps(lease).encode())


@dataclass
class Night:
    """A command under way, and what it says."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _known: dict[int, psutil.Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def told(self) -> str:
        """All that it has said on stderr."""
        return "\n".join(self.lines)

    @property
    def code(self) -> int:
        """The exit code; negative: killed by that signal."""
        assert self.process.returncode is not None, "it has not ended"
        return self.process.returncode

    def says(self, text: str) -> str:
        """Wait until it says something; return the line."""

        def found() -> str | None:
            line = next((line for line in list(self.lines) if text in line), None)
            if line is None and self.process.poll() is not None:
                self._reader.join(10)
                line = next((line for line in self.lines if text in line), None)
                assert line is not None, f"it ended without saying {text!r}:\n{self.told}"
            return line

        line: str = until(found, f"{text!r}; it says:\n{self.told}")
        return line

    def begins(self, stage: str) -> None:
        """Wait until it has begun a stage."""
        self.says(f"{stage}: begun")

    def run_id(self) -> str:
        """Return which run it works in."""
        found = re.search(r"Run (\S+?)[,;]", self.says("dashboard: "))
        assert found is not None
        return found[1]

    def end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; return the exit code."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended in {seconds:.0f} s:\n{self.told}") from None
        self._reader.join(10)
        return self.code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; Ctrl-C goes to all of its processes, as a terminal does it."""
        self.family()
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def family(self) -> list[psutil.Process]:
        """Return all processes that it has started and that are still there."""
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._known[child.pid] = child
        except psutil.NoSuchProcess:
            pass
        return [p for p in self._known.values() if p.is_running()]

    def leaves_nobody(self) -> bool:
        """Tell whether all of its processes end within a while."""
        _, alive = psutil.wait_procs(self.family(), timeout=30)
        return not alive

    def clear_away(self) -> None:
        """Kill whatever is left; not before it could have ended by itself."""
        left = self.family()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._reader.join(10)

    @contextmanager
    def cluster(self) -> Iterator[Client]:
        """Yield a client of the scheduler of a night that is open."""
        port = re.search(r":(\d+)/status", self.says("dashboard: "))
        assert port is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/json/identity.json") as answer:
            address = json.load(answer)["address"]
        with Client(address, set_as_default=False) as client:
            yield client

    def kill_worker_doing(self, task: str) -> None:
        """Kill a worker (SIGKILL) that has a task in hand, for sure."""
        with self.cluster() as client:
            pids = client.run(os.getpid)

            def frozen_in_the_act() -> bool:
                for worker, keys in client.processing().items():
                    if not any(str(key).startswith(task) for key in keys):
                        continue
                    if worker not in pids:
                        pids.update(client.run(os.getpid))
                    os.kill(pids[worker], signal.SIGSTOP)
                    # What a stopped worker has in hand now is never going to be delivered.
                    now = client.processing().get(worker, ())
                    if any(str(key).startswith(task) for key in now):
                        os.kill(pids[worker], signal.SIGKILL)
                        return True
                    os.kill(pids[worker], signal.SIGCONT)
                return False

            until(frozen_in_the_act, f"a worker that does {task}; it says:\n{self.told}")

    def suspend_in(self, stage: str, house: House) -> None:
        """Suspend it (SIGSTOP) in the middle of a stage, for sure."""
        stage_of_run = Path(house.store.url, "runs", self.run_id(), stage)

        def has_begun() -> bool:
            assert self.process.poll() is None, f"it has ended too soon:\n{self.told}"
            return any(stage_of_run.glob(BEGUN[stage]))

        until(has_begun, f"a file of {stage}; it says:\n{self.told}")
        self.process.send_signal(signal.SIGSTOP)
        self.family()
        ended = (stage_of_run / HOME / MANIFEST).exists()
        assert not ended, "it was too quick to be stopped there: the test has to be mended"
