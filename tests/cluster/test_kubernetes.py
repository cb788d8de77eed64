import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from jfdask.cluster.connect import connect
from jfdask.cluster.kubernetes import _Background, _NightCluster
from jfdask.demo.process import start_demo
from jfdask.errors import ClusterError, JfdaskError, SettingsError
from jfdask.settings import ClusterSettings

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "k8s" / "base" / "daskcluster.yaml"
NAMES = ROOT / "tests" / "cluster" / "names"

#: What is done only when a cluster does not come; the library reads a crashing scheduler's log.
WHEN_IT_FAILS = {("list", "", "events"), ("get", "", "pods/log")}


def settings(**changes):
    given = {
        "address": "kubernetes",
        "kubernetes_spec": SPEC,
        "kubernetes_namespace": "films",
        "kubernetes_seconds": 240,
    }
    return ClusterSettings.model_validate(given | changes)


def allowed():
    """Return what the Role allows: (verb, group, resource)."""
    [role] = [
        document
        for document in yaml.safe_load_all((ROOT / "k8s/base/rbac.yaml").read_text())
        if document["kind"] == "Role"
    ]
    return {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.cluster
class TestAClusterThatComes:
    def use(self, client, kubernetes):
        assert client.submit(sum, [1, 2]).result() == 3
        [worker] = client.scheduler_info(n_workers=-1)["workers"].values()
        assert worker["nthreads"] == 1
        assert worker["memory_limit"] == 2 * 2**30
        # The operator takes workers away by the name of their deployment.
        assert f"{worker['name']}-0" in kubernetes.processes

        [cluster] = kubernetes.all("daskclusters")
        for component in ("scheduler", "worker"):
            [container] = cluster["spec"][component]["spec"]["containers"]
            assert container["image"] == "films:7"
        [scaler] = kubernetes.all("daskautoscalers")
        assert scaler["spec"] == {
            "cluster": cluster["metadata"]["name"],
            "minimum": 1,
            "maximum": 2,
        }
        # With work for more than the one, the operator starts another, and no third.
        slow = client.map(time.sleep, [30 + i / 100 for i in range(40)])
        deadline = time.monotonic() + 60
        while kubernetes.autoscale() < 2 and time.monotonic() < deadline:
            time.sleep(0.5)
        client.wait_for_workers(2, timeout=120)
        assert kubernetes.n_workers == 2
        del slow
        raise JfdaskError("in the middle")

    def test_it_is_adaptive_and_gone_after_a_failure(self, kubernetes):
        with (
            pytest.raises(JfdaskError, match="in the middle"),
            connect(settings(kubernetes_maximum=2, kubernetes_image="films:7")) as client,
        ):
            self.use(client, kubernetes)
        assert kubernetes.all("daskclusters") == []
        assert kubernetes.n_alive == 0

        asked = {(a.verb, a.group, a.resource) for a in kubernetes.asked}
        assert asked - allowed() == set(), "the Role does not allow it"
        assert allowed() - asked == WHEN_IT_FAILS, "the Role allows more than is needed"

    def test_workers_that_do_not_come(self, kubernetes):
        kubernetes.waiting["worker"] = "ImagePullBackOff"
        with (
            pytest.raises(ClusterError) as caught,
            connect(settings(kubernetes_seconds=30)),
        ):
            pass
        assert "0 of 1 workers after 30 s" in str(caught.value)
        assert "ImagePullBackOff (no such thing). Check cluster.kubernetes_image" in str(
            caught.value
        )
        assert kubernetes.all("daskclusters") == []
        assert kubernetes.n_alive == 0


class TestAClusterThatDoesNotCome:
    def fails(self, kubernetes, **changes):
        with (
            pytest.raises(ClusterError) as caught,
            connect(settings(**{"kubernetes_seconds": 5, **changes})),
        ):
            pass
        assert kubernetes.all("daskclusters") == []
        return str(caught.value)

    def test_no_operator(self, kubernetes):
        kubernetes.has_operator = False
        assert "is dask-kubernetes' operator at work?" in self.fails(kubernetes)
        assert [resource for resource, _ in kubernetes.made] == ["daskclusters"]

    def test_no_kinds_of_the_operator(self, kubernetes):
        kubernetes.has_crds = False
        assert "Install dask-kubernetes' operator" in self.fails(kubernetes)

    def test_no_permission(self, kubernetes):
        kubernetes.forbidden = {("create", "daskclusters"), ("list", "pods")}
        told = self.fails(kubernetes)
        assert "cannot create" in told
        assert "needs the Role of k8s/base/rbac.yaml" in told
        assert "Pods and events cannot be looked at: pods is forbidden" in told

    def test_no_scheduler(self, kubernetes):
        kubernetes.waiting["scheduler"] = "ErrImagePull"
        told = self.fails(kubernetes)
        assert "no scheduler after 5 s" in told
        assert "ErrImagePull (no such thing)" in told

    def test_a_scheduler_that_crashes(self, kubernetes, monkeypatch):
        def crash(component, deployment, start=kubernetes._start_pod):
            address = start(component, deployment)
            for pod in kubernetes.all("pods"):
                pod["status"]["phase"] = "Running"
                pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
            return address

        kubernetes.waiting["scheduler"] = kubernetes.waiting["worker"] = "CrashLoopBackOff"
        monkeypatch.setattr(kubernetes, "_start_pod", crash)
        monkeypatch.setattr(kubernetes, "probe", lambda pod: None)
        monkeypatch.setattr("jfdask.cluster.kubernetes.OPERATOR_SECONDS", 3.0)
        told = self.fails(kubernetes, kubernetes_seconds=30)
        assert "crashes again and again" in told
        assert "operator" not in told

    def leave(self, kubernetes, name, age, **changes):
        spec = yaml.safe_load(SPEC.read_text())
        spec["metadata"]["name"] = name
        spec["metadata"]["creationTimestamp"] = f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%SZ}"
        spec["spec"] |= changes
        kubernetes.objects["daskclusters", name] = spec

    def test_what_a_killed_night_has_left_is_removed(self, kubernetes, caplog, monkeypatch):
        monkeypatch.setattr(kubernetes, "probe", lambda pod: None)
        name = yaml.safe_load(SPEC.read_text())["metadata"]["name"]
        hour, day = timedelta(hours=1), timedelta(days=1)
        self.leave(kubernetes, f"{name}-0a1b2c3d", hour)
        self.leave(kubernetes, f"{name}-00000001", timedelta(minutes=5))  # a night waits for it
        self.leave(kubernetes, f"{name}-00000002", day, idleTimeout=0)  # it is meant to stay
        self.leave(kubernetes, f"{name}-00000003", day)  # the operator's to remove
        self.leave(kubernetes, f"{name}-mine", day)
        labels = {"dask.org/cluster-name": f"{name}-00000003", "dask.org/component": "scheduler"}
        kubernetes.objects["pods", "its-scheduler"] = {
            "metadata": {"name": "its-scheduler", "namespace": "films", "labels": labels},
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")
                ],
            },
        }
        kubernetes.has_operator = False
        with pytest.raises(ClusterError), connect(settings(kubernetes_seconds=5)):
            pass
        left = {cluster["metadata"]["name"] for cluster in kubernetes.all("daskclusters")}
        assert left == {f"{name}-{end}" for end in ("00000001", "00000002", "00000003", "mine")}
        assert f"DaskCluster {name}-0a1b2c3d of a night that was killed is removed" in caplog.text

    def test_no_api(self, kubernetes, monkeypatch, tmp_path, caplog):
        config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
        (tmp_path / "other").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "other"))
        monkeypatch.setattr("jfdask.cluster.kubernetes.REMOVAL_SECONDS", 3.0)
        assert "ConnectError" in self.fails(kubernetes)
        assert "is perhaps still there" in caplog.text
        assert "--namespace films" in caplog.text

    def test_one_that_cannot_be_taken_away_is_told_of(self, kubernetes, caplog):
        kubernetes.has_operator = False
        kubernetes.forbidden = {("delete", "daskclusters")}
        with pytest.raises(ClusterError), connect(settings(kubernetes_seconds=5)):
            pass
        [cluster] = kubernetes.all("daskclusters")
        assert f"kubectl delete daskcluster {cluster['metadata']['name']}" in caplog.text


