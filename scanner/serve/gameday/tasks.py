"""The tasks of ECS: those of services that were changed, as many as run, and those that were run by themselves.

Where the tasks of a cluster were not seen they stay unseen.  What stopped can be described, as with ECS for an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.serve.gameday.starting import Outcome
from scanner.serve.gameday.world import Edits, Launch, Service, Task, World
from scanner.serve.query import Query, cluster_name
from scanner.serve.record import Answer, Record

STOPPED = "STOPPED"


def described(record: Record) -> dict[str, Mapping[str, Any]]:
    """Return every task that was described, by its ARN."""
    return {task["taskArn"]: task for answer in record.of("ecs", "DescribeTasks") for task in answer.items("tasks")}


def keep(edits: Edits, service: Service, now: Mapping[str, Any], images: list[dict[str, Any]], at: float) -> None:
    """Let a service have as many tasks as run; those that there were stay as long as they may."""
    listed = _listed(edits, now["clusterArn"])
    if listed is None:
        return
    group, known = f"service:{now['serviceName']}", described(edits.record)
    own = [arn for arn in listed if known.get(arn, {}).get("group") == group]
    newest = [arn for arn in own if not service.replaces or known[arn].get("startedBy") == service.deployment]
    wanted = now["deployments"][0]["runningCount"]
    kept = newest[:wanted]
    kept += [arn for arn in own if arn not in newest][: now["runningCount"] - wanted]
    for number in range(wanted - len(newest)):
        task = _of_service(service, now, f"{len(known) + number}", at)
        add(edits, {**task, **_RUNNING, "startedAt": at, "containers": containers(task["taskArn"], images, "RUNNING")})
    why = f"Scaling activity initiated by (deployment {service.deployment})"
    stop(edits, set(own) - set(kept), "ServiceSchedulerInitiated", why, at)


def fail(edits: Edits, service: Service, now: Mapping[str, Any], error: str, at: float) -> None:
    """Let a service have a task that stopped before it started."""
    if _listed(edits, now["clusterArn"]) is not None:
        task = _of_service(service, now, f"{len(described(edits.record))}", at)
        images = _images(service.launch, {})
        add(edits, {**task, **_RUNNING, "containers": containers(task["taskArn"], images, "PENDING")})
        stop(edits, {task["taskArn"]}, "TaskFailedToStart", error, at)


def settle(edits: Edits, task: Task, outcome: Outcome, at: float) -> bool:
    """Describe a task as its start ended; return whether that is known."""
    old = described(edits.record).get(task.arn)
    if old is None or old["desiredStatus"] == STOPPED:
        return True
    if outcome.error:
        stop(edits, {task.arn}, "TaskFailedToStart", outcome.error, at)
        return True
    if outcome.doubt:
        why = f"whether it starts cannot be told (game day): {outcome.doubt}"
        _change(edits, {task.arn}, lambda one: {**one, "containers": _with(one, reason=why)})
        return False
    running = containers(task.arn, _images(task.launch, outcome.digests), "RUNNING")
    _change(edits, {task.arn}, lambda one: {**one, **_RUNNING, "startedAt": at, "containers": running})
    return True


_RUNNING = {"lastStatus": "RUNNING", "desiredStatus": "RUNNING"}


def add(edits: Edits, task: Mapping[str, Any]) -> None:
    """Let there be a task."""
    cluster = str(cluster_name(edits.record.place, task["clusterArn"]))
    edits.append("ecs", "ListTasks", "taskArns", task["taskArn"], cluster=cluster)
    asked = {"cluster": cluster, "tasks": [task["taskArn"]], "include": ["TAGS"]}
    edits.answer("ecs", "DescribeTasks", asked, {"tasks": [task], "failures": []})


def stop(edits: Edits, arns: Collection[str], code: str, reason: str, at: float) -> None:
    """Let tasks be stopped: lists of what runs leave them out."""
    if not arns:
        return
    stopped = {"lastStatus": STOPPED, "desiredStatus": STOPPED, "stopCode": code, "stoppedReason": reason}
    times = {"stoppingAt": at, "stoppedAt": at}
    more = {"reason": reason} if code == "TaskFailedToStart" else {}
    _change(edits, arns, lambda one: {**one, **stopped, **times, "containers": _with(one, lastStatus=STOPPED, **more)})
    cluster = str(cluster_name(edits.record.place, described(edits.record)[next(iter(arns))]["clusterArn"]))
    edits.record.change("ecs", "ListTasks", lambda answer: _without(answer, arns))
    before = edits.record.listed("ecs", "ListTasks", "taskArns", cluster=cluster, desiredStatus=STOPPED) or ()
    question = {"cluster": cluster, "desiredStatus": STOPPED}
    edits.answer("ecs", "ListTasks", question, {"taskArns": [*before, *sorted(arns)]})


def read_stopped(world: World, query: Query) -> dict[str, Any] | None:
    """Return that no task stopped where none did since the game day began, None for any other question."""
    asked, record = query.parameters, world.there(query.place)
    if record is None:
        return None
    clusters = record.listed("ecs", "ListClusters", "clusterArns") or ()
    names = {str(arn).rpartition("/")[2] for arn in clusters}
    nothing = record.listed("ecs", "ListTasks", "taskArns", cluster=str(asked.get("cluster")), desiredStatus=STOPPED)
    if asked.get("desiredStatus") != STOPPED or asked.get("cluster") not in names or nothing is not None:
        return None
    return {"taskArns": []}


def new_arn(cluster: str, *seed: str) -> str:
    """Return the ARN of a task of a cluster; the same seed gives the same."""
    id = hashlib.sha256(" ".join((cluster, *seed)).encode()).hexdigest()[:32]
    return f"{cluster.replace(':cluster/', ':task/')}/{id}"


def containers(arn: str, images: list[dict[str, Any]], status: str) -> list[dict[str, Any]]:
    """Return the containers of a task, by what `containerImages` of a service revision would say of them."""
    return [
        {
            "containerArn": f"{arn.replace(':task/', ':container/')}/{one['containerName']}",
            "taskArn": arn,
            "name": one["containerName"],
            "lastStatus": status,
            **{key: one[key] for key in ("image", "imageDigest") if key in one},
        }
        for one in images
    ]


def _images(launch: Launch, digests: Mapping[str, str | None]) -> list[dict[str, Any]]:
    return list(images_of(launch.definition, digests))


def images_of(definition: Mapping[str, Any], digests: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    """Yield the images of a task definition, with the digests that are known."""
    for container in definition["containerDefinitions"]:
        digest = digests.get(container["name"])
        yield {
            "containerName": container["name"],
            "image": container["image"],
            **({"imageDigest": digest} if digest else {}),
        }


def _of_service(service: Service, now: Mapping[str, Any], seed: str, at: float) -> dict[str, Any]:
    cluster = str(now["clusterArn"])
    kept = ("launchType", "platformVersion", "platformFamily")
    return {
        **{key: now[key] for key in kept if key in now},
        "taskArn": new_arn(cluster, service.deployment, seed),
        "clusterArn": cluster,
        "taskDefinitionArn": now["taskDefinition"],
        "group": f"service:{now['serviceName']}",
        "startedBy": service.deployment,
        "createdAt": at,
        "tags": [],
    }


def _listed(edits: Edits, cluster: str) -> list[str] | None:
    name = str(cluster_name(edits.record.place, cluster))
    listed = edits.record.listed("ecs", "ListTasks", "taskArns", cluster=name)
    return None if listed is None else list(listed)


def _change(edits: Edits, arns: Collection[str], change: Any) -> None:
    def changed(answer: Answer) -> Answer:
        if not any(task["taskArn"] in arns for task in answer.items("tasks")):
            return answer
        pages = (
            {**page, "tasks": [change(one) if one["taskArn"] in arns else one for one in page["tasks"]]}
            for page in answer.pages
        )
        return replace(answer, pages=tuple(pages))

    edits.record.change("ecs", "DescribeTasks", changed)


def _with(task: Mapping[str, Any], **more: str) -> list[dict[str, Any]]:
    return [{**container, **more} for container in task.get("containers") or ()]


def _without(answer: Answer, gone: Collection[str]) -> Answer:
    if answer.parameters.get("desiredStatus") == STOPPED:
        return answer
    pages = ({**page, "taskArns": [arn for arn in page["taskArns"] if arn not in gone]} for page in answer.pages)
    return replace(answer, pages=tuple(pages))
