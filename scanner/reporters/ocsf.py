"""The report as OCSF 1.5.0 events of class 2003, Compliance Finding, one a line, for Security Lake and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, TextIO

from scanner import controls as catalogue
from scanner.finding import BaselineState, Exemption, Fate, Finding, Report, RuleSummary, Severity, Status
from scanner.model import Location, Resource
from scanner.reporters.former import absent, closed, verdict
from scanner.reporters.identity import finding_id, scan_id
from scanner.reporters.paths import partition_of
from scanner.reporters.text import cut, dumps, jsonable, printable, printable_lines, sentence, timestamp
from scanner.reporters.verdicts import is_wanting, narrowing, rules_of, shown_severity, verdicts

VERSION = "1.5.0"
_TEXT, _NAME, _ID, _EVIDENCE, _TAGS = 4_000, 512, 2_048, 32_000, 50
_SEVERITIES = {
    Severity.CRITICAL: (5, "Critical"),
    Severity.HIGH: (4, "High"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.LOW: (2, "Low"),
    Severity.INFO: (1, "Informational"),
}
_STATUSES = {
    Status.PASS: (1, "Pass"),
    Status.UNKNOWN: (2, "Warning"),
    Status.FAIL: (3, "Fail"),
    Status.NOT_APPLICABLE: (99, "Not applicable"),
}


def write(report: Report, out: TextIO) -> None:
    """Write one event for each verdict, each gap of the coverage, and each failure of the baseline that is none now."""
    scan = scan_id(report)
    rules = {id: _rule(rule) for id, rule in rules_of(report).items()}
    for finding, cycle in _told(report):
        out.write(f"{dumps(_event(finding, cycle, rules[finding.rule_id], report, scan))}\n")


@dataclass(frozen=True)
class _Cycle:
    """Where in its life a finding is: what happened to it, and what is to be done about it."""

    activity_id: int
    activity: str
    status_id: int
    status: str


_CREATE = _Cycle(1, "Create", 1, "New")
_UPDATE = _Cycle(2, "Update", 1, "New")
_RESOLVED = _Cycle(3, "Close", 4, "Resolved")
_GONE = _Cycle(3, "Close", 5, "Archived")
_FATES = {Fate.FIXED: _RESOLVED, Fate.GONE: _GONE, Fate.UNDECIDED: _UPDATE, Fate.NOT_SCANNED: _UPDATE}
_KNOWN = (BaselineState.UNCHANGED, BaselineState.UPDATED)


def _told(report: Report) -> Iterator[tuple[Finding, _Cycle]]:
    """Yield what is an event.  Without a baseline each is the first of its finding."""
    mended = closed(report)
    for finding in chain(verdicts(report), narrowing(report)):
        cycle = _UPDATE if finding.baseline_state in _KNOWN else _CREATE
        if finding.fingerprint in mended and finding.status in (Status.PASS, Status.NOT_APPLICABLE):
            cycle = _RESOLVED if finding.status is Status.PASS else _GONE
        yield finding, replace(cycle, status_id=3, status="Suppressed") if finding.exemption else cycle
    for former in absent(report):
        finding, cycle = verdict(former), _FATES[former.fate]
        yield finding, replace(cycle, status_id=3, status="Suppressed") if finding.exemption else cycle


@dataclass(frozen=True)
class _Rule:
    """What the events of one rule have in common."""

    id: str
    title: str
    why: Mapping[str, str]
    standards: Sequence[str]
    requirements: Sequence[str]
    remediation: Mapping[str, Any]


def _rule(rule: RuleSummary) -> _Rule:
    mapped = [(_standard(framework), ids) for framework, ids in sorted(rule.controls.items())]
    return _Rule(
        id=_text(rule.id, _NAME),
        title=_text(rule.title, _NAME),
        why={"desc": _text(rule.rationale, _TEXT)} if rule.rationale.strip() else {},
        standards=[_text(standard, _NAME) for standard, _ in mapped],
        requirements=[_text(f"{standard} {id}", _NAME) for standard, ids in mapped for id in ids],
        remediation=_remediation(rule),
    )


def _event(finding: Finding, cycle: _Cycle, rule: _Rule, report: Report, scan: str) -> dict[str, Any]:
    severity_id, severity = _SEVERITIES[shown_severity(finding)]
    return {
        "activity_id": cycle.activity_id,
        "activity_name": cycle.activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200300 + cycle.activity_id,
        "type_name": f"Compliance Finding: {cycle.activity}",
        "time": _milliseconds(report.as_of),
        "time_dt": timestamp(report.as_of),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": cycle.status_id,
        "status": cycle.status,
        "message": sentence(finding.message, _TEXT),
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud", "datetime"],
            "product": {"name": "regionproof", "vendor_name": "regionproof", "version": report.tool_version},
            "event_code": rule.id,
            "uid": finding_id(scan, finding),
            "correlation_uid": scan,
        },
        "finding_info": _info(finding, rule, report),
        "compliance": _compliance(finding, rule, severity_id, severity),
        "resources": [_resource(finding.resource), *_counterpart(finding)],
        "cloud": _cloud(finding.resource),
        **(rule.remediation if is_wanting(finding) else {}),
        "evidences": [{"name": "regionproof", "data": _evidence(finding)}],
        "unmapped": {"regionproof": _unmapped(finding)},
    }


def _info(finding: Finding, rule: _Rule, report: Report) -> dict[str, Any]:
    return {
        "uid": finding.fingerprint,
        "title": rule.title,
        **(rule.why if is_wanting(finding) else {}),
        "analytic": {"uid": rule.id, "name": rule.title, "type_id": 1, "type": "Rule"},
        "last_seen_time": _milliseconds(report.as_of),
        "last_seen_time_dt": timestamp(report.as_of),
    }


def _compliance(finding: Finding, rule: _Rule, severity_id: int, severity: str) -> dict[str, Any]:
    status_id, status = _STATUSES[finding.status]
    verdict = {"status_id": status_id, "status": status}
    return {
        "control": rule.id,
        "standards": rule.standards,
        "requirements": rule.requirements,
        **verdict,
        "checks": [{"uid": rule.id, "name": rule.title, **verdict, "severity_id": severity_id, "severity": severity}],
    }


def _standard(framework: str) -> str:
    known = catalogue.frameworks().get(framework)
    return known.title if known else framework


def _resource(resource: Resource) -> dict[str, Any]:
    where = {"region": resource.region, "cloud_partition": partition_of(resource.region)} if resource.region else {}
    tags = [
        {"name": _text(key, _NAME), "value": _text(value, _NAME)}
        for key, value in jsonable(resource.tags).items()
        if isinstance(value, str)
    ]
    return {
        "uid": _text(resource.id, _ID),
        "name": _text(resource.name or resource.id, _NAME),
        "type": _text(resource.type, _NAME),
        **{key: _text(value, _NAME) for key, value in where.items()},
        **({"tags": tags[:_TAGS]} if tags else {}),
    }


def _counterpart(finding: Finding) -> list[dict[str, Any]]:
    """Return what the finding compares with, if it is there."""
    standby = finding.counterpart
    if standby is None or standby.id is None:
        return []
    there = {"region": _text(standby.region, _NAME), "cloud_partition": partition_of(standby.region)}
    name = finding.resource.name or finding.resource.id
    return [
        {
            "uid": _text(standby.id, _ID),
            "name": _text(name, _NAME),
            "type": _text(finding.resource.type, _NAME),
            **there,
        }
    ]


def _cloud(resource: Resource) -> dict[str, Any]:
    region = {"region": _text(resource.region, _NAME)} if resource.region else {}
    account = {"uid": _text(resource.account or "", _NAME), "type_id": 10, "type": "AWS Account"}
    return {"provider": "AWS", **region, **({"account": account} if resource.account else {})}


def _remediation(rule: RuleSummary) -> dict[str, Any]:
    if not rule.remediation.strip():
        return {}
    references = [_text(each, _ID) for each in rule.references]
    text = cut(printable_lines(rule.remediation[: 2 * _TEXT]), _TEXT)
    return {"remediation": {"desc": text, **({"references": references} if references else {})}}


def _evidence(finding: Finding) -> dict[str, Any]:
    resource = finding.resource
    found = jsonable(finding.evidence)
    if len(dumps(found)) > _EVIDENCE:
        found = {"truncated": True, "see": "the JSON report"}
    operations = [_text(each, _NAME) for each in resource.operations]
    pointer = {"pointer": _text(finding.pointer, _ID)} if finding.pointer else {}
    return {**found, **pointer, "operations": operations, "observed_at": resource.observed_at}


def _unmapped(finding: Finding) -> dict[str, Any]:
    standby, where = finding.counterpart, finding.location
    found = {
        "source": finding.source,
        "origin": finding.origin.value if finding.origin else None,
        "baseline_state": finding.baseline_state.value if finding.baseline_state else None,
        "standby_account_id": standby and standby.account and _text(standby.account, _NAME),
        "standby_region": standby and _text(standby.region, _NAME),
        "standby_exists": standby and standby.exists,
        "location": where and _location(where),
        "exemption": finding.exemption and _exemption(finding.exemption),
    }
    return {key: value for key, value in found.items() if value is not None}


def _location(where: Location) -> dict[str, Any]:
    return {"path": _text(where.path, _ID), "start_line": where.line, "start_column": where.column}


def _exemption(exemption: Exemption) -> dict[str, Any]:
    owner, reason = _text(exemption.owner, _NAME), _text(exemption.reason, _TEXT)
    return {"owner": owner, "reason": reason, "expires": exemption.expires.isoformat()}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _text(text: str, limit: int) -> str:
    return cut(printable(text[: 2 * limit]).strip(), limit)
