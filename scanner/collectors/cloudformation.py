"""AWS CloudFormation: the stacks of a Region with their templates, and where stack sets have put theirs.

DescribeStacks lists every stack that is not deleted, so ListStacks would add nothing.  Nor would ListStackResources,
a call for each stack: the template says which types a stack has, and what exists is what the services themselves show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, items, pick, shallow, structures, tags
from scanner.model import Gap, Resource, Unknown

STACK, STACK_SET = "AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet"
TYPES = (STACK, STACK_SET)

_TOKENS = ("NextToken", "NextToken")
_DEEPEST_TEMPLATE = 64


def _stacks(answers: Answers) -> Iterable[dict[str, Any]]:
    ids = {stack.get("StackId") for _, stack in answers.items(_DESCRIBE_STACKS) if _is_named(stack, "StackId")}
    return [{"StackName": id} for id in sorted(ids)]


def _stack_sets(answers: Answers) -> Iterable[dict[str, Any]]:
    found = [stack_set for _, stack_set in answers.items(_LIST_STACK_SETS) if _is_named(stack_set, "StackSetName")]
    return [{"StackSetName": name} for name in sorted({stack_set["StackSetName"] for stack_set in found})]


def _is_named(structure: Mapping[str, Any], member: str) -> bool:
    name = structure.get(member)
    return isinstance(name, str) and bool(name)


_DESCRIBE_STACKS = Ask(
    "DescribeStacks",
    "Stacks",
    (STACK,),
    paged=True,
    tokens=_TOKENS,
    actions=("cloudformation:DescribeStacks", "cloudformation:ListStacks"),  # both, to describe all of them
)
# botocore reads a template in JSON into an object and leaves one in YAML text, so nothing can be said of its form.
_GET_TEMPLATE = Ask(
    "GetTemplate", "", parameters={"TemplateStage": "Processed"}, each=_stacks, fills=(STACK,), per="stack"
)
_LIST_STACK_SETS = Ask(
    "ListStackSets",
    "Summaries",
    (STACK_SET,),
    {"Status": "ACTIVE", "CallAs": "SELF", "MaxResults": 100},
    paged=True,
    tokens=_TOKENS,
)
_LIST_STACK_INSTANCES = Ask(
    "ListStackInstances",
    "Summaries",
    parameters={"CallAs": "SELF", "MaxResults": 100},
    each=_stack_sets,
    paged=True,
    tokens=_TOKENS,
    fills=(STACK_SET,),
    per="stack set",
)
CALLS = (_DESCRIBE_STACKS, _GET_TEMPLATE, _LIST_STACK_SETS, _LIST_STACK_INSTANCES)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return stacks and stack sets; a drift that nobody looked for is NOT_CHECKED, as AWS says, and not IN_SYNC."""
    for answer, stack in answers.items(_DESCRIBE_STACKS):
        yield _stack(answers, stack, answer.at)
    for answer, stack_set in answers.items(_LIST_STACK_SETS):
        yield _stack_set(answers, stack_set, answer.at)
    yield from answers.gaps(CALLS)


def _stack(answers: Answers, stack: Mapping[str, Any], at: str) -> Resource | Gap:
    if not _is_named(stack, "StackId") or not _is_named(stack, "StackName"):
        message = "a stack was answered without its id or name"
        return answers.gap(STACK, answers.name(_DESCRIBE_STACKS), MALFORMED, message)
    id, name = stack["StackId"], stack["StackName"]
    properties = {
        "StackName": name,
        "StackStatus": Unknown("AWS does not show the status of the stack"),
        "DriftInformation": Unknown("AWS does not show the drift of the stack"),
        **pick(stack, "StackId", "StackStatus", "DriftInformation", "ParentId", "RootId"),
        "TemplateBody": answers.value(_GET_TEMPLATE, {"StackName": id}, _template),
    }
    asks = (_DESCRIBE_STACKS, _GET_TEMPLATE)
    return answers.resource(STACK, id, name, properties, asks=asks, at=at, tags=tags(stack.get("Tags")))


def _template(answer: Answer) -> Any:
    """Return the template as redaction left it: logical ids and types."""
    body = answer.pages[0].get("TemplateBody")
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        return Unknown("the template could not be read")
    return body if shallow(body, _DEEPEST_TEMPLATE) else Unknown("the template is nested too deeply")


def _stack_set(answers: Answers, stack_set: Mapping[str, Any], at: str) -> Resource | Gap:
    name = stack_set.get("StackSetName")
    if not _is_named(stack_set, "StackSetName"):
        message = "a stack set was answered without its name"
        return answers.gap(STACK_SET, answers.name(_LIST_STACK_SETS), MALFORMED, message)
    target = answers.target
    arn = f"arn:{target.partition}:cloudformation:{target.region}:{target.account}:stackset/"
    properties = {
        **pick(stack_set, "StackSetName", "StackSetId", "Status", "PermissionModel", "AutoDeployment", "DriftStatus"),
        "StackInstances": answers.value(_LIST_STACK_INSTANCES, {"StackSetName": name}, _instances),
    }
    asks = (_LIST_STACK_SETS, _LIST_STACK_INSTANCES)
    id = f"{arn}{stack_set.get('StackSetId') or name}"
    return answers.resource(STACK_SET, id, name, properties, asks=asks, at=at)


def _instances(answer: Answer) -> list[dict[str, Any]]:
    members = (
        "Account",
        "Region",
        "StackId",
        "Status",
        "StackInstanceStatus",
        "DriftStatus",
        "LastDriftCheckTimestamp",
    )
    return [
        pick(instance, *members, "OrganizationalUnitId")
        for instance in structures(items(answer, _LIST_STACK_INSTANCES.answer))
    ]
