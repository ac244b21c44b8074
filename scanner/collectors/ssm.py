"""AWS Systems Manager Parameter Store: the names and types of parameters; values are never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, strings, structures
from scanner.model import Gap, Resource

PARAMETER = "AWS::SSM::Parameter"
TYPES = (PARAMETER,)

_DESCRIBE_PARAMETERS = Ask(
    "DescribeParameters",
    "Parameters",
    (PARAMETER,),
    {"MaxResults": 50},
    paged=True,
    tokens=("NextToken", "NextToken"),
)
CALLS = (_DESCRIBE_PARAMETERS,)


def keys(answers: Answers) -> set[str]:
    """Return the KMS keys of customers that parameters name: ids, ARNs, aliases; not the one that AWS keeps."""
    listed = structures([parameter for _, parameter in answers.items(_DESCRIBE_PARAMETERS)])
    return set(strings(parameter.get("KeyId") for parameter in listed)) - {"alias/aws/ssm"}


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the parameters of the account; those that other accounts share with it are not listed."""
    for answer, parameter in answers.items(_DESCRIBE_PARAMETERS):
        yield _parameter(answers, parameter, answer)
    yield from answers.gaps(CALLS)


def _parameter(answers: Answers, parameter: dict[str, Any], answer: Answer) -> Resource | Gap:
    name, arn = parameter.get("Name"), parameter.get("ARN")
    if not (isinstance(name, str) and name):
        message = "a parameter without a name was answered"
        return answers.gap(PARAMETER, answers.name(_DESCRIBE_PARAMETERS), MALFORMED, message)
    target = answers.target
    made = f"arn:{target.partition}:ssm:{target.region}:{target.account}:parameter/{name.removeprefix('/')}"
    id = arn if isinstance(arn, str) and arn else made
    properties = {key: parameter.get(key) for key in ("Name", "Type", "KeyId", "Tier", "DataType")}
    return answers.resource(PARAMETER, id, name, properties, asks=CALLS, at=answer.at)
