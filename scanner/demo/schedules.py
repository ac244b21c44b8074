"""The demo's schedules, as Amazon EventBridge describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.demo.words import Recorder
from scanner.recorded import Call


def calls(recorder: Recorder, schedules: Mapping[str, Any]) -> Iterator[Call]:
    """Return what EventBridge answers about the rules of the default bus of one place."""
    rules = [_rule(recorder, name, described) for name, described in sorted(schedules.items())]
    yield recorder.answered("events", "ListRules", {}, {"Rules": rules})
    for name, described in sorted(schedules.items()):
        answer = {"Targets": [_target(recorder, described)]}
        yield recorder.answered("events", "ListTargetsByRule", {"Rule": name}, answer)


def _rule(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "Arn": recorder.arn("events", f"rule/{name}"),
        "EventBusName": "default",
        "ScheduleExpression": described["when"],
        "State": "ENABLED",
    }


def _target(recorder: Recorder, described: Mapping[str, Any]) -> dict[str, Any]:
    definition = recorder.arn("ecs", f"task-definition/{described['runs']}")
    return {
        "Id": "task",
        "Arn": recorder.arn("ecs", f"cluster/{described['cluster']}"),
        "RoleArn": recorder.role("events"),
        "EcsParameters": {"TaskDefinitionArn": definition, "TaskCount": 1, "LaunchType": "FARGATE"},
    }
