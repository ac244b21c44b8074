"""Terraform's JSON notation (`*.tf.json`, `*.tfvars.json`) as the same blocks and attributes.

https://developer.hashicorp.com/terraform/language/syntax/json

JSON does not say what is a block and what an attribute; Terraform asks the schema.  Here the blocks of Terraform's own
language are blocks, and what a resource or provider holds is an attribute whose value is an object or a list of them,
but for `dynamic`, `lifecycle` and other blocks that Terraform itself defines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.nodes import Expr, Inside, Span
from scanner.parsers.terraform.syntax import TOP_LEVEL, Attr, Block, Body, Problem, parse_template
from scanner.resource import Location

_COMMENT = "//"


@dataclass(frozen=True)
class _Kind:
    """A type of block: how many labels it has, and which blocks may be in it."""

    labels: int = 0
    blocks: str = ""


_OF_RESOURCE = "dynamic lifecycle connection provisioner"
_KINDS = {
    "": _Kind(blocks=" ".join(TOP_LEVEL)),
    "resource": _Kind(2, _OF_RESOURCE),
    "data": _Kind(2, _OF_RESOURCE),
    "ephemeral": _Kind(2, _OF_RESOURCE),
    "module": _Kind(1),
    "variable": _Kind(1, "validation"),
    "output": _Kind(1, "precondition"),
    "provider": _Kind(1),
    "terraform": _Kind(0, "backend cloud required_providers"),
    "backend": _Kind(1),
    "cloud": _Kind(0, "workspaces"),
    "check": _Kind(1, "data assert"),
    "removed": _Kind(0, "lifecycle"),
    "dynamic": _Kind(1, "content dynamic"),
    "content": _Kind(0, "dynamic"),
    "lifecycle": _Kind(0, "precondition postcondition"),
    "provisioner": _Kind(1, "connection"),
}

_NESTED = _Kind(0, "dynamic")
"""A block of a resource in which others are dynamic; else it may as well be an attribute."""


def parse_json(data: bytes, path: str, *, block: str | None = "") -> Body:
    """Read a file of the JSON notation; `block=None` for one that holds values only (`*.tfvars.json`)."""
    try:
        document = load(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        return Body({}, (), (Problem(Location(path, 1), "not UTF-8 text"),))
    except DocumentError as error:
        return Body({}, (), (Problem(Location(path, max(1, error.line), max(1, error.column)), error.problem),))
    if not isinstance(document.value, dict):
        return Body({}, (), (Problem(Location(path, 1), "not a JSON object"),))
    return _Reader(document, path).body(document.value, "", block)


class _Reader:
    """Makes the values of one document into blocks and attributes."""

    def __init__(self, document: Document, path: str) -> None:
        self._locations, self._path = document.locations, path

    def body(self, value: dict[str, Any], at: str, type: str | None) -> Body:
        """Return what is in a block of a type, or in the file."""
        inside = _KINDS.get(type, _NESTED).blocks.split() if type is not None else []
        attributes: dict[str, Attr] = {}
        blocks: list[Block] = []
        for key, each in value.items():
            here = at + pointer(key)
            if key in inside or ("dynamic" in inside and _has_dynamic(each)):
                blocks += self._blocks(key, _KINDS.get(key, _NESTED).labels, each, here, ())
            elif key != _COMMENT:
                attributes[key] = self._attribute(key, each, here)
        return Body(attributes, tuple(blocks), ())

    def _blocks(self, type: str, labels: int, value: Any, at: str, named: tuple[str, ...]) -> Iterator[Block]:
        """Yield blocks: one level of keys for each label, and at any level a list for several."""
        if isinstance(value, list):
            for n, each in enumerate(value):
                yield from self._blocks(type, labels, each, at + pointer(n), named)
        elif not isinstance(value, dict):
            return
        elif labels:
            for key, each in value.items():
                if key != _COMMENT:
                    yield from self._blocks(type, labels - 1, each, at + pointer(key), (*named, key))
        else:
            yield Block(type, named, self.body(value, at, type), self._span(at))

    def _attribute(self, name: str, value: Any, at: str) -> Attr:
        return Attr(name, self._span(at), self._span(at), self.expression(value, at))

    def expression(self, value: Any, at: str) -> Expr:
        """Return the expression of a value: text is a template, also that of keys."""
        span = self._span(at)
        if isinstance(value, dict):
            pairs = ((key, each) for key, each in value.items() if key != _COMMENT)
            items = ((parse_template(key, span.location), self.expression(v, at + pointer(key))) for key, v in pairs)
            return nodes.Object(span, tuple(items))
        if isinstance(value, list):
            return nodes.Tuple(span, tuple(self.expression(v, at + pointer(n)) for n, v in enumerate(value)))
        if isinstance(value, str):
            return parse_template(value, span.location)
        return nodes.Literal(span, int(value) if isinstance(value, float) and value.is_integer() else value)

    def _span(self, at: str) -> Span:
        return Span(Inside(b"", self._locations.get(at, Location(self._path, 1))), 0, 0)


def _has_dynamic(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_dynamic(each) for each in value)
    return isinstance(value, dict) and ("dynamic" in value or any(_has_dynamic(each) for each in value.values()))
