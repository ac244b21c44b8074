"""The Amazon States Language: which ECS tasks a state machine runs.

A definition is whatever somebody wrote; it is read as data, and what is made while it runs is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from scanner.model import InsufficientData

MOST_STATES = 10_000
"""AWS allows a definition of a mebibyte, which holds fewer."""
RUN_TASK = (":ecs:runTask", ":aws-sdk:ecs:runTask")


class Task(NamedTuple):
    """A state that runs an ECS task: its name, and what it names as the task definition; None if that is made later."""

    state: str
    definition: str | None


def definition(text: str) -> Mapping[str, Any]:
    """Return the object that the text of a definition holds; raise `InsufficientData` if it holds none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InsufficientData("the definition of the state machine is not JSON") from None
    if not isinstance(found, dict):
        raise InsufficientData("the definition of the state machine is not an object")
    return found


def tasks(machine: Mapping[str, Any]) -> Iterator[Task]:
    """Yield the states that run ECS tasks, those inside of parallel and map states too.

    Raises `InsufficientData` for what is no definition.
    """
    waiting, seen = [machine], 0
    while waiting:
        states = _states(waiting.pop())
        for name in states:
            seen += 1
            state = states[name]
            if not isinstance(state, dict) or seen > MOST_STATES:
                raise InsufficientData(f"the definition of the state machine has no state '{name}', or too many")
            waiting += _inner(state)
            resource = state.get("Resource")
            if isinstance(resource, str) and resource.partition(".")[0].endswith(RUN_TASK):
                yield Task(name, _named(state))


def _states(machine: Any) -> Mapping[str, Any]:
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict):
        raise InsufficientData("the definition of the state machine has no states")
    return states


def _inner(state: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the machines inside of a parallel or a map state."""
    yield from state.get("Branches") or ()
    for key in ("Iterator", "ItemProcessor"):
        if state.get(key) is not None:
            yield state[key]


def _named(state: Mapping[str, Any]) -> str | None:
    """Return the task definition that a state names in words, None if it is an expression or comes from its input."""
    for key in ("Parameters", "Arguments"):
        given = state.get(key)
        value = given.get("TaskDefinition") if isinstance(given, dict) else None
        if isinstance(value, str) and value and not value.lstrip().startswith("{%"):
            return value
    return None
