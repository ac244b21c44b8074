"""The report as JUnit XML, for build servers: a suite for each group of rules, and one for coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TextIO
from xml.etree.ElementTree import Element, SubElement, tostring
from xml.sax.saxutils import quoteattr

from scanner.finding import Coverage, Finding, Report, RuleSummary, Status
from scanner.reporters.gaps import COVERAGE_GAP, gaps_of
from scanner.reporters.text import cut, inert, printable, printable_lines, timestamp
from scanner.reporters.verdicts import rules_of

_NAME, _MESSAGE, _BODY = 512, 2_000, 10_000
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def write(report: Report, out: TextIO) -> None:
    """Write a report as JUnit XML: a failure is a failed test, what could not be decided one that had an error."""
    rules = rules_of(report)
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault(finding.rule_id.partition("-")[0], []).append(finding)
    coverage = _coverage(report)
    outcomes = {name: Counter(map(_outcome, group)) for name, group in sorted(groups.items())}
    outcomes |= {"coverage": outcomes.get("coverage", Counter()) + Counter(map(_coverage_outcome, coverage))}
    when = timestamp(report.as_of).removesuffix("Z")
    out.write("<?xml version='1.0' encoding='UTF-8'?>\n")
    out.write(f"<testsuites{_attributes('regionproof', sum(outcomes.values(), Counter()))}>\n")
    for name, counts in outcomes.items():
        out.write(f"<testsuite{_attributes(name, counts)} timestamp={quoteattr(when)}>\n")
        for finding in groups.get(name, ()):
            _line(out, _case(finding, rules[finding.rule_id]))
        for each in coverage if name == "coverage" else ():
            _line(out, _coverage_case(each))
        out.write("</testsuite>\n")
    out.write("</testsuites>\n")


def _attributes(name: str, counts: Counter[str]) -> str:
    values = {"name": _text(name, _NAME), "tests": counts.total()}
    values |= {attribute: counts[outcome] for attribute, outcome in _COUNTED.items()}
    return "".join(f" {key}={quoteattr(str(value))}" for key, value in (values | {"time": 0}).items())


def _line(out: TextIO, case: Element) -> None:
    out.write(f"{tostring(case, encoding='unicode')}\n")


def _outcome(finding: Finding) -> str:
    if finding.status is Status.FAIL:
        return "skipped" if finding.exemption else "failure"
    return {Status.UNKNOWN: "error", Status.NOT_APPLICABLE: "skipped"}.get(finding.status, "passed")


def _case(finding: Finding, rule: RuleSummary) -> Element:
    resource, standby = finding.resource, finding.counterpart
    there = f" -> {standby.account or ''}{'/' if standby.account else ''}{standby.region}" if standby else ""
    what = (
        f"{finding.rule_id}: {resource.name or resource.id}{there}{f' at {finding.pointer}' if finding.pointer else ''}"
    )
    service = resource.type.lower().removeprefix("aws::").partition("::")[0]
    case = _test(what, (resource.account or "unknown", resource.region or "unknown", service))
    where = finding.location
    if where is not None:
        case.set("file", _text(where.path, _NAME))
        case.set("line", str(where.line))
    outcome, message = _outcome(finding), finding.message
    if finding.exemption:
        until, owner = finding.exemption.expires.isoformat(), finding.exemption.owner
        message = f"Exempted until {until} ({owner}: {finding.exemption.reason}): {message}"
    if outcome != "passed":
        said = SubElement(case, outcome, message=_text(message, _MESSAGE))
        if outcome != "skipped":
            said.set("type", finding.severity.value if outcome == "failure" else "unknown")
            said.text = _body(finding, rule)
    return case


def _body(finding: Finding, rule: RuleSummary) -> str:
    lines = [f"Resource: {_text(finding.resource.id, _MESSAGE)}", f"Found: {_text(finding.message, _MESSAGE)}"]
    if finding.status is Status.FAIL and rule.remediation:
        lines += ["Fix:", *printable_lines(rule.remediation[:_BODY]).splitlines()]
    return "\n".join(map(inert, lines))


def _coverage(report: Report) -> list[tuple[Coverage, str | None]]:
    """Return each service in each account and Region, and each file, with what it did not answer."""
    missed = {_unit(gap.rows[0]): gap.message for source in ("live", "iac") for gap in gaps_of(report, source)}
    units = {_unit(row): row for row in sorted(report.coverage) if row.asked}
    return [(row, missed.get(unit)) for unit, row in sorted(units.items())]


def _unit(row: Coverage) -> tuple[str, str, str, str]:
    return (row.account, row.region, row.service, row.operation if row.service == "file" else "")


def _coverage_outcome(each: tuple[Coverage, str | None]) -> str:
    return "error" if each[1] else "passed"


def _coverage_case(each: tuple[Coverage, str | None]) -> Element:
    row, missed = each
    subject = row.operation if row.service == "file" else row.service
    case = _test(f"{COVERAGE_GAP.id}: {subject}", (row.account or "unknown", row.region or "unknown", row.service))
    if missed:
        SubElement(case, "error", message=_text(missed, _MESSAGE), type="unknown")
    return case


def _test(name: str, place: Sequence[str]) -> Element:
    return Element("testcase", classname=_dotted(place), name=_text(name, _NAME), time="0")


def _dotted(parts: Iterable[str]) -> str:
    return ".".join(_text(part, _NAME).replace(".", "_") for part in parts)


def _text(text: str, limit: int) -> str:
    """Return text without what XML forbids: what cannot be printed is a visible escape."""
    return inert(cut(printable(text[: 2 * limit]).strip(), limit))
