"""What becomes of ECS services that were changed: tasks run if their images can be pulled and their secrets be read.

Roles, network paths and health are not tried; `regionproof drill` judges those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scanner.serve.gameday import tasks
from scanner.serve.gameday.lost import Lost
from scanner.serve.gameday.pulling import pull
from scanner.serve.gameday.world import Edits, Service, World

_MOST_EVENTS = 100


@dataclass(frozen=True)
class _Outcome:
    """How a start ended: the digests that were pulled, by container; why it failed; why nobody can tell."""

    digests: Mapping[str, str | None]
    error: str | None = None
    doubt: str | None = None


def settle(world: World, lost: Lost, at: datetime) -> None:
    """Bring every service that waits to what it comes to now; an image may have come since it failed."""
    for key in sorted(world.waiting):
        service = world.services[key]
        edits = world.edits(service.place)
        described = _described(edits, service.arn) if edits else None
        if edits and described and _settle(edits, service, described, _start(world, lost, service, described), at):
            world.waiting.remove(key)


def states(world: World) -> Iterator[dict[str, Any]]:
    """Yield how many tasks each service that was changed wants, and how many run."""
    for service in world.services.values():
        edits = world.edits(service.place)
        described = _described(edits, service.arn) if edits else None
        if described:
            yield {"arn": service.arn, "desired": described["desiredCount"], "running": described["runningCount"]}


def _described(edits: Edits, arn: str) -> Mapping[str, Any] | None:
    items = (item for answer in edits.record.of("ecs", "DescribeServices") for item in answer.items("services"))
    return next((item for item in items if item.get("serviceArn") == arn), None)


def _settle(edits: Edits, service: Service, old: Mapping[str, Any], outcome: _Outcome, at: datetime) -> bool:
    """Describe a service as its start ended; return whether it has what it wants."""
    wanted = int(old["desiredCount"])
    running = min(service.before, wanted) if outcome.error or outcome.doubt else wanted
    counts = {"runningCount": running, "pendingCount": wanted - running if outcome.doubt else 0}
    deployment = {
        **old["deployments"][0],
        **counts,
        "failedTasks": wanted - running if outcome.error else 0,
        "rolloutState": "COMPLETED" if running == wanted else "IN_PROGRESS",
    }
    message = _message(str(old["serviceName"]), wanted - running, outcome)
    events = list(old.get("events") or ())
    if not events or events[0].get("message") != message:
        event = {"id": f"game-day-{len(events)}", "createdAt": at.timestamp(), "message": message}
        events = [event, *events][:_MOST_EVENTS]
    summary = {
        "arn": service.revision,
        "requestedTaskCount": wanted,
        "runningTaskCount": running,
        "pendingTaskCount": counts["pendingCount"],
    }
    new = {**old, **counts, "deployments": [deployment], "events": events, "currentServiceRevisions": [summary]}
    edits.update("ecs", "DescribeServices", "services", lambda one: one.get("serviceArn") == service.arn, new)
    revision = _revision(service, new, outcome)
    page = {"serviceRevisions": [revision], "failures": []}
    edits.answer("ecs", "DescribeServiceRevisions", {"serviceRevisionArns": [service.revision]}, page)
    tasks.keep(edits, service, new, revision["containerImages"], at.timestamp())
    return running == wanted


def _message(name: str, missing: int, outcome: _Outcome) -> str:
    if missing and outcome.error:
        return f"(service {name}) is unable to consistently start tasks successfully. {outcome.error}"
    if missing and outcome.doubt:
        return f"(service {name}) waits: whether its tasks start cannot be told (game day): {outcome.doubt}"
    return f"(service {name}) has reached a steady state."


def _revision(service: Service, described: Mapping[str, Any], outcome: _Outcome) -> dict[str, Any]:
    """Return the service revision; ECS knows the digests of images once tasks have started."""
    known = outcome.digests if described["runningCount"] else {}
    images = []
    for container in service.definition["containerDefinitions"]:
        digest = known.get(container["name"])
        images.append(
            {
                "containerName": container["name"],
                "image": container["image"],
                **({"imageDigest": digest} if digest else {}),
            }
        )
    kept = ("clusterArn", "launchType", "capacityProviderStrategy", "networkConfiguration", "platformVersion")
    return {
        **{key: described[key] for key in kept if key in described},
        "serviceRevisionArn": service.revision,
        "serviceArn": service.arn,
        "taskDefinition": described["taskDefinition"],
        "createdAt": described["deployments"][0]["createdAt"],
        "containerImages": images,
    }


def _start(world: World, lost: Lost, service: Service, described: Mapping[str, Any]) -> _Outcome:
    """Return how starting a task ends."""
    if described.get("launchType") == "EC2" and service.instances == 0:
        why = "unable to place a task because no container instance met all of its requirements"
        return _Outcome({}, error=f"{why}. Reason: No Container Instances were found in your cluster.")
    for source in _secrets(service.definition):
        for loss in lost.losses:
            if source.count(":") >= 5 and loss.takes_place(source.split(":")[4], source.split(":")[3]):
                why = "ResourceInitializationError: unable to pull secrets or registry auth"
                return _Outcome({}, error=f"{why}: {source}: {loss} is lost (game day)")
    digests: dict[str, str | None] = {}
    doubt = None
    for container in service.definition["containerDefinitions"]:
        pulled = pull(world, lost, str(container["image"]))
        if pulled.error:
            return _Outcome({}, error=f"CannotPullContainerError: {pulled.error}")
        doubt = doubt or pulled.doubt
        digests[container["name"]] = pulled.digest
    return _Outcome(digests, doubt=doubt)


def _secrets(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the containers of a task definition take secrets from before they start."""
    for container in definition["containerDefinitions"]:
        log = container.get("logConfiguration") or {}
        for secret in (*(container.get("secrets") or ()), *(log.get("secretOptions") or ())):
            yield str(secret.get("valueFrom"))
        credentials = container.get("repositoryCredentials") or {}
        if "credentialsParameter" in credentials:
            yield str(credentials["credentialsParameter"])
