"""Variables: types, the defaults of optional attributes, and what a value becomes that is given to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.syntax import Block
from scanner.parsers.terraform.values import Mistake, Set, Undecided, make_set, number_of, text_of, truth_of

MISSING = object()
"""Nobody gives a value."""


class Nothing:
    """A scope without names, for what may not refer to anything: defaults, files of variables."""

    def lookup(self, name: str) -> Any:
        """Raise `KeyError`."""
        raise KeyError(name)

    def read(self, path: str) -> bytes | Unknown | None:
        """Return that no file can be read."""
        return Unknown(f"'{path}' is not read here")

    def names(self, path: str) -> list[str] | Unknown:
        """Return that no folder can be read."""
        return Unknown(f"'{path}' is not read here")


NOTHING = Nothing()


def value(block: Block, given: Any, unset: str) -> Any:
    """Return what a variable is worth when `given` is, or `MISSING`; `unset` says why there is no value.

    What is sensitive is unknown, so that no report shows it.
    """
    attributes = block.body.attributes
    if block.body.problems:
        return Unknown(f"a part of var.{block.labels[0]} could not be read")
    if is_secret(block):
        return Unknown(f"var.{block.labels[0]} is sensitive, so its value is not used")
    if given is None and _is(block, "nullable", default=True) is False:
        given = MISSING
    if given is MISSING:
        if "default" not in attributes:
            return Unknown(unset)
        given = evaluate(attributes["default"].expression, NOTHING)
    return converted(given, attributes["type"].expression) if "type" in attributes else given


def is_secret(block: Block) -> bool:
    """Tell whether the value of a variable or an output is not to be shown."""
    return _is(block, "sensitive") or _is(block, "ephemeral")


def _is(block: Block, name: str, *, default: bool = False) -> bool:
    attribute = block.body.attributes.get(name)
    found = default if attribute is None else evaluate(attribute.expression, NOTHING)
    return found if isinstance(found, bool) else default


def converted(given: Any, type: nodes.Expr) -> Any:
    """Return a value as a type constraint makes it; what does not fit it, which Terraform refuses, stays as it is."""
    if given is None or isinstance(given, Unknown):
        return given
    match type:
        case nodes.Variable(name=name) | nodes.Literal(value=str(name)):
            return _primitive(given, name)
        case nodes.Call(name="optional", arguments=(inner, *_)):
            return converted(given, inner)
        case nodes.Call(name="list" | "set" | "map" as kind, arguments=(element,)):
            return _collection(given, kind, element)
        case nodes.Call(name="tuple", arguments=(nodes.Tuple(items=types),)):
            return _tuple(given, types)
        case nodes.Call(name="object", arguments=(nodes.Object(items=pairs),)):
            return _object(given, {key.value: each for key, each in pairs if isinstance(key, nodes.Literal)})
    return given


def _primitive(given: Any, type: str) -> Any:
    if type in _PRIMITIVES:
        try:
            return _PRIMITIVES[type](given)
        except (Mistake, Undecided):
            return given
    if type in ("list", "set", "map"):  # of anything, as it was written before 0.12
        return _collection(given, type, nodes.Variable(_NOWHERE, "any"))
    return given


_PRIMITIVES = {"string": text_of, "number": number_of, "bool": truth_of}
_NOWHERE = nodes.Span(nodes.Source(b"", ""), 0, 0)


def _collection(given: Any, kind: str, element: nodes.Expr) -> Any:
    if kind == "map":
        return {key: converted(each, element) for key, each in given.items()} if isinstance(given, dict) else given
    if not isinstance(given, list):
        return given
    items = [converted(each, element) for each in given]
    return items if kind == "list" or isinstance(given, Set) else _set(items)


def _set(items: list[Any]) -> list[Any]:
    """Return a list as a set; as a list, if something in it is unknown and may equal others."""
    return items if unknown_in(items) is not None else make_set(items)


def _tuple(given: Any, types: tuple[nodes.Expr, ...]) -> Any:
    if not isinstance(given, list) or len(given) != len(types):
        return given
    return [converted(each, type) for each, type in zip(given, types, strict=True)]


def _object(given: Any, types: Mapping[str, nodes.Expr]) -> Any:
    if not isinstance(given, dict):
        return given
    return {name: _member(given.get(name), type) for name, type in types.items()}


def _member(given: Any, type: nodes.Expr) -> Any:
    if given is None and isinstance(type, nodes.Call) and type.name == "optional" and len(type.arguments) > 1:
        given = evaluate(type.arguments[1], NOTHING)
    return converted(given, type)
