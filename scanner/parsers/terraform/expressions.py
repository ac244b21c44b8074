"""Expressions as tree-sitter reads them, made into our own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import takewhile
from time import monotonic
from typing import TYPE_CHECKING

from scanner.parsers.terraform import nodes, templates
from scanner.parsers.terraform.nodes import Expr, Source, Span

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_DEPTH = 150
"""Expressions nested deeper, counted in nodes of the grammar, are not read: they exhaust the stack."""

_LONGEST_NUMBER = 200
_MAX_LINES = 2**31
_NEWLINE = re.compile(rb"\r?\n")
_SECONDS, _BYTES_A_SECOND = 2, 500_000  # several times what whole files take, on a busy machine
_CHUNK = 4096


class TooDeep(Exception):
    """An expression is nested deeper than `MAX_DEPTH`."""


class NotRead(Exception):
    """An expression is not what the grammar says."""


@cache
def _language() -> Language:
    import tree_sitter_hcl
    from tree_sitter import Language

    return Language(tree_sitter_hcl.language())


def deadline(data: bytes) -> float:
    """Return when to stop reading text: what is broken may take time that grows with its square."""
    return monotonic() + _SECONDS + len(data) / _BYTES_A_SECOND


def tree(source: Source, until: float) -> Node:
    """Return what the grammar makes of a source: its root; the text ends for it when the time is over."""
    from tree_sitter import Parser

    data = source.legible

    def read(at: int, _: object) -> bytes:
        return data[at : at + _CHUNK] if monotonic() < until else b""

    return Parser(_language()).parse(read).root_node


def of_attribute(source: Source, start: int, end: int) -> Expr:
    """Return the expression of the attribute that is written between two offsets.

    It is read once more, alone: to keep what the grammar made of all files takes more memory than it saves time.
    """
    from tree_sitter import Parser, Point, Range

    newline = _NEWLINE.match(source.data, end)  # without it a heredoc has no end
    part = Range(Point(0, 0), Point(_MAX_LINES, 0), start, newline.end() if newline else end)
    root = Parser(_language(), included_ranges=[part]).parse(source.legible).root_node
    body = root.children[0] if root.children else root
    attribute = body.children[0] if body.children else body
    if root.has_error or attribute.type != "attribute":
        return nodes.Invalid(Span(source, start, end), "the expression is not valid HCL")
    return _expression(plain(attribute)[-1], source)


def _expression(node: Node, source: Source) -> Expr:
    """Return the expression of a node; `Invalid` for one that is broken or nested too deeply."""
    span = Span(source, node.start_byte, node.end_byte)
    try:
        return Reader(source).read(node, MAX_DEPTH)
    except (TooDeep, RecursionError):
        return nodes.Invalid(span, "the expression is nested too deeply")
    except NotRead as error:
        return nodes.Invalid(span, str(error))


class Reader:
    """Reads the expressions of one source; `depth` is how many more levels are allowed."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def read(self, node: Node, depth: int) -> Expr:
        """Return the expression of a node of any type that stands for one."""
        if depth <= 0:
            raise TooDeep
        return getattr(self, f"_{node.type}", self._unexpected)(node, depth - 1)

    def text(self, node: Node) -> str:
        """Return what is written in a node."""
        return self.source.text(node.start_byte, node.end_byte)

    def span(self, node: Node) -> Span:
        """Return where a node is written."""
        return Span(self.source, node.start_byte, node.end_byte)

    def _unexpected(self, node: Node, _: int) -> Expr:
        raise NotRead(f"'{node.type}' is not an expression")

    def _expression(self, node: Node, depth: int) -> Expr:
        return self._term(plain(node), depth)

    def _term(self, children: Sequence[Node], depth: int) -> Expr:
        """Return a value and what is taken of it: `a`, `(a).b`, `a[0].b[*].c`."""
        start = children[0].start_byte
        if children[0].type == "(":
            return self._postfix(self.read(children[1], depth), start, children[3:], depth)
        return self._postfix(self.read(children[0], depth), start, children[1:], depth)

    def _postfix(self, of: Expr, start: int, steps: Sequence[Node], depth: int) -> Expr:
        if len(steps) > depth:
            raise TooDeep
        for step in steps:
            span = Span(self.source, start, step.end_byte)
            if step.type == "get_attr":
                of = nodes.GetAttr(span, of, self.text(plain(step)[-1]))
            elif step.type == "index":
                of = nodes.Index(span, of, self._key(plain(step)[0], depth))
            elif step.type == "splat":
                of = self._splat(of, start, plain(step)[0], depth)
            else:
                raise NotRead(f"'{step.type}' does not follow a value")
        return of

    def _key(self, node: Node, depth: int) -> Expr:
        if node.type == "new_index":
            return self.read(plain(node)[1], depth)
        return nodes.Literal(self.span(node), number(self.text(node).lstrip(". \t")))

    def _splat(self, of: Expr, start: int, node: Node, depth: int) -> Expr:
        """Return a splat.  An index ends an attribute splat: `a.*.b[0]` is the first of the list."""
        star, *steps = plain(node)
        full = node.type == "full_splat"
        inside = steps if full else list(takewhile(_is_attribute, steps))
        each = self._postfix(nodes.Item(self.span(star)), star.start_byte, inside, depth)
        span = Span(self.source, start, inside[-1].end_byte if inside else star.end_byte)
        splat = nodes.Splat(span, of, each, "full" if full else "attribute")
        return self._postfix(splat, start, steps[len(inside) :], depth)

    def _conditional(self, node: Node, depth: int) -> Expr:
        condition, then, otherwise = (self.read(child, depth) for child in plain(node)[::2])
        return nodes.Conditional(self.span(node), condition, then, otherwise)

    def _operation(self, node: Node, depth: int) -> Expr:
        inner = plain(node)[0]
        children = plain(inner)
        if inner.type == "unary_operation":
            return nodes.Unary(self.span(node), self.text(children[0]), self._term(children[1:], depth))
        at = next(n for n, child in enumerate(children) if n and not child.is_named and child.type not in "()")
        left, right = self._term(children[:at], depth), self._term(children[at + 1 :], depth)
        return nodes.Binary(self.span(node), self.text(children[at]), left, right)

    def _literal_value(self, node: Node, depth: int) -> Expr:
        inner = node.children[0]
        match inner.type:
            case "numeric_lit":
                return nodes.Literal(self.span(node), number(self.text(inner)))
            case "bool_lit":
                return nodes.Literal(self.span(node), self.text(inner) == "true")
            case "null_lit":
                return nodes.Literal(self.span(node), None)
            case _:
                return templates.quoted(inner, self, depth)

    def _template_expr(self, node: Node, depth: int) -> Expr:
        inner = node.children[0]
        return (templates.heredoc if inner.type == "heredoc_template" else templates.quoted)(inner, self, depth)

    def _collection_value(self, node: Node, depth: int) -> Expr:
        inner = plain(node)[0]
        children = plain(inner)[1:-1]
        if inner.type == "tuple":
            items = tuple(self.read(child, depth) for child in children if child.type == "expression")
            return nodes.Tuple(self.span(node), items)
        return nodes.Object(
            self.span(node), tuple(self._pair(child, depth) for child in children if child.type == "object_elem")
        )

    def _pair(self, node: Node, depth: int) -> tuple[Expr, Expr]:
        key, _, value = plain(node)
        parts = plain(key)
        if len(parts) == 1 and (
            parts[0].type == "variable_expr" or parts[0].children[0].type in ("bool_lit", "null_lit")
        ):
            return nodes.Literal(self.span(key), self.text(key)), self.read(value, depth)
        return self.read(key, depth), self.read(value, depth)

    def _variable_expr(self, node: Node, _: int) -> Expr:
        return nodes.Variable(self.span(node), self.text(node))

    def _function_call(self, node: Node, depth: int) -> Expr:
        children = plain(node)
        arguments = next((plain(child) for child in children if child.type == "function_arguments"), [])
        return nodes.Call(
            self.span(node),
            self.text(children[0]),
            tuple(self.read(child, depth) for child in arguments if child.type == "expression"),
            any(child.type == "ellipsis" for child in arguments),
        )

    def _for_expr(self, node: Node, depth: int) -> Expr:
        children = plain(plain(node)[0])
        intro = plain(next(child for child in children if child.type == "for_intro"))
        names = [self.text(child) for child in intro if child.type == "identifier"]
        of = next(child for child in intro if child.type == "expression")
        results = [self.read(child, depth) for child in children if child.type == "expression"]
        condition = next((plain(child)[-1] for child in children if child.type == "for_cond"), None)
        return nodes.For(
            self.span(node),
            names[0] if len(names) > 1 else None,
            names[-1],
            self.read(of, depth),
            results[0] if len(results) > 1 else None,
            results[-1],
            None if condition is None else self.read(condition, depth),
            any(child.type == "ellipsis" for child in children),
        )


def plain(node: Node) -> list[Node]:
    """Return the children of a node without comments, which may stand anywhere."""
    return [child for child in node.children if child.type != "comment"]


def number(text: str) -> int | float:
    """Return a number that is written so: a whole one is an int, however it is written."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise NotRead(f"'{text}' is not a number") from None
    if len(text) > _LONGEST_NUMBER or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise NotRead("the number is too long")
    return int(value) if value == value.to_integral_value() else float(value)


def _is_attribute(step: Node) -> bool:
    return step.type == "get_attr" or (step.type == "index" and step.children[0].type == "legacy_index")
