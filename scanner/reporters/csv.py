"""The findings as a table for spreadsheets: one row a verdict, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
from typing import TextIO

from scanner.finding import Finding, Report, RuleSummary
from scanner.reporters.text import cut, inert, printable
from scanner.reporters.verdicts import rules_of, verdicts

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
    for finding in verdicts(report):
        rows.writerow([_cell(value) for value in _row(finding, rules[finding.rule_id])])


def _row(finding: Finding, rule: RuleSummary) -> tuple[str | int | None, ...]:
    resource, standby, exemption, where = finding.resource, finding.counterpart, finding.exemption, finding.location
    exists = {True: "yes", False: "no", None: "not seen"}
    return (
        finding.status.value,
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
