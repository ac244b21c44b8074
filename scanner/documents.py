"""YAML and JSON text as plain values, with the place in the file where each value is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from scanner.errors import DocumentError
from scanner.model import Location
from scanner.scalars import CORE, Dialect

MAX_DEPTH = 100
"""Values nested deeper than this are refused: no template, rule or configuration needs it."""

MAX_NODES = 250_000
"""More values than this, aliases expanded, are refused: a few lines of aliases can stand for billions."""

MAX_STREAM_NODES = 500_000
"""The same for all documents of one text together."""

_MARKER = re.compile(r"^(---|\.\.\.)(?=\s|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---[ \t\r]*$|---[ \t]+#|\.\.\.)[ \t]*[^\s#%]", re.MULTILINE)
"""A line that is neither blank, a comment nor a directive."""

_PLAIN = "plain"
_STANDARD = "tag:yaml.org,2002:"
_DEFAULT = {
    yaml.ScalarNode: f"{_STANDARD}str",
    yaml.SequenceNode: f"{_STANDARD}seq",
    yaml.MappingNode: f"{_STANDARD}map",
}
_CORE = {_PLAIN, *(_STANDARD + kind for kind in ("int", "float", "bool", "null"))}
_KNOWN = {*_CORE, *_DEFAULT.values(), f"{_STANDARD}timestamp"}


@dataclass(frozen=True)
class Document:
    """A document as plain data, and where it is written.

    `value` holds dicts with text keys, lists, text, numbers, booleans and None.  `locations` maps a JSON Pointer
    (RFC 6901, "" is the root) to where the value it names is written, the end exclusive; it is empty for JSON text
    that YAML cannot read (surrogate escapes).
    """

    value: Any
    locations: Mapping[str, Location]


def load(text: str, path: str, tags: Mapping[str, str] | None = None, dialect: Dialect = CORE) -> Document:
    """Read one YAML or JSON document; raise `DocumentError` with the line and column of what is wrong.

    Plain scalars follow the YAML 1.2 core schema, except that some stay text as they are written: numbers with a
    leading zero (the account 012345678901) and numbers that JSON cannot say (`.inf`, `.nan`).  So do dates, `yes`,
    `no`, `on` and `off`.  Keys are always text.  `tags` maps a local tag to a key: with {"!Sub": "Fn::Sub"},
    `!Sub x` reads {"Fn::Sub": "x"}.  Merge keys (`<<`) are merged.  Any other tag, a duplicate key, a second
    document, nesting deeper than `MAX_DEPTH` and more than `MAX_NODES` values are errors.  `dialect` reads plain
    scalars otherwise.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] not in ("{", "["):
        return _yaml(text, path, tags or {}, dialect)
    try:
        return Document(_json(text, path), _Positions(text, path))
    except _SyntaxError as not_json:
        try:
            return _yaml(text, path, tags or {}, dialect)
        except _SyntaxError as not_yaml:
            raise (not_json if path.endswith(".json") else not_yaml) from None


def load_value(text: str, path: str, dialect: Dialect = CORE) -> Any:
    """Return the value of a document as `load` reads it, in half the time: where it is written is not noted."""
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        return load(text, path, dialect=dialect).value
    node = _compose(text, path)
    return None if node is None else _Reader(text, path, {}, dialect).value(node, 1)


def load_all(
    text: str, path: str, wanted: Callable[[str], bool] = bool, dialect: Dialect = CORE
) -> Iterator[Document | DocumentError]:
    """Yield each document of a YAML stream as `load` reads it, or the error that makes it unreadable.

    A broken document does not hide the others: a line that begins with `---` begins one wherever it stands.  Those
    whose text is not `wanted` are passed over, and so is text that is nothing but comments.  Lines are those of the
    whole text.  Behind the document that has more than the `MAX_STREAM_NODES` of all of them nothing is read.
    """
    spent = 0
    for above, part in (each for each in _parts(text.removeprefix("\ufeff")) if wanted(each[1])):
        reader = _Reader(part, path, {}, dialect, above)
        already = reader.nodes = max(0, spent + MAX_NODES - MAX_STREAM_NODES)
        try:
            is_json = above == 0 and part.lstrip()[:1] in ("{", "[")
            if document := load(part, path, dialect=dialect) if is_json else reader.document():
                yield document
        except DocumentError as error:
            yield error
        spent += reader.nodes - already
        if spent > MAX_STREAM_NODES:
            return


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the documents of a stream, each with the number of lines above it."""
    begin, above, opened = 0, 0, False
    for marker in _MARKER.finditer(text):
        at = marker.start() if marker[1] == "---" else marker.end()
        content = _CONTENT.search(text, begin, at)
        if content:
            yield above, text[begin:at]
        if content or opened or marker[1] == "...":
            above += text.count("\n", begin, at)
            begin = at
        opened = marker[1] == "---"
    yield above, text[begin:]


def pointer(*parts: str | int) -> str:
    """Return the JSON Pointer of a path of keys and indexes; no parts give "", the root."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


