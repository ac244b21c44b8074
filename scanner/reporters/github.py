"""The worst of a report as workflow commands: annotations that GitHub shows beside the changed lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from scanner.finding import Finding, Report, Severity
from scanner.reporters.limits import limits
from scanner.reporters.text import cut, inert, printable, sentence
from scanner.reporters.verdicts import is_gap, is_open, verdicts

_PER_LEVEL = 10
"""GitHub shows ten annotations of a level for each step, and says nothing of the rest; 50 for a job."""
_FIRST_GAPS = 3
"""How many gaps stand before the failures of their level, so that not all of them can be lost."""
_TITLE, _MESSAGE, _PATH = 200, 1_000, 1_000
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def write(report: Report, out: TextIO) -> None:
    """Write gaps and open failures, worst first; of each level the last says how many more there are.

    What limits the report comes first: what it leaves out, and how it compares with the baseline.
    """
    titles = {rule.id: rule.title for rule in report.rules}
    levels: dict[str, list[Finding]] = {"error": [], "warning": [], "notice": []}
    gaps = [finding for finding in verdicts(report) if is_gap(finding)]
    failures = sorted(filter(is_open, report.findings), key=lambda finding: finding.severity.rank)
    for finding in (*gaps[:_FIRST_GAPS], *failures, *gaps[_FIRST_GAPS:]):
        levels[_LEVELS[finding.severity]].append(finding)
    notes = [*limits(report, about_pairs=False)]
    for note in notes:
        out.write(f"::notice title=regionproof::{_data(note)}\n")
    for level, found in levels.items():
        _write_level(level, found, titles, out, _PER_LEVEL - (len(notes) if level == "notice" else 0))


def _write_level(level: str, found: Sequence[Finding], titles: dict[str, str], out: TextIO, most: int) -> None:
    shown = found if len(found) <= most else found[: most - 1]
    for finding in shown:
        name = finding.resource.name or finding.resource.id
        title, text = f"{finding.severity.value}: {titles.get(finding.rule_id, '')}", f"{name}: {finding.message}"
        if is_gap(finding):
            title, text = "not seen", finding.message
        out.write(f"::{level} {_where(finding)}title={_property(title, _TITLE)}::{_data(text)}\n")
    if len(found) > len(shown):
        text = f"{len(found) - len(shown):,} more, which the other reports show."
        out.write(f"::{level} title=regionproof::{_data(text)}\n")


def _where(finding: Finding) -> str:
    where = finding.cause or finding.location  # a change shows its own lines alone
    if where is None:
        return ""
    end = f"endLine={where.end_line}," if where.end_line and where.end_line >= where.line else ""
    return f"file={_property(where.path, _PATH)},line={where.line},{end}"


def _data(text: str) -> str:
    return _escaped(inert(sentence(text, _MESSAGE)))


def _property(text: str, limit: int) -> str:
    line = inert(cut(printable(text[: 2 * limit]).strip(), limit))
    return _escaped(line).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
