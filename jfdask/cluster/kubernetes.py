"""A Dask cluster on Kubernetes for the length of a night, by dask-kubernetes' operator."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client
from tornado.ioloop import IOLoop

from jfdask.cluster.kubernetes_left import remove_left
from jfdask.cluster.kubernetes_spec import CLUSTER_LABEL, fill_in, read_spec
from jfdask.cluster.kubernetes_trouble import troubles
from jfdask.cluster.remote import SteadyClient
from jfdask.errors import ClusterError, JfdaskError, SettingsError
from jfdask.settings import ClusterSettings

KUBERNETES = "kubernetes"

#: Where a pod finds the namespace it is in. kr8s looks there, but takes "default" all the same.
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
#: Longest wait for the operator to take up a new cluster, and for a crashing scheduler.
OPERATOR_SECONDS = 60.0
#: Longest time for taking the cluster away; a pod that is stopped is given 120 s in k8s/.
REMOVAL_SECONDS = 60.0
#: What Kubernetes was asked to make as a signal came may come so much later.
LATE_SECONDS = 5.0
#: Longest time for finding out why a cluster does not come.
LOOK_SECONDS = 20.0

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


@contextmanager
def kubernetes_cluster(settings: ClusterSettings) -> Iterator[Client]:
    """Yield a client of a cluster made for this block, adaptive between the settings' limits.

    The cluster is gone when the block is left, also by an exception or a signal that raises
    one. Where even that cannot happen (the process is killed), the operator takes the cluster
    away by its ``idleTimeout``, if its scheduler ever came, else a later night does.

    Raises
    ------
    SettingsError
        No dask-kubernetes, or no usable file with a DaskCluster.
    ClusterError
        The cluster does not come; the message says what is missing.
    """
    library = _library()
    spec = fill_in(
        read_spec(settings.kubernetes_spec),
        secrets.token_hex(4),
        settings.kubernetes_image,
        settings.kubernetes_minimum,
        settings.kubernetes_seconds,
    )
    deadline = time.monotonic() + settings.kubernetes_seconds
    with _Background() as background:
        night = _NightCluster(library, spec, settings)
        try:
            address = night.begin(background, deadline)
            untyped: Any = SteadyClient
            with untyped(address, timeout=max(1.0, deadline - time.monotonic())) as client:
                night.wait_for_workers(client, background, deadline)
                yield client
        finally:
            night.end(background)


class _NightCluster:
    """One DaskCluster: begun, waited for, taken away. All talk to Kubernetes is in one thread."""

    def __init__(self, library: Any, spec: dict[str, Any], settings: ClusterSettings) -> None:
        self._library = library
        self._spec = spec
        self._settings = settings
        self._name: str = spec["metadata"]["name"]
        self._namespace = settings.kubernetes_namespace or _own_namespace()
        self._cluster: Any = None
        self._is_interrupted = False

    def begin(self, background: _Background, deadline: float) -> str:
        """Create the cluster and its autoscaler; return the scheduler's address."""
        try:
            return background.run(self._begin(), deadline - time.monotonic())
        except TimeoutError as error:
            # The library's own has words, that of our deadline has none.
            told = str(error) or f"no scheduler after {self._settings.kubernetes_seconds:g} s."
            raise self._failed(background, told) from None
        except JfdaskError:
            raise
        except Exception as error:
            if said := _crash(error):
                # The library has removed it by now: there is nothing to look at.
                raise ClusterError(
                    f"The scheduler of the cluster {self._name} crashes again and again: {said}"
                ) from None
            raise self._failed(background, self._told(error)) from None
        except BaseException:
            self._is_interrupted = True
            raise

    async def _begin(self) -> str:
        try:
            for name in await remove_left(self._name, self._namespace):
                _log.warning("DaskCluster %s of a night that was killed is removed.", name)
        except Exception as error:
            # Tonight can do without.
            _log.warning("Clusters of earlier nights cannot be looked at: %s", self._told(error))
        self._cluster = self._library.KubeCluster(
            custom_cluster_spec=self._spec,
            namespace=self._namespace,
            create_mode="CREATE_ONLY",
            shutdown_on_close=True,
            resource_timeout=min(OPERATOR_SECONDS, self._settings.kubernetes_seconds),
            quiet=True,
            asynchronous=True,
            loop=IOLoop.current(),
        )
        await self._cluster
        self._namespace = self._cluster.namespace
        limits = self._settings.kubernetes_minimum, self._settings.kubernetes_maximum
        await self._cluster.adapt(*limits)
        return str(self._cluster.scheduler_address)

    def wait_for_workers(self, client: Client, background: _Background, deadline: float) -> None:
        """Return when the fewest workers are there, or, at the deadline, one at least."""
        wanted = self._settings.kubernetes_minimum
        try:
            client.wait_for_workers(wanted, timeout=max(0.1, deadline - time.monotonic()))
        except TimeoutError:
            n = len(client.scheduler_info(n_workers=-1)["workers"])
            told = f"{n} of {wanted} workers after {self._settings.kubernetes_seconds:g} s."
            if not n:
                raise self._failed(background, told) from None
            _log.warning("%s The night goes on with those that are there.", told)

    def end(self, background: _Background) -> None:
        """Take the cluster away, whatever state it is in; tell if that cannot be done."""
        if self._cluster is None:
            return
        try:
            try:
                background.run(self._end(), REMOVAL_SECONDS)
            except Exception:
                raise
            except BaseException:
                # A signal has given it up. It was the first one: the others are ignored.
                background.run(self._end(), REMOVAL_SECONDS)
                raise
        except Exception as error:
            # Not raised: the night's own outcome counts, and the operator will do it, later.
            _log.warning(
                "DaskCluster %s is perhaps still there (%s): kubectl delete daskcluster %s%s",
                self._name,
                self._told(error) if str(error) else "no answer in time.",
                self._name,
                f" --namespace {self._namespace}" if self._namespace else "",
            )

    async def _end(self) -> None:
        await self._remove()
        if self._is_interrupted:
            await asyncio.sleep(LATE_SECONDS)
            await self._remove()

    async def _remove(self) -> None:
        while True:
            try:
                await self._cluster.close(timeout=REMOVAL_SECONDS)
            except Exception as error:
                status = _status_of(error)
                if status == 404:
                    return  # not even the operator's kinds are known: nothing was made
                if status is not None and status < 500:
                    raise
                _log.info("DaskCluster %s is not gone yet: %s", self._name, error)
                await asyncio.sleep(1)
            else:
                return

    def _failed(self, background: _Background, told: str) -> ClusterError:
        try:
            found = background.run(self._look(), LOOK_SECONDS)
        except TimeoutError:
            found = ["Kubernetes' API does not answer."]
        found = found or ["kubectl get events tells more, as does the operator's log."]
        return ClusterError(
            f"Kubernetes has not started the cluster {self._name}: {told} {' '.join(found)}"
        )

    async def _look(self) -> list[str]:
        """Return what pods and events tell; nothing if they tell of no trouble."""
        # Imported with the library; the rest of jfdask does without.
        from kr8s.asyncio.objects import Event, Pod

        where = {"namespace": self._namespace} if self._namespace else {}
        try:
            listed = Pod.list(label_selector=f"{CLUSTER_LABEL}={self._name}", **where)
            pods = [pod async for pod in _raw(listed)]
            events = [event async for event in _raw(Event.list(**where))]
        except Exception as error:
            return [f"Pods and events cannot be looked at: {self._told(error)}"]
        ours = [event for event in events if self._is_of(event)]
        if not pods and not ours:
            return ["There is no pod of it: is dask-kubernetes' operator at work?"]
        return troubles(pods, ours)

    def _is_of(self, event: dict[str, Any]) -> bool:
        # Deployments, pods and so on are all named after their cluster.
        return str(event.get("involvedObject", {}).get("name", "")).startswith(self._name)

    def _told(self, error: Exception) -> str:
        """Return what an error of the library means, and what to do."""
        status, message = _status_of(error), str(error).rstrip(".")
        response: Any = getattr(error, "response", None)
        if status == 404 and "/daskclusters" in str(response.url):
            return f"{message}. Install dask-kubernetes' operator, which brings the DaskCluster."
        if status in (401, 403):
            return f"{message}. The account needs the Role of k8s/base/rbac.yaml."
        if status is not None:
            return f"{message}."
        return f"{type(error).__name__}: {message}."