class _SyntaxError(DocumentError):
    """The text is not of the one notation, so it may be of the other."""


class _Positions(Mapping[str, Location]):
    """Where the values of a JSON text are written, found out when somebody asks: few do, and plans are large."""

    def __init__(self, text: str, path: str) -> None:
        self._source = text, path

    @cached_property
    def _found(self) -> Mapping[str, Location]:
        try:
            return _yaml(*self._source, {}, CORE).locations
        except DocumentError:
            return {}

    def __getitem__(self, at: str) -> Location:
        return self._found[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes; leaves plain scalars unresolved, and stops before nesting can exhaust the C stack."""

    path, above, depth = "", 0, 0

    def resolve(self, kind: type[yaml.Node], _: str | None, implicit: Any) -> str:
        return _PLAIN if kind is yaml.ScalarNode and implicit[0] else _DEFAULT[kind]

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:  # noqa: ARG002 - PyYAML's signature
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = parent.start_mark if parent is not None else None
            raise _too_deep(self.path, mark, self.above)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def _compose(text: str, path: str, above: int = 0) -> yaml.Node | None:
    """Return the node graph of one document, `above` lines into its file; aliases share nodes."""
    try:
        loader = _Loader(text)
        loader.path, loader.above = path, above
        try:
            node: yaml.Node | None = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        if "maximum nesting depth" in problem:  # libyaml's own, which it may reach before we do: it reads ahead
            raise _too_deep(path, mark, above) from None
        raise _SyntaxError(path, *_place(mark, above), problem, _hint(problem, text, mark)) from None
    except yaml.reader.ReaderError as error:
        raise _SyntaxError(path, *_position(text, error.position, above), error.reason) from None
    except UnicodeEncodeError as error:
        raise _SyntaxError(
            path, *_position(text, error.start, above), "half a surrogate pair, which is no character"
        ) from None
    return node


def _hint(problem: str, text: str, mark: yaml.Mark | None) -> str:
    if "single document" in problem:
        return "Put each document into a file of its own."
    if mark and text[mark.index : mark.index + 1] == "\t":
        return "YAML is indented with spaces, not with tabs."
    return ""


def _yaml(text: str, path: str, tags: Mapping[str, str], dialect: Dialect) -> Document:
    return _Reader(text, path, tags, dialect).document() or Document(None, {})


def _json(text: str, path: str) -> Any:
    """Return the value of JSON text; the JSON reader knows surrogate escapes, which YAML does not."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise _SyntaxError(path, error.lineno, error.colno, f"not JSON: {error.msg}") from None
    except ValueError as error:
        raise _SyntaxError(path, 0, 0, f"not JSON: {error}") from None
    except RecursionError:
        raise _too_deep(path, None) from None
    if _is_deep(value):
        raise _too_deep(path, None)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"duplicate key '{key}'")
        made[key] = value
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that JSON knows")
    return number


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        containers = (
            each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list))
        )
        level = [child for children in containers for child in children]
    return bool(level)


