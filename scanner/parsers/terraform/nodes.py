"""The expressions of HCL, and the places where they are written."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from typing import Literal as OneOf

from scanner.resource import Location

_EXPONENT = re.compile(rb"(?<![\w.])[0-9]+[eE][-+]?[0-9]+\b")

BOM = b"\xef\xbb\xbf"


class Source:
    """The bytes of a file, or of a part of it that begins at line `first`; turns offsets into places."""

    def __init__(self, data: bytes, path: str, first: int = 1) -> None:
        self.data, self.path, self.first = data, path, first

    @cached_property
    def _lines(self) -> list[int]:
        starts, at = [0], self.data.find(b"\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.data.find(b"\n", at + 1)
        return starts

    @cached_property
    def legible(self) -> bytes:
        """Return the bytes as the grammar can read them: it does not know 1e3, and is shown as many zeros instead."""
        return _EXPONENT.sub(lambda found: b"0" * len(found[0]), self.data)

    def text(self, start: int, end: int) -> str:
        """Return what is written between two offsets."""
        return self.data[start:end].decode("utf-8", "replace")

    def location(self, start: int, end: int) -> Location:
        """Return the place between two offsets, in lines and characters."""
        return Location(self.path, *self._place(start), *self._place(end))

    def _place(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self._lines, offset) - 1
        start = self._lines[row]
        if row == 0 and self.data.startswith(BOM):
            start = min(len(BOM), offset)  # no editor counts it
        return row + self.first, len(self.text(start, offset)) + 1


class Inside(Source):
    """The text of a value that another notation holds (a string of JSON, a template file): all of it is there."""

    def __init__(self, data: bytes, location: Location) -> None:
        super().__init__(data, location.path)
        self._at = location

    def location(self, start: int, end: int) -> Location:  # noqa: ARG002 - the same for all of it
        """Return where the value is written."""
        return self._at


class Span(NamedTuple):
    """A part of a source, between two offsets in bytes."""

    source: Source
    start: int
    end: int

    @property
    def location(self) -> Location:
        """Return the place in lines and characters."""
        return self.source.location(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression.  Two are equal when they say the same, wherever they are written."""

    span: Span = field(compare=False, repr=False)

    @property
    def location(self) -> Location:
        """Return where it is written, the end exclusive."""
        return self.span.location


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A number, a truth value, null, or text without anything to fill in."""

    value: Any


@dataclass(frozen=True, slots=True)
class Invalid(Expr):
    """What could not be read; its value is unknown for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Template(Expr):
    """Text with parts to fill in, put together in order: text, `Expr`, `If` and `Loop`."""

    parts: tuple[str | Expr | If | Loop, ...]


@dataclass(frozen=True, slots=True)
class If:
    """`%{ if condition }then%{ else }otherwise%{ endif }` in a template."""

    condition: Expr
    then: Template
    otherwise: Template


@dataclass(frozen=True, slots=True)
class Loop:
    """`%{ for key, value in of }body%{ endfor }` in a template."""

    key: str | None
    value: str
    of: Expr
    body: Template


@dataclass(frozen=True, slots=True)
class Object(Expr):
    """`{ key = value }`; a key that is written as a bare name is a `Literal`."""

    items: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True, slots=True)
class Tuple(Expr):
    """`[a, b]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Variable(Expr):
    """The first name of a reference: var, local, each, the type of a resource, the variable of a `for`."""

    name: str


@dataclass(frozen=True, slots=True)
class GetAttr(Expr):
    """`of.name`."""

    of: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Index(Expr):
    """`of[key]`, and `of.0` of old."""

    of: Expr
    key: Expr


@dataclass(frozen=True, slots=True)
class Item(Expr):
    """The element that the part of a splat after the asterisk is about."""


@dataclass(frozen=True, slots=True)
class Splat(Expr):
    """`of[*].each` (full) and `of.*.each` (attribute); `each` is about an `Item`."""

    of: Expr
    each: Expr
    kind: OneOf["full", "attribute"]


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """`name(arguments)`; `expand` when the last argument is followed by three dots."""

    name: str
    arguments: tuple[Expr, ...]
    expand: bool


@dataclass(frozen=True, slots=True)
class Conditional(Expr):
    """`condition ? then : otherwise`."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """`left operator right`."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """`-of` and `!of`."""

    operator: str
    of: Expr


@dataclass(frozen=True, slots=True)
class For(Expr):
    """`[for key, value in of : result if condition]`; with `result_key`, the object form; `group` for its dots."""

    key: str | None
    value: str
    of: Expr
    result_key: Expr | None
    result: Expr
    condition: Expr | None
    group: bool
