"""Amazon ECS on a game day: clusters and task definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.serve.gameday.world import Write, refused
from scanner.serve.record import Record

_KINDS = ["CONFIGURATIONS", "SETTINGS", "TAGS"]
_FILLED: Mapping[str, Any] = {
    "cpu": 0,
    "environment": [],
    "essential": True,
    "mountPoints": [],
    "portMappings": [],
    "volumesFrom": [],
}
"""What ECS fills in where a container definition says nothing."""


def create_cluster(write: Write) -> dict[str, Any]:
    """Create a cluster; one that is there already is the answer, as with ECS."""
    name = write.parameters.get("clusterName") or "default"
    arn = write.arn("ecs", f"cluster/{name}")
    listed = write.listed("ecs", "ListClusters", "clusterArns")
    if arn not in listed:
        given = {key: value for key, value in write.parameters.items() if key != "serviceConnectDefaults"}
        cluster = {
            "settings": [],
            "tags": [],
            "capacityProviders": [],
            "defaultCapacityProviderStrategy": [],
            **given,
            "clusterArn": arn,
            "clusterName": name,
            "status": "ACTIVE",
            "statistics": [],
            **dict.fromkeys(_COUNTS, 0),
        }
        write.edits.append("ecs", "ListClusters", "clusterArns", arn)
        page = {"clusters": [cluster], "failures": []}
        write.edits.answer("ecs", "DescribeClusters", {"clusters": [arn], "include": _KINDS}, page)
        write.edits.answer("ecs", "ListServices", {"cluster": name}, {"serviceArns": []})
        write.edits.answer("ecs", "ListTasks", {"cluster": name}, {"taskArns": []})
    return {"cluster": next(one for one in described(write.record, "clusters") if one["clusterArn"] == arn)}


_COUNTS = ("activeServicesCount", "pendingTasksCount", "registeredContainerInstancesCount", "runningTasksCount")


def register_task_definition(write: Write) -> dict[str, Any]:
    """Register the revision that follows on the newest one that was seen."""
    family, containers = write.parameters["family"], write.parameters["containerDefinitions"]
    if not containers:
        raise refused("ClientException", "Container list cannot be empty.")
    for container in containers:
        if not container.get("image") or not container.get("name"):
            raise refused("ClientException", "Container.image should not be null or empty.")
    known = [each["revision"] for each in definitions(write.record) if each.get("family") == family]
    revision = max(known, default=0) + 1
    arn = write.arn("ecs", f"task-definition/{family}:{revision}")
    definition = {
        "placementConstraints": [],
        "volumes": [],
        **{key: value for key, value in write.parameters.items() if key != "tags"},
        "containerDefinitions": [{**_FILLED, **container} for container in containers],
        "taskDefinitionArn": arn,
        "revision": revision,
        "status": "ACTIVE",
        "compatibilities": sorted({"EC2", *(write.parameters.get("requiresCompatibilities") or ())}),
        "registeredAt": write.now,
    }
    page = {"taskDefinition": definition, "tags": write.parameters.get("tags") or []}
    write.edits.answer("ecs", "DescribeTaskDefinition", {"taskDefinition": arn, "include": ["TAGS"]}, page)
    return page


def definitions(record: Record) -> Iterator[Mapping[str, Any]]:
    """Yield the task definitions that were described."""
    for answer in record.of("ecs", "DescribeTaskDefinition"):
        for page in answer.pages:
            yield page["taskDefinition"]


def described(record: Record, member: str) -> Iterator[Mapping[str, Any]]:
    """Yield the clusters or the services that were described."""
    for answer in record.of("ecs", f"Describe{member.capitalize()}"):
        yield from answer.items(member)


WRITES = {"CreateCluster": create_cluster, "RegisterTaskDefinition": register_task_definition}
