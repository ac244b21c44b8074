"""Regular expressions of Go (RE2), as far as Python's mean the same and end in time; the rest is left undecided."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from scanner.parsers.terraform.values import MAX_TEXT, Mistake, Undecided

_LONGEST = 1000
_MOST_STEPS = 10_000_000
_TOKEN = re.compile(
    r"\\[^\n]|\[\^?\]?(?:\\.|\[:|[^\]\\])*\]|\((?:\?(?:P?<\w+>|:))?|\)(?P<r1>[*+?]|\{\d+(?:,\d*)?\})?\??"
    r"|(?P<r2>[*+]|\{\d+,?\d*\})\??|\?\??|[^\\]",
    re.S,
)
_SAFE_ESCAPES = set("dDwWsSbBAznrtfv")
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


class _Shape:
    """What a pattern is made of, as far as it says how long matching may take."""

    def __init__(self) -> None:
        self.repeats = self.choices = 0
        self.nested = False
        self._groups = [0]

    def add(self, token: str, quantifier: str | None) -> None:
        """Count a token, and note a repeated group in which there is more than one way to go."""
        again = _repeats(quantifier)
        self.repeats += again
        choice = int(token[0] in "?|" or (quantifier or "").startswith("?"))
        self.choices += choice
        if token[0] == "(":
            self._groups.append(0)
        elif token[0] == ")":
            inner = self._groups.pop() if len(self._groups) > 1 else 0
            self.nested = self.nested or bool(again and inner)
            self._groups[-1] += inner + again + choice
        else:
            self._groups[-1] += again + choice

    def steps(self, length: int, *, anchored: bool) -> int:
        """Return about how many steps a text of that length may take; an absurd number where that is not bounded."""
        if self.nested:
            return 1 << min(length, 100)
        ways = self.repeats + (not anchored)
        return math.prod([length + 1] * ways) * (1 << self.choices) // math.factorial(ways)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], _Shape]:
    if len(pattern) > _LONGEST:
        raise Undecided("the regular expression is too long")
    made, shape, at, quantified = [], _Shape(), 0, False
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise Mistake("the regular expression is not valid")
        token, at = found[0], found.end()
        quantifier = found["r1"] or found["r2"] or ("?" if token[0] == "?" else None)
        if token[0] == "(" and len(token) == 1 and pattern.startswith("?", at):
            raise Undecided("flags of a regular expression are not worked out")
        if quantified and quantifier and token[0] != ")":
            raise Mistake("a quantifier in the regular expression follows another one")
        quantified = quantifier is not None
        shape.add(token, quantifier)
        made.append(_translated(token))
    try:
        return re.compile("".join(made), re.ASCII), shape
    except (re.error, OverflowError, RecursionError):
        raise Undecided("the regular expression is not understood") from None


def _repeats(quantifier: str | None) -> int:
    return int(quantifier is not None and quantifier not in ("?", "{0}", "{1}", "{0,1}"))


def _translated(token: str) -> str:
    """Return what Python writes for a token of Go's; raise `Undecided` where the two may differ."""
    if token in ("$", r"\z"):
        return r"\Z"
    if token[0] == "{":
        return r"\{"
    if token[0] == "\\" and token[1].isalnum() and token[1] not in _SAFE_ESCAPES:
        raise Undecided(f"'{token}' in a regular expression is not worked out")
    if token[0] == "[" and ("[" in token[1:] or any(twice in token for twice in ("--", "&&", "||", "~~"))):
        raise Undecided("a class in a regular expression is not worked out")
    return "(?P<" + token[3:] if token.startswith("(?<") else token


def _ready(pattern: str, text: str) -> re.Pattern[str]:
    compiled, shape = _compiled(pattern)
    if shape.steps(len(text), anchored=pattern.startswith("^")) > _MOST_STEPS:
        raise Undecided("the regular expression may take too long")
    return compiled


def _value(found: re.Match[str]) -> Any:
    if not found.re.groups:
        return found[0]
    if not found.re.groupindex:
        return list(found.groups())
    if len(found.re.groupindex) < found.re.groups:
        raise Mistake("the regular expression has groups with names and without")
    return found.groupdict()


def first(pattern: str, text: str) -> Any:
    """Return what the first match is worth: text, or what its groups hold; None if nothing matches."""
    found = _ready(pattern, text).search(text)
    return None if found is None else _value(found)


def _matches(pattern: str, text: str) -> Iterator[re.Match[str]]:
    """Yield matches as Go counts them: an empty one right after another is none."""
    end = -1
    for found in _ready(pattern, text).finditer(text):
        if found.end() > found.start() or found.start() != end:
            yield found
        end = found.end()


def all_of(pattern: str, text: str) -> list[Any]:
    """Return what each match is worth."""
    return [_value(found) for found in _matches(pattern, text)]


def replaced(pattern: str, by: str, text: str) -> str:
    """Return text with each match replaced; `$1`, `${name}` and `$$` in the replacement are filled in."""
    made, last, size = [], 0, 0
    for found in _matches(pattern, text):
        filled = _REFERENCE.sub(lambda reference: _referred(reference, found), by)  # noqa: B023 - called at once
        made += [text[last : found.start()], filled]
        last, size = found.end(), size + len(filled)
        if size > MAX_TEXT:
            raise Undecided("the text is too long")
    return "".join([*made, text[last:]])


def _referred(reference: re.Match[str], found: re.Match[str]) -> str:
    if reference[1]:
        return "$"
    name = reference[2] or reference[3]
    group: str | int = int(name) if name.isdigit() and len(name) < 4 else name
    known = group in found.re.groupindex if isinstance(group, str) else group <= found.re.groups
    return (found[group] or "") if known else ""
