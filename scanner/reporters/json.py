"""The JSON report, as `schemas/report.json` promises it.  One item a line, so that it can be read and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from scanner import controls
from scanner.finding import (
    Baseline,
    BaselineState,
    BrokenRule,
    Checkout,
    Coverage,
    Exemption,
    Finding,
    Former,
    Report,
    RuleSummary,
    Severity,
    Status,
    Step,
    Tier,
)
from scanner.model import Location, Pair, Resource
from scanner.reporters.identity import finding_id, scan_id
from scanner.reporters.recoveries import place_data, recovery_data, resource_data
from scanner.reporters.text import dumps, jsonable, timestamp

SCHEMA = "https://regionproof.dev/schema/report-1.json"
SCHEMA_VERSION = "1.4.0"


def write(report: Report, out: TextIO) -> None:
    """Write a report as JSON."""
    write_document(document(report), out)


def write_document(parts: Iterable[tuple[str, Any]], out: TextIO) -> None:
    """Write the parts of an object; the items of a part that is long stand on lines of their own."""
    separator = "{\n"
    for key, value in parts:
        out.write(f"{separator}{dumps(key)}: ")
        _write_value(value, out)
        separator = ",\n"
    out.write("\n}\n")


def _write_value(value: Any, out: TextIO) -> None:
    if isinstance(value, (str, bool)) or value is None:
        out.write(dumps(value))
        return
    lines: Iterable[str] = map(dumps, value)
    opening, closing = "[", "]"
    if isinstance(value, dict):
        lines = (f"{dumps(k)}: {dumps(v)}" for k, v in value.items())
        opening, closing = "{", "}"
    out.write(opening)
    separator = "\n"
    for line in lines:
        out.write(f"{separator}  {line}")
        separator = ",\n"
    out.write(closing if separator == "\n" else f"\n{closing}")


def document(report: Report) -> Iterator[tuple[str, Any]]:
    """Yield the parts of the JSON report; those that are long are iterators."""
    scan = scan_id(report)
    yield "$schema", SCHEMA
    yield "schema_version", SCHEMA_VERSION
    yield "tool", {"name": "regionproof", "version": report.tool_version}
    yield "scan_id", scan
    yield "as_of", timestamp(report.as_of)
    yield "config_sha256", report.config_sha256
    yield "inputs", [{"kind": i.kind, "path": i.path, "sha256": i.sha256} for i in report.inputs]
    yield "checkout", _checkout(report.checkout)
    yield "changed_since", report.changed_since
    yield "pairs_derived", report.pairs_derived
    yield "pairs", map(_pair, report.pairs)
    yield "tiers", [_tier(tier) for tier in report.tiers]
    yield "unseen", [place_data(place) for place in report.unseen]
    yield "baseline", _baseline(report.baseline)
    yield "summary", _summary(report)
    yield "rules", {rule.id: rule_data(rule) for rule in sorted(report.rules, key=lambda rule: rule.id)}
    yield "controls", {framework: _framework(report, framework) for framework in controls.of_report(report)}
    yield "broken_rules", (_broken(rule) for rule in sorted(report.broken_rules))
    yield "coverage", map(coverage_data, sorted(report.coverage))
    yield "exemptions", _exemptions(report)
    yield "former_failures", [_former(each, report.baseline) for each in _former_failures(report)]
    if report.recoveries is not None:
        yield "recoveries", map(recovery_data, report.recoveries)
    yield "findings", (finding_data(finding, scan) for finding in report.findings)


def _checkout(checkout: Checkout | None) -> dict[str, Any] | None:
    if checkout is None:
        return None
    return {
        "base": checkout.base,
        "repository": checkout.repository,
        "revision": checkout.revision,
        "branch": checkout.branch,
    }


def _baseline(baseline: Baseline | None) -> dict[str, Any] | None:
    if baseline is None:
        return None
    return {
        "path": baseline.path,
        "sha256": baseline.sha256,
        "scan_id": baseline.scan_id,
        "as_of": timestamp(baseline.as_of),
    }


def _former_failures(report: Report) -> tuple[Former, ...]:
    return report.baseline.former if report.baseline else ()


def _former(former: Former, baseline: Baseline | None) -> dict[str, Any]:
    scan = baseline.scan_id if baseline else ""
    return {"fate": former.fate.value, "reason": former.reason, "finding": finding_data(former.finding, scan)}


def _summary(report: Report) -> dict[str, Any]:
    statuses = Counter(finding.status for finding in report.findings)
    failures = [finding for finding in report.findings if finding.status is Status.FAIL]
    severities = Counter(finding.severity for finding in failures if not finding.exemption)
    states = Counter(finding.baseline_state for finding in report.findings)
    states[BaselineState.ABSENT] = len(_former_failures(report))
    return {
        "complete": report.complete,
        "by_status": {status.value: statuses[status] for status in Status},
        "fail_by_severity": {severity.value: severities[severity] for severity in Severity},
        "fail_exempted": sum(1 for finding in failures if finding.exemption),
        "not_shown": report.not_shown,
        "by_baseline_state": {state.value: states[state] for state in BaselineState} if report.baseline else None,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "primary": place_data(pair.primary),
        "standby": place_data(pair.standby),
        "dr_class": pair.dr_class,
        "image_distribution": pair.image_distribution,
        "rpo_seconds": None if pair.rpo is None else int(pair.rpo.total_seconds()),
        "rto_seconds": None if pair.rto is None else int(pair.rto.total_seconds()),
    }


def _tier(tier: Tier) -> dict[str, Any]:
    return {
        "name": tier.name,
        "rpo_seconds": None if tier.rpo is None else int(tier.rpo.total_seconds()),
        "rto_seconds": None if tier.rto is None else int(tier.rto.total_seconds()),
        "owner": tier.owner,
        "dr_class": tier.dr_class,
        "workloads": list(tier.workloads),
    }


def rule_data(rule: RuleSummary) -> dict[str, Any]:
    """Return a rule as a report has it, under its id."""
    return {
        "title": rule.title,
        "severity": rule.severity.value,
        "resource_types": list(rule.resource),
        "across": "standby" if rule.across else None,
        "rationale": rule.rationale,
        "remediation": rule.remediation,
        "references": list(rule.references),
        "controls": jsonable(rule.controls),
        "parameters": jsonable(rule.parameters),
    }


def _framework(report: Report, id: str) -> dict[str, Any]:
    known = controls.frameworks().get(id)
    return {
        "title": known.title if known else None,
        "link": known.link if known else None,
        "controls": {control.id: _control(control) for control in controls.by_control(report, id)},
    }


def _control(control: controls.Control) -> dict[str, Any]:
    return {
        "title": control.title or None,
        "rules": list(control.rules),
        "by_status": {status.value: control.statuses[status] for status in Status},
        "fail_exempted": control.exempted,
    }


def _broken(rule: BrokenRule) -> dict[str, Any]:
    return {"rule_id": rule.rule_id, "reason": rule.reason, "subjects": rule.subjects}


def coverage_data(row: Coverage) -> dict[str, Any]:
    """Return a row of coverage as a report has it."""
    return {
        "account_id": row.account or None,
        "region": row.region or None,
        "service": row.service,
        "operation": row.operation,
        "status": row.status,
        "calls": row.calls,
        "not_configured": row.not_configured,
        "errors": dict(sorted(row.errors)),
        "message": row.message or None,
        "reused": row.reused,
        "reused_from": row.reused_from or None,
        "left_out": row.left_out,
        "left_out_reason": row.left_out_reason or None,
    }


def _exemptions(report: Report) -> Iterable[dict[str, Any]]:
    rows = sorted(report.exemptions, key=lambda row: (row[0].rule, row[0].resource, row[0].expires, row[0].reason))
    return ({"state": state.value, **_exemption(exemption)} for exemption, state in rows)


def _exemption(exemption: Exemption) -> dict[str, Any]:
    return {
        "rule": exemption.rule,
        "resource": exemption.resource,
        "reason": exemption.reason,
        "owner": exemption.owner,
        "expires": exemption.expires.isoformat(),
        "location": location_data(exemption.location),
    }


def finding_data(finding: Finding, scan: str) -> dict[str, Any]:
    """Return a finding of the scan of this id as a report has it."""
    resource = finding.resource
    return {
        "fingerprint": finding.fingerprint,
        "id": finding_id(scan, finding),
        "rule_id": finding.rule_id,
        "status": finding.status.value,
        "severity": finding.severity.value,
        "message": finding.message,
        "source": finding.source,
        "origin": None if finding.origin is None else finding.origin.value,
        "baseline_state": None if finding.baseline_state is None else finding.baseline_state.value,
        "resource": _resource(resource),
        "counterpart": _counterpart(finding),
        "pointer": finding.pointer,
        "location": location_data(finding.location),
        "cause": location_data(finding.cause),
        "evidence": {
            **jsonable(finding.evidence),
            "operations": list(resource.operations),
            "observed_at": resource.observed_at,
        },
        "related": [_resource(each) for each in finding.related],
        "path": [_step(each) for each in finding.path],
        "exemption": None if finding.exemption is None else _exemption(finding.exemption),
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        **resource_data(resource),
        "location": location_data(resource.locate("")),
        "tags": jsonable(resource.tags),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "id": step.id,
        "type": step.type,
        "name": step.name,
        "account_id": step.account,
        "region": step.region,
        "location": location_data(step.location),
        "image": step.image or None,
        "exists": step.exists,
    }


def _counterpart(finding: Finding) -> dict[str, Any] | None:
    standby = finding.counterpart
    if standby is None:
        return None
    return {
        "account_id": standby.account,
        "region": standby.region,
        "id": standby.id,
        "exists": standby.exists,
        "dr_class": standby.dr_class,
    }


def location_data(location: Location | None) -> dict[str, Any] | None:
    """Return where something is written as a report has it."""
    if location is None:
        return None
    return {
        "path": location.path,
        "start_line": location.line,
        "start_column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
        "through": [location_data(call) for call in location.through],
    }
