"""Exemptions that stand beside what they exempt, in infrastructure code.

    # regionproof:ignore=<rule>[,<rule>] until=2027-03-01 reason=<words> [owner=<words>]

is a comment on the line of a resource or of a property, or above it.  The parser of a format says which lines those
are and how far each thing reaches (`Span`); everything here is about text.  What cannot be understood exempts nothing
and is said with its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from scanner.finding import Exemption
from scanner.model import Location

MARK = b"regionproof"
"""A file without it has none."""

_COMMENT = re.compile(r"(?:^|\s)((?:#|//)\s*regionproof\s*:\s*ignore\b\s*)(.*)$", re.IGNORECASE)
_LINE_OF_COMMENT = re.compile(r"\s*(?:#|//)")
_RULE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_KEY = re.compile(r"(?:^|\s)(until|reason|owner)=")
_KEYS = ("rule", "until", "reason", "owner")


@dataclass(frozen=True)
class Span:
    """Something that can be exempted: its name in reports, the lines it may be named on, and how far it reaches.

    Of two things that are named on one line, that of the lesser `depth` is meant.
    """

    name: str
    lines: frozenset[int]
    depth: int
    location: Location


@dataclass(frozen=True)
class Problem:
    """An exemption that cannot be understood."""

    where: Location
    message: str

    def __str__(self) -> str:
        return f"{self.where.path}:{self.where.line}: regionproof:ignore: {self.message}"


@dataclass(frozen=True)
class _Comment:
    line: int
    where: Location
    exemptions: tuple[Mapping[str, Any], ...]


def in_comments(text: str, path: str, spans: Callable[[], Iterable[Span]]) -> Iterator[Exemption | Problem]:
    """Return the exemptions that comments declare; `spans` is asked only if there are any."""
    found = list(_comments(text.splitlines(), path))
    there = list(spans()) if any(isinstance(one, _Comment) for one in found) else []
    for one in found:
        if isinstance(one, Problem):
            yield one
            continue
        named = [span for span in there if one.line in span.lines]
        outermost = [span for span in named if span.depth == min(each.depth for each in named)]
        if len(outermost) > 1:
            names = " and ".join(f"'{span.name}'" for span in outermost[:2])
            yield Problem(one.where, f"{names} begin on one line; which is meant?")
            continue
        name, reach = (outermost[0].name, outermost[0].location) if outermost else (None, None)
        read = [exemption(entry, one.where, name, reach) for entry in one.exemptions]
        yield from [each for each in read if isinstance(each, Problem)][:1] or read


def exemption(entry: Any, where: Location, name: str | None, reach: Location | None) -> Exemption | Problem:
    """Return one exemption from its keys `rule`, `until`, `reason`, `owner`; with nothing in reach it is unused."""
    problem = _problem(entry)
    if problem:
        return Problem(where, problem)
    nothing = Location(where.path, where.line, where.column, where.line, where.column)
    resource = name if name is not None and reach is not None else f"{where.path}:{where.line}"
    owner, expires = entry.get("owner") or where.path, date.fromisoformat(entry["until"])
    return Exemption(entry["rule"], resource, entry["reason"], owner, expires, where, reach or nothing)


def line_of_key(lines: Sequence[str], location: Location) -> int:
    """Return the line on which the key of a value is written: the value's own, or the one above it."""
    at = location.line
    if at > len(lines) or lines[at - 1][: location.column - 1].strip():
        return at
    above = (n for n in range(at - 1, 0, -1) if lines[n - 1].strip() and not _LINE_OF_COMMENT.match(lines[n - 1]))
    return next(above, at)


def _comments(lines: Sequence[str], path: str) -> Iterator[_Comment | Problem]:
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        where = Location(path, number, match.start(1) + 1)
        target = number
        while target <= len(lines) and _LINE_OF_COMMENT.match(lines[target - 1]):
            target += 1
        values = _values(match[1], match[2])
        yield Problem(where, values) if isinstance(values, str) else _Comment(target, where, values)


def _values(opening: str, text: str) -> tuple[Mapping[str, Any], ...] | str:
    """Return one entry for each rule that a comment names, or why it cannot be read."""
    if not re.fullmatch(r"(?:#|//)\s*regionproof:ignore", opening) or not text.startswith("="):
        return "it is written regionproof:ignore=<rule>, without blanks"
    return entries(text[1:])


def entries(text: str) -> tuple[Mapping[str, Any], ...] | str:
    """Return what `exemption` takes for each rule in `<rule>[,<rule>] until=...`, or why that cannot be read."""
    rules, _, rest = text.partition(" ")
    before, *pairs = _KEY.split(rest)
    if before.strip():
        return f"'{before.strip()}' stands before until=, reason= or owner="
    keys = pairs[::2]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        return f"{twice}= is there twice"
    given = {key: _unquoted(value.strip()) for key, value in zip(keys, pairs[1::2], strict=True)}
    return tuple({"rule": rule, **given} for rule in rules.split(","))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _problem(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "an entry is an object of rule, until, reason and owner"
    if unknown := next((key for key in entry if key not in _KEYS), None):
        return f"unknown key '{unknown}'; known are {', '.join(_KEYS)}"
    for key in _KEYS:
        value = entry.get(key)
        if (key != "owner" and key not in entry) or value == "":
            return f"{key} is missing"
        if key in entry and not isinstance(value, str):
            return f"{key} is not text"
    if not _RULE.fullmatch(entry["rule"]):
        return f"'{entry['rule']}' is not the id of a rule"
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", entry["until"]):
            raise ValueError
        date.fromisoformat(entry["until"])
    except ValueError:
        return f"until is '{entry['until']}'; a day such as 2027-03-01 was expected"
    return None
