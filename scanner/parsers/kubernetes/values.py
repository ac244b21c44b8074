"""The values of Helm charts: what is laid over what, and which charts they turn on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.documents import pointer
from scanner.guarded import Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.functions import OPEN
from scanner.parsers.kubernetes.rendered import Tree


def located(value: Any, locations: Mapping[str, Location], at: str) -> Any:
    """Return plain data below a JSON Pointer in which every object knows where its members are written."""
    if isinstance(value, dict):
        members = {key: located(each, locations, at + pointer(key)) for key, each in value.items()}
        where = {key: locations[at + pointer(key)] for key in value if at + pointer(key) in locations}
        return Tree(members, where)
    if isinstance(value, list):
        return [located(each, locations, f"{at}/{number}") for number, each in enumerate(value)]
    return Unknown("a character for private use") if isinstance(value, str) and OPEN in value else value


def merged(base: Tree, over: Tree) -> Tree:
    """Return values laid over others: objects are merged, null takes a value away, anything else replaces it."""
    made = Tree(base, base.where)
    for key, value in over.items():
        if value is None:
            made.pop(key, None)
            continue
        below = made.get(key)
        made[key] = merged(below, value) if isinstance(below, Tree) and isinstance(value, Tree) else value
        if key in over.where:
            made.where[key] = over.where[key]
    return made


def member(values: Tree, name: str) -> Tree:
    """Return an object among values, an empty one if there is none of that name."""
    found = values.get(name)
    return found if isinstance(found, Tree) else Tree({}, {})


def enabled(dependency: Mapping[str, Any], values: Tree) -> bool | None:
    """Tell whether a chart that another one depends on is installed, None if that is not known."""
    for condition in str(dependency.get("condition") or "").split(","):
        value: Any = values
        for part in condition.strip().split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return value
    tags = dependency.get("tags")
    set = [member(values, "tags").get(str(tag)) for tag in (tags if isinstance(tags, list) else ())]
    given = [each for each in set if isinstance(each, bool)]
    return True in given if given else True