class _Reader:
    """Turns nodes into values and notes where each is written."""

    def __init__(self, text: str, path: str, tags: Mapping[str, str], dialect: Dialect, above: int = 0) -> None:
        self.text, self.path, self.tags, self.dialect, self.above = text, path, tags, dialect, above
        self.locations: dict[str, Location] = {}
        self.nodes = 0

    def document(self) -> Document | None:
        """Return the document, None if there is none in the text."""
        node = _compose(self.text, self.path, self.above)
        return None if node is None else Document(self.read(node, "", 1), self.locations)

    def read(self, node: yaml.Node, at: str, depth: int) -> Any:
        """Return the value of a node whose JSON Pointer is `at`."""
        self.count(node, depth)
        if node.tag in _KNOWN:
            value, last = self.content(node, at, depth)
            self.locations[at] = self.locate(node, last)
            return value
        name = self.tags.get(node.tag)
        if name is None:
            raise self.unknown_tag(node)
        inner = at + pointer(name)
        value, last = self.content(node, inner, depth)
        self.locations[at] = self.locations[inner] = self.locate(node, last)
        return {name: value}

    def value(self, node: yaml.Node, depth: int) -> Any:
        """Return the value of a node as `read` does, without its location; local tags are unknown."""
        self.count(node, depth)
        if node.tag not in _KNOWN:
            raise self.unknown_tag(node)
        if isinstance(node, yaml.ScalarNode):
            return self.dialect.scalar(node.value) if node.tag in _CORE else node.value
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(item, depth + 1) for key, item in self.pairs(node, depth).items()}
        return [self.value(item, depth + 1) for item in node.value]

    def content(self, node: yaml.Node, at: str, depth: int) -> tuple[Any, Location | None]:
        """Return the value of a node, and where the last value inside it is written."""
        if isinstance(node, yaml.ScalarNode):
            # A local tag says nothing about the kind of its scalar; its style does.
            plain = node.tag in _CORE or (node.tag not in _KNOWN and not node.style)
            return (self.dialect.scalar(node.value) if plain else node.value), None
        if isinstance(node, yaml.MappingNode):
            items = self.pairs(node, depth)
        else:
            items = {str(number): item for number, item in enumerate(node.value)}
        read = {key: self.read(item, at + pointer(key), depth + 1) for key, item in items.items()}
        last = self.locations[at + pointer(next(reversed(items)))] if items else None
        return (read if isinstance(node, yaml.MappingNode) else list(read.values())), last

    def pairs(self, node: yaml.MappingNode, depth: int) -> dict[str, yaml.Node]:
        """Return the keys of a mapping with their values, the merged ones first."""
        own: dict[str, yaml.Node] = {}
        merged: dict[str, yaml.Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _KNOWN:
                raise self.error(key, "a key must be plain text")
            name = self.dialect.key(key.value) if key.tag == _PLAIN else key.value
            if name in lines:
                raise self.error(key, f"duplicate key '{name}', first on line {lines[name]}", "Remove one of the two.")
            lines[name] = key.start_mark.line + 1 + self.above
            if key.value == "<<" and key.tag == _PLAIN:
                merged = self.merged(value, depth + 1)
            else:
                own[name] = value
        return {name: value for name, value in merged.items() if name not in own} | own

    def merged(self, node: yaml.Node, depth: int) -> dict[str, yaml.Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        made: dict[str, yaml.Node] = {}
        for source in reversed(sources):
            self.count(source, depth)
            if not isinstance(source, yaml.MappingNode):
                raise self.error(source, "only mappings can be merged with '<<'")
            made |= self.pairs(source, depth)
        return made

    def count(self, node: yaml.Node, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error(node, f"more than {MAX_NODES} values, aliases expanded")
        if depth > MAX_DEPTH:
            raise _too_deep(self.path, node.start_mark, self.above)

    def locate(self, node: yaml.Node, last: Location | None) -> Location:
        start, end = node.start_mark, node.end_mark
        begin = (start.line + 1 + self.above, start.column + 1)
        line, column = end.line + 1 + self.above, end.column + 1
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            line, column = self.trimmed(end)
        elif (
            last and isinstance(node, yaml.CollectionNode) and not node.flow_style and (last.line, last.column) >= begin
        ):
            # PyYAML ends a block where the next one begins; an alias at its end is written above it.
            line, column = last.end_line or line, last.end_column or column
        return Location(self.path, *begin, line, column)

    def trimmed(self, end: yaml.Mark) -> tuple[int, int]:
        """Return the place behind the last character before `end` that is not white space."""
        index = end.index
        while index and self.text[index - 1].isspace():
            index -= 1
        line = end.line + 1 + self.above - self.text.count("\n", index, end.index)
        return line, index - self.text.rfind("\n", 0, index)

    def unknown_tag(self, node: yaml.Node) -> DocumentError:
        return self.error(node, f"unknown tag '{node.tag.replace(_STANDARD, '!!')}'", "Remove it.")

    def error(self, node: yaml.Node, problem: str, hint: str = "") -> DocumentError:
        return DocumentError(self.path, *_place(node.start_mark, self.above), problem, hint)


def _place(mark: yaml.Mark | None, above: int = 0) -> tuple[int, int]:
    return (mark.line + 1 + above, mark.column + 1) if mark else (0, 0)


def _position(text: str, index: int, above: int = 0) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1 + above, index - text.rfind("\n", 0, index)


def _too_deep(path: str, mark: yaml.Mark | None, above: int = 0) -> DocumentError:
    return DocumentError(path, *_place(mark, above), f"nested deeper than {MAX_DEPTH} levels")
