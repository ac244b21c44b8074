"""Answers about one thing, or some, from lists that hold them whole: what the CLI asks where a collector asks wider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.serve.paging import cut
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Record


def derive(query: Query, record: Record) -> dict[str, Any] | None:
    """Return such an answer, None where there is no way to one; raise `Refused` for what does not exist."""
    way = _WAYS.get((query.service, query.operation))
    return None if way is None else way(query, record)


def _same(query: Query, record: Record, **more: str) -> dict[str, Any] | None:
    """Return the answer to a question that only says the default, too."""
    found = record.find(replace(query, parameters={**query.parameters, **more}))
    if found is None:
        return None
    if found.error:
        raise replayed(found.error)
    return dict(found.pages[0])


def _function(query: Query, record: Record) -> dict[str, Any] | None:
    return None if "Qualifier" in query.parameters else _same(query, record, Qualifier="$LATEST")


def _configuration(query: Query, record: Record) -> dict[str, Any] | None:
    whole = replace(query, operation="GetFunction")
    found = _same(whole, record) or _function(whole, record)
    return None if found is None else dict(found["Configuration"])


def _stacks(query: Query, record: Record) -> dict[str, Any] | None:
    listed = record.listed("cloudformation", "DescribeStacks", "Stacks")
    name = query.parameters.get("StackName")
    if listed is None or query.parameters.keys() != {"StackName"}:
        return None
    found = [stack for stack in listed if name in (stack.get("StackName"), stack.get("StackId"))]
    if not found:
        raise Refused("ValidationError", f"Stack with id {name} does not exist")
    return {"Stacks": found}


def _schedule(query: Query, record: Record) -> dict[str, Any] | None:
    return None if "GroupName" in query.parameters else _same(query, record, GroupName="default")


def _rule(query: Query, record: Record) -> dict[str, Any] | None:
    rules = record.listed("events", "ListRules", "Rules")
    if rules is None or query.parameters.get("EventBusName", "default") != "default":
        return None
    name = query.parameters["Name"]
    found = next((rule for rule in rules if rule.get("Name") == name), None)
    if found is None:
        raise Refused("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")
    return dict(found)


def _jobs(query: Query, record: Record) -> dict[str, Any] | None:
    name, status = query.parameters.get("jobDefinitionName"), query.parameters.get("status")
    listed = record.listed("batch", "DescribeJobDefinitions", "jobDefinitions", status="ACTIVE")
    if listed is None or status != "ACTIVE" or query.parameters.keys() != {"jobDefinitionName", "status"}:
        return None
    found = [one for one in listed if one.get("jobDefinitionName") == name]
    return cut(query, found, None, lambda page: {"jobDefinitions": page})


def _tasks(query: Query, record: Record) -> dict[str, Any] | None:
    asked = query.parameters
    which = {key: str(asked[key]) for key in ("cluster", "desiredStatus") if key in asked}
    listed = record.listed("ecs", "ListTasks", "taskArns", **which)
    if listed is None or asked.keys() - {*which, "family", "serviceName", "startedBy"}:
        return None
    described = {task.get("taskArn"): task for task in _described_tasks(record)}
    if not all(arn in described for arn in listed):
        return None
    found = [arn for arn in listed if _is_wanted(described[arn], asked)]
    return cut(query, found, None, lambda page: {"taskArns": page})


def _described_tasks(record: Record) -> Iterator[Mapping[str, Any]]:
    for answer in record.of("ecs", "DescribeTasks"):
        yield from answer.items("tasks")


def _is_wanted(task: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    family = str(task.get("taskDefinitionArn")).rpartition("/")[2].partition(":")[0]
    service = str(parameters.get("serviceName")).rpartition("/")[2]
    return (
        parameters.get("family") in (None, family)
        and parameters.get("startedBy") in (None, task.get("startedBy"))
        and ("serviceName" not in parameters or task.get("group") == f"service:{service}")
    )


_WAYS: Mapping[tuple[str, str], Callable[[Query, Record], dict[str, Any] | None]] = {
    ("batch", "DescribeJobDefinitions"): _jobs,
    ("cloudformation", "DescribeStacks"): _stacks,
    ("ecs", "ListTasks"): _tasks,
    ("events", "DescribeRule"): _rule,
    ("lambda", "GetFunction"): _function,
    ("lambda", "GetFunctionConfiguration"): _configuration,
    ("scheduler", "GetSchedule"): _schedule,
}
