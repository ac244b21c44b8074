"""What the transform of AWS SAM makes of a template, as far as our vocabulary goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.documents import Document, pointer
from scanner.model import Location
from scanner.vocabulary import definition

TRANSFORM = "AWS::Serverless-2016-10-31"

_KEPT = (
    *("Architectures", "Description", "Environment", "EphemeralStorage", "FileSystemConfigs", "FunctionName"),
    *("Handler", "ImageConfig", "KmsKeyArn", "Layers", "LoggingConfig", "MemorySize", "PackageType", "Role"),
    *("Runtime", "Tags", "Timeout", "VpcConfig"),
)
"""Properties of AWS::Serverless::Function that the function itself has."""

_MACHINE = {
    "Name": "StateMachineName",
    "Type": "StateMachineType",
    "Role": "RoleArn",
    "Definition": "Definition",
    "DefinitionSubstitutions": "DefinitionSubstitutions",
    "Tags": "Tags",
}
_LONG = 1000
"""Of longer lists that are merged it is not kept where each item is written."""
_RULES = {"CloudWatchEvent", "EventBridgeRule", "Schedule"}
"""Kinds of events for which SAM makes an AWS::Events::Rule."""


def expand(document: Document) -> Document:
    """Return a template with what SAM makes of its resources; a template without the transform as it is.

    What SAM makes by itself has `Unknown` properties.  Everything keeps the place where it, or what it is made of,
    is written.
    """
    body = document.value
    if not isinstance(body, dict) or not _has_transform(body.get("Transform")):
        return document
    made = _Made(body)
    for logical, resource in _section(body, "Resources").items():
        type = resource.get("Type") if isinstance(resource, dict) else None
        convert = _KINDS.get(type) if isinstance(type, str) else None
        if convert is None:
            made.resources.setdefault(logical, resource)
        else:
            convert(made, logical, resource)
    return Document({**body, "Resources": made.resources}, _Moved(document.locations, made.moved))


class _Moved(Mapping[str, Location]):
    """Where values are written, also those that are made of values elsewhere in the template."""

    def __init__(self, written: Mapping[str, Location], moved: Mapping[str, str]) -> None:
        self._written, self._moved = written, moved

    def __getitem__(self, at: str) -> Location:
        return self._written[_origin(at, self._moved)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


def _origin(at: str, moved: Mapping[str, str]) -> str:
    """Return where the value at a pointer was before it, or what it is inside of, moved."""
    head = at
    while head:
        if head in moved:
            return moved[head] + at[len(head) :]
        head = head.rpartition("/")[0]
    return at


class _Made:
    """The resources that come of a template, and where their values were before."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.globals = _section(body, "Globals")
        self.resources: dict[str, Any] = {}
        self.moved: dict[str, str] = {}

    def function(self, logical: str, resource: Mapping[str, Any]) -> None:
        at = pointer("Resources", logical, "Properties")
        properties = self._with_globals("Function", resource, at)
        if isinstance(properties, dict) and not _is_function(properties):
            made = {name: properties[name] for name in _KEPT if name in properties}
            made["Code"] = self._code(resource, properties, at)
            if "Role" not in made:
                made["Role"] = self._role(logical, resource)
            self._events(logical, resource, properties.get("Events"))
            properties = made
        self._put(logical, resource, "AWS::Lambda::Function", properties)

    def machine(self, logical: str, resource: Mapping[str, Any]) -> None:
        at = pointer("Resources", logical, "Properties")
        properties = self._with_globals("StateMachine", resource, at)
        if isinstance(properties, dict) and not _is_function(properties):
            made = {new: properties[old] for old, new in _MACHINE.items() if old in properties}
            self.moved |= {
                at + pointer(new): _origin(at + pointer(old), self.moved)
                for old, new in _MACHINE.items()
                if old in properties and old != new
            }
            if isinstance(uri := properties.get("DefinitionUri"), dict):
                made["DefinitionS3Location"] = uri
            elif "DefinitionUri" in properties:
                made["DefinitionString"] = {"Unknown": f"its states are in {uri}, which is not read"}
            if "RoleArn" not in made:
                made["RoleArn"] = self._role(logical, resource)
            self._events(logical, resource, properties.get("Events"))
            properties = made
        self._put(logical, resource, "AWS::StepFunctions::StateMachine", properties)

    def application(self, logical: str, resource: Mapping[str, Any]) -> None:
        at = pointer("Resources", logical, "Properties")
        properties = resource.get("Properties")
        if isinstance(properties, dict) and not _is_function(properties):
            made = {name: properties[name] for name in ("Parameters", "Tags") if name in properties}
            made["TemplateURL"] = properties.get("Location")
            self.moved[at + pointer("TemplateURL")] = at + pointer("Location")
            properties = made
        self._put(logical, resource, "AWS::CloudFormation::Stack", properties)

    def _put(self, logical: str, resource: Mapping[str, Any], type: str, properties: Any) -> None:
        self.resources[logical] = {**resource, "Type": type, "Properties": properties}

    def _code(self, resource: Mapping[str, Any], properties: Mapping[str, Any], at: str) -> dict[str, Any]:
        if "ImageUri" in properties:
            self.moved[at + pointer("Code")] = _origin(at + pointer("ImageUri"), self.moved)
            self.moved[at + pointer("Code", "ImageUri")] = self.moved[at + pointer("Code")]
            return {"ImageUri": properties["ImageUri"]}
        if properties.get("PackageType") == "Image" or "Dockerfile" in _section(resource, "Metadata"):
            return {"ImageUri": {"Unknown": "`sam deploy` builds the image and says where it is (--image-repository)"}}
        uri = {} if properties.get("PackageType", "Zip") == "Zip" else {"ImageUri": {"Unknown": "SAM gives no code"}}
        return {"S3Key": {"Unknown": "`sam deploy` uploads the code"}, **uri}

    def _role(self, logical: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        self._besides(f"{logical}Role", "AWS::IAM::Role", logical, resource)
        return {"Fn::GetAtt": [f"{logical}Role", "Arn"]}

    def _events(self, logical: str, resource: Mapping[str, Any], events: Any) -> None:
        for name, event in events.items() if isinstance(events, dict) else ():
            if isinstance(event, dict) and event.get("Type") in _RULES:
                self._besides(f"{logical}{name}", "AWS::Events::Rule", logical, resource)

    def _besides(self, made: str, type: str, logical: str, resource: Mapping[str, Any]) -> None:
        """Add a resource that SAM makes for another, on the same condition; one written out has the name first."""
        self.moved[pointer("Resources", made)] = pointer("Resources", logical)
        unknown = {"Unknown": f"SAM makes it for '{logical}'"}
        described = definition(type)["properties"].items()
        properties = {name: [unknown] if each.get("type") == "array" else unknown for name, each in described}
        condition = {"Condition": resource["Condition"]} if "Condition" in resource else {}
        self.resources[made] = {"Type": type, "Properties": properties, **condition}

    def _with_globals(self, kind: str, resource: Mapping[str, Any], at: str) -> Any:
        given, own = self.globals.get(kind), resource.get("Properties", {})
        return self._merged(given, own, pointer("Globals", kind), at) if isinstance(given, dict) else own

    def _merged(self, given: Any, own: Any, source: str, at: str) -> Any:
        """Return what a resource has of a global value and its own: objects merged, lists one behind the other."""
        if isinstance(given, list) and isinstance(own, list):
            if len(given) + len(own) > _LONG:
                return [*given, *own]
            self.moved |= {f"{at}/{number}": f"{source}/{number}" for number in range(len(given))}
            self.moved |= {f"{at}/{len(given) + number}": f"{at}/{number}" for number in range(len(own))}
            return [*given, *own]
        if not (isinstance(given, dict) and isinstance(own, dict)) or _is_function(given) or _is_function(own):
            return own
        made = dict(own)
        for name, value in given.items():
            inner = pointer(name)
            if name in own:
                made[name] = self._merged(value, own[name], source + inner, at + inner)
            else:
                made[name], self.moved[at + inner] = value, source + inner
        return made


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and all(name == "Ref" or name.startswith("Fn::") for name in value)


def _has_transform(transforms: Any) -> bool:
    return TRANSFORM in (transforms if isinstance(transforms, list) else [transforms])


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name)
    return section if isinstance(section, dict) else {}


_KINDS = {
    "AWS::Serverless::Function": _Made.function,
    "AWS::Serverless::StateMachine": _Made.machine,
    "AWS::Serverless::Application": _Made.application,
}
