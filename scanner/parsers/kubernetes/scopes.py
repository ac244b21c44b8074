"""What stands around the nodes of a template while it is rendered: templates, variables and what is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanner.guarded import InsufficientData, Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.gotemplate import Block, Pipeline
from scanner.parsers.kubernetes.rendered import Origin


class Undecidable(Exception):
    """What a template gives cannot be told at all.  The text is a clause."""


class Changed(Undecidable):
    """A template changes what the others read, too."""


@dataclass(frozen=True)
class Template:
    """A template: its nodes, and the file that it stands in."""

    nodes: Sequence[Any]
    path: str
    text: str

    def locate(self, at: int) -> Location:
        """Return the place of an offset."""
        return Location(self.path, self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at))


@dataclass
class Scope:
    """The dot, the root and the variables at a place in a template, and what is around it."""

    dot: Any
    root: Any
    variables: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, name: str) -> Scope | None:
        """Return the scope in which a variable is, None if it is set nowhere."""
        scope: Scope | None = self
        while scope is not None and name not in scope.variables:
            scope = scope.outer
        return scope

    def inner(self, dot: Any) -> Scope:
        """Return a scope inside of it."""
        return Scope(dot, self.root, {}, self)


@dataclass
class Output:
    """Text that is written, with where each part of it comes from."""

    parts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    length: int = 0

    def add(self, text: str, origin: Origin) -> None:
        """Write text."""
        self.parts.append(text)
        self.starts.append(self.length)
        self.origins.append(origin)
        self.length += len(text)


def must_be_whole(value: Any) -> None:
    """Raise `InsufficientData` for an object of which nobody knows the members."""
    if isinstance(value, Unknown) or (reason := getattr(value, "open", "")):
        raise InsufficientData(value.reason if isinstance(value, Unknown) else reason)


def assigned(nodes: Sequence[Any]) -> Iterator[str]:
    """Yield the variables that nodes set and did not make."""
    for node in nodes:
        if isinstance(node, Pipeline) and not node.declares:
            yield from node.targets
        elif isinstance(node, Block):
            for _, body in node.branches:
                yield from assigned(body)
