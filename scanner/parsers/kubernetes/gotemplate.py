"""The templates of Go, as Helm charts use them: text into a tree.  `render` says what the tree is worth.

https://pkg.go.dev/text/template describes the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanner.errors import DocumentError

MAX_DEPTH = 100
"""Blocks and parentheses nested deeper than this are refused."""

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r'|(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)'
    r"|(?P<char>'(?:\\.|[^'\\\n])')"
    r"|(?P<number>[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?))(?![\w.])"
    r"|(?P<variable>\$\w*)"
    r"|(?P<field>\.[A-Za-z_]\w*)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<mark>:=|[=|(),.])",
    re.ASCII,
)
_COMMENT = re.compile(r"-?\s*/\*.*?\*/\s*-?", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}


@dataclass(frozen=True)
class Text:
    """Text that is written as it stands; `at` is its offset in the file."""

    text: str
    at: int


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True)
class Chain:
    """Fields of something: of the dot (`root` None), of a variable, or of a pipeline in parentheses."""

    root: Any
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A function, or a method of a chain, and its arguments."""

    name: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of which takes the result of the one before as its last argument; `source` is how it is written.

    `targets` are the variables it sets, `declares` tells whether it makes them.
    """

    commands: tuple[Any, ...]
    source: str
    at: int
    targets: tuple[str, ...] = ()
    declares: bool = False


@dataclass
class Block:
    """`if`, `with`, `range`, `define`, `block`: its branches are (pipeline, body); that of `else` has no pipeline."""

    word: str
    at: int
    source: str
    branches: list[tuple[Pipeline | None, list[Any]]] = field(default_factory=list)
    name: str = ""


@dataclass(frozen=True)
class Include:
    """`template`: writes another template."""

    name: str
    pipeline: Pipeline | None
    at: int


def parse(text: str, path: str) -> list[Any]:
    """Return the nodes of a template; raise `DocumentError`."""
    return _Parser(text, path).nodes()


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self._text, self._path = text, path
        self._tokens: Sequence[tuple[str, str, int]] = ()
        self._next = 0
        self._depth = 0

    def nodes(self) -> list[Any]:
        top: list[Any] = []
        body, open = top, []
        for kind, part, at in self._pieces():
            if kind == "text":
                body.append(Text(part, at))
                continue
            self._tokens, self._next = self._lexed(part, at), 0
            at -= len("{{")
            word = self._peek()[1] if self._peek()[0] == "word" else ""
            if word in ("if", "with", "range", "define", "block"):
                self._take()
                block = self._block(word, part, at)
                body.append(block)
                open.append((block, body))
                if len(open) > MAX_DEPTH:
                    raise self._error(at, f"blocks are nested deeper than {MAX_DEPTH} levels")
                body = block.branches[0][1]
            elif word in ("else", "end"):
                if not open:
                    raise self._error(at, f"'{word}' ends nothing")
                block, outer = open[-1]
                if word == "end":
                    open.pop()
                    body = outer
                else:
                    body = self._else(block, part, at)
            elif word in ("break", "continue"):
                body.append(Block(word, at, part.strip()))
            elif word == "template":
                self._take()
                name = self._name(at)
                body.append(Include(name, self._pipeline(part, at) if self._peek()[0] else None, at))
            elif self._peek()[0]:
                body.append(self._pipeline(part, at))
        if open:
            raise self._error(open[-1][0].at, f"'{open[-1][0].word}' has no end")
        return top

    def _block(self, word: str, part: str, at: int) -> Block:
        block = Block(word, at, part.strip())
        if word in ("define", "block"):
            block.name = self._name(at)
        pipeline = None if word == "define" else self._pipeline(part, at)
        block.branches.append((pipeline, []))
        return block

    def _else(self, block: Block, part: str, at: int) -> list[Any]:
        self._take()
        pipeline = None
        if self._peek()[0]:
            word = self._take()[1]
            if word not in ("if", "with"):
                raise self._error(at, f"'else {word}' is not understood")
            pipeline = self._pipeline(part, at)
        block.branches.append((pipeline, []))
        return block.branches[-1][1]

    def _name(self, at: int) -> str:
        kind, text, _ = self._take()
        if kind != "string":
            raise self._error(at, "the name of a template is not text")
        return _unquoted(text)

    def _pieces(self) -> Iterator[tuple[str, str, int]]:
        """Yield texts and actions, the blanks taken away that `{{-` and `-}}` do not want."""
        text, at, trims = self._text, 0, False
        while True:
            begin = text.find("{{", at)
            end = len(text) if begin < 0 else begin
            piece, start = text[at:end], at
            if trims:
                stripped = piece.lstrip()
                start, piece = start + len(piece) - len(stripped), stripped
            if begin >= 0 and text[begin + 2 : begin + 3] == "-" and text[begin + 3 : begin + 4].isspace():
                piece = piece.rstrip()
            if piece:
                yield "text", piece, start
            if begin < 0:
                return
            inner, at = self._action(begin)
            trims = inner.endswith("-") and inner[-2:-1].isspace()
            inner = inner[:-1] if trims else inner
            yield "action", f" {inner[1:]}" if inner.startswith("-") and inner[1:2].isspace() else inner, begin + 2

    def _action(self, begin: int) -> tuple[str, int]:
        """Return what is between the braces that open at `begin`, and where it goes on behind them."""
        text, at = self._text, begin + 2
        if comment := _COMMENT.match(text, at):
            if text.startswith("}}", comment.end()):
                # A comment is an action without any words, which may still take blanks away.
                return (text[at] if text[at] == "-" else "") + "  " + (
                    "-" if text[comment.end() - 1] == "-" else ""
                ), comment.end() + 2
            raise self._error(begin, "a comment does not fill its braces")
        while at < len(text):
            if text.startswith("}}", at):
                return text[begin + 2 : at], at + 2
            if text.startswith("-}}", at) and text[at - 1].isspace():
                return text[begin + 2 : at + 1], at + 3
            match = _TOKEN.match(text, at)
            at = match.end() if match else at + 1
        raise self._error(begin, "'{{' is not closed")

    def _lexed(self, part: str, at: int) -> list[tuple[str, str, int]]:
        tokens, here = [], 0
        blank = True
        while here < len(part):
            match = _TOKEN.match(part, here)
            if match is None:
                raise self._error(at + here, f"'{part[here : here + 10].split()[0]}' is not understood")
            kind, text = match.lastgroup or "", match[0]
            if kind == "blank":
                blank = True
            else:
                tokens.append((f"{kind}+" if kind == "field" and not blank else kind, text, at + here))
                blank = False
            here = match.end()
        return tokens

    def _peek(self, ahead: int = 0) -> tuple[str, str, int]:
        at = self._next + ahead
        return self._tokens[at] if at < len(self._tokens) else ("", "", 0)

    def _take(self) -> tuple[str, str, int]:
        token = self._peek()
        self._next += 1
        return token

    def _pipeline(self, part: str, at: int, *, closed: bool = False) -> Pipeline:
        targets, declares = self._targets() if not closed else ((), False)
        commands = [self._command(at)]
        while self._peek()[1] == "|":
            self._take()
            commands.append(self._command(at))
        if self._peek()[0] and not (closed and self._peek()[1] == ")"):
            raise self._error(at, f"'{self._peek()[1]}' is not understood")
        return Pipeline(tuple(commands), part.strip(), at, targets, declares)

    def _targets(self) -> tuple[tuple[str, ...], bool]:
        names: list[str] = []
        ahead = 0
        while self._peek(ahead)[0] == "variable":
            names.append(self._peek(ahead)[1])
            ahead += 1
            if self._peek(ahead)[1] == ",":
                ahead += 1
                continue
            break
        if names and self._peek(ahead)[1] in (":=", "="):
            declares = self._peek(ahead)[1] == ":="
            self._next += ahead + 1
            return tuple(names), declares
        return (), False

    def _command(self, at: int) -> Any:
        operands = []
        while self._peek()[0] and self._peek()[1] not in ("|", ")", ","):
            operands.append(self._operand(at))
        if not operands:
            raise self._error(at, "a command is missing")
        first = operands[0]
        if isinstance(first, Call) and not first.arguments:
            return Call(first.name, tuple(operands[1:]))
        return first if len(operands) == 1 else Call(first, tuple(operands[1:]))

    def _operand(self, at: int) -> Any:
        kind, text, where = self._take()
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "number":
            return Literal(float(text) if "." in text else int(text, 0) if "x" in text else int(text))
        if kind == "word":
            words = {"true": True, "false": False, "nil": None}
            return Literal(words[text]) if text in words else Call(text, ())
        if kind == "variable":
            return self._fields(text)
        if kind in ("field", "field+"):
            return self._fields(None, text[1:])
        if text == ".":
            return Chain(None, ())
        if text == "(":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise self._error(where, f"parentheses are nested deeper than {MAX_DEPTH} levels")
            inner = self._pipeline("", at, closed=True)
            if self._take()[1] != ")":
                raise self._error(where, "'(' is not closed")
            self._depth -= 1
            return self._fields(inner)
        raise self._error(where, f"'{text}' is not understood")

    def _fields(self, root: Any, *first: str) -> Any:
        fields = list(first)
        while self._peek()[0] == "field+":
            fields.append(self._take()[1][1:])
        return Chain(root, tuple(fields))

    def _error(self, at: int, problem: str) -> DocumentError:
        line = self._text.count("\n", 0, at) + 1
        return DocumentError(self._path, line, at - self._text.rfind("\n", 0, at), problem)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text[1:-1])
