"""A Kubernetes of one machine: an API that keeps objects, and an operator that starts processes.

The API speaks what the real client (dask-kubernetes, kr8s) asks for, over HTTP. In the place of
operator and nodes, a DaskCluster becomes objects by the operator's own functions, and each pod's
command becomes a process, at an address of its own on the loopback. Unlike a real one it pulls no
image, isolates nothing and mounts nothing: /scratch becomes a folder of the test.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "k8s" / "base" / "daskcluster.yaml"
NAMESPACE = "films"
PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)
#: What every client may ask, whatever its Role.
DISCOVERY = {
    "/version/": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
    "/api/": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"resources": [
        {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": []}
    ]},
    "/apis/": {"kind": "APIGroupList", "groups": []},
}  # fmt: skip
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """One request, as the rules of a Role see it."""

    verb: str
    group: str
    resource: str


@dataclass
class Kubernetes:
    folder: Path
    has_operator: bool = True
    has_crds: bool = True
    forbidden: set[tuple[str, str]] = field(default_factory=set)  # verb, resource
    waiting: dict[str, str] = field(default_factory=dict)  # component -> why it does not start
    asked: list[Asked] = field(default_factory=list)
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        self.number = next(_numbers) + 200 * (os.getpid() % 100)
        self.n_pods = 0
        self.lock = threading.RLock()
        self.names = self.folder / "names"
        self.names.touch()

    # What a test looks at

    def all(self, resource: str) -> list[dict[str, Any]]:
        return [o for (r, _), o in list(self.objects.items()) if r == resource]

    @property
    def n_alive(self) -> int:
        return sum(p.poll() is None for p in self.processes.values())

    def autoscale(self) -> int:
        """Do once what the operator does every five seconds: ask the scheduler, scale up."""
        from dask_kubernetes.operator.controller.controller import get_desired_workers

        [scaler] = self.all("daskautoscalers")
        limits, cluster = scaler["spec"], scaler["spec"]["cluster"]
        wanted = asyncio.run(get_desired_workers(f"{cluster}-scheduler", NAMESPACE))
        wanted = min(max(limits["minimum"], wanted), limits["maximum"])
        [spec] = self.all("daskclusters")
        while self.n_workers < wanted:
            self._start_worker(spec)
        return wanted

    @property
    def n_workers(self) -> int:
        return sum("-worker-" in name for name in self.processes)

    # The operator

    def make(self, resource: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["metadata"]["name"]
        self.made.append((resource, json.loads(json.dumps(body))))
        body["metadata"].setdefault("namespace", NAMESPACE)
        body["metadata"].setdefault("creationTimestamp", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        self.objects[resource, name] = body
        if resource == "daskclusters" and self.has_operator:
            self._start_cluster(body)
        return body

    def _start_cluster(self, cluster: dict[str, Any]) -> None:
        from dask_kubernetes.operator.controller import controller

        name, labels = cluster["metadata"]["name"], cluster["metadata"]["labels"]
        part = cluster["spec"]["scheduler"]
        service = controller.build_scheduler_service_spec(name, part["service"], {}, labels)
        group = controller.build_default_worker_group_spec(
            name, cluster["spec"]["worker"], {}, labels
        )
        for resource, one in (("services", service), ("daskworkergroups", group)):
            one["metadata"]["namespace"] = NAMESPACE
            self.objects[resource, one["metadata"]["name"]] = one
        deployment = controller.build_scheduler_deployment_spec(name, part["spec"], {}, labels)
        address = self._start_pod("scheduler", deployment)
        with self.names.open("a") as names:
            names.write(f"{name}-scheduler.{NAMESPACE} {address}\n")
            names.write(f"{name}-scheduler.{NAMESPACE}.svc.cluster.local {address}\n")
        cluster["status"] = {"phase": "Running"}
        for _ in range(cluster["spec"]["worker"]["replicas"]):
            self._start_worker(cluster)

    def _start_worker(self, cluster: dict[str, Any]) -> None:
        from dask_kubernetes.operator.controller import controller

        name = cluster["metadata"]["name"]
        deployment = controller.build_worker_deployment_spec(
            f"{name}-default", NAMESPACE, name, f"{self.n_pods:010x}",
            cluster["spec"]["worker"]["spec"], {}, cluster["metadata"]["labels"],
        )  # fmt: skip
        self._start_pod("worker", deployment)

    # A node

    def _start_pod(self, component: str, deployment: dict[str, Any]) -> str:
        self.n_pods += 1
        n = self.number
        address = f"127.{77 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}"
        self.number += 250
        template = deployment["spec"]["template"]
        pod = {"metadata": {**template["metadata"], "namespace": NAMESPACE},
               "spec": template["spec"], "status": {"phase": "Pending"}}  # fmt: skip
        name = pod["metadata"]["name"] = f"{template['metadata']['name']}-0"
        self.objects["pods", name] = pod
        if component in self.waiting:
            state = {"waiting": {"reason": self.waiting[component], "message": "no such thing"}}
            pod["status"]["containerStatuses"] = [{"name": component, "state": state}]
            return address
        [container] = pod["spec"]["containers"]
        env = {e["name"]: self._value(e, container) for e in container["env"]}
        command = [
            re.sub(r"\$\((\w+)\)", lambda m: env[m[1]], word) for word in container["command"]
        ]
        command = [f"{address}{w}" if re.fullmatch(r":\d+", w) else w for w in command]
        command = [w.replace("/scratch", str(self.folder)) for w in command] + ["--host", address]
        inherited = {k: os.environ[k] for k in ("PATH", "PYTHONPATH") if k in os.environ}
        inherited["PYTHONPATH"] = os.pathsep.join(
            [str(ROOT / "tests" / "cluster" / "names"), str(ROOT), inherited.get("PYTHONPATH", "")]
        )
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, env={**inherited, **env, "FAKE_NAMES": str(self.names)}, stdout=log,
                stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self.commands[name] = command
        pod["status"] = {"phase": "Running", "podIP": address}
        return address

    def _value(self, variable: dict[str, Any], container: dict[str, Any]) -> str:
        if "value" in variable:
            return str(variable["value"]).replace("/scratch", str(self.folder))
        kind, _, key = variable["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
        amount = re.fullmatch(r"(\d+)Gi", container["resources"][kind][key])
        assert amount
        return str(int(amount[1]) * 2**30)

    def probe(self, pod: dict[str, Any]) -> None:
        """Look whether a pod is ready, by its own readiness probe."""
        if pod["status"]["phase"] != "Running":
            return
        [container] = pod["spec"]["containers"]
        get = container["readinessProbe"]["httpGet"]
        [port] = [p["containerPort"] for p in container["ports"] if p["name"] == get["port"]]
        try:
            url = f"http://{pod['status']['podIP']}:{port}{get['path']}"
            urllib.request.urlopen(url, timeout=5).close()
            is_ready = "True"
        except OSError:
            is_ready = "False"
        kinds = ("Ready", "ContainersReady")
        pod["status"]["conditions"] = [{"type": kind, "status": is_ready} for kind in kinds]

    def remove(self, resource: str, name: str) -> None:
        del self.objects[resource, name]
        if resource == "daskclusters":
            for key, one in list(self.objects.items()):
                labels = one["metadata"].get("labels", {})
                if name in (labels.get("dask.org/cluster-name"), one["metadata"]["name"]):
                    del self.objects[key]
            self.stop()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kubernetes: Kubernetes

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, {"kind": "Status", "code": status, "message": message})

    def _do(self) -> None:
        k, address = self.kubernetes, urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = PATH.fullmatch(address.path)
        if address.path in DISCOVERY:
            self._answer(200, DISCOVERY[address.path])
            return
        if path is None:
            self._refuse(404, f"no {address.path}")
            return
        resource, name = path["resource"], path["name"]
        verbs = {"GET": "get" if name else "list", "POST": "create"}
        verb = verbs.get(self.command, self.command.lower())
        sub = f"{resource}/{path['subresource']}" if path["subresource"] else resource
        with k.lock:
            k.asked.append(Asked(verb, path["group"] or "", sub))
            if path["group"] and not k.has_crds:
                self._refuse(404, "the server could not find the requested resource")
            elif (verb, sub) in k.forbidden:
                self._refuse(403, f'{sub} is forbidden: User "films" cannot {verb} it')
            elif verb == "create":
                self._answer(201, k.make(resource, body))
            elif verb == "list":
                items = [o for o in k.all(resource) if _matches(o, parse_qs(address.query))]
                self._answer(200, {"kind": "List", "metadata": {}, "items": items})
            elif (resource, name) not in k.objects:
                self._refuse(404, f"{resource} {name!r} not found")
            elif path["subresource"] == "log":
                self._answer(200, "a log")
            elif verb == "delete":
                k.remove(resource, name)
                self._answer(200, {"kind": "Status", "status": "Success"})
            elif verb == "get":
                if resource == "pods":
                    k.probe(k.objects[resource, name])
                self._answer(200, k.objects[resource, name])
            else:
                self._refuse(405, f"{verb} is not spoken here")

    do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815


def _matches(one: dict[str, Any], query: dict[str, list[str]]) -> bool:
    flat = {"metadata.name": one["metadata"]["name"],
            "status.phase": one.get("status", {}).get("phase")}  # fmt: skip
    for wanted, has in (
        ("labelSelector", one["metadata"].get("labels", {})),
        ("fieldSelector", flat),
    ):
        for part in ",".join(query.get(wanted, [])).split(","):
            key, _, value = part.partition("=")
            if key and has.get(key) != value:
                return False
    return True


@pytest.fixture
def kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    """A Kubernetes of the test's own, which this process and those it starts speak to."""
    (tmp_path / "kubernetes").mkdir()
    one = Kubernetes(tmp_path / "kubernetes")
    handler = type("Handler", (_Handler,), {"kubernetes": one})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one.url = f"http://127.0.0.1:{server.server_port}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": one.url}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("FAKE_NAMES", str(one.names))
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        names = dict(line.split() for line in one.names.read_text().splitlines())
        host = host.decode() if isinstance(host, bytes) else host
        return real(names.get(host, host), *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield one
    server.shutdown()
    server.server_close()
    one.stop()