def test_a_signal_while_it_is_taken_away(monkeypatch):
    monkeypatch.setattr("jfdask.cluster.kubernetes.REMOVAL_SECONDS", 5.0)

    class Cluster:
        asked, is_gone = 0, False

        async def close(self, timeout):
            self.asked += 1
            if self.asked == 1:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(timeout)
            self.is_gone = True

    night = _NightCluster(None, {"metadata": {"name": "films"}}, settings())
    night._cluster = cluster = Cluster()
    with _Background() as background, pytest.raises(KeyboardInterrupt):
        night.end(background)
    assert cluster.is_gone


def test_a_signal_while_it_is_asked_for(monkeypatch):
    """Kubernetes may make it a moment after it was looked for in vain."""
    monkeypatch.setattr("jfdask.cluster.kubernetes.LATE_SECONDS", 0.1)

    class Cluster:
        closed = 0

        async def close(self, timeout):
            self.closed += 1

    night = _NightCluster(None, {"metadata": {"name": "films"}}, settings())

    async def begin():
        night._cluster = Cluster()
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(9)

    monkeypatch.setattr(night, "_begin", begin)
    with _Background() as background:
        with pytest.raises(KeyboardInterrupt):
            night.begin(background, time.monotonic() + 9)
        night.end(background)
    assert night._cluster.closed == 2


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_kubernetes.operator", None)
    with (
        pytest.raises(SettingsError, match=r"pip install '\.\[kubernetes\]'"),
        connect(settings()),
    ):
        pass


