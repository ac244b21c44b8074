"""The services of Amazon ECS on a game day: a change begins a deployment, or only changes a count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.serve.gameday.ecs import described
from scanner.serve.gameday.launching import KINDS, cluster_of, launch_of, must_have_a_network
from scanner.serve.gameday.world import Launch, Service, Write, refused

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
_REPLACING = (
    *("taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers", "serviceRegistries"),
    *("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"),
)
"""What begins a new deployment when it changes; a count does not.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
"""


def create_service(write: Write) -> dict[str, Any]:
    """Create a service, and start what it wants."""
    cluster, given = cluster_of(write), write.parameters
    name = given["serviceName"]
    arn = write.arn("ecs", f"service/{cluster}/{name}")
    if arn in write.listed("ecs", "ListServices", "serviceArns", cluster=cluster):
        raise refused("InvalidParameterException", "Creation of service was not idempotent.")
    if not given.get("taskDefinition"):
        raise refused("InvalidParameterException", "TaskDefinition can not be blank.")
    launch = launch_of(write, cluster, given, given["taskDefinition"])
    must_have_a_network(write, launch, given.get("networkConfiguration"))
    service = {
        **_NEW_SERVICE,
        **{key: value for key, value in given.items() if key not in _NOT_OF_SERVICES},
        **launch.kind,
        "serviceArn": arn,
        "clusterArn": write.arn("ecs", f"cluster/{cluster}"),
        "taskDefinition": launch.definition["taskDefinitionArn"],
        "desiredCount": given.get("desiredCount", 0),
        "createdAt": write.now,
    }
    write.edits.append("ecs", "ListServices", "serviceArns", arn, cluster=cluster)
    asked = {"cluster": cluster, "services": [arn], "include": ["TAGS"]}
    write.edits.answer("ecs", "DescribeServices", asked, {"services": [service], "failures": []})
    return {"service": deploy(write, service, launch, replaces=True)}


def update_service(write: Write) -> dict[str, Any]:
    """Change a service, and start what it wants now."""
    cluster, given = cluster_of(write), write.parameters
    old = service_of(write, cluster, given["service"])
    _must_be_updated_so(old, given)
    changes = {key: value for key, value in given.items() if key not in _NOT_OF_SERVICES}
    moved = set(KINDS) if changes.keys() & set(KINDS) else set()
    asked = {**{key: value for key, value in old.items() if key not in moved}, **changes}
    launch = launch_of(write, cluster, asked, str(given.get("taskDefinition") or old.get("taskDefinition")))
    if given.keys() & {"taskDefinition", "networkConfiguration"}:
        must_have_a_network(write, launch, asked.get("networkConfiguration"))
    service = {**asked, **launch.kind, "taskDefinition": launch.definition["taskDefinitionArn"]}
    replaces = given.get("forceNewDeployment") or any(service.get(key) != old.get(key) for key in _REPLACING)
    return {"service": deploy(write, service, launch, replaces=bool(replaces))}


def _must_be_updated_so(service: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    controller = (service.get("deploymentController") or {}).get("type")
    if controller == "CODE_DEPLOY" and given.keys() & {"taskDefinition", "networkConfiguration", "platformVersion"}:
        why = f"Unable to update task definition on services with a {controller} deployment controller."
        raise refused("InvalidParameterException", f"{why} Use AWS CodeDeploy to trigger a new deployment.")


def service_of(write: Write, cluster: str, named: str) -> Mapping[str, Any]:
    """Return a service as it is described; raise ECS's error if there is none."""
    arns = write.listed("ecs", "ListServices", "serviceArns", cluster=cluster)
    arn = next((arn for arn in arns if named in (arn, str(arn).rpartition("/")[2])), None)
    if arn is None:
        raise refused("ServiceNotFoundException", "Service not found.")
    old = next((one for one in described(write.record, "services") if one.get("serviceArn") == arn), None)
    if old is None:
        raise write.query.not_recorded(f"service '{arn}' was not described")
    return old


def recount(write: Write, cluster: str, service: Mapping[str, Any], **counts: int) -> dict[str, Any]:
    """Let a service want, or have, as many tasks, and start what it lacks."""
    launch = launch_of(write, cluster, service, str(service["taskDefinition"]))
    return deploy(write, {**service, **counts}, launch, replaces=False)


def deploy(write: Write, service: Mapping[str, Any], launch: Launch, *, replaces: bool) -> dict[str, Any]:
    """Let a service be as given; the answer shows how that begins, whoever asks next sees what came of it.

    One that was replacing its tasks goes on with that.
    """
    key = (write.place, str(service["serviceArn"]))
    waiting = write.world.services[key] if key in write.world.waiting else None
    before = int(service.get("runningCount") or 0)
    newest = next(iter(service.get("deployments") or ()), None) or _deployment(write, service)
    older = waiting.older if waiting and waiting.replaces else None
    revision = next((one["arn"] for one in service.get("currentServiceRevisions") or ()), None)
    if replaces and older is None and before:
        older = (newest, revision)
    if replaces:
        newest = _deployment(write, service)
    if replaces or revision is None:
        path, number = key[1].partition(":service/")[2], str(newest["id"]).rpartition("/")[2]
        revision = write.arn("ecs", f"service-revision/{path}/{number}")
    replaces = replaces or bool(waiting and waiting.replaces)
    if not replaces:
        launch = replace(launch, digests=dict(_established(write, revision)))
    shown = _begun(service, newest, older if replaces else None, before)
    write.edits.update("ecs", "DescribeServices", "services", lambda one: one.get("serviceArn") == key[1], shown)
    write.world.services[key] = Service(key[1], launch, newest["id"], revision, before, replaces, older)
    write.world.waiting.add(key)
    return shown


def _established(write: Write, revision: str) -> Iterator[tuple[str, str]]:
    """Yield the digests that a service revision began with, by container: later tasks of it pull those, not tags.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
    """
    for answer in write.record.of("ecs", "DescribeServiceRevisions"):
        for one in answer.items("serviceRevisions"):
            for image in one.get("containerImages") or () if one.get("serviceRevisionArn") == revision else ():
                if image.get("imageDigest"):
                    yield str(image["containerName"]), str(image["imageDigest"])


def _begun(
    service: Mapping[str, Any],
    newest: Mapping[str, Any],
    older: tuple[Mapping[str, Any], str | None] | None,
    before: int,
) -> dict[str, Any]:
    """Return a service whose newest deployment has begun, and has no tasks yet where an older one has them."""
    wanted = int(service["desiredCount"])
    own = 0 if older else min(before, wanted)
    counts = {"desiredCount": wanted, "runningCount": own, "pendingCount": wanted - own, "rolloutState": "IN_PROGRESS"}
    rest = [{**older[0], "status": "ACTIVE"}] if older else []
    return {
        **service,
        "deployments": [{**newest, **counts}, *rest],
        "runningCount": min(before, wanted),
        "pendingCount": wanted - own,
    }


def _deployment(write: Write, service: Mapping[str, Any]) -> dict[str, Any]:
    seed = f"{service['serviceArn']} {write.at.isoformat()} {next(write.world.numbers)}"
    number = str(int(hashlib.sha256(seed.encode()).hexdigest()[:14], 16)).zfill(19)
    return {
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "failedTasks": 0,
        "createdAt": write.now,
        "updatedAt": write.now,
    }


WRITES = {"CreateService": create_service, "UpdateService": update_service}
