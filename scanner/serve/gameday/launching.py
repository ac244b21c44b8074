"""What calls to start tasks have in common: the cluster, the task definition, what to run it on, and the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.serve.gameday.ecs import definitions, described
from scanner.serve.gameday.starting import FARGATE
from scanner.serve.gameday.world import Launch, Write, refused
from scanner.serve.query import cluster_name

KINDS = ("launchType", "capacityProviderStrategy")


def cluster_of(write: Write) -> str:
    """Return the name of the cluster of a call; raise ECS's error if there is none."""
    return cluster_of_name(write, write.parameters.get("cluster") or "default")


def cluster_of_name(write: Write, cluster: str) -> str:
    """Return the name of a cluster that is there; raise ECS's error if it is not."""
    name = str(cluster_name(write.place, cluster))
    arns = write.listed("ecs", "ListClusters", "clusterArns")
    if name not in {str(arn).rpartition("/")[2] for arn in arns}:
        raise refused("ClusterNotFoundException", "Cluster not found.")
    return name


def launch_of(write: Write, cluster: str, asked: Mapping[str, Any], definition: str) -> Launch:
    """Return what a call starts; raise ECS's error if it cannot be asked so."""
    found = _definition(write, definition)
    arn = write.arn("ecs", f"cluster/{cluster}")
    there = next((one for one in described(write.record, "clusters") if one.get("clusterArn") == arn), {})
    kind = _kind(asked, there)
    _must_suit(found, kind)
    return Launch(write.place, found, kind, there.get("registeredContainerInstancesCount"))


def _definition(write: Write, named: str) -> Mapping[str, Any]:
    """Return a task definition by its ARN, `family:revision`, or the newest one of a family."""
    found = [
        each
        for each in definitions(write.record)
        if named in (each.get("taskDefinitionArn"), each.get("family"), f"{each.get('family')}:{each.get('revision')}")
    ]
    if not found:
        raise write.query.not_recorded(f"task definition '{named}' was not described; those in use were")
    return max(found, key=lambda each: int(each["revision"]))


def _kind(asked: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return the launch type or the capacity providers; those of the cluster where a call names none."""
    given = {key: asked[key] for key in KINDS if asked.get(key)}
    if len(given) > 1:
        why = "Specifying both a launch type and capacity provider strategy is not supported."
        raise refused("InvalidParameterException", f"{why} Remove one and try again.")
    strategy = cluster.get("defaultCapacityProviderStrategy")
    return given or ({"capacityProviderStrategy": strategy} if strategy else {"launchType": "EC2"})


def _must_suit(definition: Mapping[str, Any], kind: Mapping[str, Any]) -> None:
    required = definition.get("requiresCompatibilities")
    named = {one.get("capacityProvider") for one in kind.get("capacityProviderStrategy") or ()}
    wanted = kind.get("launchType") or ("FARGATE" if named and named <= FARGATE else None)
    if required and wanted and wanted not in required:
        raise refused("InvalidParameterException", f"Task definition does not support launch_type {wanted}.")


def must_have_a_network(write: Write, launch: Launch, network: Mapping[str, Any] | None) -> None:
    """Refuse what has no network, or one in subnets that are not there, as those of the lost Region are not."""
    if launch.definition.get("networkMode") != "awsvpc":
        return
    if not network:
        why = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        raise refused("InvalidParameterException", why)
    known = write.record.listed("ec2", "DescribeSubnets", "Subnets")
    ids = None if known is None else {one.get("SubnetId") for one in known}
    for subnet in (network.get("awsvpcConfiguration") or {}).get("subnets") or ():
        if ids is not None and subnet not in ids:
            why = f"The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            raise refused("InvalidParameterException", f"Error retrieving subnet information for [{subnet}]: {why}")
