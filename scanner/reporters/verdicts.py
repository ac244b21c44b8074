"""What every format has to tell: the findings, and as findings of a rule of its own what the scan did not see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from scanner.finding import Finding, Report, RuleSummary, Severity, Status
from scanner.model import Location, Resource, guard
from scanner.reporters.gaps import COVERAGE_GAP, Gap, gaps_of
from scanner.reporters.limits import narrowed

NARROWED = RuleSummary("report-narrowed", "The report holds every verdict", Severity.INFO, (), "", "", (), {}, {})
"""The rule that what a report leaves out is a finding of."""


def verdicts(report: Report) -> Iterator[Finding]:
    """Yield the findings of a report in its order, then one that is `unknown` for each gap of its coverage."""
    yield from report.findings
    for source in ("live", "iac"):
        yield from map(_finding, gaps_of(report, source))


def narrowing(report: Report) -> Iterator[Finding]:
    """Yield a verdict that is `unknown` and counts those that a report leaves out, if it leaves out any."""
    if report.not_shown:
        about = Resource("Regionproof::Report", "regionproof", "regionproof", None, None, guard({}))
        said = f"{narrowed(report)}: this is a part of the verdicts and says nothing about the rest."
        yield Finding(NARROWED.id, Status.UNKNOWN, NARROWED.severity, about, said, fingerprint=NARROWED.id)


def rules_of(report: Report) -> dict[str, RuleSummary]:
    """Return the rule of every verdict, by id; of one that the report does not list, only the id is known."""
    rules = {COVERAGE_GAP.id: COVERAGE_GAP, NARROWED.id: NARROWED, **{rule.id: rule for rule in report.rules}}
    former = report.baseline.former if report.baseline else ()
    for finding in chain(report.findings, (each.finding for each in former)):
        if finding.rule_id not in rules:
            rules[finding.rule_id] = _unknown_rule(finding)
    return rules


def is_gap(finding: Finding) -> bool:
    """Tell whether a verdict is about coverage."""
    return finding.rule_id == COVERAGE_GAP.id


def is_open(finding: Finding) -> bool:
    """Tell whether a verdict is a failure that nobody decided to live with."""
    return finding.status is Status.FAIL and finding.exemption is None


def is_wanting(finding: Finding) -> bool:
    """Tell whether a verdict asks somebody to do something: to mend it, or to let it be seen."""
    return finding.status in (Status.FAIL, Status.UNKNOWN)


def shown_severity(finding: Finding) -> Severity:
    """Return how bad a verdict is: what passes or does not apply is no more than information."""
    return finding.severity if is_wanting(finding) else Severity.INFO


def _unknown_rule(finding: Finding) -> RuleSummary:
    return RuleSummary(finding.rule_id, finding.rule_id, finding.severity, (), "", "", (), {}, {})


def _finding(gap: Gap) -> Finding:
    row = gap.rows[0]
    if gap.is_file:
        where = {"": Location(row.operation, 1)}
        about = Resource("Regionproof::Coverage::File", row.operation, row.operation, None, None, guard({}), {}, where)
    else:
        id = f"aws://{row.account}/{row.region}/{row.service}"
        operations = tuple(each.operation for each in gap.rows)
        place = (row.account or None, row.region or None)
        about = Resource("Regionproof::Coverage::Service", id, row.service, *place, guard({}), operations=operations)
    message, severity = f"{gap.message}.", COVERAGE_GAP.severity
    return Finding(COVERAGE_GAP.id, Status.UNKNOWN, severity, about, message, fingerprint=gap.fingerprint)
