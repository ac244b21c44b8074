"""The findings as a table for spreadsheets: one row a verdict, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from scanner.finding import Finding, Report, RuleSummary
from scanner.reporters.former import absent, verdict
from scanner.reporters.text import cut, inert, printable
from scanner.reporters.verdicts import narrowing, rules_of, verdicts

COLUMNS = (
    "status",
    "severity",
    "rule_id",
    "rule_title",
    "account_id",
    "region",
    "resource_type",
    "resource_name",
    "resource_id",
    "standby_account_id",
    "standby_region",
    "standby_exists",
    "message",
    "file",
    "line",
    "source",
    "origin",
    "baseline_state",
    "exempted_until",
    "exemption_owner",
    "exemption_reason",
    "controls",
    "fingerprint",
)
_LONGEST = 32_000
"""A spreadsheet takes 32,767 characters in a cell."""
_FORMULA = tuple(
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
"""What a spreadsheet takes for the beginning of a formula; tabs and line ends are blanks already."""


def write(report: Report, out: TextIO) -> None:
    """Write a report as CSV: commas, CRLF, texts in quotes, so that account ids can be read as the text they are."""
    rows = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(COLUMNS)
    rules = rules_of(report)
    for status, finding in _told(report):
        rows.writerow([_cell(value) for value in _row(status, finding, rules[finding.rule_id])])


def _told(report: Report) -> Iterator[tuple[str, Finding]]:
    """Yield what is a row, and its status; of a failure of the baseline that is none now, that is what became of it."""
    for finding in chain(verdicts(report), narrowing(report)):
        yield finding.status.value, finding
    for former in absent(report):
        yield former.fate.value, verdict(former)


def _row(status: str, finding: Finding, rule: RuleSummary) -> tuple[str | int | None, ...]:
    resource, standby, exemption, where = finding.resource, finding.counterpart, finding.exemption, finding.location
    exists = {True: "yes", False: "no", None: "not seen"}
    return (
        status,
        finding.severity.value,
        finding.rule_id,
        rule.title,
        resource.account,
        resource.region,
        resource.type,
        resource.name,
        resource.id,
        standby.account if standby else None,
        standby.region if standby else None,
        exists[standby.exists] if standby else None,
        finding.message,
        where.path if where else None,
        where.line if where else None,
        finding.source,
        finding.origin.value if finding.origin else None,
        finding.baseline_state.value if finding.baseline_state else None,
        exemption.expires.isoformat() if exemption else None,
        exemption.owner if exemption else None,
        exemption.reason if exemption else None,
        "; ".join(f"{framework}/{id}" for framework, ids in sorted(rule.controls.items()) for id in ids),
        finding.fingerprint,
    )


def _cell(value: str | int | None) -> str | int:
    if value is None or isinstance(value, int):
        return "" if value is None else value
    text = inert(cut(printable(value[: 2 * _LONGEST]).strip(), _LONGEST))
    return f"'{text}" if text.startswith(_FORMULA) else text
