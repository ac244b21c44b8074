"""Laying out text for a terminal: wrapping that keeps identifiers whole, aligned columns, colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scanner.reporters.text import ascii_only, cut, printable

_SEPARATORS = "@/:-,."  # of images, ARNs and digests, the best place for a break first
_STYLES = {"bold": "1", "dim": "2", "red": "1;31", "yellow": "1;33", "cyan": "1;36", "green": "1;32"}
_LONGEST = 2000
NARROWEST = 48
_NARROWEST_COLUMN = 12


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
        """Return rows (at least one) of clean cells; the last column is wrapped to what room is left.

        It stands below the others if hardly any is left.
        """
        from tabulate import tabulate

        taken = sum(max(len(row[at]) for row in rows) + 2 for at in range(len(rows[0]) - 1))
        room = self.width - indent - taken
        beside = room >= _NARROWEST_COLUMN
        cells = [[*row[:-1], *(["\n".join(wrap(row[-1], room))] if beside else [])] for row in rows]
        align = ["right" if at in set(right) else "left" for at in range(len(cells[0]))]
        lines = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=align).splitlines()
        if not beside:
            pairs = zip(lines, (row[-1] for row in rows), strict=True)
            lines = [line for pair in pairs for line in self._below(*pair, self.width - indent)]
        return [f"{' ' * indent}{line}".rstrip() for line in lines]

    def _below(self, line: str, cell: str, width: int) -> list[str]:
        head = [line] if len(line) <= width else wrap(line, width)
        return [*head, *(f"  {part}" for part in wrap(cell, width - 2))]


def wrap(text: str, width: int) -> list[str]:
    """Return text as lines of at most `width` characters.

    A word longer than a line begins one, and is broken after a separator; only where there is none, anywhere.
    """
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, width)
    return lines[1:] or lines


def _pieces(word: str, width: int) -> list[str]:
    found = []
    while len(word) > width:
        ends = (word.rfind(separator, 0, width) + 1 for separator in _SEPARATORS)
        at = next(filter(None, ends), width)
        found.append(word[:at])
        word = word[at:]
    return [*found, word]
