"""What a scan did not see, put together as readers of findings want it: by account, Region and service, or by file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from scanner.finding import Coverage, Report, RuleSummary, Severity
from scanner.reporters.text import cut, printable

COVERAGE_GAP = RuleSummary(
    id="coverage-gap",
    title="Everything the scan asked for was answered",
    severity=Severity.MEDIUM,
    resource=(),
    rationale="What was not seen can neither pass nor fail.  A scan with gaps must not look like a clean one.",
    remediation="Grant the scanner the calls that were denied, repeat those that were throttled, and repair the files"
    " that could not be read.  `regionproof permissions` prints the IAM policy that the scan needs.",
    references=(),
    controls={},
    parameters={},
)
"""The rule that gaps are findings of."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class Gap:
    """What one service in one account and Region did not answer, or one file."""

    rows: tuple[Coverage, ...]
    asked: int

    @property
    def is_file(self) -> bool:
        """Tell whether this is a file."""
        return self.rows[0].service == "file"

    @property
    def fingerprint(self) -> str:
        """Return 32 hex digits that identify this gap from scan to scan."""
        name = "\0".join((COVERAGE_GAP.id, *_unit(self.rows[0])))
        return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def message(self) -> str:
        """Return what was not answered, and why."""
        row = self.rows[0]
        if self.is_file:
            return f"'{short(row.operation)}' was not read in full: {short(row.message) or errors_of(row)}"
        named = "; ".join(f"'{each.operation}' ({errors_of(each)})" for each in self.rows[:_MOST_NAMED])
        more = f"; and {len(self.rows) - _MOST_NAMED} more" if len(self.rows) > _MOST_NAMED else ""
        where = f"'{row.service}' in account '{row.account}', Region '{row.region}'"
        verb = "was" if len(self.rows) == 1 else "were"
        return f"{len(self.rows)} of {self.asked} operations of {where} {verb} not answered in full: {named}{more}"

    @property
    def properties(self) -> dict[str, Any]:
        """Return the gap as data."""
        row = self.rows[0]
        properties = {
            "regionproof/account": row.account,
            "regionproof/region": row.region,
            "regionproof/service": row.service,
            "regionproof/operations": [printable(each.operation) for each in self.rows],
        }
        return {key: value for key, value in properties.items() if value}


def gaps_of(report: Report, source: str) -> Iterator[Gap]:
    """Return the gaps of a source: one for each account, Region and service, or for each file."""
    for (_, _, service, _), group in groupby(rows_of(report, source), key=_unit):
        rows = tuple(group)
        missing = tuple(row for row in rows if row.missed)
        if missing:
            yield Gap(missing, 1 if service == "file" else sum(row.asked for row in rows))


def rows_of(report: Report, source: str) -> list[Coverage]:
    """Return the coverage of a source, in order: `iac` is files, `live` is all else."""
    return sorted(row for row in report.coverage if (row.service == "file") == (source == "iac"))


def _unit(row: Coverage) -> tuple[str, str, str, str]:
    return (row.account, row.region, row.service, row.operation if row.service == "file" else "")


def errors_of(row: Coverage) -> str:
    """Return the error codes of a row of coverage and how often each came; its status if it has none."""
    named = (f"'{short(code)}'{f' {count} times' if count > 1 else ''}" for code, count in sorted(row.errors))
    return ", ".join(named) or row.status


def short(text: str) -> str:
    """Return a name or a text of others as one line that steers nothing and is not long."""
    return cut(printable(text[:1024]), 512)
