"""Why a cluster on Kubernetes does not come: what pods and events tell, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: What to do, by the reason that Kubernetes gives.
REMEDIES = {
    "CrashLoopBackOff": "Its log tells why: kubectl logs {pod} --previous.",
    "CreateContainerConfigError": "Create the Secret or ConfigMap that it names.",
    "ErrImagePull": "Check cluster.kubernetes_image, the registry and imagePullSecrets.",
    "FailedCreate": "A quota or an admission policy of the namespace is in the way.",
    "FailedMount": "Create the Secret or ConfigMap that it names.",
    "FailedScheduling": "Add nodes, or ask for less in the DaskCluster's resources.",
    "ImagePullBackOff": "Check cluster.kubernetes_image, the registry and imagePullSecrets.",
    "InvalidImageName": "Correct cluster.kubernetes_image.",
    "OOMKilled": "Raise the memory limit in the DaskCluster.",
    "Unschedulable": "Add nodes, or ask for less in the DaskCluster's resources.",
}
MOST_TOLD = 5


def troubles(pods: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what keeps pods from running, a sentence each, at most five.

    Parameters
    ----------
    pods
        Pods of the cluster as the API tells them.
    events
        Events of the namespace, of which those count that warn of the cluster's objects.

    Examples
    --------
    >>> pod = {"metadata": {"name": "w"}, "status": {"phase": "Pending", "containerStatuses": [
    ...     {"state": {"waiting": {"reason": "InvalidImageName"}}}]}}
    >>> troubles([pod], [])
    ['Pod w: InvalidImageName. Correct cluster.kubernetes_image.']
    """
    told: dict[str, None] = {}
    for pod in pods:
        name = pod["metadata"]["name"]
        for reason, message in _of_pod(pod.get("status", {})):
            told[_sentence(f"Pod {name}", name, reason, message)] = None
    for event in events:
        if event.get("type") == "Warning":
            what = event.get("involvedObject", {})
            name = what.get("name", "")
            who = f"{what.get('kind')} {name}"
            reason = event.get("reason", "")
            # A pod's own state has told it already.
            if not any(line.startswith(f"{who}: ") for line in told):
                told[_sentence(who, name, reason, event.get("message", ""))] = None
    return list(told)[:MOST_TOLD]


def _of_pod(status: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield condition.get("reason", "Unschedulable"), condition.get("message", "")
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield waiting["reason"], waiting.get("message", "")
        for state in ("state", "lastState"):
            ended = container.get(state, {}).get("terminated", {})
            if ended.get("reason") == "OOMKilled":
                yield "OOMKilled", ended.get("message", "")


def _sentence(who: str, pod: str, reason: str, message: str) -> str:
    told = f"{who}: {reason}"
    if message:
        told += f" ({message.strip().rstrip('.')})"
    remedy = REMEDIES.get(reason, "").format(pod=pod)
    return f"{told}. {remedy}".strip()
