"""Amazon EventBridge: the rules of the default event bus, and what they start.

AWS services, ECR among them, send their events to the default bus of the Region, and only its rules may have a
schedule.  All rules are asked for their targets: any of them may run an ECS task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, document, items, strings, structures
from scanner.model import Gap, Resource

RULE = "AWS::Events::Rule"
TYPES = (RULE,)


def _rules(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"Rule": name} for name in strings(rule.get("Name") for _, rule in answers.items(_LIST_RULES))]


_PAGE, _TOKENS = {"Limit": 100}, ("NextToken", "NextToken")
_LIST_RULES = Ask("ListRules", "Rules", (RULE,), _PAGE, paged=True, tokens=_TOKENS)
LIST_TARGETS = Ask(
    "ListTargetsByRule", "Targets", (), _PAGE, _rules, paged=True, tokens=_TOKENS, fills=(RULE,), per="rule"
)
CALLS = (_LIST_RULES, LIST_TARGETS)


def task_definitions(answers: Answers | None) -> list[Any]:
    """Return the ARNs of the task definitions that rules run, as they name them; none if nobody asked."""
    targets = structures([target for _, target in answers.items(LIST_TARGETS)]) if answers else []
    parameters = structures([target.get("EcsParameters") for target in targets])
    return [each.get("TaskDefinitionArn") for each in parameters]


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the rules of the default bus, without what they pass to their targets, which may be secret."""
    for answer, rule in answers.items(_LIST_RULES):
        yield _rule(answers, rule, answer)
    yield from answers.gaps(CALLS)


def _rule(answers: Answers, rule: dict[str, Any], answer: Answer) -> Resource | Gap:
    name, arn, target = rule.get("Name"), rule.get("Arn"), answers.target
    if not (isinstance(name, str) and name):
        return answers.gap(RULE, answers.name(_LIST_RULES), MALFORMED, "a rule without a name was answered")
    made = f"arn:{target.partition}:events:{target.region}:{target.account}:rule/{name}"
    id = arn if isinstance(arn, str) and arn else made
    pattern = rule.get("EventPattern")
    properties = {
        **{
            key: rule.get(key)
            for key in ("Name", "EventBusName", "ScheduleExpression", "State", "RoleArn", "ManagedBy")
        },
        "EventPattern": None if pattern is None else document(pattern, f"the event pattern of '{name}'"),
        "Targets": answers.value(LIST_TARGETS, {"Rule": name}, _targets),
    }
    return answers.resource(RULE, id, name, properties, asks=CALLS, at=answer.at)


_NAMES = {"awsvpcConfiguration": "AwsVpcConfiguration", "PlacementStrategy": "PlacementStrategies", "Tags": "TagList"}


def _targets(answer: Answer) -> list[dict[str, Any]]:
    kept = ("Id", "Arn", "RoleArn", "Input", "EcsParameters", "BatchParameters", "DeadLetterConfig")
    return [
        cloudformation({key: target[key] for key in kept if target.get(key) is not None}, _NAMES)
        for target in structures(items(answer, "Targets"))
    ]
