"""What the page says, section by section: plain values, which the template lays out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from scanner import controls as catalogue
from scanner.finding import (
    Coverage,
    Exemption,
    ExemptionState,
    Finding,
    Former,
    Report,
    RuleSummary,
    Severity,
    Status,
)
from scanner.reporters.coverage import left_out, not_enabled, reused_answers
from scanner.reporters.html import recoveries, topology
from scanner.reporters.html.findings import findings
from scanner.reporters.html.heatmap import heat_map
from scanner.reporters.html.prose import link, markdown
from scanner.reporters.html.words import (
    EXEMPTED,
    SEVERITY,
    STATUS,
    Sign,
    count,
    name,
    place_of,
)
from scanner.reporters.identity import scan_id
from scanner.reporters.limits import FATES, limits, unjudged
from scanner.reporters.text import cut, dumps, jsonable, timestamp

_MOST_GAPS, _MOST_EXEMPTIONS, _MOST_NAMES, _MOST_INPUTS = 120, 200, 12, 40
_SLUG = re.compile(r"[a-z0-9-]{1,100}")


class RuleRow(NamedTuple):
    """One rule, and what became of it; `passed` are names of what it passed."""

    rule: RuleSummary
    anchor: str
    numbers: tuple[int, ...]
    passed: list[str]
    passed_more: int


def page(report: Report) -> dict[str, Any]:
    """Return everything that the template prints."""
    pictures = topology.pictures(report)
    anchors = {rule.id: _anchor(rule.id, at) for at, rule in enumerate(sorted(report.rules, key=lambda rule: rule.id))}
    return {
        "report": report,
        "as_of": f"{report.as_of:%Y-%m-%d %H:%M} UTC",
        "scan_id": scan_id(report),
        "as_of_exact": timestamp(report.as_of),
        "verdict": recoveries.headline(report),
        "judged": recoveries.links_judged(report),
        "tally": recoveries.tally(report),
        "totals": _numbers(report),
        "extent": list(_extent(report)),
        "blocks": recoveries.blocks(report),
        "legend": recoveries.LEGEND,
        "shared": recoveries.shared_rows(report),
        "pictures": pictures[: topology.MOST],
        "pictures_hidden": max(len(pictures) - topology.MOST, 0),
        "drawing": topology,
        "heat": heat_map(report),
        "findings": findings(report),
        "anchors": anchors,
        "gaps": list(_gaps(report)),
        "gaps_hidden": max(sum(row.missed for row in report.coverage) - _MOST_GAPS, 0),
        "former": [_former(each) for each in unjudged(report)[:_MOST_GAPS]],
        "former_hidden": max(len(unjudged(report)) - _MOST_GAPS, 0),
        "exemptions": list(_exemptions(report))[:_MOST_EXEMPTIONS],
        "frameworks": [_framework(report, id) for id in catalogue.of_report(report)],
        "rules": _rules(report, anchors),
        "inputs": report.inputs[:_MOST_INPUTS],
        "parameters": {rule.id: dumps(jsonable(rule.parameters)) for rule in report.rules if rule.parameters},
        "severities": SEVERITY,
        "statuses": STATUS,
        "exempted": EXEMPTED,
        "markdown": markdown,
        "link": link,
        "count": count,
    }


def _anchor(id: str, at: int) -> str:
    return id if _SLUG.fullmatch(id) else f"rule-{at}"


def _numbers(report: Report) -> dict[str, Any]:
    statuses = Counter(finding.status for finding in report.findings)
    open_failures = Counter(f.severity for f in report.findings if f.status is Status.FAIL and f.exemption is None)
    asked = [row for row in report.coverage if row.asked and row.service != "file"]
    files = [row for row in report.coverage if row.service == "file"]
    parts = [
        (noun, len(rows) - sum(row.missed for row in rows), len(rows))
        for noun, rows in (("calls answered", asked), ("files read", files))
        if rows
    ]
    return {
        "severities": [(severity, open_failures[severity]) for severity in Severity],
        "failures": open_failures.total(),
        "exempted": statuses[Status.FAIL] - open_failures.total(),
        "unknown": statuses[Status.UNKNOWN],
        "passed": statuses[Status.PASS],
        "not_applicable": statuses[Status.NOT_APPLICABLE],
        "coverage": parts,
    }


def _extent(report: Report) -> Iterator[str]:
    """Yield what limits the report, in sentences."""
    yield from limits(report)
    live = [row for row in report.coverage if row.service != "file" and row.asked]
    for sentence in (reused_answers(live), *left_out(live), not_enabled(report.coverage)):
        if sentence:
            yield f"{sentence[:1].upper()}{sentence[1:]}."


def _gaps(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for row in sorted(row for row in report.coverage if row.missed)[:_MOST_GAPS]:
        account, region = (row.account, row.region) if row.service != "file" else ("", "file")
        yield cut(account, 60), cut(region, 60), cut(row.operation, 300), _why(row)


def _former(former: Former) -> tuple[str, str, str, str, str]:
    account, region = place_of(former.finding)
    what = f"{cut(former.finding.rule_id, 120)}: {name(former.finding.resource)}"
    return account, region, what, FATES[former.fate], cut(former.reason, 300)


def _why(row: Coverage) -> str:
    codes = [f"{cut(code, 60)}, {number:,} of {count(row.calls, 'call')}" for code, number in sorted(row.errors)]
    if row.service == "file":
        codes = [code for code, _ in sorted(row.errors)]
    text = "; ".join(codes) or row.status
    return f"{text}: {cut(row.message, 300)}" if row.message else text


def _exemptions(report: Report) -> Iterator[tuple[Sign, Exemption, str]]:
    used = Counter(finding.exemption for finding in report.findings if finding.exemption)
    rows = sorted(report.exemptions, key=lambda row: (row[0].expires, row[0].rule, row[0].resource, row[0].reason))
    for exemption, state in rows:
        sign, effect = {
            ExemptionState.EXPIRED: (Sign("bad", "✕", "expired"), "suppresses nothing"),
            ExemptionState.UNUSED: (Sign("warn", "!", "unused"), "matches nothing"),
            ExemptionState.ACTIVE: (Sign("mute", "○", "active"), count(used[exemption], "finding")),
        }[state]
        yield sign, exemption, effect


def _framework(report: Report, id: str) -> dict[str, Any]:
    known = catalogue.frameworks().get(id)
    return {
        "title": known.title if known else id,
        "link": link(known.link) if known else None,
        "controls": [(one, _counted(one.statuses, one.exempted)) for one in catalogue.by_control(report, id)],
    }


def _counted(statuses: Any, exempted: int) -> tuple[int, ...]:
    others = (statuses[status] for status in (Status.UNKNOWN, Status.PASS, Status.NOT_APPLICABLE))
    return statuses[Status.FAIL] - exempted, exempted, *others


def _rules(report: Report, anchors: dict[str, str]) -> list[RuleRow]:
    by_rule: dict[str, list[Finding]] = {rule.id: [] for rule in report.rules}
    for finding in report.findings:
        by_rule.setdefault(finding.rule_id, []).append(finding)
    rows = []
    for rule in sorted(report.rules, key=lambda rule: rule.id):
        found = by_rule[rule.id]
        exempted = sum(1 for f in found if f.status is Status.FAIL and f.exemption)
        passed = sorted({name(finding.resource) for finding in found if finding.status is Status.PASS})
        numbers = _counted(Counter(finding.status for finding in found), exempted)
        more = max(len(passed) - _MOST_NAMES, 0)
        rows.append(RuleRow(rule, anchors[rule.id], numbers, [cut(one, 60) for one in passed[:_MOST_NAMES]], more))
    return rows
