"""The tasks of services that were changed: as many as run, with the digests that were pulled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scanner.serve.gameday.world import Edits, Service
from scanner.serve.query import cluster_name
from scanner.serve.record import Answer


def keep(edits: Edits, service: Service, described: Mapping[str, Any], images: list[dict[str, Any]], at: float) -> None:
    """Let a service have as many tasks as run; those that there were stay as long as they may.

    Where its tasks were not seen they stay unseen.
    """
    cluster = str(cluster_name(service.place, described["clusterArn"]))
    listed = edits.record.listed("ecs", "ListTasks", "taskArns", cluster=cluster)
    if listed is None:
        return
    group = f"service:{described['serviceName']}"
    tasks = {
        task["taskArn"]: task for answer in edits.record.of("ecs", "DescribeTasks") for task in answer.items("tasks")
    }
    own = [arn for arn in listed if tasks.get(arn, {}).get("group") == group]
    rolled_out = described["runningCount"] == described["desiredCount"]
    current = [arn for arn in own if tasks[arn].get("taskDefinitionArn") == described["taskDefinition"]]
    kept = (current if rolled_out else own)[: described["runningCount"]]
    new = [_task(service, described, images, at, number) for number in range(len(kept), described["runningCount"])]
    arns = [arn for arn in listed if arn not in own or arn in kept] + [task["taskArn"] for task in new]
    edits.record.put("ecs", "ListTasks", Answer({"cluster": cluster}, None, ({"taskArns": arns},), None))
    for task in new:
        asked = {"cluster": cluster, "tasks": [task["taskArn"]], "include": ["TAGS"]}
        edits.answer("ecs", "DescribeTasks", asked, {"tasks": [task], "failures": []})
    gone = set(own) - set(kept)
    if gone:
        edits.record.change("ecs", "DescribeTasks", lambda answer: _without(answer, gone))


def _without(answer: Answer, gone: set[str]) -> Answer:
    pages = (
        {**page, "tasks": [task for task in page["tasks"] if task["taskArn"] not in gone]} for page in answer.pages
    )
    return replace(answer, pages=tuple(pages))


def _task(
    service: Service, described: Mapping[str, Any], images: list[dict[str, Any]], at: float, number: int
) -> dict[str, Any]:
    id = hashlib.sha256(f"{service.revision} {number}".encode()).hexdigest()[:32]
    arn = f"{str(described['clusterArn']).replace(':cluster/', ':task/')}/{id}"
    containers = [
        {
            "containerArn": f"{arn.replace(':task/', ':container/')}/{one['containerName']}",
            "taskArn": arn,
            "name": one["containerName"],
            "lastStatus": "RUNNING",
            **{key: one[key] for key in ("image", "imageDigest") if key in one},
        }
        for one in images
    ]
    kept = ("clusterArn", "launchType", "platformVersion", "platformFamily")
    return {
        **{key: described[key] for key in kept if key in described},
        "taskArn": arn,
        "taskDefinitionArn": described["taskDefinition"],
        "group": f"service:{described['serviceName']}",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "createdAt": at,
        "startedAt": at,
        "containers": containers,
        "tags": [],
    }
