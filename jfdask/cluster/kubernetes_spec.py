"""The DaskCluster that a night asks Kubernetes for: read from a file, filled in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from jfdask.errors import SettingsError

CLUSTER_LABEL = "dask.org/cluster-name"
COMPONENTS = ("scheduler", "worker")

#: Seconds without a task, beyond those of the start, after which a cluster may be nobody's.
IDLE_MARGIN = 600
# The operator takes names of up to 53 characters; nine are the night's own.
LONGEST_NAME = 44


def read_spec(path: Path | None) -> dict[str, Any]:
    """Return the DaskCluster of a YAML file.

    Raises
    ------
    SettingsError
        No file, or none with one DaskCluster in it.
    """
    if path is None:
        raise SettingsError(
            "cluster.kubernetes_spec: is missing: --cluster kubernetes needs a file with a "
            "DaskCluster, such as k8s/base/daskcluster.yaml."
        )
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cluster.kubernetes_spec: {path} cannot be read ({error}).") from None
    except yaml.YAMLError as error:
        raise SettingsError(
            f"cluster.kubernetes_spec: {path} is not one YAML document: {error}"
        ) from None
    if not isinstance(spec, dict) or spec.get("kind") != "DaskCluster":
        raise SettingsError(f"cluster.kubernetes_spec: {path} holds no DaskCluster.")
    try:
        for component in COMPONENTS:
            _containers(spec, component)
        name = spec["metadata"]["name"]
        spec["spec"]["scheduler"]["service"]["ports"]
    except (KeyError, TypeError) as error:
        raise SettingsError(
            f"cluster.kubernetes_spec: the DaskCluster in {path} has no {error}; "
            "k8s/base/daskcluster.yaml is a whole one."
        ) from None
    if len(name) > LONGEST_NAME:
        raise SettingsError(
            f"cluster.kubernetes_spec: metadata.name in {path} has {len(name)} characters; "
            f"{LONGEST_NAME} at most."
        )
    return spec


def fill_in(
    spec: dict[str, Any], suffix: str, image: str | None, n_workers: int, start_seconds: float
) -> dict[str, Any]:
    """Fill in, in place, what differs from night to night; return the spec.

    Parameters
    ----------
    suffix
        Makes the name one of its own, so that what a killed night has left is in nobody's way.
    image
        Of scheduler and workers; None: as the spec has it.
    n_workers
        Workers to begin with.
    start_seconds
        How long the night waits for them; meanwhile the cluster is idle, and not to be removed.
    """
    name = spec["metadata"]["name"] = f"{spec['metadata']['name']}-{suffix}"
    service = spec["spec"]["scheduler"]["service"]
    # The operator hands the service on as it is: its selector has to find this scheduler alone.
    service["selector"] = {CLUSTER_LABEL: name, "dask.org/component": "scheduler"}
    spec["spec"]["worker"]["replicas"] = n_workers
    idle = spec["spec"].get("idleTimeout")
    if isinstance(idle, int) and idle > 0:  # else never
        spec["spec"]["idleTimeout"] = max(idle, math.ceil(start_seconds) + IDLE_MARGIN)
    if image:
        for component in COMPONENTS:
            for container in _containers(spec, component):
                if container["name"] == component:
                    container["image"] = image
    return spec


def _containers(spec: dict[str, Any], component: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["spec"][component]["spec"]["containers"]
    return found
