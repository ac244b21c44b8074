"""The policies of a role, which a template may write into it or declare as resources that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers.intrinsics import Resolver

ROLE = "AWS::IAM::Role"
NAMED = {
    "AWS::ECS::TaskDefinition": ("ExecutionRoleArn", "TaskRoleArn"),
    "AWS::EKS::Nodegroup": ("NodeRole",),
    "AWS::EKS::FargateProfile": ("PodExecutionRoleArn",),
    "AWS::Lambda::Function": ("Role",),
}
"""Type to the properties that name a role."""
_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")

Refer = Callable[[str, Any], tuple[str | None, Any]]
"""Gives the role of the template that a value of a resource refers to, or None and what the value is."""


def policies(
    role: str, name: Any, resources: Mapping[str, Any], resolver_of: Callable[[str], Resolver], refer: Refer
) -> list[Any]:
    """Return the policies of the role with the logical id `role`, `Unknown` in place of one that may be its own.

    What another stack attaches to the role is not in the template.
    """
    written = resolver_of(role).resolve(_properties(resources[role]).get("Policies", []))
    own = written if isinstance(written, list) else [Unknown(f"the policies of '{role}' are not a list")]
    return [*own, *_attached(role, name, resources, resolver_of, refer)]


def _attached(
    role: str, name: Any, resources: Mapping[str, Any], resolver_of: Callable[[str], Resolver], refer: Refer
) -> Iterator[Any]:
    for logical, body in resources.items():
        if not isinstance(body, dict) or body.get("Type") not in _POLICIES:
            continue
        resolver, properties = resolver_of(logical), _properties(body)
        present = resolver.condition(body["Condition"]) if "Condition" in body else True
        named, _ = resolver.pick(properties.get("Roles", [properties["RoleName"]] if "RoleName" in properties else []))
        known = [_is_role(refer(logical, each), role, name) for each in (named if isinstance(named, list) else [named])]
        if present is False or not {True, None} & set(known):
            continue
        if present is True and True in known:
            yield {"PolicyName": logical, "PolicyDocument": resolver.resolve(properties.get("PolicyDocument", {}))}
        else:
            yield Unknown(f"whether '{logical}' belongs to '{role}' is not known")


def _is_role(referred: tuple[str | None, Any], role: str, name: Any) -> bool | None:
    found, value = referred
    if found is not None:
        return found == role
    return None if isinstance(value, Unknown) or isinstance(name, Unknown) else value == name


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = body.get("Properties")
    return properties if isinstance(properties, dict) else {}