def test_limits_in_the_wrong_order():
    with pytest.raises(ValueError, match="at most kubernetes_maximum"):
        settings(kubernetes_minimum=5)


class TestTheCommand:
    """`jfdask run` itself, as the CronJob starts it."""

    @pytest.fixture
    def command(self, kubernetes, tmp_path):
        def start(url, key_file, **more):
            config = tmp_path / "jfdask.toml"
            config.write_text(
                f"[[households]]\nname = 'home'\nurl = '{url}'\napi_key_file = '{key_file}'\n"
                f"[store]\nurl = '{tmp_path / 'store'}'\n"
                f"[cluster]\naddress = 'kubernetes'\nkubernetes_spec = '{SPEC}'\n"
                "kubernetes_namespace = 'films'\n"
                "[fetch]\npage_size = 100\n[train]\nsearch = 'off'\n"
            )
            path = os.pathsep.join([str(NAMES), str(ROOT)])
            return subprocess.Popen(
                [sys.executable, "-m", "jobs", "run", "--config", config],
                env={**os.environ, "PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

        return start

    def wait_until(self, process, is_so):
        deadline = time.monotonic() + 200
        while not is_so() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert is_so(), process.communicate(timeout=60)[0]

    def test_stopped_while_it_waits(self, kubernetes, command, tmp_path):
        kubernetes.has_operator = False
        (tmp_path / "key").write_text("k" * 32)
        process = command("http://127.0.0.1:9", tmp_path / "key")
        self.wait_until(process, lambda: kubernetes.all("daskclusters"))
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=120)
        assert process.returncode == 128 + signal.SIGTERM, told
        assert "Traceback" not in told
        assert kubernetes.all("daskclusters") == []

    @pytest.mark.cluster
    @pytest.mark.server
    @pytest.mark.timeout(600)
    def test_a_night_and_one_that_is_stopped(self, kubernetes, command, tmp_path):
        with start_demo(people_seconds_per_movie=0) as demo:
            (tmp_path / "key").write_text(demo.api_key, encoding="ascii")
            process = command(demo.url, tmp_path / "key")
            stored = tmp_path / "store" / "runs"
            self.wait_until(process, lambda: any(stored.glob("*/fetch/home/**/*.parquet")))
            process.send_signal(signal.SIGTERM)
            told, _ = process.communicate(timeout=120)
            assert process.returncode == 128 + signal.SIGTERM, told
            assert "Traceback" not in told
            assert kubernetes.all("daskclusters") == []
            assert kubernetes.n_alive == 0

            process = command(demo.url, tmp_path / "key")
            told, _ = process.communicate(timeout=500)
            assert process.returncode == 0, told
            assert "begun before" in told
            assert (tmp_path / "store" / "latest").exists()
            assert kubernetes.all("daskclusters") == []
            assert kubernetes.n_alive == 0
            first, second = [
                o["metadata"]["name"] for r, o in kubernetes.made if r == "daskclusters"
            ]
            assert first != second
