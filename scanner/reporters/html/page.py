"""What the page says, section by section: plain values, which the template lays out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
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
    Tier,
)
from scanner.reporters.brief import brief
from scanner.reporters.by_workload import Recovery, WorkloadVerdict, by_tier
from scanner.reporters.coverage import left_out, not_enabled, reused_answers
from scanner.reporters.html import topology
from scanner.reporters.html.findings import findings
from scanner.reporters.html.heatmap import heat_map
from scanner.reporters.html.prose import link, markdown
from scanner.reporters.html.words import (
    EXEMPTED,
    RECOVERY,
    SEVERITY,
    STATUS,
    Sign,
    count,
    name,
    objectives,
    place_of,
    plural,
)
from scanner.reporters.identity import scan_id
from scanner.reporters.kinds import type_word
from scanner.reporters.limits import FATES, limits, unjudged
from scanner.reporters.text import cut, dumps, jsonable, timestamp

_MOST_CARDS, _MOST_CARDS_OF_A_TIER = 120, 48
_MOST_GAPS, _MOST_EXEMPTIONS, _MOST_NAMES, _MOST_INPUTS = 120, 200, 12, 40
_LONGEST_REASON = 240
_SLUG = re.compile(r"[a-z0-9-]{1,100}")


class Card(NamedTuple):
    """One workload: its verdict, what and where it is, and why."""

    sign: Sign
    name: str
    type: str
    where: str
    reason: str


class Block(NamedTuple):
    """The workloads of one tier: those with a card, the names of those that recover, and how many have neither."""

    title: str
    facts: str
    counts: list[tuple[Sign, int]]
    cards: list[Card]
    fine: list[str]
    hidden: int


class RuleRow(NamedTuple):
    """One rule, and what became of it; `passed` are names of what it passed."""

    rule: RuleSummary
    anchor: str
    numbers: tuple[int, ...]
    passed: list[str]
    passed_more: int


def page(report: Report) -> dict[str, Any]:
    """Return everything that the template prints."""
    tiers = by_tier(report)
    pictures = topology.pictures(report)
    anchors = {rule.id: _anchor(rule.id, at) for at, rule in enumerate(sorted(report.rules, key=lambda rule: rule.id))}
    return {
        "report": report,
        "as_of": f"{report.as_of:%Y-%m-%d %H:%M} UTC",
        "scan_id": scan_id(report),
        "as_of_exact": timestamp(report.as_of),
        "verdict": _verdict(report, [verdict for _, found in tiers for verdict in found]),
        "tally": _tally([verdict for _, found in tiers for verdict in found]),
        "totals": _numbers(report),
        "extent": list(_extent(report)),
        "blocks": _blocks(tiers),
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


def _verdict(report: Report, verdicts: list[WorkloadVerdict]) -> tuple[Sign, str]:
    """Return the one sentence that the page begins with."""
    tally = Counter(verdict.recovery for verdict in verdicts)
    every = count(len(verdicts), "workload")
    if tally[Recovery.FAILS]:
        return RECOVERY[Recovery.FAILS], f"{tally[Recovery.FAILS]:,} of {every} would not recover in the standby"
    if not verdicts:
        return RECOVERY[Recovery.UNKNOWN], "No workload was seen, so there is no verdict on recovery"
    if tally[Recovery.UNKNOWN]:
        return RECOVERY[
            Recovery.UNKNOWN
        ], f"Whether {tally[Recovery.UNKNOWN]:,} of {every} would recover cannot be told"
    if not report.complete or report.unseen:
        return RECOVERY[Recovery.UNKNOWN], f"Nothing speaks against {every}, but not everything was seen"
    if degraded := tally[Recovery.DEGRADED]:
        return RECOVERY[Recovery.DEGRADED], f"{every} would recover in the standby, {degraded:,} of them degraded"
    return RECOVERY[Recovery.RECOVERS], f"{every} would recover in the standby"


def _tally(verdicts: Iterable[WorkloadVerdict]) -> list[tuple[Sign, int, float, float]]:
    """Return (sign, number, start, width) of each part of the bar, of which the whole is 100 wide."""
    tally = Counter(verdict.recovery for verdict in verdicts)
    total, at, parts = sum(tally.values()) or 1, 0, []
    for recovery in Recovery:
        number = tally[recovery]
        parts.append((RECOVERY[recovery], number, round(100 * at / total, 2), round(100 * number / total, 2)))
        at += number
    return parts


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


def _blocks(tiers: Iterable[tuple[Tier | None, list[WorkloadVerdict]]]) -> list[Block]:
    """Return the blocks of a page that takes so many cards, those of the first tiers before those of the last."""
    blocks, room = [], _MOST_CARDS
    for tier, verdicts in tiers:
        blocks.append(_block(tier, verdicts, min(room, _MOST_CARDS_OF_A_TIER)))
        room -= len(blocks[-1].cards)
    return blocks


def _block(tier: Tier | None, verdicts: list[WorkloadVerdict], room: int) -> Block:
    tally = Counter(verdict.recovery for verdict in verdicts)
    counts = [
        (plural(RECOVERY[recovery], tally[recovery]), tally[recovery]) for recovery in Recovery if tally[recovery]
    ]
    wanting = [verdict for verdict in verdicts if verdict.recovery is not Recovery.RECOVERS]
    fine = [cut(verdict.name, 80) for verdict in verdicts if verdict.recovery is Recovery.RECOVERS]
    hidden = max(len(wanting) - room, 0) + max(len(fine) - _MOST_CARDS_OF_A_TIER, 0)
    facts: list[str] = []
    if tier is not None:
        facts = [fact for fact in (tier.dr_class, *objectives(tier.rpo, tier.rto), tier.owner) if fact]
    return Block(
        cut(tier.name, 80) if tier else "In no declared tier",
        " · ".join(cut(fact, 60) for fact in facts),
        counts,
        [_card(verdict) for verdict in wanting[:room]],
        fine[:_MOST_CARDS_OF_A_TIER],
        hidden,
    )


def _card(verdict: WorkloadVerdict) -> Card:
    resource = verdict.resource
    standby = ", ".join(cut(region, 30) for region in verdict.standbys[:3]) or "no standby"
    where = f"{cut(resource.region or 'Region not known', 30)} → {standby}"
    return Card(
        RECOVERY[verdict.recovery],
        name(resource),
        type_word(resource.type),
        where,
        cut(brief(verdict.reason[:4000]), _LONGEST_REASON),
    )


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
