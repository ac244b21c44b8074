"""Amazon EKS on a game day: node groups that are scaled, by EKS or by their Auto Scaling group.

What runs in clusters, Kubernetes decides.  No snapshot shows other Auto Scaling groups, such as those of ECS clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.serve.gameday.world import Write, not_simulated, refused


def update_nodegroup(write: Write) -> dict[str, Any]:
    """Change the size of a node group."""
    cluster, name = write.parameters["clusterName"], write.parameters["nodegroupName"]
    if cluster not in write.listed("eks", "ListClusters", "clusters"):
        raise refused("ResourceNotFoundException", f"No cluster found for name: {cluster}.", 404)
    if name not in write.listed("eks", "ListNodegroups", "nodegroups", clusterName=cluster):
        raise refused("ResourceNotFoundException", f"No node group found for name: {name}.", 404)
    old = next(
        (one for one in _described(write) if (one["clusterName"], one["nodegroupName"]) == (cluster, name)), None
    )
    if old is None:
        raise write.query.not_recorded(f"node group '{name}' was not described")
    scaling = {**old["scalingConfig"], **(write.parameters.get("scalingConfig") or {})}
    if not scaling["minSize"] <= scaling["desiredSize"] <= scaling["maxSize"]:
        raise refused("InvalidParameterException", "desiredSize is between minSize and maxSize.")
    kept = {key: value for key, value in write.parameters.items() if key in ("updateConfig", "nodeRepairConfig")}
    _set(write, {**old, **kept, "scalingConfig": scaling})
    id = f"game-day-{next(write.world.numbers)}"
    update = {"id": id, "type": "ConfigUpdate", "params": [], "errors": [], "createdAt": write.now}
    asked = {"name": cluster, "updateId": id, "nodegroupName": name}
    write.edits.answer("eks", "DescribeUpdate", asked, {"update": {**update, "status": "Successful"}})
    return {"update": {**update, "status": "InProgress"}}


def set_desired_capacity(write: Write) -> dict[str, Any]:
    """Change how many instances an Auto Scaling group wants, within its bounds."""
    old, wanted = _of_group(write), write.parameters["DesiredCapacity"]
    scaling = old["scalingConfig"]
    for bound, beyond, is_beyond in (
        ("min", "below", wanted < scaling["minSize"]),
        ("max", "above", wanted > scaling["maxSize"]),
    ):
        if is_beyond:
            value = f"New SetDesiredCapacity value {wanted} is {beyond} {bound} value {scaling[f'{bound}Size']}"
            raise refused("ValidationError", f"{value} for the AutoScalingGroup.")
    _set(write, {**old, "scalingConfig": {**scaling, "desiredSize": wanted}})
    return {}


def update_group(write: Write) -> dict[str, Any]:
    """Change the bounds of an Auto Scaling group; what it wants moves with them unless it is given."""
    old, given = _of_group(write), write.parameters
    if others := given.keys() - {"AutoScalingGroupName", "MinSize", "MaxSize", "DesiredCapacity"}:
        raise not_simulated("autoscaling:UpdateAutoScalingGroup", f"nothing but sizes is changed, not {min(others)}")
    scaling = old["scalingConfig"]
    low, high = given.get("MinSize", scaling["minSize"]), given.get("MaxSize", scaling["maxSize"])
    wanted = given.get("DesiredCapacity", min(max(scaling["desiredSize"], low), high))
    if not low <= wanted <= high:
        bounds = f"the specified min size:{low} and max size:{high}"
        raise refused("ValidationError", f"Desired capacity:{wanted} must be between {bounds}")
    _set(write, {**old, "scalingConfig": {"minSize": low, "maxSize": high, "desiredSize": wanted}})
    return {}


def _of_group(write: Write) -> Mapping[str, Any]:
    """Return the node group that an Auto Scaling group is of."""
    name = write.parameters["AutoScalingGroupName"]
    for one in _described(write):
        if any(group.get("name") == name for group in (one.get("resources") or {}).get("autoScalingGroups") or ()):
            return one
    why = f"'{name}' is of no EKS node group that was seen, and others no snapshot shows"
    raise not_simulated(f"autoscaling:{write.query.operation}", why)


def _described(write: Write) -> Iterator[Mapping[str, Any]]:
    for answer in write.record.of("eks", "DescribeNodegroup"):
        yield from (page["nodegroup"] for page in answer.pages)


def _set(write: Write, new: Mapping[str, Any]) -> None:
    asked = {"clusterName": new["clusterName"], "nodegroupName": new["nodegroupName"]}
    write.edits.answer("eks", "DescribeNodegroup", asked, {"nodegroup": {**new, "modifiedAt": write.now}})


WRITES = {"UpdateNodegroupConfig": update_nodegroup}
GROUP_WRITES = {"SetDesiredCapacity": set_desired_capacity, "UpdateAutoScalingGroup": update_group}
"""The operations of Amazon EC2 Auto Scaling."""
