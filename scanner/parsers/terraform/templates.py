"""Templates: quoted strings, heredocs and files, with their interpolations, directives and strip markers."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.nodes import Expr, If, Loop, Template

if TYPE_CHECKING:
    from tree_sitter import Node

    from scanner.parsers.terraform.expressions import Reader

SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""White space as Go counts it."""

_SEQUENCES = {
    "template_interpolation",
    "template_if_intro",
    "template_else_intro",
    "template_if_end",
    "template_for_start",
    "template_for_end",
}
_QUOTED_ESCAPE = re.compile(r'\\(?:[nrt"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|\$\$\{|%%\{')
_OTHER_ESCAPE = re.compile(r"\$\$\{|%%\{")
_ESCAPED = {r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\"": '"', r"\\": "\\", "$${": "${", "%%{": "%{"}


@dataclass
class _Text:
    """Text between sequences; in a heredoc, of one line."""

    value: str


@dataclass(frozen=True)
class _Sequence:
    """`${ }` or `%{ }`."""

    node: Node
    strip_before: bool
    strip_after: bool


_Token = _Text | _Sequence


def quoted(node: Node, reader: Reader, depth: int) -> Expr:
    """Return the expression of a quoted string; one interpolation and nothing else is that expression."""
    tokens: list[_Token] = [
        _Text(_unescape(token, _QUOTED_ESCAPE)) if isinstance(token, str) else token
        for token in _split(node, node.start_byte + 1, node.end_byte - 1, reader)
    ]
    if len(tokens) == 1 and isinstance(tokens[0], _Sequence) and tokens[0].node.type == "template_interpolation":
        return nodes.Template(reader.span(node), (_inner(tokens[0].node, reader, depth),))
    return _template(node, tokens, reader, depth)


def heredoc(node: Node, reader: Reader, depth: int) -> Expr:
    """Return the expression of a heredoc, without the indentation that all its lines share if it begins `<<-`."""
    data = reader.source.data
    start = data.index(b"\n", node.children[1].end_byte) + 1
    end = max(start, data.rfind(b"\n", 0, node.children[-1].start_byte) + 1)
    tokens: list[_Token] = []
    for token in _split(node, start, end, reader):
        if isinstance(token, str):
            tokens += [_Text(_unescape(line, _OTHER_ESCAPE)) for line in re.findall(r"[^\n]*\n|[^\n]+", token)]
        else:
            tokens.append(token)
    _strip(tokens)
    if reader.text(node.children[0]) == "<<-":
        _unindent(tokens)
    return _template(node, tokens, reader, depth, strip=False)


def without_last_newline(expression: Expr) -> Expr:
    """Return a heredoc's expression without the newline before its end mark, which is not of the text it quotes."""
    if isinstance(expression, nodes.Literal):
        return nodes.Literal(expression.span, expression.value.removesuffix("\n"))
    if not isinstance(expression, Template) or not isinstance(last := expression.parts[-1], str):
        return expression
    parts = (*expression.parts[:-1], *filter(None, (last.removesuffix("\n"),)))
    return Template(expression.span, parts)


def _split(node: Node, start: int, end: int, reader: Reader) -> Iterator[str | _Sequence]:
    """Yield the sequences and the text between them, which the grammar does not keep whole."""
    at = start
    for child in _sequences(node):
        if child.start_byte > at:
            yield reader.source.text(at, child.start_byte)
        inner = child.children
        yield _Sequence(child, _is_strip(inner[1]), _is_strip(inner[-2]))
        at = child.end_byte
    if end > at:
        yield reader.source.text(at, end)


def _sequences(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in _SEQUENCES:
            yield child
        elif child.type in ("template_directive", "template_if", "template_for"):
            yield from _sequences(child)


def _is_strip(node: Node) -> bool:
    return node.type == "strip_marker"


def _template(node: Node, tokens: list[_Token], reader: Reader, depth: int, *, strip: bool = True) -> Expr:
    if strip:
        _strip(tokens)
    if all(isinstance(token, _Text) for token in tokens):
        return nodes.Literal(reader.span(node), normal("".join(t.value for t in tokens if isinstance(t, _Text))))
    return _Assembler(tokens, node, reader).template(depth)


def _strip(tokens: list[_Token]) -> None:
    """Take the white space away that `~` asks for: of the text beside it, up to the end of the line."""
    for before, after in pairwise(tokens):
        if isinstance(before, _Text) and isinstance(after, _Sequence) and after.strip_before:
            before.value = before.value.rstrip(SPACE)
        if isinstance(before, _Sequence) and isinstance(after, _Text) and before.strip_after:
            after.value = after.value.lstrip(SPACE)


def _unindent(tokens: list[_Token]) -> None:
    """Take away the white space that all lines begin with; blank lines do not count."""
    least, starts, fresh = sys.maxsize, [], True
    for token in tokens:
        if fresh:
            fresh, spaces = False, 0
            if isinstance(token, _Text):
                bare = token.value.lstrip(SPACE)
                if not bare and token.value.endswith("\n"):
                    spaces = sys.maxsize
                else:
                    spaces = len(token.value) - len(bare)
                    starts.append(token)
            least = min(least, spaces)
        fresh = isinstance(token, _Text) and token.value.endswith("\n")
    for text in starts:
        text.value = text.value[least:]


def _unescape(text: str, escape: re.Pattern[str]) -> str:
    return escape.sub(lambda found: _ESCAPED.get(found[0]) or _character(found[0]), text)


def _character(escape: str) -> str:
    code = int(escape[2:], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def normal(text: str) -> str:
    """Return text as Terraform keeps it: in Unicode's composed form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _inner(node: Node, reader: Reader, depth: int) -> Expr:
    for child in node.children:
        if child.type == "expression":
            return reader.read(child, depth)
    return nodes.Invalid(reader.span(node), "nothing is written between ${ and }")


class _Assembler:
    """Puts tokens together: what stands between `%{ if }` and `%{ endif }` is a template of its own."""

    def __init__(self, tokens: list[_Token], node: Node, reader: Reader) -> None:
        self._tokens, self._at = tokens, 0
        self._reader, self._span = reader, reader.span(node)

    def template(self, depth: int) -> Template:
        """Return the template up to the end, or to a sequence that ends what a directive holds."""
        parts: list[str | Expr | If | Loop] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if isinstance(token, _Text):
                text = normal(token.value)
                if parts and isinstance(parts[-1], str):
                    text = str(parts.pop()) + text
                parts.append(text)
            elif token.node.type == "template_interpolation":
                parts.append(_inner(token.node, self._reader, depth))
            elif token.node.type == "template_if_intro":
                parts.append(self._if(token.node, depth - 1))
                continue
            elif token.node.type == "template_for_start":
                parts.append(self._loop(token.node, depth - 1))
                continue
            else:
                break
            self._at += 1
        return Template(self._span, tuple(parts))

    def _if(self, intro: Node, depth: int) -> If:
        self._at += 1
        then, otherwise = self.template(depth), Template(self._span, ())
        if self._type() == "template_else_intro":
            self._at += 1
            otherwise = self.template(depth)
        self._at += 1
        return If(_inner(intro, self._reader, depth), then, otherwise)

    def _loop(self, start: Node, depth: int) -> Loop:
        self._at += 1
        body = self.template(depth)
        self._at += 1
        names = [self._reader.text(child) for child in start.children if child.type == "identifier"]
        return Loop(names[0] if len(names) > 1 else None, names[-1], _inner(start, self._reader, depth), body)

    def _type(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.node.type if isinstance(token, _Sequence) else ""
