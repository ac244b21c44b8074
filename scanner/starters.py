"""What starts containers without a service: schedules, events, state machines and jobs.

Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from scanner.model import InsufficientData, Model, Resource
from scanner.references import TASK_DEFINITION
from scanner.states import RUN_TASK, definition, tasks

RULE, SCHEDULE = "AWS::Events::Rule", "AWS::Scheduler::Schedule"
STATE_MACHINE, JOB_DEFINITION = "AWS::StepFunctions::StateMachine", "AWS::Batch::JobDefinition"


class Started(NamedTuple):
    """A task that something starts: where it is named, and its task definition as it is named there.

    The latter is None where it is named nowhere that was read, for the reason `unknown`, a clause.
    """

    pointer: str
    definition: str | None
    unknown: str = ""


def is_disabled(starter: Resource) -> bool:
    """Tell whether a rule or a schedule starts nothing for now."""
    return starter.type in (RULE, SCHEDULE) and starter["State"] == "DISABLED"


def started(starter: Resource) -> list[Started]:
    """Return the ECS tasks that a rule, a schedule or a state machine starts; a job definition starts none."""
    if starter.type == RULE:
        return list(_of_rule(starter["Targets"] or ()))
    if starter.type == SCHEDULE:
        return list(_of_schedule(starter["Target"] or {}))
    return list(_of_machine(starter)) if starter.type == STATE_MACHINE else []


def _of_rule(targets: Any) -> Iterator[Started]:
    for number in range(len(targets)):
        if targets[number]["EcsParameters"]:
            yield _from(targets[number]["EcsParameters"], f"/Targets/{number}")


def _of_schedule(target: Mapping[str, Any]) -> Iterator[Started]:
    if target["EcsParameters"]:
        yield _from(target["EcsParameters"], "/Target")
    elif (target["Arn"] or "").endswith(RUN_TASK):
        yield Started("/Target", None, "the task is named in the input of the schedule, which is not read")


def _from(parameters: Mapping[str, Any], pointer: str) -> Started:
    try:
        return Started(pointer, parameters["TaskDefinitionArn"])
    except InsufficientData as gap:
        return Started(pointer, None, str(gap))


def _of_machine(machine: Resource) -> Iterator[Started]:
    key, described = "DefinitionString", machine["DefinitionString"]
    if described is None:
        key, described = "Definition", machine["Definition"]
    if described is None:
        raise InsufficientData("the definition of the state machine is kept elsewhere, and not read")
    for task in tasks(definition(described) if isinstance(described, str) else described):
        if task.definition is None:
            yield Started(f"/{key}", None, f"state '{task.state}' makes up the task definition while it runs")
        else:
            yield _substituted(machine, task.definition, f"/{key}")


def _substituted(machine: Resource, named: str, pointer: str) -> Started:
    """Put in what a template substitutes for `${name}`."""
    if "${" not in named:
        return Started(pointer, named)
    values = machine["DefinitionSubstitutions"] or {}
    name = named.removeprefix("${").removesuffix("}")
    try:
        value = values.get(name)
    except InsufficientData as gap:
        return Started(pointer, None, str(gap))
    return Started(pointer, value, f"nothing is substituted for '{named}'")


def task_definition(model: Model, named: str, starter: Resource) -> Resource:
    """Return a task definition by its id, ARN or name; without a revision it is the newest of its family."""
    if "#" in named:
        found = model.get(TASK_DEFINITION, named)
    else:
        family, _, revision = named.rpartition("/")[2].partition(":")
        family_of = [one for one in model.in_place(TASK_DEFINITION, starter.place) if one.name == family]
        matching = [one for one in family_of if not revision or one.id.rpartition(":")[2] == revision]
        found = max(matching, key=_revision, default=None)
    if found is None:
        raise InsufficientData(f"the task definition '{named}' was not seen")
    return found


def family(model: Model, named: str) -> str:
    """Return the family of a task definition that something names by its id, ARN or name."""
    if "#" not in named:
        return named.rpartition("/")[2].partition(":")[0]
    found = model.get(TASK_DEFINITION, named)
    if found is None or found.name is None:
        raise InsufficientData(f"the family of '{named}' was not seen")
    return found.name


def _revision(definition: Resource) -> int:
    revision = definition.id.rpartition(":")[2]
    return int(revision) if revision.isdecimal() else 0


def containers_of_job(job: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where the containers of a job definition are, and what describes each."""
    yield from _of_properties(job, "", "ContainerProperties")
    ranges = (job["NodeProperties"] or {}).get("NodeRangeProperties") or ()
    for number in range(len(ranges)):
        yield from _of_properties(ranges[number], f"/NodeProperties/NodeRangeProperties/{number}", "Container")


def _of_properties(described: Any, pointer: str, single: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if described[single]:
        yield f"{pointer}/{single}", described[single]
    groups = (described["EcsProperties"] or {}).get("TaskProperties") or ()
    for number in range(len(groups)):
        yield from _listed(groups[number], f"{pointer}/EcsProperties/TaskProperties/{number}", "Containers")
    pod = (described["EksProperties"] or {}).get("PodProperties") or {}
    for key in ("Containers", "InitContainers"):
        yield from _listed(pod, f"{pointer}/EksProperties/PodProperties", key)


def _listed(described: Any, pointer: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    listed = described.get(key) or ()
    for number in range(len(listed)):
        yield f"{pointer}/{key}/{number}", listed[number]
