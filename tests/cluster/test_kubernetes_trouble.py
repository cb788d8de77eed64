import pytest

from jfdask.cluster.kubernetes_trouble import MOST_TOLD, REMEDIES, troubles


def pod(name, *containers, conditions=()):
    return {
        "metadata": {"name": name},
        "status": {
            "phase": "Pending",
            "conditions": list(conditions),
            "containerStatuses": list(containers),
        },
    }


def event(kind, name, reason, message, type_="Warning"):
    return {
        "type": type_,
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name},
    }


def test_no_room_on_any_node():
    no_room = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient memory.",
    }
    assert troubles([pod("w-1", conditions=[no_room])], []) == [
        "Pod w-1: Unschedulable (0/3 nodes are available: 3 Insufficient memory). "
        "Add nodes, or ask for less in the DaskCluster's resources."
    ]


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CrashLoopBackOff", "SomethingNew"])
def test_a_container_that_waits(reason):
    [told] = troubles([pod("w-1", {"state": {"waiting": {"reason": reason}}})], [])
    assert told.startswith(f"Pod w-1: {reason}.")
    assert REMEDIES.get(reason, "").format(pod="w-1") in told


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_one_that_is_being_made_is_no_trouble(reason):
    assert troubles([pod("w-1", {"state": {"waiting": {"reason": reason}}})], []) == []


def test_too_little_memory():
    ended = {"state": {"running": {}}, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    [told] = troubles([pod("w-1", ended)], [])
    assert told == "Pod w-1: OOMKilled. Raise the memory limit in the DaskCluster."


def test_a_secret_that_is_missing_is_told_by_an_event_alone():
    waits = pod("w-1", {"state": {"waiting": {"reason": "ContainerCreating"}}})
    missing = event("Pod", "w-1", "FailedMount", 'secret "jfdask-jellyfin" not found')
    fine = event("Pod", "w-1", "Scheduled", "assigned", type_="Normal")
    assert troubles([waits], [fine, missing, missing]) == [
        'Pod w-1: FailedMount (secret "jfdask-jellyfin" not found). '
        "Create the Secret or ConfigMap that it names."
    ]


def test_pods_that_are_not_made_at_all():
    quota = event("ReplicaSet", "w-1", "FailedCreate", "exceeded quota: films")
    [told] = troubles([], [quota])
    assert told.startswith("ReplicaSet w-1: FailedCreate (exceeded quota: films). A quota")


def test_what_a_pod_says_itself_is_not_told_twice():
    waits = pod("w-1", {"state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}})
    assert len(troubles([waits], [event("Pod", "w-1", "Failed", "ErrImagePull")])) == 1


def test_a_few_are_enough():
    state = {"state": {"waiting": {"reason": "ErrImagePull"}}}
    assert len(troubles([pod(f"w-{i}", state) for i in range(20)], [])) == MOST_TOLD
