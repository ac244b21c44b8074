"""What templates are given when they are deployed: parameters as the configuration and parameter files write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.config import IacMapping
from scanner.documents import load
from scanner.errors import DocumentError
from scanner.model import Unknown
from scanner.parsers.stacks import Unsaid
from scanner.parsers.tree import File, Tree


def given(tree: Tree, template: File, mapping: IacMapping) -> Mapping[str, Any]:
    """Return the values of parameters by their names; all are `Unknown` if the file with them cannot be read."""
    if not isinstance(mapping.parameters, str):
        return dict(mapping.parameters)
    file = tree.beside(template, mapping.parameters)
    if file is None:
        return Unsaid(Unknown(f"there is no {mapping.parameters} beside {template.path}"))
    try:
        values = _values(load(file.data().decode("utf-8-sig"), file.path).value)
    except (DocumentError, OSError, UnicodeDecodeError) as error:
        return Unsaid(Unknown(f"the parameters of {template.path} cannot be read: {error}"))
    return Unsaid(Unknown(f"{file.path} holds no parameters")) if values is None else values


def missing(tree: Tree, template: File, mapping: IacMapping) -> str:
    """Return the file with parameters that a mapping names and that is not there; empty if there is none."""
    named = mapping.parameters
    return named if isinstance(named, str) and tree.beside(template, named) is None else ""


def _values(body: Any) -> Mapping[str, Any] | None:
    """Return what a file gives in one of the forms that the command line and pipelines take.

    They are {"Parameters": {name: value}}, [{"ParameterKey": name, "ParameterValue": value}] and ["name=value"].
    """
    if isinstance(body, dict):
        inner = body.get("Parameters", body)
        return inner if isinstance(inner, dict) else None
    found = {}
    for entry in body if isinstance(body, list) else [None]:
        if isinstance(entry, dict) and "ParameterKey" in entry:
            previous = Unknown(f"parameter '{entry['ParameterKey']}' keeps the value that it had")
            found[str(entry["ParameterKey"])] = entry.get("ParameterValue", previous)
        elif isinstance(entry, str) and "=" in entry:
            name, _, found_value = entry.partition("=")
            found[name] = found_value
        else:
            return None
    return found
