"""What becomes of what was started: services run the tasks that can start, and tasks run or stop.

What failed in a service is tried again whenever something was changed, as ECS tries it; a task that stopped is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from scanner.model import Place
from scanner.outcome import LinkState, State
from scanner.serve.gameday import ecs, functions, tasks
from scanner.serve.gameday.links import STARTING, Judge, Verdicts
from scanner.serve.gameday.lost import Lost
from scanner.serve.gameday.retelling import Retelling
from scanner.serve.gameday.starting import Outcome, start
from scanner.serve.gameday.world import Edits, Launch, Service, World
from scanner.serve.replay import Recording

_MOST_EVENTS = 100
_FAILED = "FAILED"
"""The state of a deployment that ECS tries no more."""
_UNJUDGED = (
    LinkState("pair", State.UNKNOWN, "The drill knows of nothing lost that it stands in for, so it was not judged."),
)
"""What is said of what runs and of which the drill says nothing."""


class Settling:
    """Brings whatever waits to what it comes to; `judge` is what the drill says, None if nobody asks it."""

    def __init__(self, world: World, lost: Lost, recording: Recording, judge: Judge | None) -> None:
        self._world, self._lost, self._judge = world, lost, judge
        self._estate = Retelling(world, recording)

    def settle(self, at: datetime) -> None:
        """Try again what waits, as it is now; an image may have come since it failed."""
        world = self._world
        tried = [(key, *found) for key in sorted(world.waiting) if (found := self._tried(world.services[key]))]
        links = self._verdicts(STARTING) if tried or world.starting or world.functions else {}
        for key, edits, described in tried:
            service = world.services[key]
            start = partial(self._start, service.launch, links.get((service.place, service.arn), ()))
            if _settle(edits, service, described, start, at):
                world.waiting.remove(key)
        for key in sorted(world.starting):
            task = world.tasks[key]
            there = world.edits(task.launch.place)
            family = str(task.launch.definition["family"])
            outcome = self._start(task.launch, links.get((task.launch.place, family), ()))
            if there and tasks.settle(there, task, outcome, at.timestamp()):
                world.starting.remove(key)
        for (place, arn), before in list(world.functions.items()):
            there = world.edits(place)
            if there and functions.settle(there, arn, before, links.get((place, arn), ())):
                del world.functions[place, arn]

    def states(self) -> Iterator[dict[str, Any]]:
        """Yield how many tasks each service that was changed wants, and how many run; then the same of other tasks.

        Those are told by their task definition: a task that was stopped after it had started counts.  A function that
        was changed wants 1, and has it once it has its image.  `links` are those that the drill calls broken, or of
        which it knows nothing.
        """
        links = self._verdicts(None) if self._world.services or self._world.tasks or self._world.updated else {}
        for place, name, state in _states(self._world):
            found = links.get((place, name), _UNJUDGED if self._judge else ())
            wrong = [one for one in found if one.state in (State.BROKEN, State.UNKNOWN)]
            told = [{"link": one.link, "state": str(one.state), "reason": one.reason} for one in wrong]
            yield {**state, **({"links": told} if told else {})}

    def _tried(self, service: Service) -> tuple[Edits, Mapping[str, Any]] | None:
        """Return what describes a service that waits, None for one whose deployment ECS tries no more."""
        edits = self._world.edits(service.place)
        described = _described(edits, service.arn) if edits else None
        if edits and described and described["deployments"][0]["rolloutState"] != _FAILED:
            return edits, described
        return None

    def _verdicts(self, links: Collection[str] | None) -> Verdicts:
        return self._judge(self._estate, links) if self._judge else {}

    def _start(self, launch: Launch, links: Sequence[LinkState]) -> Outcome:
        return start(self._world, self._lost, launch, links)


def _states(world: World) -> Iterator[tuple[Place, str, dict[str, Any]]]:
    """Yield what each workload that was changed, and each task definition that was run, came to, by its name."""
    for service in world.services.values():
        edits = world.edits(service.place)
        described = _described(edits, service.arn) if edits else None
        if described:
            running = described["deployments"][0]["runningCount"]
            yield (
                service.place,
                service.arn,
                {
                    "arn": service.arn,
                    "desired": described["desiredCount"],
                    "running": running,
                },
            )
    run: dict[tuple[Place, str, str], list[bool]] = {}
    for task in world.tasks.values():
        edits = world.edits(task.launch.place)
        described = tasks.described(edits.record).get(task.arn) if edits else None
        if described:
            family = str(task.launch.definition["family"])
            key = (task.launch.place, family, str(described["taskDefinitionArn"]))
            run.setdefault(key, []).append("startedAt" in described)
    for (place, arn), image in sorted(world.updated.items()):
        edits = world.edits(place)
        ready = edits is not None and functions.is_ready(edits, arn, image)
        yield place, arn, {"arn": arn, "desired": 1, "running": int(ready)}
    for (place, family, arn), each in run.items():
        yield place, family, {"arn": arn, "desired": len(each), "running": sum(each)}


def _described(edits: Edits, arn: str) -> Mapping[str, Any] | None:
    services = ecs.described(edits.record, "services")
    return next((one for one in services if one.get("serviceArn") == arn), None)


@dataclass(frozen=True)
class _Counts:
    """How many tasks a service wants, has to start (`new`), keeps of those before, and its newest deployment runs."""

    wanted: int
    new: int
    kept: int
    own: int

    @classmethod
    def of(cls, service: Service, wanted: int) -> _Counts:
        """Return the counts of a service whose new tasks do not start."""
        new = wanted if service.replaces else max(wanted - service.before, 0)
        kept = min(service.before, wanted)
        return cls(wanted, new, kept, 0 if service.replaces else kept)

    def started(self) -> _Counts:
        """Return the counts once the new tasks run."""
        return _Counts(self.wanted, self.new, 0, self.wanted)


def _settle(edits: Edits, service: Service, old: Mapping[str, Any], start: Callable[[], Outcome], at: datetime) -> bool:
    """Describe a service as its deployment ends; return whether it has what it wants.

    Tasks that run stay while no new ones start, and a service that needs no new ones has what it wants.
    """
    counts = _Counts.of(service, int(old["desiredCount"]))
    outcome = start() if counts.new else Outcome()
    stuck = bool(outcome.error or outcome.doubt)
    if not stuck:
        counts = counts.started()
    deployment = _deployment(service, old, counts, outcome)
    now = {
        **old,
        "runningCount": max(counts.own, counts.kept),
        "pendingCount": deployment["pendingCount"],
        "deployments": [deployment, *_older(service, counts)],
        "events": _events(old, outcome, at),
        "currentServiceRevisions": list(_revisions(service, deployment, counts)),
    }
    edits.update("ecs", "DescribeServices", "services", lambda one: one.get("serviceArn") == service.arn, now)
    images = list(tasks.images_of(service.launch.definition, outcome.digests if counts.own else {}))
    _keep_revision(edits, service, now, images)
    tasks.keep(edits, service, now, images, at.timestamp())
    if outcome.error and not outcome.unplaced and now["events"] != old.get("events"):
        tasks.fail(edits, service, now, outcome.error, at.timestamp())
    return not stuck


def _deployment(service: Service, old: Mapping[str, Any], counts: _Counts, outcome: Outcome) -> dict[str, Any]:
    """Return the newest deployment; a circuit breaker ends it when tasks fail, but nothing is rolled back here."""
    before = old["deployments"][0]
    breaker = (old.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    state, why = "COMPLETED", "completed"
    if outcome.error or outcome.doubt:
        state, why = "IN_PROGRESS", "in progress"
    reason = f"ECS deployment {before['id']} {why}."
    if outcome.error and service.replaces and breaker.get("enable"):
        state, reason = _FAILED, "ECS deployment circuit breaker: tasks failed to start."
        if breaker.get("rollback"):
            reason += " Game day does not roll back."
    return {
        **before,
        "runningCount": counts.own,
        "pendingCount": counts.new if outcome.doubt else 0,
        "failedTasks": counts.new if outcome.error and not outcome.unplaced else 0,
        "rolloutState": state,
        "rolloutStateReason": reason,
    }


def _older(service: Service, counts: _Counts) -> Iterator[dict[str, Any]]:
    if service.replaces and service.older and counts.kept:
        left = {"desiredCount": counts.kept, "runningCount": counts.kept, "pendingCount": 0}
        yield {**service.older[0], "status": "ACTIVE", **left}


def _revisions(service: Service, deployment: Mapping[str, Any], counts: _Counts) -> Iterator[dict[str, Any]]:
    yield {
        "arn": service.revision,
        "requestedTaskCount": counts.wanted,
        "runningTaskCount": counts.own,
        "pendingTaskCount": deployment["pendingCount"],
    }
    if service.replaces and service.older and service.older[1] and counts.kept:
        left = {"requestedTaskCount": counts.kept, "runningTaskCount": counts.kept, "pendingTaskCount": 0}
        yield {"arn": service.older[1], **left}


def _events(old: Mapping[str, Any], outcome: Outcome, at: datetime) -> list[Any]:
    events, name = list(old.get("events") or ()), old["serviceName"]
    message = f"(service {name}) has reached a steady state."
    if outcome.error:
        message = f"(service {name}) is unable to consistently start tasks successfully. {outcome.error}"
    if outcome.unplaced:
        message = f"(service {name}) was {outcome.error}"
    if outcome.doubt:
        message = f"(service {name}) waits: whether its tasks start cannot be told (game day): {outcome.doubt}"
    if events and events[0].get("message") == message:
        return events
    return [{"id": f"game-day-{len(events)}", "createdAt": at.timestamp(), "message": message}, *events][:_MOST_EVENTS]


def _keep_revision(edits: Edits, service: Service, now: Mapping[str, Any], images: list[dict[str, Any]]) -> None:
    """Describe the service revision; ECS knows the digests of images once tasks have started, and keeps them."""
    kept = ("clusterArn", "launchType", "capacityProviderStrategy", "networkConfiguration", "platformVersion")
    revision = {
        **{key: now[key] for key in kept if key in now},
        "serviceRevisionArn": service.revision,
        "serviceArn": service.arn,
        "taskDefinition": now["taskDefinition"],
        "createdAt": now["deployments"][0].get("createdAt", now.get("createdAt")),
        "containerImages": images,
    }
    answers = edits.record.of("ecs", "DescribeServiceRevisions")
    known = {item.get("serviceRevisionArn") for answer in answers for item in answer.items("serviceRevisions")}
    if service.revision not in known:
        page = {"serviceRevisions": [revision], "failures": []}
        edits.answer("ecs", "DescribeServiceRevisions", {"serviceRevisionArns": [service.revision]}, page)
    elif service.replaces or not service.before:
        edits.update(
            *("ecs", "DescribeServiceRevisions", "serviceRevisions"),
            lambda one: one.get("serviceRevisionArn") == service.revision,
            revision,
        )
