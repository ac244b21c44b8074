"""Laying out text for a terminal: wrapping that keeps identifiers whole, aligned columns, colour."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scanner.reporters.text import ascii_only, cut, printable

_BREAKS = re.compile(r".*[/:@,.-]")
_STYLES = {"bold": "1", "dim": "2", "red": "1;31", "yellow": "1;33", "cyan": "1;36", "green": "1;32"}
_LONGEST = 2000
NARROWEST = 48


@dataclass(frozen=True)
class Page:
    """How wide the terminal is, and what it can show."""

    width: int
    color: bool
    unicode: bool

    def clean(self, text: str) -> str:
        """Return one line of text that cannot steer the terminal."""
        line = cut(" ".join(printable(text[: 2 * _LONGEST]).split()), _LONGEST)
        return line if self.unicode else ascii_only(line)

    def sign(self, unicode: str, ascii: str) -> str:
        """Return one of two spellings of a sign of our own."""
        return unicode if self.unicode else ascii

    def styled(self, text: str, style: str) -> str:
        """Return text in a style, if colours are wanted."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color else text

    def wrapped(self, text: str, indent: int = 0, label: str = "") -> list[str]:
        """Return cleaned text as lines of the page, to the right of a label."""
        margin = indent + len(label)
        lines = wrap(self.clean(text), self.width - margin)
        return [f"{' ' * margin if at else ' ' * indent + label}{line}" for at, line in enumerate(lines)]

    def columns(self, rows: Sequence[Sequence[str]], indent: int, right: Iterable[int] = ()) -> list[str]:
        """Return rows (at least one) of clean cells; the last column is wrapped to what room is left."""
        from tabulate import tabulate

        taken = sum(max(len(row[at]) for row in rows) + 2 for at in range(len(rows[0]) - 1))
        cells = [[*row[:-1], "\n".join(wrap(row[-1], self.width - indent - taken))] for row in rows]
        align = ["right" if at in set(right) else "left" for at in range(len(rows[0]))]
        text = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=align)
        return [f"{' ' * indent}{line}".rstrip() for line in text.splitlines()]


def wrap(text: str, width: int) -> list[str]:
    """Return text as lines of at most `width` characters.

    A word longer than a line is broken after a separator, and only where there is none, anywhere.
    """
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [piece for line in lines for piece in _pieces(line, width)] or [""]


def _pieces(line: str, width: int) -> list[str]:
    found = []
    while len(line) > width:
        match = _BREAKS.match(line[:width])
        at = match.end() if match else width
        found.append(line[:at])
        line = line[at:]
    return [*found, line]
