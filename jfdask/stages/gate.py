"""Workers that join while a night is under way: looked at before they compute anything."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import time
from typing import Any

from distributed import Client, Scheduler, SchedulerPlugin, Worker, WorkerPlugin
from distributed.core import Status

from jfdask.stages.surroundings import Needs, look_around

logger = logging.getLogger(__name__)

GATE_SECONDS = 30.0


@contextmanager
def gate(
    client: Client, needs: Needs, admitted: frozenset[str], say: Callable[[str], None]
) -> Iterator[None]:
    """Turn away workers that join in the block and lack something, before their first task.

    Parameters
    ----------
    client
        Of the cluster. When it is gone, however it ended, the gate goes, too.
    needs
        What a worker must have.
    admitted
        Ids of the workers that were looked at already.
    say
        Is told of each that is turned away.
    """
    name = f"jfdask-{secrets.token_hex(8)}"

    def told(event: tuple[float, dict[str, Any]]) -> None:
        _, what = event
        say(f"worker {what['worker']} was turned away: {'; '.join(what['problems'])}")

    client.subscribe_topic(name, told)
    begin = "A worker that joins tonight may not be looked at"
    _in_time(client, begin, lambda: client.register_plugin(_Closer(name, client.id), name=name))
    plugin = _Gate(name, needs, admitted)
    _in_time(client, begin, lambda: client.register_plugin(plugin, name=name))
    try:
        yield
    finally:
        end = "A worker may be asked for what tonight needed until this command has ended"
        _in_time(client, end, lambda: client.unregister_worker_plugin(name))
        _in_time(client, end, lambda: client.unregister_scheduler_plugin(name))


def _in_time(client: Client, otherwise: str, ask: Callable[[], Awaitable[Any]]) -> None:
    """Ask something of the whole cluster; a worker that is just leaving is no reason to stop."""
    if client.status != "running":
        return  # the scheduler is gone, and the gate with it

    async def asked() -> None:
        await asyncio.wait_for(ask(), GATE_SECONDS)

    try:
        client.sync(asked)
    except Exception as error:
        logger.warning("%s (%s).", otherwise, type(error).__name__)


class _Gate(WorkerPlugin):
    """Runs on every worker before it gets its first task."""

    def __init__(self, name: str, needs: Needs, admitted: frozenset[str]) -> None:
        self._name, self._needs, self._admitted = name, needs, admitted

    async def setup(self, worker: Worker) -> None:
        if worker.id in self._admitted:
            return
        try:
            found = await look_around(self._needs, worker)
            problems = [*found.problems, *(why for why in found.keyless if why)]
        except Exception as error:
            logger.exception("Looking around failed")
            problems = [f"it cannot look ({type(error).__name__})"]
        if problems:
            await self._turn_away(worker, problems)

    async def _turn_away(self, worker: Worker, problems: list[str]) -> None:
        # From here on it computes nothing of what it has been sent already.
        worker.status = Status.closing_gracefully
        logger.error("This worker cannot take part: %s", "; ".join(problems))
        worker.log_event(self._name, {"worker": worker.address, "problems": problems})
        # Expected: its tasks go to others, and none of them is suspected of having killed it.
        await worker.scheduler.unregister(
            address=worker.address, stimulus_id=f"{self._name}-{time()}", expected=True
        )


class _Closer(SchedulerPlugin):
    """Takes the gate away when the client that set it up is gone, even if it was killed."""

    def __init__(self, name: str, client_id: str) -> None:
        self.name, self._client_id = name, client_id

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        if client == self._client_id and self.name in scheduler.worker_plugins:
            scheduler.loop.add_callback(scheduler.unregister_worker_plugin, None, self.name)
            scheduler.loop.add_callback(scheduler.unregister_scheduler_plugin, self.name)
