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
    return _Pattern(re.compile(_expression(line.removeprefix("/"))), negated, folders, by_name)


def _expression(glob: str) -> str:
    """Return a regular expression for a pattern of Go's `filepath.Match`; a set that is not closed matches nothing."""
    made = ""
    for part in re.findall(r"\[\^?[^]\[]+\]|\\.|.", glob, re.DOTALL):
        if part in "*?":
            made += "[^/]" + part.replace("?", "")
        elif len(part) > 1 and part[0] == "[":
            inner = re.escape(part[1:-1].removeprefix("^")).replace(r"\-", "-")
            made += f"[{'^' if part[1] == '^' else ''}{inner}]"
        else:
            made += re.escape(part[-1])
    return made
