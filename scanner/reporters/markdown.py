"""The report for the summary of a build step or a comment on a pull request: short, and shorter where it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from scanner.finding import Finding, Report, RuleSummary, Severity, Status, Tier
from scanner.outcome import Outcome
from scanner.reporters.brief import brief
from scanner.reporters.by_workload import WorkloadVerdict, by_tier
from scanner.reporters.causes import by_cause
from scanner.reporters.gaps import Gap, gaps_of
from scanner.reporters.limits import FATES, limits, unjudged
from scanner.reporters.markdown_text import code, fenced, html, prose
from scanner.reporters.text import written_at
from scanner.reporters.verdicts import is_open, rules_of

LIMITS = {"step": 1_000_000, "comment": 60_000}
"""Bytes.  Above 1,024 kB GitHub drops the whole summary of a step; a comment takes 64 kB.  Others write there, too."""
_MOST_WORKLOADS, _MOST_RULES, _MOST_CAUSES, _MOST_GAPS, _MOST_FINDINGS = 50, 30, 10, 20, 200
_NAME, _REASON, _SENTENCE, _FIX = 120, 300, 500, 2_000
_RESERVE = 200
_SIGNS = {
    Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    Severity.HIGH: "\N{LARGE ORANGE CIRCLE}",
    Severity.MEDIUM: "\N{LARGE YELLOW CIRCLE}",
    Severity.LOW: "\N{LARGE BLUE CIRCLE}",
    Severity.INFO: "\N{MEDIUM WHITE CIRCLE}",
}
_RECOVERIES = {
    Outcome.FAILS: "\N{LARGE RED CIRCLE}",
    Outcome.UNKNOWN: "\N{MEDIUM WHITE CIRCLE}",
    Outcome.AFTER: "\N{LARGE YELLOW CIRCLE}",
    Outcome.RECOVERS: "\N{LARGE GREEN CIRCLE}",
}


def write(report: Report, out: TextIO, *, markdown_for: str = "step") -> None:
    """Write a report as Markdown of GitHub's and GitLab's kind.

    Args:
        report: What to write.
        out: Where to.
        markdown_for: `step` or `comment`, which says how long it may be (`LIMITS`, in bytes).
    """
    rules = rules_of(report)
    room = LIMITS[markdown_for] - _RESERVE
    for block in (
        _heading(report),
        _workloads(report),
        _counts(report),
        _rules(report, rules),
        _undecided(report),
        _former(report),
        _gaps(report),
    ):
        text = "\n".join(block)
        if text:
            size = len(text.encode("utf-8")) + 2
            if size > room:
                break
            room -= size
            out.write(f"{text}\n\n")
    _write_findings([f for f in report.findings if is_open(f)], rules, room, out)


def _write_findings(found: Sequence[Finding], rules: dict[str, RuleSummary], room: int, out: TextIO) -> None:
    """Write the worst findings as far as there is room; how to fix what breaks a rule is said once."""
    shown = 0
    fixed: set[str] = set()
    for finding in found[:_MOST_FINDINGS]:
        text = "\n".join(_details(finding, rules[finding.rule_id], fix=finding.rule_id not in fixed))
        size = len(text.encode("utf-8")) + 2
        if size > room:
            break
        room -= size
        shown += 1
        fixed.add(finding.rule_id)
        out.write(f"{text}\n\n")
    if shown < len(found):
        out.write(f"{_count(len(found) - shown, 'more failure')}; the other reports have all.\n")


def _heading(report: Report) -> Iterator[str]:
    failures = sum(map(is_open, report.findings))
    undecided = sum(finding.status is Status.UNKNOWN for finding in report.findings)
    yield f"## regionproof: {_count(failures, 'failure')}, {undecided:,} undecided"
    yield ""
    version = prose(report.tool_version, _NAME)
    yield f"As of {report.as_of:%Y-%m-%d %H:%M} UTC, version {version}. {_completeness(report)}"
    told = [prose(sentence, _SENTENCE) for sentence in limits(report)]
    if told:
        yield from ("", *(f"- {sentence}" for sentence in told))


def _workloads(report: Report) -> Iterator[str]:
    """Return what the rules come to for each workload, worst first, by declared tier where there are tiers."""
    tiers = [(tier, found) for tier, found in by_tier(report) if found]
    verdicts = [(verdict, tier) for tier, found in tiers for verdict in found]
    if not verdicts:
        return
    counts = Counter(verdict.recovery for verdict, _ in verdicts)
    told = ", ".join(f"{each.value}: {counts[each]:,}" for each in Outcome if counts[each])
    yield "### Would each workload recover?"
    yield ""
    yield f"{_count(len(verdicts), 'workload')}, as far as the rules judge: {told}."
    order = list(Outcome)
    wanting = [each for each in verdicts if each[0].recovery is not Outcome.RECOVERS]
    wanting.sort(key=lambda one: order.index(one[0].recovery))
    if wanting:
        yield from ("", "| verdict | workload | because |", "|---|---|---|")
        yield from (_workload(verdict, tier) for verdict, tier in wanting[:_MOST_WORKLOADS])
        if len(wanting) > _MOST_WORKLOADS:
            yield f"| | {_count(len(wanting) - _MOST_WORKLOADS, 'more workload')} | |"
    fine = [code(verdict.name, _NAME) for verdict, _ in verdicts if verdict.recovery is Outcome.RECOVERS]
    if fine:
        more = f" and {len(fine) - _MOST_WORKLOADS:,} more" if len(fine) > _MOST_WORKLOADS else ""
        said = f"{_RECOVERIES[Outcome.RECOVERS]} {Outcome.RECOVERS.value}"
        yield from ("", f"{said}: {', '.join(fine[:_MOST_WORKLOADS])}{more}")


def _workload(verdict: WorkloadVerdict, tier: Tier | None) -> str:
    resource = verdict.resource
    there = f" to {', '.join(code(region, _NAME) for region in verdict.standbys)}" if verdict.standbys else ""
    where = f"{code(resource.region or 'Region unknown', _NAME)}{there}"
    name = f"{code(verdict.name, _NAME)}{f' ({prose(tier.name, _NAME)})' if tier else ''}"
    said = f"{_RECOVERIES[verdict.recovery]} {verdict.recovery.value}"
    return f"| {said} | {name}<br>{where} | {prose(brief(verdict.reason), _REASON)} |"


def _counts(report: Report) -> Iterator[str]:
    open_failures = [finding for finding in report.findings if is_open(finding)]
    statuses = Counter(finding.status for finding in report.findings)
    severities = Counter(finding.severity for finding in open_failures)
    yield "### Verdicts"
    yield ""
    yield "| verdict | findings |"
    yield "|---|---:|"
    for severity in Severity:
        if severities[severity]:
            yield f"| {_SIGNS[severity]} fail, {severity.value} | {severities[severity]:,} |"
    for name, count in (
        ("fail, exempted", statuses[Status.FAIL] - len(open_failures)),
        ("unknown", statuses[Status.UNKNOWN]),
        ("pass", statuses[Status.PASS]),
        ("not applicable", statuses[Status.NOT_APPLICABLE]),
    ):
        yield f"| {name} | {count:,} |"


def _completeness(report: Report) -> str:
    asked = [row for row in report.coverage if row.asked]
    if not asked:
        return "**Nothing was scanned.**"
    missed = sum(row.missed for row in asked)
    if missed:
        return f"**Incomplete: {missed:,} of {len(asked):,} operations and files were not answered in full.**"
    return f"Complete: all of {len(asked):,} operations and files were answered in full."


def _rules(report: Report, rules: dict[str, RuleSummary]) -> Iterator[str]:
    counts = Counter((finding.severity, finding.rule_id) for finding in report.findings if is_open(finding))
    rows = sorted(counts.items(), key=lambda row: (row[0][0].rank, -row[1], row[0][1]))
    if not rows:
        return
    yield "### What fails"
    yield ""
    yield "| severity | rule | failures |"
    yield "|---|---|---:|"
    for (severity, id), count in rows[:_MOST_RULES]:
        title = prose(rules[id].title, _NAME)
        yield f"| {_SIGNS[severity]} {severity.value} | {title}<br>{code(id, _NAME)} | {count:,} |"
    if len(rows) > _MOST_RULES:
        yield f"| | {_count(len(rows) - _MOST_RULES, 'more rule')} | {sum(n for _, n in rows[_MOST_RULES:]):,} |"


def _undecided(report: Report) -> Iterator[str]:
    causes = by_cause(report.findings)
    if not causes:
        return
    yield "### What could not be decided"
    yield ""
    yield "| verdicts | because |"
    yield "|---:|---|"
    for text, findings in causes[:_MOST_CAUSES]:
        yield f"| {len(findings):,} | {prose(text, _SENTENCE)} |"
    if len(causes) > _MOST_CAUSES:
        yield f"| {sum(len(f) for _, f in causes[_MOST_CAUSES:]):,} | {len(causes) - _MOST_CAUSES:,} more reasons |"


def _former(report: Report) -> Iterator[str]:
    """Return the failures of the baseline of which nobody knows what became."""
    unsure = unjudged(report)
    if not unsure:
        return
    yield "### Failures of the baseline that could not be judged again"
    yield ""
    yield "| what | because |"
    yield "|---|---|"
    for each in unsure[:_MOST_GAPS]:
        resource = each.finding.resource
        what = f"{code(each.finding.rule_id, _NAME)} {code(resource.name or resource.id, _NAME)}"
        yield f"| {what} | {FATES[each.fate]}: {prose(each.reason, _SENTENCE)} |"
    if len(unsure) > _MOST_GAPS:
        yield f"| | {_count(len(unsure) - _MOST_GAPS, 'more failure')} that may still be there |"


def _gaps(report: Report) -> Iterator[str]:
    gaps = [gap for source in ("live", "iac") for gap in gaps_of(report, source)]
    if not gaps:
        return
    yield "### What was not seen"
    yield ""
    yield "| where | what |"
    yield "|---|---|"
    for gap in gaps[:_MOST_GAPS]:
        yield f"| {code(_where(gap), _NAME)} | {prose(gap.message, _SENTENCE)} |"
    if len(gaps) > _MOST_GAPS:
        yield f"| | {_count(len(gaps) - _MOST_GAPS, 'more gap')} |"


def _where(gap: Gap) -> str:
    row = gap.rows[0]
    return row.operation if gap.is_file else f"{row.account}/{row.region} {row.service}"


def _details(finding: Finding, rule: RuleSummary, *, fix: bool) -> Iterator[str]:
    resource, standby = finding.resource, finding.counterpart
    name = f"<code>{html(resource.name or resource.id, _NAME).replace('<code>', '').replace('</code>', '')}</code>"
    title = html(rule.title, _NAME)
    state = f" ({finding.baseline_state.value})" if finding.baseline_state else ""
    said = f"<b>{finding.severity.value}</b>{state} {name}: {title}"
    yield f"<details><summary>{_SIGNS[finding.severity]} {said}</summary>"
    yield ""
    yield f"Found: {prose(finding.message, _SENTENCE)}"
    yield ""
    there = f" to {code(f'{standby.account or resource.account}/{standby.region}', _NAME)}" if standby else ""
    place = f"{resource.account or 'account unknown'}/{resource.region or 'Region unknown'}"
    yield f"- Where: {code(place, _NAME)}{there}"
    yield f"- Resource: {code(resource.id, _SENTENCE)}"
    if finding.location:
        yield f"- File: {code(written_at(finding.location), _SENTENCE)}"
    yield f"- Rule: {code(finding.rule_id, _NAME)}"
    if rule.remediation.strip() and fix:
        yield from ("", fenced(rule.remediation, _FIX))
    yield from ("", "</details>")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
