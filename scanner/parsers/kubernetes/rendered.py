"""Text that templates gave, with the places in files where its parts are written."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.documents import Document
from scanner.guarded import Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.golang import OPEN, TOKEN

Origin = tuple[str, int | Location]
"""The path of a file with an offset in it, at which text stands as it does in the result; or the place of an action."""


class Tree(dict[str, Any]):
    """An object of values, with where each of its members is written.

    `open` is why nobody can say which others it has, empty if it has none.
    """

    def __init__(self, members: Mapping[str, Any], where: Mapping[str, Location], open: str = "") -> None:
        super().__init__(members)
        self.where, self.open = dict(where), open


@dataclass
class Rendered:
    """What a template gives: its text, where each part of it is written, and what is in doubt.

    `doubts` are (line of the text, reason), `absent` are (location, reason, kinds) of documents of which nobody knows
    whether they are there.
    """

    text: str
    starts: list[int]
    origins: list[Origin]
    unknowns: Sequence[str]
    doubts: list[tuple[int, str]]
    absent: list[tuple[Location, str, tuple[str, ...]]]

    def doubt(self, line: int) -> str | None:
        """Return why the document that begins on a line is in doubt, None if it is not."""
        separators = [self.text.count("\n", 0, at.start()) + 1 for at in re.finditer("^---", self.text, re.MULTILINE)]
        own = bisect_right(separators, line)
        return next((reason for at, reason in self.doubts if bisect_right(separators, at) == own), None)


class Places:
    """Where the parts of a rendered text are written."""

    def __init__(self, rendered: Rendered, texts: Mapping[str, str]) -> None:
        self._rendered, self._texts = rendered, texts
        self._lines = [0, *(match.end() for match in re.finditer("\n", rendered.text))]

    def of(self, location: Location) -> Location:
        """Return the place in a file for a place in the text."""
        at = self._lines[min(location.line, len(self._lines)) - 1] + location.column - 1
        text = self._rendered.text
        while at < len(text) and text[at] in "\"'":  # what is quoted is written behind the quote
            at += 1
        number = bisect_right(self._rendered.starts, at) - 1
        if number < 0:
            return Location(location.path, 1)
        path, origin = self._rendered.origins[number]
        if isinstance(origin, Location):
            return origin
        offset, source = origin + at - self._rendered.starts[number], self._texts[path]
        return Location(path, source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset))


def resolved(document: Document, rendered: Rendered, texts: Mapping[str, str]) -> tuple[Document, Any]:
    """Return a document of rendered text with what is not known in it, and where its values are written in files.

    Then what is written in it, where a block of which nobody knows whether it is there may say more; else None.
    """
    places = Places(rendered, texts)
    value = _with_unknowns(document.value, rendered.unknowns)
    written = None
    doubt = rendered.doubt(document.locations[""].line) if rendered.doubts else None
    if doubt and isinstance(value, dict) and "kind" in value:
        value, written = {**value, "spec": Unknown(doubt)}, value
    locations = {at: places.of(where) for at, where in document.locations.items()}
    return Document(value, locations), written


def _with_unknowns(value: Any, unknowns: Sequence[str]) -> Any:
    if isinstance(value, str):
        return unknown(value, unknowns) if OPEN in value else value
    if isinstance(value, dict):
        return {key: _with_unknowns(each, unknowns) for key, each in value.items()}
    return [_with_unknowns(each, unknowns) for each in value] if isinstance(value, list) else value


def unknown(text: str, unknowns: Sequence[str]) -> Unknown:
    """Return why a text is not known that has a token in it."""
    match = TOKEN.search(text)
    number = int(match[1][:9]) if match else -1
    return Unknown(unknowns[number] if 0 <= number < len(unknowns) else "it cannot be told")
