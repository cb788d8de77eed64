"""The manifests as kustomize and the operator make them."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dask_kubernetes.operator.controller import controller

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "jfdask"

Thing = dict[str, Any]


def pod_of(one: Thing) -> Thing:
    """Return the pod template of a CronJob or Deployment."""
    spec = one["spec"]
    return spec["jobTemplate"]["spec"]["template"] if one["kind"] == "CronJob" else spec["template"]


@pytest.fixture(scope="session")
def rendering() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "render_k8s.py"))


@pytest.fixture(scope="session")
def applied(rendering) -> list[Thing]:
    """Everything that the example overlay applies."""
    return list(yaml.safe_load_all(rendering["RENDERED"].read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def cluster(applied) -> Thing:
    """The DaskCluster that the overlay hands to the night."""
    [settings] = [one for one in applied if one["kind"] == "ConfigMap"]
    return yaml.safe_load(settings["data"]["daskcluster.yaml"])


@pytest.fixture(scope="session")
def made(cluster) -> list[Thing]:
    """What the operator makes of the DaskCluster, by its own functions."""
    spec, name, labels = (
        copy.deepcopy(cluster["spec"]),
        "jfdask-0a1b2c3d",
        cluster["metadata"]["labels"],
    )
    scheduler, worker = spec["scheduler"], spec["worker"]
    things = [
        controller.build_scheduler_deployment_spec(name, scheduler["spec"], {}, labels),
        controller.build_scheduler_service_spec(name, scheduler["service"], {}, labels),
        controller.build_worker_deployment_spec(
            f"{name}-default", NAMESPACE, name, "0123456789", worker["spec"], {}, labels
        ),
    ]
    for thing in things:
        thing["metadata"] = {**thing["metadata"], "namespace": NAMESPACE}
    return things


@pytest.fixture(scope="session")
def pods(applied, made) -> dict[str, Thing]:
    """The templates of all pods there will be: night, scheduler, worker."""
    [night] = [one for one in applied if one["kind"] == "CronJob"]
    scheduler, _, worker = made
    return {"night": pod_of(night), "scheduler": pod_of(scheduler), "worker": pod_of(worker)}