async def _raw(objects: AsyncIterator[Any]) -> AsyncIterator[dict[str, Any]]:
    async for one in objects:
        yield dict(one.raw)


def _status_of(error: Exception) -> int | None:
    """Return the HTTP status that Kubernetes' API has answered, if it is that."""
    response = getattr(error, "response", None)
    return None if response is None else int(response.status_code)


def _crash(error: BaseException | None) -> str | None:
    """Return what a scheduler said that the library gave up because it crashes; None: it did not.

    The library asks for the log when it has removed the pod: as a rule there is none any more.
    """
    while error is not None:
        if type(error).__name__ == "SchedulerStartupError":
            return str(error.args[-1] if error.args else error)
        if type(error).__name__ == "CrashLoopBackOffError":
            return "its log is gone with it; the logs of your cluster may have it."
        error = error.__context__
    return None


def _own_namespace() -> str | None:
    try:
        return NAMESPACE_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return None  # not in a pod: kubectl's configuration tells


def _library() -> Any:
    try:
        import dask_kubernetes.operator as library
    except ImportError:
        raise SettingsError(
            "cluster.address: kubernetes needs dask-kubernetes: pip install '.[kubernetes]' in the "
            "folder of jfdask."
        ) from None
    # Its warnings are about what is told in our own words.
    logging.getLogger("dask_kubernetes").setLevel(logging.ERROR)
    return library


class _Background:
    """An event loop in a thread of its own, for coroutines that can be given up."""

    def __enter__(self) -> _Background:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
        """Run a coroutine to its end; if the wait for it ends before, give it up."""
        ended = threading.Event()
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(_marked(work, ended), self._loop)
        try:
            return future.result(max(0.0, seconds))
        except BaseException:
            # Also by a signal. Nothing of it may go on beside what is done next.
            future.cancel()
            ended.wait(5)
            raise


async def _marked(work: Coroutine[Any, Any, _Result], ended: threading.Event) -> _Result:
    try:
        return await work
    finally:
        ended.set()
