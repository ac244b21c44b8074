"""The vocabulary: which resource types there are, what their properties look like, and AWS's own defaults."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from scanner.assets import asset, schema
from scanner.documents import load
from scanner.errors import DocumentError
from scanner.model import Unknown

_FUNCTIONS = (
    "And Base64 Cidr Equals FindInMap GetAtt GetAZs If ImportValue Join Length Not Or Select Split Sub "
    "ToJsonString Transform"
)
TAGS = {"!Ref": "Ref", "!Condition": "Condition", **{f"!{name}": f"Fn::{name}" for name in _FUNCTIONS.split()}}
"""The short forms of intrinsic functions."""


@cache
def types() -> frozenset[str]:
    """Return the resource types: one for each file in schemas/resources."""
    names = (entry.name for entry in (asset("schemas") / "resources").iterdir())
    return frozenset(name.removesuffix(".json").replace("-", "::") for name in names if name.endswith(".json"))


def definition(type: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a resource type."""
    return schema(f"resources/{type.replace('::', '-')}")


def complete(type: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return declared properties as AWS would show them.

    Values get the kind that the schema names (CloudFormation takes "2" for 2 and JSON text for an object); defaults
    are filled in; what only a live resource shows, or AWS itself chooses, is `Unknown`.
    """
    described = definition(type)
    made = {**_absent(described["properties"]), **given}
    return {name: _shaped(described["properties"].get(name, {}), value, name) for name, value in made.items()}


def shaped(type: str, name: str, value: Any) -> Any:
    """Return the value of one property as `complete` would."""
    return _shaped(definition(type)["properties"][name], value, name)


def _absent(properties: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, described in properties.items():
        if described.get("readOnly"):
            made[name] = Unknown(f"only a live resource shows its {name}")
        elif described.get("x-generated"):
            made[name] = Unknown(f"{name} is not declared, so AWS chooses it")
        elif "default" in described:
            made[name] = described["default"]
    return made


def _shaped(described: Mapping[str, Any], value: Any, name: str) -> Any:
    kind = described.get("type")
    if value is None or type(value) is Unknown or not isinstance(kind, str):
        return value
    return _KINDS[kind](described, value, name)


def _object(described: Mapping[str, Any], value: Any, name: str) -> Any:
    if isinstance(value, str):
        try:
            value = load(value, f"{name}.json").value
        except DocumentError as error:
            return Unknown(f"{name} is not JSON: {error.problem}")
    if not isinstance(value, dict):
        return Unknown(f"{name} is not an object")
    inner = described.get("properties", {})
    made = {**_absent(inner), **value}
    return {key: _shaped(inner.get(key, {}), each, key) for key, each in made.items()}


def _array(described: Mapping[str, Any], value: Any, name: str) -> Any:
    if not isinstance(value, list):
        return Unknown(f"{name} is not a list")
    return [_shaped(described.get("items", {}), each, name) for each in value]


def _string(_: Mapping[str, Any], value: Any, name: str) -> Any:
    if isinstance(value, float):
        return Unknown(f"{name} is written as a number, which loses zeros (1.30 is 1.3); write it in quotes")
    return text(value, name)


def _integer(_: Mapping[str, Any], value: Any, name: str) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return Unknown(f"{name} is not a whole number")


def _boolean(_: Mapping[str, Any], value: Any, name: str) -> Any:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    word = value.lower() if isinstance(value, str) else ""
    return words[word] if word in words else Unknown(f"{name} is neither true nor false")


def text(value: Any, name: str) -> Any:
    """Return a scalar as the text CloudFormation makes of it; `Unknown` for a list, an object and an unknown."""
    if type(value) is Unknown or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else Unknown(f"{name} is not text")


_KINDS = {"object": _object, "array": _array, "string": _string, "integer": _integer, "boolean": _boolean}
