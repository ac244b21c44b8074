"""The policies of an IAM role, as far as they were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scanner.model import InsufficientData, Model, Place, Resource

ROLE = "AWS::IAM::Role"

# Each of them allows the actions of a pull on all resources, and denies nothing:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
_PULLS = frozenset(
    (
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonEC2ContainerRegistryPowerUser",
        "AmazonEC2ContainerRegistryFullAccess",
        "AmazonEKSFargatePodExecutionRolePolicy",
        "service-role/AmazonECSTaskExecutionRolePolicy",
    )
)
_PULL_POLICY = {
    "Statement": {
        "Sid": "AWS managed policy",
        "Effect": "Allow",
        "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Resource": "*",
    }
}


def role_of(model: Model, id: str, place: Place) -> Resource:
    """Return the role that something in `place` names; raise `InsufficientData` if it was not seen."""
    try:
        found = model.get(ROLE, id)
    except InsufficientData:  # the ARN of a role names no Region, so nothing more can be said of it
        found = None
    if found is None:
        gap = model.hidden(ROLE, place)
        raise InsufficientData(f"the role '{id}' was not seen{f': {gap}' if gap else ''}")
    return found


def policies_of(role: Resource) -> list[Any]:
    """Return the policies of a role for `policy.permits`: an `InsufficientData` in place of each that was not seen.

    Of a role that a file declares the managed policies are known by name only: those of AWS that let their holder pull
    images count as what they allow of that, any other as unseen.
    """
    if not role.locations:
        return [*_each(role, "Policies", _document), *_each(role, "ManagedPolicies", _document)]
    return [*_each(role, "Policies", _document), *_each(role, "ManagedPolicyArns", _by_name)]


def _each(role: Resource, name: str, read: Callable[[Any], Any]) -> Iterator[Any]:
    try:
        listed = role[name] or ()
    except InsufficientData as gap:
        yield gap
        return
    for number in range(len(listed)):
        try:
            yield read(listed[number])
        except InsufficientData as gap:
            yield gap


def _document(policy: Any) -> Any:
    return policy["PolicyDocument"]


def _by_name(arn: str) -> Any:
    owner, _, name = arn.partition(":policy/")
    if owner.endswith(":iam::aws") and name in _PULLS:
        return _PULL_POLICY
    raise InsufficientData(f"what the managed policy '{arn}' says is not in the scanned files")
