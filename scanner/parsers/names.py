"""What the resources of a template are called, and what references to them are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers import roles
from scanner.parsers.budget import Budget
from scanner.parsers.intrinsics import NO_VALUE, Resolver
from scanner.regions import partition_by_name
from scanner.vocabulary import definition

PlaceOf = Callable[[str, Mapping[str, Any]], tuple[str | None, str | None]]
"""Gives (account, Region) of a resource from its logical id and body."""

_ARNS = {
    "AWS::ECR::Repository": "ecr:{}:{}:repository/{}",
    "AWS::ECS::Cluster": "ecs:{}:{}:cluster/{}",
    "AWS::ECS::Service": "ecs:{}:{}:service/{}",
    "AWS::EKS::Cluster": "eks:{}:{}:cluster/{}",
    roles.ROLE: "iam::{1}:role/{2}",
}
STACK = "AWS::CloudFormation::Stack"
_REF_IS_NAME = {"AWS::ECR::Repository", "AWS::ECS::Cluster", "AWS::EKS::Cluster", roles.ROLE}


class Names:
    """The resources of one template, which may refer to each other."""

    def __init__(
        self,
        body: Mapping[str, Any],
        path: str,
        place_of: PlaceOf,
        suffix: str = "",
        given: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.body, self.path, self.place_of, self.suffix = body, path, place_of, suffix
        self.given, self.budget = given or {}, budget or Budget()
        declared = body.get("Resources")
        self.resources: Mapping[str, Any] = declared if isinstance(declared, dict) else {}
        self._resolvers: dict[tuple[str | None, str | None], Resolver] = {}
        self._names: dict[str, Any] = {}

    def _target(self, logical: str, value: Any, type: str) -> tuple[str | None, Any]:
        """Return the resource of this template that `value` refers to and its id; else None and the value."""
        resolver = self._resolver(logical)
        value, _ = resolver.pick(value)
        found = _referred(value)
        if found is not None and self._type(found) == type:
            return found, self._id(found)
        value = resolver.resolve(value)
        return None, None if value is NO_VALUE else value

    def _cluster(self, logical: str, value: Any) -> Any:
        """Return the id of the cluster that a service names by its ARN, its name, or a reference."""
        found, value = self._target(logical, value, "AWS::ECS::Cluster")
        if found is not None or not isinstance(value, (str, type(None))) or (value or "").startswith("arn:"):
            return value
        value = value or "default"
        for other in self.resources:
            if self._type(other) == "AWS::ECS::Cluster" and self._place(other) == self._place(logical):
                name = self._name(other)
                if isinstance(name, str) and name == value:
                    return self._id(other)
        return _arn("AWS::ECS::Cluster", *self._place(logical), value) or Unknown(
            f"the account and Region of cluster '{value}' are not known"
        )

    def _name(self, logical: str) -> Any:
        """Return what the counterpart of a resource shares with it; `Unknown` when the template does not say."""
        if logical not in self._names:
            self._names[logical] = Unknown(f"the name of '{logical}' refers to itself")
            self._names[logical] = self._made_name(logical)
        return self._names[logical]

    def _made_name(self, logical: str) -> Any:
        type, properties = self._type(logical), properties_of(self.resources[logical])
        if type == "AWS::Account::Region":
            return "region"
        parts = []
        for key in definition(type)["x-name"]:
            if key == "Cluster":
                part = self._cluster_name(logical, properties.get(key, "default"))
            else:
                part = self._resolver(logical).resolve(properties.get(key, {"Ref": "AWS::NoValue"}))
            if not isinstance(part, (str, int)):
                return part if isinstance(part, Unknown) else Unknown(f"the {key} of '{logical}' is not declared")
            parts.append(str(part))
        return "/".join(parts)

    def _cluster_name(self, logical: str, value: Any) -> Any:
        found, value = self._target(logical, value, "AWS::ECS::Cluster")
        if found is not None:
            return self._name(found)
        return value.rpartition("/")[2] if isinstance(value, str) else "default" if value is None else value

    def _id(self, logical: str) -> str:
        name, type = self._name(logical), self._type(logical)
        account, region = self._place(logical)
        if type == "AWS::Account::Region" and account and region:
            return f"aws://{account}/{region}"
        named = isinstance(name, str) and self._arn_is_of_name(logical)
        return (_arn(type, account, region, name) if named else None) or self._own_id(logical)

    def _arn_is_of_name(self, logical: str) -> bool:
        """Tell whether the ARN of a resource is made of its name: that of a role holds its path too."""
        body = self.resources[logical]
        return self._type(logical) in _ARNS and (
            self._type(logical) != roles.ROLE or properties_of(body).get("Path", "/") == "/"
        )

    def _own_id(self, logical: str) -> str:
        return f"{self.path}#{logical}{self.suffix}"

    def _refer(self, logical: str, attribute: str | None) -> Any:
        """Return what `Ref` or `Fn::GetAtt` of a resource is worth."""
        type = self._type(logical)
        if not type:
            return Unknown(f"'{logical}' is neither a parameter nor a resource of the template")
        if type == STACK and attribute and attribute.startswith("Outputs."):
            return self._output(logical, attribute.removeprefix("Outputs."))
        generated = Unknown(f"'{logical}{f'.{attribute}' if attribute else ''}' is known only after deployment")
        name = self._name(logical) if self._arn_is_of_name(logical) else generated
        if isinstance(name, Unknown) or (attribute is None and type in _REF_IS_NAME):
            return name
        is_arn = attribute == "Arn" or (attribute is None and type == "AWS::ECS::Service")
        if not is_arn and (type, attribute) != ("AWS::ECR::Repository", "RepositoryUri"):
            return generated
        account, region = self._place(logical)
        if account is None or region is None:
            return Unknown(f"the account and Region of '{logical}' are not known")
        return _arn(type, account, region, name) if is_arn else _uri(account, region, name)

    def _type(self, logical: str) -> str:
        body = self.resources.get(logical)
        type = body.get("Type") if isinstance(body, dict) else None
        return type if isinstance(type, str) else ""

    def _place(self, logical: str) -> tuple[str | None, str | None]:
        return self.place_of(logical, self.resources.get(logical, {}))

    def _present(self, logical: str, body: Mapping[str, Any]) -> bool | Unknown:
        """Tell whether a resource is there: not where its condition is false."""
        return self._resolver(logical).condition(body["Condition"]) if "Condition" in body else True

    def _resolver(self, logical: str) -> Resolver:
        place = self._place(logical)
        if place not in self._resolvers:
            self._resolvers[place] = Resolver(self.body, *place, self._refer, self.given, self.budget)
        return self._resolvers[place]

    def _output(self, logical: str, name: str) -> Any:
        """Return what an output of a nested stack is worth."""
        raise NotImplementedError


def _arn(type: str, account: str | None, region: str | None, name: str) -> str | None:
    if account is None or region is None or type not in _ARNS:
        return None
    return f"arn:{partition_by_name(region)[0]}:{_ARNS[type].format(region, account, name)}"


def _uri(account: str, region: str, repository: str) -> str:
    return f"{account}.dkr.ecr.{region}.{partition_by_name(region)[1]}/{repository}"


def properties_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a resource as they are written; none if they are no object."""
    properties = body.get("Properties")
    return properties if isinstance(properties, dict) else {}


def _referred(value: Any) -> str | None:
    """Return the logical id in `Ref X` and `Fn::GetAtt X.Arn`."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((function, argument),) = value.items()
    if function == "Fn::GetAtt":
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        argument = parts[0] if isinstance(parts, list) and parts[1:] in (["Arn"], ["TaskDefinitionArn"]) else None
    return argument if function in ("Ref", "Fn::GetAtt") and isinstance(argument, str) else None
