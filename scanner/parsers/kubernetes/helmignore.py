"""Which files of a chart Helm passes over: those that `.helmignore` names.

https://helm.sh/docs/chart_template_guide/helm_ignore_file/ says how its patterns differ from those of git.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class _Pattern:
    expression: re.Pattern[str]
    negated: bool
    folders: bool
    by_name: bool

    def matches(self, path: str) -> bool:
        return self.expression.fullmatch(path.rpartition("/")[2] if self.by_name else path) is not None

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        if self.negated:
            return (self.folders and not is_folder) or not self.matches(path)
        return (is_folder or not self.folders) and self.matches(path)


class Ignored:
    """The files that a `.helmignore` leaves out."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()] + ["templates/.?*"]
        self._patterns: Sequence[_Pattern] = [_pattern(line) for line in lines if line and not line.startswith("#")]

    def __contains__(self, path: str) -> bool:
        """Tell whether a file is left out, or a folder around it; its path is relative to the chart."""
        parts = path.split("/")
        return any(
            pattern.ignores("/".join(parts[:depth]), is_folder=depth < len(parts))
            for depth in range(1, len(parts) + 1)
            for pattern in self._patterns
        )


def _pattern(line: str) -> _Pattern:
    negated, line = line.startswith("!"), line.removeprefix("!")
    folders, line = line.endswith("/"), line.removesuffix("/")
    by_name = "/" not in line
    try:
        expression = re.compile(_expression(line.removeprefix("/")))
    except re.error:  # a set whose end is before its beginning
        expression = re.compile("(?!)")
    return _Pattern(expression, negated, folders, by_name)


def _expression(glob: str) -> str:
    """Return a regular expression for a pattern of Go's `filepath.Match`; a set that is not closed matches nothing.

    What a star stands for ends where what is behind it first fits, so that no pattern takes long.
    """
    first, *others = [_fixed(part) for part in re.split(r"(?<!\\)\*+", glob)]
    if not others:
        return first
    return first + "".join(f"(?>[^/]*?{part})" for part in others[:-1]) + f"[^/]*{others[-1]}"


def _fixed(part: str) -> str:
    made = ""
    for each in re.findall(r"\[\^?[^]\[]+\]|\\.|.", part, re.DOTALL):
        if each == "?":
            made += "[^/]"
        elif len(each) > 1 and each[0] == "[":
            inner = re.escape(each[1:-1].removeprefix("^")).replace(r"\-", "-")
            made += f"[{'^' if each[1] == '^' else ''}{inner}]"
        else:
            made += re.escape(each[-1])
    return made
