"""Amazon ECS on a game day: clusters, task definitions and services; what a service starts, it has to pull."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from scanner.serve.gameday.world import Service, Write, refused
from scanner.serve.query import cluster_name
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
    return {"cluster": next(one for one in _described(write.record, "clusters") if one["clusterArn"] == arn)}


_COUNTS = ("activeServicesCount", "pendingTasksCount", "registeredContainerInstancesCount", "runningTasksCount")


def register_task_definition(write: Write) -> dict[str, Any]:
    """Register the revision that follows on the newest one that was seen."""
    family, containers = write.parameters["family"], write.parameters["containerDefinitions"]
    if not containers:
        raise refused("ClientException", "Container list cannot be empty.")
    for container in containers:
        if not container.get("image") or not container.get("name"):
            raise refused("ClientException", "Container.image should not be null or empty.")
    known = [each["revision"] for each in _definitions(write.record) if each.get("family") == family]
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


def create_service(write: Write) -> dict[str, Any]:
    """Create a service, and start what it wants."""
    cluster, given = _cluster(write), write.parameters
    name = given["serviceName"]
    arn = write.arn("ecs", f"service/{cluster}/{name}")
    if arn in write.listed("ecs", "ListServices", "serviceArns", cluster=cluster):
        raise refused("InvalidParameterException", "Creation of service was not idempotent.")
    if not given.get("taskDefinition"):
        raise refused("InvalidParameterException", "TaskDefinition can not be blank.")
    definition = _definition(write, given["taskDefinition"])
    if definition.get("networkMode") == "awsvpc" and not given.get("networkConfiguration"):
        why = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        raise refused("InvalidParameterException", why)
    service = {
        **_NEW_SERVICE,
        **{key: value for key, value in given.items() if key not in _NOT_OF_SERVICES},
        "serviceArn": arn,
        "clusterArn": write.arn("ecs", f"cluster/{cluster}"),
        "taskDefinition": definition["taskDefinitionArn"],
        "desiredCount": given.get("desiredCount", 0),
        "createdAt": write.now,
    }
    write.edits.append("ecs", "ListServices", "serviceArns", arn, cluster=cluster)
    asked = {"cluster": cluster, "services": [arn], "include": ["TAGS"]}
    write.edits.answer("ecs", "DescribeServices", asked, {"services": [service], "failures": []})
    return _deployed(write, service, definition, before=0)


_NOT_OF_SERVICES = frozenset({"cluster", "service", "clientToken", "forceNewDeployment", "taskDefinition"})
_NEW_SERVICE: Mapping[str, Any] = {
    "status": "ACTIVE",
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "loadBalancers": [],
    "serviceRegistries": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "propagateTags": "NONE",
    "events": [],
    "deployments": [],
    "tags": [],
    "runningCount": 0,
    "pendingCount": 0,
}


def update_service(write: Write) -> dict[str, Any]:
    """Change a service, and start what it wants now."""
    cluster, given = _cluster(write), write.parameters
    arn = _service_arn(write, cluster, given["service"])
    old = next((one for one in _described(write.record, "services") if one.get("serviceArn") == arn), None)
    if old is None:
        raise write.query.not_recorded(f"service '{arn}' was not described")
    wanted = given.get("taskDefinition") or old.get("taskDefinition")
    definition = _definition(write, str(wanted))
    changes = {key: value for key, value in given.items() if key not in _NOT_OF_SERVICES}
    service = {**old, **changes, "taskDefinition": definition["taskDefinitionArn"]}
    return _deployed(write, service, definition, before=int(old.get("runningCount") or 0))


def _deployed(write: Write, service: dict[str, Any], definition: Mapping[str, Any], before: int) -> dict[str, Any]:
    """Begin a deployment; the answer shows how it begins, whoever asks next sees what came of it."""
    begun = hashlib.sha256(f"{service['serviceArn']} {write.at.isoformat()}".encode()).hexdigest()
    number = str(int(begun[:14], 16)).zfill(19)
    path = service["serviceArn"].partition(":service/")[2]
    deployment = {
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "desiredCount": service["desiredCount"],
        "pendingCount": max(service["desiredCount"] - before, 0),
        "runningCount": min(before, service["desiredCount"]),
        "failedTasks": 0,
        "createdAt": write.now,
        "updatedAt": write.now,
        "rolloutState": "IN_PROGRESS",
    }
    began = {
        **service,
        "deployments": [deployment],
        "runningCount": deployment["runningCount"],
        "pendingCount": deployment["pendingCount"],
    }
    revision = write.arn("ecs", f"service-revision/{path}/{number}")
    write.edits.update(
        "ecs", "DescribeServices", "services", lambda one: one.get("serviceArn") == began["serviceArn"], began
    )
    instances = _instances(write.record, str(service["clusterArn"]))
    started = Service(write.place, service["serviceArn"], revision, definition, before, instances)
    write.world.services[write.place, service["serviceArn"]] = started
    write.world.waiting.add((write.place, service["serviceArn"]))
    return {"service": began}


def _instances(record: Record, cluster: str) -> int | None:
    """Return how many EC2 instances a cluster has, None if that was not seen."""
    found = (one for one in _described(record, "clusters") if one.get("clusterArn") == cluster)
    return next((one.get("registeredContainerInstancesCount") for one in found), None)


def _cluster(write: Write) -> str:
    """Return the name of the cluster of a call; raise ECS's error if there is none."""
    name = str(cluster_name(write.place, write.parameters.get("cluster") or "default"))
    arns = write.listed("ecs", "ListClusters", "clusterArns")
    if name not in {str(arn).rpartition("/")[2] for arn in arns}:
        raise refused("ClusterNotFoundException", "Cluster not found.")
    return name


def _service_arn(write: Write, cluster: str, named: str) -> str:
    arns = write.listed("ecs", "ListServices", "serviceArns", cluster=cluster)
    found = [arn for arn in arns if named in (arn, str(arn).rpartition("/")[2])]
    if not found:
        raise refused("ServiceNotFoundException", "Service not found.")
    return str(found[0])


def _definition(write: Write, named: str) -> Mapping[str, Any]:
    """Return a task definition by its ARN, `family:revision`, or the newest one of a family."""
    found = [
        each
        for each in _definitions(write.record)
        if named in (each.get("taskDefinitionArn"), each.get("family"), f"{each.get('family')}:{each.get('revision')}")
    ]
    if not found:
        raise write.query.not_recorded(f"task definition '{named}' was not described; those in use were")
    return max(found, key=lambda each: int(each["revision"]))


def _definitions(record: Record) -> Iterator[Mapping[str, Any]]:
    for answer in record.of("ecs", "DescribeTaskDefinition"):
        for page in answer.pages:
            yield page["taskDefinition"]


def _described(record: Record, member: str) -> Iterator[Mapping[str, Any]]:
    """Yield the clusters or the services that were described."""
    for answer in record.of("ecs", f"Describe{member.capitalize()}"):
        yield from answer.items(member)


WRITES = {
    "CreateCluster": create_cluster,
    "RegisterTaskDefinition": register_task_definition,
    "CreateService": create_service,
    "UpdateService": update_service,
}
