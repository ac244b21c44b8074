"""AWS Batch: the images of its job definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, pick
from scanner.model import Gap, Resource, Unknown

JOB_DEFINITION = "AWS::Batch::JobDefinition"
TYPES = (JOB_DEFINITION,)

_DESCRIBE_DEFINITIONS = Ask(
    "DescribeJobDefinitions",
    "jobDefinitions",
    (JOB_DEFINITION,),
    {"status": "ACTIVE"},
    paged=True,
)
CALLS = (_DESCRIBE_DEFINITIONS,)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the newest active revision of each job definition; a job that names no revision runs that one."""
    newest: dict[str, tuple[int, Answer, dict[str, Any]]] = {}
    for answer, definition in answers.items(_DESCRIBE_DEFINITIONS):
        name, arn, revision = (definition.get(key) for key in ("jobDefinitionName", "jobDefinitionArn", "revision"))
        if not (isinstance(name, str) and name and isinstance(arn, str) and arn and isinstance(revision, int)):
            message = "a job definition without a name was answered"
            yield answers.gap(JOB_DEFINITION, answers.name(_DESCRIBE_DEFINITIONS), MALFORMED, message)
        elif name not in newest or newest[name][0] < revision:
            newest[name] = (revision, answer, definition)
    for _, answer, definition in newest.values():
        yield _definition(answers, definition, answer)
    yield from answers.gaps(CALLS)


def _definition(answers: Answers, definition: dict[str, Any], answer: Answer) -> Resource:
    properties = {
        "JobDefinitionName": definition["jobDefinitionName"],
        "Type": definition.get("type"),
        "ContainerProperties": _container(definition.get("containerProperties")),
        "EcsProperties": _tasks(definition.get("ecsProperties")),
        "EksProperties": _pods(definition.get("eksProperties")),
        "NodeProperties": _nodes(definition.get("nodeProperties")),
    }
    arn, name = definition["jobDefinitionArn"], definition["jobDefinitionName"]
    return answers.resource(JOB_DEFINITION, arn, name, properties, asks=CALLS, at=answer.at)


def _container(described: Any) -> Any:
    return None if described is None else pick(described, "image")


def _tasks(described: Any) -> Any:
    if described is None:
        return None
    return {"TaskProperties": [{"Containers": _listed(task, "containers")} for task in described["taskProperties"]]}


def _pods(described: Any) -> Any:
    if described is None:
        return None
    pod = described.get("podProperties")
    if not isinstance(pod, dict):
        return Unknown("AWS does not show the pod of the job definition")
    return {
        "PodProperties": {"Containers": _listed(pod, "containers"), "InitContainers": _listed(pod, "initContainers")}
    }


def _nodes(described: Any) -> Any:
    if described is None:
        return None
    ranges = [
        {
            "TargetNodes": one.get("targetNodes"),
            "Container": _container(one.get("container")),
            "EcsProperties": _tasks(one.get("ecsProperties")),
            "EksProperties": _pods(one.get("eksProperties")),
        }
        for one in described["nodeRangeProperties"]
    ]
    return {"NodeRangeProperties": ranges}


def _listed(described: dict[str, Any], member: str) -> list[dict[str, Any]]:
    return [pick(container, "name", "image") for container in described.get(member) or ()]
