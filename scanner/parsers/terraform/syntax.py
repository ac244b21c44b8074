"""Terraform files as blocks and attributes; what is broken is left out and named, everything else is kept.

An expression is made into our own when somebody reads it: most of a repository's never are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING

from scanner.parsers.terraform import expressions, templates
from scanner.parsers.terraform.nodes import (
    BOM,
    Binary,
    Call,
    Conditional,
    Expr,
    For,
    GetAttr,
    Index,
    Inside,
    Invalid,
    Item,
    Literal,
    Object,
    Source,
    Span,
    Splat,
    Template,
    Tuple,
    Unary,
    Variable,
)
from scanner.resource import Location

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = [
    "Attr",
    "Binary",
    "Block",
    "Body",
    "Call",
    "Conditional",
    "Expr",
    "For",
    "GetAttr",
    "Index",
    "Invalid",
    "Item",
    "Literal",
    "Object",
    "Problem",
    "Splat",
    "Template",
    "Tuple",
    "Unary",
    "Variable",
    "parse",
    "parse_expression",
    "parse_template",
]

TOP_LEVEL = (
    *("resource", "data", "ephemeral", "module", "variable", "output", "locals"),
    *("provider", "terraform", "moved", "import", "removed", "check"),
)
"""The types of the blocks that files hold."""

_HEADER = re.compile(
    rb"^(?:" + "|".join(TOP_LEVEL).encode() + rb')(?:[ \t]+"[^"\n]*"){0,2}[ \t]*\{',
    re.MULTILINE,
)
_HEREDOC = re.compile(rb"<<-?[ \t]*([A-Za-z_][\w-]*)[ \t]*\r?$")
_MAX_NESTED = 40
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Problem:
    """Something in a file that could not be read."""

    location: Location
    message: str


@dataclass(frozen=True)
class Attr:
    """`name = expression`."""

    name: str
    _name: Span = field(compare=False, repr=False)
    _value: Span = field(compare=False, repr=False)
    _made: Expr | None = field(compare=False, repr=False)

    @cached_property
    def expression(self) -> Expr:
        """Return what is on the right; `Invalid` if it could not be read."""
        if self._made is not None:
            return self._made
        return expressions.of_attribute(self._name.source, self._name.start, self._value.end)

    @cached_property
    def location(self) -> Location:
        """Return the place of name and expression."""
        return self._name.source.location(self._name.start, self._value.end)

    @property
    def name_location(self) -> Location:
        """Return the place of the name."""
        return self._name.location

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks that an attribute of the JSON notation may stand for: one object, or a list of them."""
        if not isinstance(self._name.source, Inside):
            return
        made = self.expression
        for item in made.items if isinstance(made, Tuple) else (made,):
            if isinstance(item, Object):
                inside = {
                    str(key.value): Attr(str(key.value), value.span, value.span, value)
                    for key, value in item.items
                    if isinstance(key, Literal)
                }
                yield Block(self.name, (), Body(inside, (), ()), item.span)


@dataclass(frozen=True)
class Block:
    """`type "label" { }`."""

    type: str
    labels: tuple[str, ...]
    body: Body
    _span: Span = field(compare=False, repr=False)

    @cached_property
    def location(self) -> Location:
        """Return the place of the whole block; its header is on the first line."""
        return self._span.location


@dataclass(frozen=True)
class Body:
    """What is in a file, or in a block; `problems` are those in it and in the blocks below.

    With problems, attributes and blocks may be missing.  An attribute that is there and broken is `Invalid`.
    """

    attributes: Mapping[str, Attr]
    blocks: tuple[Block, ...]
    problems: tuple[Problem, ...]

    def named(self, type: str) -> tuple[Block, ...]:
        """Return the blocks of a type; of the JSON notation, also those that are written as an attribute."""
        attribute = self.attributes.get(type)
        written = attribute.blocks() if attribute else ()
        return (*(block for block in self.blocks if block.type == type), *written)


def parse(data: bytes, path: str) -> Body:
    """Read a file; what is broken in it becomes a problem of the result, and reading goes on at the next block."""
    data = data.removeprefix(BOM)
    problem = _unreadable(data)
    if problem:
        return Body({}, (), (Problem(Location(path, 1), problem),))
    data += b"\n"  # the grammar wants one after a heredoc
    source, made, until = Source(data, path), _Made(), expressions.deadline(data)
    at = _read(source, made, until)
    while at is not None and at < len(data):  # from here on block by block
        end = _next_header(data, at)
        _salvage(Source(data[at:end], path, 1 + data.count(b"\n", 0, at)), made, until)
        if monotonic() > until:
            made.problems.append(Problem(source.location(at, len(data)), "not read to the end: it takes too long"))
            break
        if not made.problems:
            made.problems.append(Problem(source.location(at, end), "not valid HCL"))
        at = end
    return made.body()


def parse_expression(text: str, path: str) -> Expr:
    """Return the expression that a text is, all of it."""
    data = b"x =\n" + text.encode("utf-8", "replace") + b"\n"
    source, made = Source(data, path, 0), _Made()
    bad = _read(source, made, expressions.deadline(data))
    if bad is not None or list(made.attributes) != ["x"] or made.blocks:
        return Invalid(Span(source, 4, len(data)), "the text is not an expression")
    return made.attributes["x"].expression


