"""CloudFormation templates as resources of the model, for each account and Region they are deployed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.documents import Document, pointer
from scanner.model import Gap, Location, Resource, Unknown, guard
from scanner.parsers import roles
from scanner.parsers.intrinsics import NO_VALUE, Resolver, Trace
from scanner.parsers.reading import regions
from scanner.parsers.registry import REGISTRY, Piece, fold
from scanner.regions import partition_by_name
from scanner.vocabulary import complete, definition, types

PlaceOf = Callable[[str, Mapping[str, Any]], tuple[str | None, str | None]]
"""Gives (account, Region) of a resource from its logical id and body."""

_PIECES = {
    "AWS::ECR::ReplicationConfiguration": ("ReplicationConfiguration", "ReplicationConfiguration"),
    "AWS::ECR::RegistryPolicy": ("PolicyText", "PolicyText"),
    "AWS::ECR::RegistryScanningConfiguration": ("ScanningConfiguration", None),
    "AWS::ECR::RepositoryCreationTemplate": ("RepositoryCreationTemplates", None),
    "AWS::ECR::PullThroughCacheRule": ("PullThroughCacheRules", None),
    REGISTRY: ("", None),
}
"""Type to the property of the registry it declares, and the property of its own that holds the value."""

_ARNS = {
    "AWS::ECR::Repository": "ecr:{}:{}:repository/{}",
    "AWS::ECS::Cluster": "ecs:{}:{}:cluster/{}",
    "AWS::ECS::Service": "ecs:{}:{}:service/{}",
    "AWS::EKS::Cluster": "eks:{}:{}:cluster/{}",
    roles.ROLE: "iam::{1}:role/{2}",
}
_REF_IS_NAME = {"AWS::ECR::Repository", "AWS::ECS::Cluster", "AWS::EKS::Cluster", roles.ROLE}
_HARMLESS = {"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::SecretsManager-2020-07-23"}
_HARMLESS |= {"AWS::SecretsManager-2024-09-16", "AWS::CodeDeployBlueGreen", "AWS::CodeStar"}


def recognises(value: Any) -> bool:
    """Tell whether a document is a CloudFormation template."""
    if not isinstance(value, dict):
        return False
    if "AWSTemplateFormatVersion" in value:
        return True
    bodies = value.get("Resources")
    return isinstance(bodies, dict) and any(
        isinstance(b, dict) and isinstance(b.get("Type"), str) for b in bodies.values()
    )


def resources(
    template: Document | Mapping[str, Any],
    path: str,
    account: str | None,
    region: str | None,
    *,
    place_of: PlaceOf | None = None,
) -> tuple[list[Resource], list[Gap]]:
    """Return what a template declares when it is deployed to one place, and what it leaves open.

    `place_of` gives the place of each resource instead.  Registry-level resources become one registry for each place;
    every place that is known and holds something, and the place of the template itself, is an AWS::Account::Region.
    """
    declared = list(declarations(template, path, account, region, place_of=place_of))
    found = [one for one in declared if isinstance(one, Resource)]
    found += fold(one for one in declared if isinstance(one, Piece))
    places = {} if place_of else {(account, region): Location(path, 1)}
    for one in found:
        places.setdefault((one.account, one.region), one.locations[""])
    return found + regions(places, found), [one for one in declared if isinstance(one, Gap)]


def declarations(
    template: Document | Mapping[str, Any],
    path: str,
    account: str | None,
    region: str | None,
    *,
    place_of: PlaceOf | None = None,
    suffix: str = "",
) -> Iterator[Resource | Piece | Gap]:
    """Return what a template declares, registries still in pieces; `suffix` tells instances of it apart in ids."""
    document = template if isinstance(template, Document) else Document(template, {})
    yield from _Template(document, path, place_of or (lambda _, __: (account, region)), suffix).declarations()


class _Template:
    """One template, and the resources it declares, which may refer to each other."""

    def __init__(self, document: Document, path: str, place_of: PlaceOf, suffix: str) -> None:
        self.body: Mapping[str, Any] = document.value
        self.written, self.path, self.place_of, self.suffix = document.locations, path, place_of, suffix
        declared = self.body.get("Resources")
        self.resources: Mapping[str, Any] = declared if isinstance(declared, dict) else {}
        self._resolvers: dict[tuple[str | None, str | None], Resolver] = {}
        self._names: dict[str, Any] = {}

    def declarations(self) -> Iterator[Resource | Piece | Gap]:
        yield from self._openings()
        known = {*types(), *_PIECES}
        for logical, body in self.resources.items():
            type = body.get("Type") if isinstance(body, dict) else None
            if isinstance(type, str) and type in known:
                yield from self._declaration(logical, body, type)
            if isinstance(type, str) and (reason := _delegated(type, body)):
                yield self._gap(logical, None, reason)

    def _openings(self) -> Iterator[Gap]:
        """Return a gap for each way in which resources come into the stack without being written in it."""
        transforms = self.body.get("Transform")
        for transform in transforms if isinstance(transforms, list) else [transforms]:
            name = transform.get("Name") if isinstance(transform, dict) else transform
            if name is not None and str(name) not in _HARMLESS:
                yield self._gap("", None, f"transform {name} may add resources")
        for logical, body in self.resources.items():
            if logical.startswith("Fn::"):
                generated: list[str | None] = [*sorted(_types_in(body))]
                for type in generated or [None]:
                    yield self._gap(logical, type, f"{logical} is not evaluated")

    def _declaration(self, logical: str, body: Mapping[str, Any], type: str) -> Iterator[Resource | Piece | Gap]:
        resolver = self._resolver(logical)
        present = resolver.condition(body["Condition"]) if "Condition" in body else True
        if present is False:
            return
        source = pointer("Resources", logical)
        origins: dict[str, str] = {}
        value = resolver.resolve(body.get("Properties", {}), Trace(f"{source}/Properties", "", origins))
        problem = next((one for one in (present, value) if isinstance(one, Unknown)), None)
        locations = {target: where for target, at in origins.items() if (where := self._locate(at))}
        locations[""] = self._locate(source) or Location(self.path, 1)
        if type in _PIECES:
            yield self._piece(logical, type, value if problem is None else problem, locations)
        elif problem is not None:
            yield self._gap(logical, type, problem.reason)
        else:
            yield self._resource(logical, type, value, locations)

    def _piece(self, logical: str, type: str, value: Any, locations: Mapping[str, Location]) -> Piece:
        name, inner = _PIECES[type]
        declared = locations[""]
        if not isinstance(value, dict):
            locations = {"": declared}
        elif inner:
            value = value.get(inner, Unknown(f"'{logical}' does not set its {inner}"))
            prefix = pointer(inner)
            locations = {at.removeprefix(prefix): each for at, each in locations.items() if at.startswith(prefix)}
        account, region = self._place(logical)
        return Piece(name, value, self._own_id(logical), account, region, declared, locations)

    def _resource(self, logical: str, type: str, given: Any, locations: Mapping[str, Location]) -> Resource:
        properties = dict(given) if isinstance(given, dict) else {}
        tags = _tags(properties.pop("Tags", None))
        properties |= self._references(logical, type)
        if type == "AWS::Events::Rule" and isinstance(properties.get("Targets"), list):
            written = _properties(self.resources[logical]).get("Targets")
            properties["Targets"] = self._tasks_started(logical, written, properties["Targets"])
        if type == "AWS::Scheduler::Schedule" and "Target" in properties:
            written = _properties(self.resources[logical])["Target"]
            (properties["Target"],) = self._tasks_started(logical, [written], [properties["Target"]])
        name = self._name(logical)
        account, region = self._place(logical)
        if type == "AWS::Account::Region":
            properties.setdefault("RegionName", region)
        return Resource(
            type,
            self._id(logical),
            name if isinstance(name, str) else None,
            account,
            region,
            guard(complete(type, properties)),
            tags,
            locations,
        )

    # What resources are called, and how they refer to each other.

    def _references(self, logical: str, type: str) -> dict[str, Any]:
        """Return the properties that hold the id of another resource."""
        properties = _properties(self.resources[logical])
        made = {}
        if type in ("AWS::ECS::Service", "AWS::ECS::Task"):
            made["Cluster"] = self._cluster(logical, properties.get("Cluster", "default"))
            if "TaskDefinition" in properties:
                made["TaskDefinition"] = self._target(
                    logical, properties["TaskDefinition"], "AWS::ECS::TaskDefinition"
                )[1]
        for name in roles.NAMED.get(type, ()):
            if name in properties:
                made[name] = self._target(logical, properties[name], roles.ROLE)[1]
        substituted = properties.get("DefinitionSubstitutions")
        if type == "AWS::StepFunctions::StateMachine" and isinstance(substituted, dict):
            made["DefinitionSubstitutions"] = {
                name: self._target(logical, value, "AWS::ECS::TaskDefinition")[1] for name, value in substituted.items()
            }
        if type == roles.ROLE:
            made["Policies"] = roles.policies(
                logical, self._name(logical), self.resources, self._resolver, lambda at, v: self._target(at, v, type)
            )
        return made

    def _tasks_started(self, logical: str, written: Any, targets: list[Any]) -> list[Any]:
        """Return the targets of a rule, in which references to task definitions of this template are their ids."""
        if not isinstance(written, list) or len(written) != len(targets):  # made by a function, or one is left out
            return targets
        made = []
        for given, target in zip(written, targets, strict=True):
            parameters = given.get("EcsParameters") if isinstance(given, dict) else None
            found = None
            if isinstance(parameters, dict):
                found, id = self._target(logical, parameters.get("TaskDefinitionArn"), "AWS::ECS::TaskDefinition")
            if found is not None and isinstance(target, dict) and isinstance(target.get("EcsParameters"), dict):
                target = {**target, "EcsParameters": {**target["EcsParameters"], "TaskDefinitionArn": id}}
            made.append(target)
        return made

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
        type, properties = self._type(logical), _properties(self.resources[logical])
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
            self._type(logical) != roles.ROLE or _properties(body).get("Path", "/") == "/"
        )

    def _own_id(self, logical: str) -> str:
        return f"{self.path}#{logical}{self.suffix}"

    def _refer(self, logical: str, attribute: str | None) -> Any:
        """Return what `Ref` or `Fn::GetAtt` of a resource is worth."""
        type = self._type(logical)
        if not type:
            return Unknown(f"'{logical}' is neither a parameter nor a resource of the template")
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
        return self.place_of(logical, self.resources[logical])

    def _resolver(self, logical: str) -> Resolver:
        place = self._place(logical)
        if place not in self._resolvers:
            self._resolvers[place] = Resolver(self.body, *place, self._refer)
        return self._resolvers[place]

    # Where it is written, and what is not.

    def _locate(self, at: str) -> Location | None:
        while at and at not in self.written:
            at = at.rpartition("/")[0]
        return self.written.get(at)

    def _gap(self, logical: str, type: str | None, reason: str) -> Gap:
        account, region = self._place(logical) if logical in self.resources else self.place_of("", {})
        where = self._locate(pointer("Resources", logical) if logical else pointer("Transform"))
        line = f"{self.path}:{where.line}: " if where else ""
        about = f"'{logical}': " if logical else ""
        return Gap("Unresolved", f"{line}{about}{reason}", type, account, region, path=self.path)


def _arn(type: str, account: str | None, region: str | None, name: str) -> str | None:
    if account is None or region is None or type not in _ARNS:
        return None
    return f"arn:{partition_by_name(region)[0]}:{_ARNS[type].format(region, account, name)}"


def _uri(account: str, region: str, repository: str) -> str:
    return f"{account}.dkr.ecr.{region}.{partition_by_name(region)[1]}/{repository}"


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
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


def _tags(given: Any) -> dict[str, str]:
    """Return the tags whose key and value are written out; they are a list of Key and Value, or an object."""
    if isinstance(given, list):
        pairs = [(tag.get("Key"), tag.get("Value")) for tag in given if isinstance(tag, dict)]
    else:
        pairs = list(given.items()) if isinstance(given, dict) else []
    return {key: str(value) for key, value in pairs if isinstance(key, str) and isinstance(value, (str, int))}


def _delegated(type: str, body: Mapping[str, Any]) -> str | None:
    """Return why a resource may stand for others that this template does not show."""
    if type.endswith("::MODULE"):
        return f"the module {type} may declare resources"
    if type in ("AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet"):
        url = _properties(body).get("TemplateURL")
        # A local path is a file beside this one, which is scanned by itself.
        if not isinstance(url, str) or url.startswith(("http:", "https:", "s3:")):
            return "the template of the nested stack is not in the scanned files"
    return None


def _types_in(value: Any) -> set[str]:
    """Return the types of our vocabulary that a text anywhere in `value` names."""
    if isinstance(value, str):
        return {REGISTRY} if value in _PIECES else {value} & types()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_types_in, inner))
