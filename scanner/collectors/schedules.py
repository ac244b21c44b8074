"""EventBridge Scheduler: the schedules that run ECS tasks.

A list shows of each schedule what its target is.  An account may have a million schedules that run once, so only those
are asked about whose target is an ECS cluster, or the operation of ECS itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, structures
from scanner.model import Gap, Resource

SCHEDULE = "AWS::Scheduler::Schedule"
TYPES = (SCHEDULE,)


def _runs_tasks(schedule: dict[str, Any]) -> bool:
    target = schedule.get("Target")
    arn = str(target.get("Arn")) if isinstance(target, dict) else ""
    return ":cluster/" in arn or arn.endswith(":aws-sdk:ecs:runTask")


def _schedules(answers: Answers) -> Iterable[dict[str, Any]]:
    listed = structures([schedule for _, schedule in answers.items(_LIST_SCHEDULES)])
    return [_named(schedule) for schedule in listed if _runs_tasks(schedule) and all(_named(schedule).values())]


def _named(schedule: dict[str, Any]) -> dict[str, Any]:
    return {"GroupName": schedule.get("GroupName"), "Name": schedule.get("Name")}


_LIST_SCHEDULES = Ask(
    "ListSchedules", "Schedules", (SCHEDULE,), {"MaxResults": 100}, paged=True, tokens=("NextToken", "NextToken")
)
_GET_SCHEDULE = Ask("GetSchedule", "Name", each=_schedules, fills=(SCHEDULE,), per="schedule that runs an ECS task")
CALLS = (_LIST_SCHEDULES, _GET_SCHEDULE)


def task_definitions(answers: Answers | None) -> list[Any]:
    """Return the task definitions that schedules run, as they name them; none if nobody asked."""
    pages = [page for answer in (answers.of(_GET_SCHEDULE) if answers else ()) for page in answer.pages]
    targets = structures([page.get("Target") for page in pages])
    return [each.get("TaskDefinitionArn") for each in structures([target.get("EcsParameters") for target in targets])]


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the schedules that run tasks, without what they pass to them, which may be secret."""
    for answer, schedule in answers.items(_LIST_SCHEDULES):
        if _runs_tasks(schedule):
            yield _schedule(answers, schedule, answer)
    yield from answers.gaps(CALLS)


def _schedule(answers: Answers, schedule: dict[str, Any], answer: Answer) -> Resource | Gap:
    named, target = _named(schedule), answers.target
    group, name = named["GroupName"], named["Name"]
    if not (isinstance(group, str) and group and isinstance(name, str) and name):
        message = "a schedule without a name was answered"
        return answers.gap(SCHEDULE, answers.name(_LIST_SCHEDULES), MALFORMED, message)
    properties = {
        "Name": name,
        "GroupName": group,
        "State": schedule.get("State"),
        "ScheduleExpression": answers.value(_GET_SCHEDULE, named, lambda got: got.pages[0].get("ScheduleExpression")),
        "Target": answers.value(_GET_SCHEDULE, named, _target),
    }
    id = f"arn:{target.partition}:scheduler:{target.region}:{target.account}:schedule/{group}/{name}"
    return answers.resource(SCHEDULE, id, name, properties, asks=CALLS, at=answer.at)


def _target(answer: Answer) -> dict[str, Any]:
    target = answer.pages[0]["Target"]
    made: dict[str, Any] = cloudformation(
        {key: target[key] for key in ("Arn", "RoleArn", "EcsParameters") if target.get(key) is not None},
        {"awsvpcConfiguration": "AwsvpcConfiguration"},
    )
    return made
