"""The report as JUnit XML, for build servers: suites for workloads, for each group of rules, and for coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO
from xml.etree.ElementTree import Element, SubElement, tostring
from xml.sax.saxutils import quoteattr

from scanner.finding import Coverage, Fate, Finding, Former, Report, RuleSummary, Status
from scanner.outcome import Outcome
from scanner.reporters.brief import brief
from scanner.reporters.by_workload import WorkloadVerdict, by_workload
from scanner.reporters.former import absent
from scanner.reporters.gaps import COVERAGE_GAP, gaps_of
from scanner.reporters.limits import FATES, limits
from scanner.reporters.text import cut, inert, printable, printable_lines, timestamp
from scanner.reporters.verdicts import rules_of

_NAME, _MESSAGE, _BODY = 512, 2_000, 10_000
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_FATES = {Fate.FIXED: "passed", Fate.GONE: "passed", Fate.UNDECIDED: "error", Fate.NOT_SCANNED: "skipped"}
_RECOVERIES = {Outcome.FAILS: "failure", Outcome.UNKNOWN: "error"}
_LAST = "coverage"
"""The suite that is always there: it says what the report as a whole rests on."""


@dataclass(frozen=True)
class _Part:
    """Cases of a suite: each item has an outcome, by which it is counted, and is one case."""

    items: Sequence[Any]
    outcome: Callable[[Any], str]
    case: Callable[[Any], Element]


def write(report: Report, out: TextIO) -> None:
    """Write a report as JUnit XML: a failure is a failed test, what could not be decided one that had an error."""
    suites = _suites(report)
    counts = {
        name: sum((Counter(map(part.outcome, part.items)) for part in parts), Counter()) for name, parts in suites
    }
    when = timestamp(report.as_of).removesuffix("Z")
    out.write("<?xml version='1.0' encoding='UTF-8'?>\n")
    out.write(f"<testsuites{_attributes('regionproof', sum(counts.values(), Counter()))}>\n")
    for name, parts in suites:
        out.write(f"<testsuite{_attributes(name, counts[name])} timestamp={quoteattr(when)}>\n")
        if name == _LAST:
            _line(out, _properties(report))
        for part in parts:
            for item in part.items:
                _line(out, part.case(item))
        if name == _LAST and (said := "\n".join(limits(report))):
            _line(out, _text_element("system-out", said))
        out.write("</testsuite>\n")
    out.write("</testsuites>\n")


def _suites(report: Report) -> list[tuple[str, list[_Part]]]:
    """Return the suites in order.  A group of rules may be called as one of ours: then they share it."""
    rules = rules_of(report)
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault(finding.rule_id.partition("-")[0], []).append(finding)
    parts = [("recovery", _Part(by_workload(report), _recovery_outcome, _recovery_case))]
    parts += [(name, _Part(group, _outcome, partial(_case, rules=rules))) for name, group in sorted(groups.items())]
    parts.append(("baseline", _Part(list(absent(report)), _former_outcome, _former_case)))
    parts.append((_LAST, _Part(_coverage(report), _coverage_outcome, _coverage_case)))
    suites: dict[str, list[_Part]] = {}
    for name, part in parts:
        if part.items or name == _LAST:
            suites.setdefault(name, []).append(part)
    suites[_LAST] = suites.pop(_LAST)
    return list(suites.items())


def _properties(report: Report) -> Element:
    """Return what the numbers rest on, for programs; `system-out` says the same to people."""
    told: dict[str, str | None] = {
        "regionproof.as_of": timestamp(report.as_of),
        "regionproof.version": report.tool_version,
        "regionproof.complete": str(report.complete).lower(),
        "regionproof.not_shown": str(report.not_shown),
        "regionproof.changed_since": report.changed_since,
        "regionproof.baseline": report.baseline.path if report.baseline else None,
    }
    element = Element("properties")
    for name, value in told.items():
        if value is not None:
            SubElement(element, "property", name=name, value=_text(value, _NAME))
    return element


def _attributes(name: str, counts: Counter[str]) -> str:
    values = {"name": _text(name, _NAME), "tests": counts.total()}
    values |= {attribute: counts[outcome] for attribute, outcome in _COUNTED.items()}
    return "".join(f" {key}={quoteattr(str(value))}" for key, value in (values | {"time": 0}).items())


def _line(out: TextIO, case: Element) -> None:
    out.write(f"{tostring(case, encoding='unicode')}\n")


def _text_element(name: str, text: str) -> Element:
    element = Element(name)
    element.text = "\n".join(_text(line, _MESSAGE) for line in text.splitlines())
    return element


def _recovery_outcome(verdict: WorkloadVerdict) -> str:
    return _RECOVERIES.get(verdict.recovery, "passed")


def _recovery_case(verdict: WorkloadVerdict) -> Element:
    resource, outcome = verdict.resource, _recovery_outcome(verdict)
    there = f" -> {', '.join(verdict.standbys)}" if verdict.standbys else ""
    what = f"would recover: {resource.type.rpartition('::')[2]} {verdict.name}{there}"
    case = _test(what, _place(resource.account, resource.region, resource.type))
    said = brief(f"{verdict.recovery.value.capitalize()}: {verdict.reason}")
    if outcome == "passed":
        case.append(_text_element("system-out", said))
    else:
        SubElement(case, outcome, message=_text(said, _MESSAGE), type=verdict.recovery.value)
    return case


def _outcome(finding: Finding) -> str:
    if finding.status is Status.FAIL:
        return "skipped" if finding.exemption else "failure"
    return {Status.UNKNOWN: "error", Status.NOT_APPLICABLE: "skipped"}.get(finding.status, "passed")


def _case(finding: Finding, rules: dict[str, RuleSummary]) -> Element:
    case = _about(finding)
    outcome, message = _outcome(finding), finding.message
    if finding.exemption:
        until, owner = finding.exemption.expires.isoformat(), finding.exemption.owner
        message = f"Exempted until {until} ({owner}: {finding.exemption.reason}): {message}"
    if outcome != "passed":
        state = f"{finding.baseline_state.value}: " if finding.baseline_state and outcome == "failure" else ""
        said = SubElement(case, outcome, message=_text(f"{state}{message}", _MESSAGE))
        if outcome != "skipped":
            said.set("type", finding.severity.value if outcome == "failure" else "unknown")
            said.text = _body(finding, rules[finding.rule_id])
    return case


def _about(finding: Finding) -> Element:
    resource, standby, where = finding.resource, finding.counterpart, finding.location
    there = f" -> {standby.account or ''}{'/' if standby.account else ''}{standby.region}" if standby else ""
    pointer = f" at {finding.pointer}" if finding.pointer else ""
    what = f"{finding.rule_id}: {resource.name or resource.id}{there}{pointer}"
    case = _test(what, _place(resource.account, resource.region, resource.type))
    if where is not None:
        case.set("file", _text(where.path, _NAME))
        case.set("line", str(where.line))
    return case


def _body(finding: Finding, rule: RuleSummary) -> str:
    lines = [f"Resource: {_text(finding.resource.id, _MESSAGE)}", f"Found: {_text(finding.message, _MESSAGE)}"]
    if finding.status is Status.FAIL and rule.remediation:
        lines += ["Fix:", *printable_lines(rule.remediation[:_BODY]).splitlines()]
    return "\n".join(map(inert, lines))


def _former_outcome(former: Former) -> str:
    return _FATES[former.fate]


def _former_case(former: Former) -> Element:
    """Return a failure of the baseline that is none now; what nobody looked at is skipped, and not fixed."""
    case, outcome = _about(former.finding), _former_outcome(former)
    said = f"Was a failure of the baseline, {FATES[former.fate]}: {former.reason}"
    if outcome == "passed":
        case.append(_text_element("system-out", said))
    else:
        SubElement(case, outcome, message=_text(said, _MESSAGE), type="unknown")
    return case


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


def _place(account: str | None, region: str | None, type: str) -> tuple[str, str, str]:
    return account or "unknown", region or "unknown", type.lower().removeprefix("aws::").partition("::")[0]


def _test(name: str, place: Sequence[str]) -> Element:
    return Element("testcase", classname=_dotted(place), name=_text(name, _NAME), time="0")


def _dotted(parts: Iterable[str]) -> str:
    return ".".join(_text(part, _NAME).replace(".", "_") for part in parts)


def _text(text: str, limit: int) -> str:
    """Return text without what XML forbids: what cannot be printed is a visible escape."""
    return inert(cut(printable(text[: 2 * limit]).strip(), limit))
