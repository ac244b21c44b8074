"""AWS Step Functions: the state machines, and which ECS tasks their states run.

Of a definition no more is recorded than that: what states pass on may be secret (`redaction`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, strings, structures
from scanner.model import Gap, InsufficientData, Resource, Unknown
from scanner.states import definition, tasks

STATE_MACHINE = "AWS::StepFunctions::StateMachine"
TYPES = (STATE_MACHINE,)


def _machines(answers: Answers) -> Iterable[dict[str, Any]]:
    listed = structures([machine for _, machine in answers.items(_LIST_MACHINES)])
    return [{"stateMachineArn": arn} for arn in strings(machine.get("stateMachineArn") for machine in listed)]


_LIST_MACHINES = Ask(
    "ListStateMachines",
    "stateMachines",
    (STATE_MACHINE,),
    {"maxResults": 1000},
    paged=True,
    actions=("states:ListStateMachines",),
)
_DESCRIBE_MACHINE = Ask(
    "DescribeStateMachine",
    "definition",
    each=_machines,
    fills=(STATE_MACHINE,),
    actions=("states:DescribeStateMachine",),
    per="state machine",
)
CALLS = (_LIST_MACHINES, _DESCRIBE_MACHINE)


def task_definitions(answers: Answers | None) -> list[Any]:
    """Return the task definitions that states run, as they name them; none if nobody asked."""
    found: list[Any] = []
    for answer in answers.of(_DESCRIBE_MACHINE) if answers else ():
        for page in answer.pages:
            try:
                found += [task.definition for task in tasks(definition(str(page.get("definition"))))]
            except InsufficientData:
                continue  # what it runs is not known, which the machine itself says
    return found


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the state machines."""
    for answer, machine in answers.items(_LIST_MACHINES):
        yield _machine(answers, machine, answer)
    yield from answers.gaps(CALLS)


def _machine(answers: Answers, machine: dict[str, Any], answer: Answer) -> Resource | Gap:
    arn, name = machine.get("stateMachineArn"), machine.get("name")
    if not (isinstance(arn, str) and arn and isinstance(name, str) and name):
        message = "a state machine without a name was answered"
        return answers.gap(STATE_MACHINE, answers.name(_LIST_MACHINES), MALFORMED, message)
    asked = {"stateMachineArn": arn}
    properties = {
        "StateMachineName": name,
        "StateMachineType": machine.get("type"),
        "RoleArn": answers.value(_DESCRIBE_MACHINE, asked, lambda got: got.pages[0].get("roleArn")),
        "DefinitionString": answers.value(_DESCRIBE_MACHINE, asked, _definition),
    }
    return answers.resource(STATE_MACHINE, arn, name, properties, asks=CALLS, at=answer.at)


def _definition(answer: Answer) -> Any:
    return answer.pages[0].get("definition") or Unknown("AWS did not show the definition of the state machine")
