"""Elastic Load Balancing: the target groups that services register their tasks with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, pick
from scanner.model import Gap, Resource

TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
TYPES = (TARGET_GROUP,)

_TARGET_GROUPS = Ask(
    "DescribeTargetGroups",
    "TargetGroups",
    TYPES,
    {"PageSize": 400},
    paged=True,
    tokens=("Marker", "NextMarker"),
    actions=("elasticloadbalancing:DescribeTargetGroups",),
)
CALLS = (_TARGET_GROUPS,)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the target groups of the Region."""
    for answer, group in answers.items(_TARGET_GROUPS):
        yield _group(answers, group, answer)
    yield from answers.gaps(CALLS)


def _group(answers: Answers, group: dict[str, Any], answer: Answer) -> Resource | Gap:
    arn, name = group.get("TargetGroupArn"), group.get("TargetGroupName")
    if not (isinstance(arn, str) and arn and isinstance(name, str) and name):
        message = "a target group without a name was answered"
        return answers.gap(TARGET_GROUP, answers.name(_TARGET_GROUPS), MALFORMED, message)
    properties = {"Name": name, **pick(group, "TargetGroupArn", "TargetType", "VpcId", "LoadBalancerArns")}
    return answers.resource(TARGET_GROUP, arn, name, properties, asks=CALLS, at=answer.at)
