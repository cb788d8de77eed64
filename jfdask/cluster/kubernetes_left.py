"""DaskClusters that killed nights have left.

The operator removes a cluster whose scheduler has been idle for ``idleTimeout``: not one whose
scheduler never came, as nobody can be asked.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from jfdask.cluster.kubernetes_spec import CLUSTER_LABEL


async def remove_left(name: str, namespace: str | None) -> list[str]:
    """Remove what nobody waits for any more; return the names.

    That are clusters like this one that are older than their own ``idleTimeout``, which is longer
    than any night waits (`fill_in`), and have no scheduler.

    Parameters
    ----------
    name
        Of tonight's, as `fill_in` makes it.
    namespace
        None: the one that the library finds.
    """
    # Imported with the library; the rest of jfdask does without.
    from dask_kubernetes.operator._objects import DaskCluster
    from kr8s.asyncio.objects import Pod

    where = {"namespace": namespace} if namespace else {}
    alike = re.compile(re.escape(name.rpartition("-")[0]) + "-[0-9a-f]{8}")
    removed = []
    for cluster in [one async for one in DaskCluster.list(**where)]:
        if not alike.fullmatch(cluster.name) or not _is_old(cluster.raw):
            continue
        labels = f"{CLUSTER_LABEL}={cluster.name},dask.org/component=scheduler"
        pods: Any = Pod.list(label_selector=labels, **where)
        if any([pod.raw["status"].get("phase") == "Running" async for pod in pods]):
            continue
        await cluster.delete()
        removed.append(str(cluster.name))
    return removed


def _is_old(cluster: Any) -> bool:
    metadata, idle_timeout = cluster["metadata"], cluster["spec"].get("idleTimeout")
    if metadata.get("deletionTimestamp") or not idle_timeout:  # 0: it may stay
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(metadata["creationTimestamp"])
    return age.total_seconds() > float(idle_timeout)
