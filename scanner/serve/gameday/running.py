"""Tasks of Amazon ECS that are run without a service, as migrations and jobs are, and tasks that are stopped.

What a task does nobody knows here: one that starts runs until it is stopped, and has no exit code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.redaction import redact
from scanner.serve.gameday import tasks
from scanner.serve.gameday.launching import cluster_of, launch_of, must_have_a_network
from scanner.serve.gameday.services import recount, service_of
from scanner.serve.gameday.starting import NO_INSTANCES, placed_on
from scanner.serve.gameday.world import Launch, Task, Write, refused

_MOST = 10
_KEPT = ("launchType", "platformVersion", "startedBy", "enableExecuteCommand")


def run_task(write: Write) -> dict[str, Any]:
    """Run tasks: the answer shows how they begin, whoever asks next sees whether they started."""
    cluster, given = cluster_of(write), write.parameters
    write.listed("ecs", "ListTasks", "taskArns", cluster=cluster)
    token = (write.place, str(given.get("clientToken")))
    if token not in write.world.ran:
        launch = launch_of(write, cluster, given, given["taskDefinition"])
        must_have_a_network(write, launch, given.get("networkConfiguration"))
        _must_be_allowed(given, launch)
        if placed_on(launch).unplaced:
            raise refused("InvalidParameterException", NO_INSTANCES)
        new = list(_new(write, cluster, launch))
        for task in new:
            tasks.add(write.edits, task)
            write.world.tasks[write.place, task["taskArn"]] = Task(task["taskArn"], launch)
            write.world.starting.add((write.place, task["taskArn"]))
        if "clientToken" not in given:
            return {"tasks": new, "failures": []}
        write.world.ran[token] = tuple(task["taskArn"] for task in new)
    known = tasks.described(write.record)
    return {"tasks": [known[arn] for arn in write.world.ran[token]], "failures": []}


def _must_be_allowed(given: Mapping[str, Any], launch: Launch) -> None:
    if not 1 <= given.get("count", 1) <= _MOST:
        raise refused("InvalidParameterException", f"The number of tasks is between 1 and {_MOST}.")
    names = {container["name"] for container in launch.definition["containerDefinitions"]}
    for override in (given.get("overrides") or {}).get("containerOverrides") or ():
        if override.get("name") not in names:
            why = f"Override for container named {override.get('name')} is not a container in the TaskDefinition."
            raise refused("InvalidParameterException", why)


def _new(write: Write, cluster: str, launch: Launch) -> Iterator[dict[str, Any]]:
    given, arn = write.parameters, write.arn("ecs", f"cluster/{cluster}")
    overrides = {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **(given.get("overrides") or {})}
    shown = {key: launch.definition[key] for key in ("cpu", "memory") if key in launch.definition}
    for _ in range(given.get("count", 1)):
        new = tasks.new_arn(arn, write.at.isoformat(), str(next(write.world.numbers)))
        yield {
            **shown,
            **{key: value for key, value in {**given, **launch.kind}.items() if key in _KEPT},
            "taskArn": new,
            "clusterArn": arn,
            "taskDefinitionArn": launch.definition["taskDefinitionArn"],
            "group": given.get("group") or f"family:{launch.definition['family']}",
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "createdAt": write.now,
            "containers": tasks.containers(new, list(tasks.images_of(launch.definition, {})), "PENDING"),
            "overrides": redact("ecs", overrides),
            "attachments": [],
            "tags": given.get("tags") or [],
        }


def stop_task(write: Write) -> dict[str, Any]:
    """Stop a task; a service starts another one in its place."""
    cluster, named = cluster_of(write), str(write.parameters["task"])
    listed = write.listed("ecs", "ListTasks", "taskArns", cluster=cluster)
    known = tasks.described(write.record)
    arn = next((arn for arn in (*listed, *known) if named in (arn, str(arn).rpartition("/")[2])), None)
    if arn is None or known.get(arn, {}).get("clusterArn", "").rpartition("/")[2] not in ("", cluster):
        raise refused("InvalidParameterException", "The referenced task was not found.")
    if arn not in known:
        raise write.query.not_recorded(f"task '{arn}' was not described")
    if known[arn]["lastStatus"] != tasks.STOPPED:
        _stop(write, cluster, known[arn])
    return {"task": tasks.described(write.record)[arn]}


def _stop(write: Write, cluster: str, task: Mapping[str, Any]) -> None:
    kind, _, name = str(task.get("group")).partition(":")
    reason = write.parameters.get("reason") or "Task stopped by user"
    of_service = service_of(write, cluster, name) if kind == "service" else None
    if of_service is not None:
        running = max(int(of_service.get("runningCount") or 0) - 1, 0)
        recount(write, cluster, of_service, runningCount=running)  # refuses what nobody knows before anything is done
    tasks.stop(write.edits, {task["taskArn"]}, "UserInitiated", reason, write.now)


WRITES = {"RunTask": run_task, "StopTask": stop_task}