def parse_template(text: str, location: Location) -> Expr:
    """Return the template that a text is, which is written at `location` in another notation."""
    if "${" not in text and "%{" not in text:
        return Literal(Span(Inside(b"", location), 0, 0), templates.normal(text))
    mark = "EOT"
    while mark in text:
        mark += "T"
    source = Inside(f"x = <<{mark}\n{text}\n{mark}\n".encode("utf-8", "replace"), location)
    made = _Made()
    if _read(source, made, expressions.deadline(source.data)) is not None or "x" not in made.attributes:
        return Invalid(Span(source, 0, 0), "the template is not valid")
    return templates.without_last_newline(made.attributes["x"].expression)


def _unreadable(data: bytes) -> str:
    if b"\0" in data:
        return "not text"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "not UTF-8 text"
    return ""


@dataclass
class _Made:
    """What has been found of a body so far."""

    attributes: dict[str, Attr] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, location: Callable[[], Location], message: str) -> None:
        """Note a problem, and of a great many only the first: to say where each is takes longer than to read."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(location(), message))

    def body(self) -> Body:
        return Body(self.attributes, tuple(self.blocks), tuple(self.problems))

    def attribute(self, node: Node, source: Source, *, broken: bool) -> None:
        """Add an attribute; it is `broken` when something that is not HCL stands on its lines."""
        name, *_, value = expressions.plain(node)
        text = source.text(name.start_byte, name.end_byte)
        wrong = f"'{text}' is set twice" if text in self.attributes else ""
        if broken or node.has_error:
            wrong = f"the value of '{text}' is not valid HCL"
        if wrong:
            self.wrong(lambda: source.location(name.start_byte, name.end_byte), wrong)
        named, valued = (Span(source, each.start_byte, each.end_byte) for each in (name, value))
        self.attributes[text] = Attr(text, named, valued, Invalid(valued, wrong) if wrong else None)

    def block(self, node: Node, source: Source, depth: int) -> None:
        made, names = _Made(), []
        for child in node.children:
            if child.type in ("identifier", "string_lit"):
                names.append(child)
            elif child.type == "body":
                made.contents(child.children, source, depth + 1)
            elif child.type == "ERROR" or child.is_missing:
                made.wrong(partial(_broken, child, source), "not valid HCL")
        if not source.data.startswith(b"}", node.end_byte - 1):
            made.wrong(lambda: source.location(node.start_byte, node.end_byte), "the block does not end")
        header = [name for name in names if name.start_point.row == names[-1].start_point.row]
        if len(header) < len(names):  # what stands on lines of its own above is no part of it
            self.wrong(lambda: source.location(names[0].start_byte, names[0].end_byte), "not valid HCL")
        type, *labels = (source.text(name.start_byte, name.end_byte).strip('"') for name in header)
        self.blocks.append(Block(type, tuple(labels), made.body(), Span(source, header[0].start_byte, node.end_byte)))
        self.problems += made.problems

    def contents(self, children: Sequence[Node], source: Source, depth: int) -> None:
        broken = {row for child in children if child.is_error for row in _rows(child)}
        for child in children:
            if child.type == "attribute":
                self.attribute(child, source, broken=bool(broken) and not broken.isdisjoint(_rows(child)))
            elif child.type == "block" and depth < _MAX_NESTED:
                self.block(child, source, depth)
            elif child.type != "comment":
                what = "not valid HCL" if child.type != "block" else f"nested deeper than {_MAX_NESTED} levels"
                self.wrong(partial(_broken, child, source), what)


def _read(source: Source, made: _Made, until: float) -> int | None:
    """Take what comes before the first thing that is broken; return where that begins, None if nothing is."""
    root = expressions.tree(source, until)
    taken: list[Node] = []
    bad = root.end_byte if root.end_byte < len(source.data) else None  # the time was over there
    for node in _top(root):
        if node.has_error or node.type not in ("attribute", "block", "comment"):
            while taken and taken[-1].end_point.row == node.start_point.row:
                node = taken.pop()  # what is wrong may be a part of it
            bad = node.start_byte
            break
        taken.append(node)
    made.contents(taken, source, 0)
    return bad


def _top(root: Node) -> Iterator[Node]:
    for node in root.children:
        if node.type == "body" and root.type == "config_file":
            yield from node.children
        else:
            yield node


def _salvage(source: Source, made: _Made, until: float) -> None:
    """Take what can be understood of a block that may be broken, and of what follows it up to the next."""
    nodes = [
        node
        for node in _top(expressions.tree(source, until))
        if node.type != "block" or _HEADER.match(source.data, node.start_byte) or not node.start_byte
    ]
    made.contents(nodes, source, 0)


def _rows(node: Node) -> range:
    return range(node.start_point.row, node.end_point.row + 1)


def _broken(node: Node, source: Source) -> Location:
    """Return the place of the first thing that is wrong in a node."""
    while not (node.is_error or node.is_missing):
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            break
        node = inner
    return source.location(node.start_byte, node.end_byte)


def _next_header(data: bytes, bad: int) -> int:
    """Return where the next block begins that starts a line after `bad`, and is not in a heredoc or a comment."""
    until, at = b"", data.rfind(b"\n", 0, bad) + 1
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)]
        if until:
            until = b"" if line.strip() == until or (until == b"*/" and until in line) else until
        elif at > bad and _HEADER.match(line):
            return at
        elif found := _HEREDOC.search(line):
            until = found[1]
        elif line.lstrip().startswith(b"/*") and b"*/" not in line:
            until = b"*/"
        if end < 0:
            break
        at = end + 1
    return len(data)
