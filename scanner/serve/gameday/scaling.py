"""Application Auto Scaling on a game day: scalable targets of ECS services.  Policies and schedules scale nothing here.

No snapshot shows which targets there were, so only those that were registered since can be described.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from scanner.serve.gameday.launching import cluster_of_name
from scanner.serve.gameday.services import recount, service_of
from scanner.serve.gameday.world import World, Write, not_simulated, refused
from scanner.serve.query import Query, Refused

_NAMESPACE, _DIMENSION = "ecs", "ecs:service:DesiredCount"
_ROLE = (
    "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
)


def register(write: Write) -> dict[str, Any]:
    """Register a scalable target, or change one; the service then wants what is within its bounds.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
    """
    given = write.parameters
    if (given["ServiceNamespace"], given["ScalableDimension"]) != (_NAMESPACE, _DIMENSION):
        raise not_simulated("application-autoscaling:RegisterScalableTarget", "only ECS services are scaled here")
    id = str(given["ResourceId"])
    cluster, service = _service(write, id)
    key = (write.place, id)
    old = write.world.scalable.get(key, {})
    low, high = (given.get(name, old.get(name)) for name in ("MinCapacity", "MaxCapacity"))
    if low is None or high is None:
        why = f"which scalable targets there were; give the capacities of '{id}', both of them"
        raise write.query.not_recorded(why)
    if low > high:
        raise refused("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    target = {**_new(write, id), **old, **{name: value for name, value in given.items() if name != "Tags"}}
    wanted = min(max(int(service["desiredCount"]), low), high)
    if wanted != service["desiredCount"]:
        recount(write, cluster, service, desiredCount=wanted)
    write.world.scalable = {**write.world.scalable, key: target}
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def _service(write: Write, id: str) -> tuple[str, Mapping[str, Any]]:
    kind, _, path = id.partition("/")
    cluster, _, name = path.partition("/")
    if kind != "service" or not name or "/" in name:
        raise refused("ValidationException", "Unsupported service namespace, resource type or scalable dimension")
    try:
        cluster = cluster_of_name(write, cluster)
        return cluster, service_of(write, cluster, name)
    except Refused as missing:
        if missing.code not in ("ClusterNotFoundException", "ServiceNotFoundException"):
            raise
        raise refused("ValidationException", f"ECS service doesn't exist: {id}") from None


def _new(write: Write, id: str) -> dict[str, Any]:
    number = hashlib.sha256(f"{write.place} {id}".encode()).hexdigest()[:34]
    suspended = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    return {
        "RoleARN": f"arn:{write.record.partition}:iam::{write.place.account}:{_ROLE}",
        "CreationTime": write.now,
        "SuspendedState": dict.fromkeys(suspended, False),
        "ScalableTargetARN": write.arn("application-autoscaling", f"scalable-target/{number}"),
    }


def read_targets(world: World, query: Query) -> dict[str, Any] | None:
    """Return scalable targets that were registered here, None if others are asked for."""
    asked = query.parameters
    known = [world.scalable.get((query.place, str(id))) for id in asked.get("ResourceIds") or ()]
    if not known or None in known or asked["ServiceNamespace"] != _NAMESPACE:
        return None
    dimension = asked.get("ScalableDimension", _DIMENSION)
    return {"ScalableTargets": [one for one in known if one and one["ScalableDimension"] == dimension]}


WRITES = {"RegisterScalableTarget": register}
"""The operations of Application Auto Scaling."""
