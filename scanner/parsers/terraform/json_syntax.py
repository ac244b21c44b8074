"""Terraform's JSON syntax (`*.tf.json`, what CDK for Terraform writes) as the same blocks and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError
from scanner.model import Location
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.syntax import Attr, Block, Body, Problem, parse_template

_LABELS = {
    "resource": 2,
    "data": 2,
    "module": 1,
    "output": 1,
    "provider": 1,
    "variable": 1,
    "locals": 0,
    "terraform": 0,
}
_INSIDE = {"backend": 1, "cloud": 0, "content": 0, "dynamic": 1, "lifecycle": 0, "required_providers": 0}
_OUTSIDE_OF_TYPES = ("variable", "module")
"""Blocks in which nothing is a block."""


def parse(data: bytes, path: str) -> Body:
    """Read a file; what is broken in it becomes a problem of the result."""
    try:
        document = load(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        return _broken(Location(path, 1), "not UTF-8 text")
    except DocumentError as error:
        return _broken(Location(path, max(error.line, 1), max(error.column, 1)), error.problem)
    if not isinstance(document.value, dict):
        return _broken(Location(path, 1), "not an object")
    return _Reader(document, path).file()


def _broken(where: Location, why: str) -> Body:
    return Body({}, (), (Problem(where, why),))


class _Reader:
    def __init__(self, document: Document, path: str) -> None:
        self._document, self._path = document, path

    def file(self) -> Body:
        blocks = [
            block
            for type, value in self._document.value.items()
            if type in _LABELS
            for block in self._blocks(type, value, pointer(type), _LABELS[type], ())
        ]
        return Body({}, tuple(blocks), ())

    def _blocks(self, type: str, value: Any, at: str, labels: int, named: tuple[str, ...]) -> Iterator[Block]:
        """Yield the blocks that a value stands for: it has an object for each label, then one or a list of bodies."""
        if isinstance(value, list):
            for number, each in enumerate(value):
                yield from self._blocks(type, each, f"{at}/{number}", labels, named)
        elif not isinstance(value, dict):
            return
        elif labels:
            for name, each in value.items():
                if name != "//":
                    yield from self._blocks(type, each, at + pointer(name), labels - 1, (*named, name))
        else:
            yield Block(type, named, self._body(type, value, at), self._span(at))

    def _body(self, type: str, value: Mapping[str, Any], at: str) -> Body:
        attributes, blocks = {}, []
        for name, each in value.items():
            below = at + pointer(name)
            inner = _INSIDE.get(name) if type not in _OUTSIDE_OF_TYPES else None
            if inner is None and type not in _OUTSIDE_OF_TYPES and _has_dynamic(each):
                inner = 0
            if inner is not None and type != "locals":
                blocks += list(self._blocks(name, each, below, inner, ()))
            elif name != "//":
                attributes[name] = Attr(name, self._span(below), self._expression(each, below))
        return Body(attributes, tuple(blocks), ())

    def _expression(self, value: Any, at: str) -> nodes.Expr:
        span = self._span(at)
        if isinstance(value, str):
            return parse_template(value, span.location)
        if isinstance(value, list):
            return nodes.Tuple(span, tuple(self._expression(each, f"{at}/{n}") for n, each in enumerate(value)))
        if isinstance(value, dict):
            pairs = (
                (nodes.Literal(span, str(key)), self._expression(each, at + pointer(key)))
                for key, each in value.items()
            )
            return nodes.Object(span, tuple(pairs))
        return nodes.Literal(span, value)

    def _span(self, at: str) -> nodes.Span:
        where = self._document.locations.get(at) or Location(self._path, 1)
        return nodes.Span(nodes.Inside(b"", where), 0, 0)


def _has_dynamic(value: Any) -> bool:
    """Tell whether blocks are made inside a value, which is then one itself."""
    if isinstance(value, list):
        return any(_has_dynamic(each) for each in value)
    return isinstance(value, dict) and ("dynamic" in value or any(_has_dynamic(each) for each in value.values()))
