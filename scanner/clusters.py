"""EKS clusters: their versions, what EKS supports, and what can run their pods.

Reading something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanner.model import InsufficientData, Model, Place, Resource
from scanner.workloads import live_only

CLUSTER_VERSION = "AWS::EKS::ClusterVersion"
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\..*)?", re.DOTALL)


def version(text: str | None) -> tuple[int, int] | None:
    """Return (major, minor) of a version such as `1.33` or `v1.12.4-eksbuild.6`, None if it is not written so."""
    match = _VERSION.fullmatch(text or "")
    return (int(match[1]), int(match[2])) if match else None


def apart(one: tuple[int, int], other: tuple[int, int], most: int) -> bool:
    """Tell whether two versions are more than `most` minor versions apart, or of different majors."""
    return one[0] != other[0] or abs(one[1] - other[1]) > most


def support(model: Model, place: Place, kubernetes: str) -> Resource | None:
    """Return what EKS says of a Kubernetes version in a place, None if no account was asked there.

    Raises `InsufficientData` if the answer was not seen, or does not name the version.
    """
    found = model.find(CLUSTER_VERSION, kubernetes, place)
    if found is None and any(one.place == place for one in model.in_place(CLUSTER_VERSION, place)):
        raise InsufficientData(f"EKS lists no Kubernetes version '{kubernetes}' in '{place}'")
    return found


def parts(model: Model, type: str, cluster: Resource) -> Iterator[Resource]:
    """Yield the node groups, profiles or whatever of a cluster; raise `InsufficientData` if there may be others."""
    if gap := model.hidden(type, cluster.place):
        raise InsufficientData(f"those of '{cluster.id}' may exist unseen: {gap}")
    for part in model.in_place(type, cluster.place):
        if part["ClusterName"] == cluster.name and part.place == cluster.place:  # one not known raises
            yield part


def is_active(resource: Resource) -> bool:
    """Tell whether something of EKS is there for use; a file shows no status."""
    return live_only(resource, "Status") in (None, "ACTIVE", "UPDATING", "DEGRADED")


def auto_mode(cluster: Resource) -> bool:
    """Tell whether EKS itself brings the nodes of a cluster."""
    return bool((cluster["ComputeConfig"] or {}).get("Enabled"))


def growing(cluster: Resource, model: Model) -> list[Resource]:
    """Return the managed node groups of a cluster that may have a node."""
    groups = [group for group in parts(model, "AWS::EKS::Nodegroup", cluster) if is_active(group)]
    return [group for group in groups if (group["ScalingConfig"] or {}).get("MaxSize", 0) > 0]
