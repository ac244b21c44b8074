"""Amazon CloudWatch Logs: the log groups that task definitions name.  What is logged is never asked for.

An account has thousands of log groups, so each is looked for by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors import ecs
from scanner.collectors.ask import Answers, Ask, Rate, strings, structures
from scanner.model import Gap, Resource

LOG_GROUP = "AWS::Logs::LogGroup"
TYPES = (LOG_GROUP,)


def _named(answers: Answers) -> Iterable[dict[str, Any]]:
    """Return the names of the log groups of the target that its task definitions log to."""
    tasks = answers.others.get("ecs")
    containers = [
        container
        for answer in (tasks.of(_DESCRIBE_DEFINITION) if tasks else ())
        for page in answer.pages
        for container in structures((page.get("taskDefinition") or {}).get("containerDefinitions"))
    ]
    logs = structures([container.get("logConfiguration") for container in containers])
    options = structures([log.get("options") for log in logs if log.get("logDriver") == "awslogs"])
    here = (None, answers.target.region)
    names = strings(each.get("awslogs-group") for each in options if each.get("awslogs-region") in here)
    return [{"logGroupNamePrefix": name} for name in sorted(set(names))]


(_DESCRIBE_DEFINITION,) = (ask for ask in ecs.CALLS if ask.operation == "DescribeTaskDefinition")
_LOG_GROUPS = Ask(
    "DescribeLogGroups",
    "logGroups",
    TYPES,
    {"limit": 50},
    _named,
    paged=True,
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    rate=Rate("describe log groups", 10, 10),
    per="log group in use",
    reads=(ecs.TASK_DEFINITION,),
)
CALLS = (_LOG_GROUPS,)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the log groups that were looked for and are there; others begin with the same letters."""
    target = answers.target
    for answer, group in answers.items(_LOG_GROUPS):
        name = group.get("logGroupName")
        if isinstance(name, str) and name == answer.parameters["logGroupNamePrefix"]:
            id = f"arn:{target.partition}:logs:{target.region}:{target.account}:log-group:{name}"
            yield answers.resource(LOG_GROUP, id, name, {"LogGroupName": name}, asks=CALLS, at=answer.at)
    yield from answers.gaps(CALLS)
