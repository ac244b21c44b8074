"""A drill for a person at a terminal: what does not recover, and which link breaks first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from scanner.drill import DrillReport
from scanner.outcome import Outcome, Recovery
from scanner.reporters.text import inert


def write(report: DrillReport, out: TextIO, *, width: int = 80, color: bool = False, unicode: bool = True) -> None:  # noqa: ARG001
    """Write a drill as text."""
    for line in _lines(report):
        out.write(f"{inert(line)}\n")


def _lines(report: DrillReport) -> Iterator[str]:
    counts = Counter(recovery.outcome for recovery in report.drill.recoveries)
    yield f"Without {report.drill.loss}: " + ", ".join(f"{counts[each]} {each}" for each in Outcome)
    for recovery in report.drill.recoveries:
        yield from _recovery(recovery)


def _recovery(recovery: Recovery) -> Iterator[str]:
    link = recovery.broken or next(iter(recovery.unknown), None)
    yield f"{recovery.outcome}: {recovery.name} -> {recovery.standby}"
    yield f"  {link.link}: {recovery.reason}" if link else f"  {recovery.reason}"
