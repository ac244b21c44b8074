"""The report for a person at a terminal: what is broken, worst first, and what could not be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from typing import TextIO

from scanner import controls as catalogue
from scanner import duration
from scanner.finding import (
    Exemption,
    ExemptionState,
    Finding,
    Report,
    RuleSummary,
    Severity,
    Status,
)
from scanner.model import Pair
from scanner.reporters.causes import by_cause
from scanner.reporters.coverage import left_out, not_enabled, reused_answers
from scanner.reporters.layout import NARROWEST, Page
from scanner.reporters.limits import FATES, compared, narrowed, not_scanned, unjudged
from scanner.reporters.table_parts import (
    MOST_GAPS,
    STYLES,
    arrow,
    counted,
    coverage_gaps,
    first_sentence,
    heading,
    name_of,
    name_rows,
    place_of,
    said_of,
    times,
)
from scanner.reporters.table_workloads import failures_by_workload
from scanner.reporters.text import inert

_KINDS = {"iac": "infrastructure code", "against": "snapshot that the code is laid over"}
_MOST_REASONS, _MOST_PAIRS = 20, 8
_MOST_PLACES, _MOST_RULES, _MOST_NAMES = 4, 12, 3


def write(
    report: Report,
    out: TextIO,
    *,
    width: int = 80,
    color: bool = False,
    unicode: bool = True,
    group_by: str = "rule",
    controls: Sequence[str] = (),
) -> None:
    """Write a report as text.

    Args:
        report: What to write.
        out: Where to.
        width: Columns of the terminal; nothing is wider, unless the terminal is narrower than 48 columns.
        color: Whether to use ANSI colours.
        unicode: Whether `out` takes more than ASCII; if not, everything else is written as escapes.
        group_by: `rule` or `workload`: under what the failures stand.
        controls: Frameworks by whose controls the findings are counted, too.
    """
    page = Page(max(width, NARROWEST), color, unicode)
    failures = {"rule": _failures, "workload": _failures_by_workload}[group_by]
    sections = [
        section(report, page) for section in (_header, failures, _former, _unknowns, _broken, _gaps, _exemptions)
    ]
    sections += [_controls(report, framework, page) for framework in controls]
    for at, section in enumerate([*sections, _summary(report, page)]):
        lines = list(section)
        if at and lines:
            out.write("\n")
        out.writelines(f"{inert(line)}\n" for text in lines for line in text.split("\n"))


def _header(report: Report, page: Page) -> Iterator[str]:
    as_of = f"{report.as_of:%Y-%m-%d %H:%M} UTC"
    yield page.styled(f"regionproof {report.tool_version}, as of {as_of}", "bold")
    for each in report.inputs:
        kind = _KINDS.get(each.kind, each.kind)
        yield from page.wrapped(f"{each.path} ({kind})", label="Scanned  ")
    yield from page.wrapped(_extent(report, page), label="Extent   ")
    if report.not_shown:
        yield from page.wrapped(narrowed(report), label="Narrowed ")
    if report.baseline:
        yield from page.wrapped(compared(report, report.baseline), label="Baseline ")
    pairs = [_pair(pair, page) for pair in report.pairs[:_MOST_PAIRS]]
    if len(report.pairs) > _MOST_PAIRS:
        pairs.append(f"and {len(report.pairs) - _MOST_PAIRS} more")
    if report.pairs_derived and pairs:
        pairs.append("(derived from the registries' replication rules)")
    for at, line in enumerate(pairs or ["none, so nothing was compared with a standby"]):
        yield from page.wrapped(line, label=" " * 9 if at else "Pairs    ")
    if report.unseen:
        yield from (page.styled(line, "yellow") for line in page.wrapped(not_scanned(report), label=" " * 9))


def _extent(report: Report, page: Page) -> str:
    live = [row for row in report.coverage if row.service != "file" and row.asked]
    files = sum(1 for row in report.coverage if row.service == "file")
    parts = []
    if live:
        accounts = counted(len({row.account for row in live if row.account}), "account")
        regions = counted(len({row.region for row in live if row.region}), "Region")
        parts.append(f"{accounts} {times(page)} {regions}, {counted(len(live), 'operation')} asked")
    if files or not live:
        parts.append(f"{counted(files, 'file')} read")
    parts += filter(None, (reused_answers(live), *left_out(live), not_enabled(report.coverage)))
    return "; ".join(parts)


def _pair(pair: Pair, page: Page) -> str:
    facts = [
        pair.dr_class,
        pair.image_distribution,
        pair.rpo and f"RPO {duration.render(pair.rpo)}",
        pair.rto and f"RTO {duration.render(pair.rto)}",
    ]
    known = ", ".join(fact for fact in facts if fact)
    return f"{pair.primary} {arrow(page)} {pair.standby}{f' ({known})' if known else ''}"


def _failures(report: Report, page: Page) -> Iterator[str]:
    open_failures = yield from _failures_title(report, page)
    rules = {rule.id: rule for rule in report.rules}
    groups: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in open_failures:
        groups.setdefault((finding.rule_id, finding.severity), []).append(finding)
    for (id, _), findings in sorted(groups.items(), key=lambda item: (item[0][1].rank, -len(item[1]), item[0])):
        yield ""
        yield from _rule_failures(id, rules.get(id), findings, page)


def _failures_by_workload(report: Report, page: Page) -> Iterator[str]:
    open_failures = yield from _failures_title(report, page)
    yield from failures_by_workload(open_failures, report, page)


def _failures_title(report: Report, page: Page) -> Generator[str, None, list[Finding]]:
    open_failures = [f for f in report.findings if f.status is Status.FAIL and f.exemption is None]
    yield heading("Failures", len(open_failures), page)
    if not open_failures:
        undecided = not report.complete or any(f.status is Status.UNKNOWN for f in report.findings)
        yield from page.wrapped("None in what was seen; below is what was not." if undecided else "None.", 2)
    return open_failures


def _rule_failures(id: str, rule: RuleSummary | None, findings: Sequence[Finding], page: Page) -> Iterator[str]:
    """Return the failures of one rule that are of one severity."""
    severity = findings[0].severity
    title = f"{rule.title if rule else id} ({counted(len(findings), 'failure')})"
    lines = page.wrapped(title, label=f"{severity.value.upper():<8}  ")
    yield from (page.styled(line, STYLES[severity]) for line in lines)
    for where, group in groupby(sorted(findings, key=lambda f: place_of(f, page)), key=lambda f: place_of(f, page)):
        yield from page.wrapped(where, 2)
        yield from name_rows([(name_of(finding), said_of(finding)) for finding in group], page)
    if rule and rule.remediation:
        yield from page.wrapped(first_sentence(rule.remediation), 2, "Fix   ")
    yield from page.wrapped(f"regionproof rules show {id}", 2, "More  ")


def _former(report: Report, page: Page) -> Iterator[str]:
    """Return the failures of the baseline of which nobody knows what became."""
    unsure = unjudged(report)
    if not unsure:
        return
    yield heading("Failures of the baseline", len(unsure), page, "could not be judged again, and may still be there")
    for each in unsure[:MOST_GAPS]:
        finding = each.finding
        yield from page.wrapped(f"{finding.rule_id}: {name_of(finding)}, {place_of(finding, page)}", 2)
        yield from page.wrapped(f"{FATES[each.fate]}: {each.reason}", 4)
    if len(unsure) > MOST_GAPS:
        yield from page.wrapped(f"and {len(unsure) - MOST_GAPS:,} more; the JSON report has them all", 2)


def _unknowns(report: Report, page: Page) -> Iterator[str]:
    causes = by_cause(report.findings)
    if not causes:
        return
    yield heading("Unknown", sum(len(findings) for _, findings in causes), page, "could not be decided")
    shown = causes[:_MOST_REASONS]
    margin = max(len(f"{len(findings)}") for _, findings in shown)
    for text, findings in shown:
        label = f"{len(findings):>{margin}}{times(page)}  "
        yield from page.wrapped(text, 2, label)
        yield from _undecided(findings, 2 + len(label), page)
    if len(causes) > len(shown):
        more = counted(len(causes) - len(shown), "more reason")
        yield from page.wrapped(f"and {more}; the JSON report has them all", 2)


def _undecided(findings: Sequence[Finding], indent: int, page: Page) -> Iterator[str]:
    """Return the rules that could not decide, each with its subjects, under where these are."""
    places: dict[str, dict[str, dict[str, None]]] = {}
    for finding in findings:
        rules = places.setdefault(place_of(finding, page), {})
        rules.setdefault(finding.rule_id, {})[name_of(finding)] = None
    for where, rules in sorted(places.items())[:_MOST_PLACES]:
        yield from page.wrapped(where, indent)
        rows = [(id, _some(sorted(names))) for id, names in sorted(rules.items())]
        yield from name_rows(rows[:_MOST_RULES], page, indent + 2)
        if len(rows) > _MOST_RULES:
            yield from page.wrapped(f"and {counted(len(rows) - _MOST_RULES, 'more rule')}", indent + 2)
    if len(places) > _MOST_PLACES:
        yield from page.wrapped(f"and in {counted(len(places) - _MOST_PLACES, 'more place')}", indent)


def _broken(report: Report, page: Page) -> Iterator[str]:
    if report.broken_rules:
        yield heading("Broken rules", len(report.broken_rules), page, "failed, so what they judge is unknown")
        rows = [
            (rule.rule_id, f"{rule.reason} ({counted(rule.subjects, 'subject')})")
            for rule in sorted(report.broken_rules)
        ]
        yield from name_rows(rows, page)


def _gaps(report: Report, page: Page) -> Iterator[str]:
    return coverage_gaps([row for row in report.coverage if row.missed], page)


def _exemptions(report: Report, page: Page) -> Iterator[str]:
    if not report.exemptions:
        return
    used = Counter(finding.exemption for finding in report.findings if finding.exemption)
    yield heading("Exemptions", len(report.exemptions), page)
    order = (ExemptionState.EXPIRED, ExemptionState.UNUSED, ExemptionState.ACTIVE)
    rows = sorted(
        report.exemptions, key=lambda row: (order.index(row[1]), row[0].expires, row[0].rule, row[0].resource)
    )
    for exemption, state in rows:
        ran = any(rule.id == exemption.rule for rule in report.rules)
        lines = page.wrapped(_exemption(exemption, state, used[exemption], ran), 2, f"{state.value:<7}  ")
        yield from (page.styled(line, "yellow") if state is not ExemptionState.ACTIVE else line for line in lines)


def _exemption(exemption: Exemption, state: ExemptionState, used: int, ran: bool) -> str:
    what = {
        ExemptionState.ACTIVE: f"{counted(used, 'finding')} until {exemption.expires}",
        ExemptionState.UNUSED: f"{'matches nothing' if ran else 'no rule of this name ran'}, until {exemption.expires}",
        ExemptionState.EXPIRED: f"suppresses nothing since {exemption.expires}",
    }[state]
    return f"{exemption.rule} for {exemption.resource}: {what} ({exemption.owner}: {exemption.reason})"


def _controls(report: Report, framework: str, page: Page) -> Iterator[str]:
    counted = catalogue.by_control(report, framework)
    known = catalogue.frameworks().get(framework)
    yield heading(
        page.clean(known.title if known else framework),
        len(counted),
        page,
        f"control{'' if len(counted) == 1 else 's'} that rules are mapped to",
    )
    if not counted:
        yield from page.wrapped("No rule that ran is mapped to a control of it.", 2)
        return
    rows: list[Sequence[str]] = [("control", "fail", "exempted", "unknown", "pass", "n/a", "what it is called")]
    for control in counted:
        numbers = (
            control.statuses[Status.FAIL] - control.exempted,
            control.exempted,
            *(control.statuses[status] for status in (Status.UNKNOWN, Status.PASS, Status.NOT_APPLICABLE)),
        )
        rows.append((page.clean(control.id), *map(str, numbers), page.clean(control.title)))
    yield from page.columns(rows, 2, right=range(1, 6))
    yield from page.wrapped("Counted are findings. A control may ask for more than these rules see.", 2)


def _summary(report: Report, page: Page) -> Iterator[str]:
    statuses = Counter(finding.status for finding in report.findings)
    exempted = sum(1 for f in report.findings if f.status is Status.FAIL and f.exemption)
    parts = [
        f"{statuses[Status.FAIL]} fail" + (f" ({exempted} exempted)" if exempted else ""),
        f"{statuses[Status.PASS]} pass",
        f"{statuses[Status.UNKNOWN]} unknown",
        f"{statuses[Status.NOT_APPLICABLE]} not applicable",
    ]
    text = f"{counted(len(report.rules), 'rule')}: {', '.join(parts)}; {_completeness(report)}"
    style = "red" if statuses[Status.FAIL] > exempted else "yellow" if not report.complete else "green"
    yield from (page.styled(line, style) for line in page.wrapped(text))


def _completeness(report: Report) -> str:
    if not report.coverage:
        return "nothing was scanned"
    missing = []
    for noun, rows, done in (
        ("operation", [row for row in report.coverage if row.service != "file" and row.asked], "answered"),
        ("file", [row for row in report.coverage if row.service == "file"], "read"),
    ):
        short = sum(1 for row in rows if row.missed)
        if short:
            verb = "was" if short == 1 else "were"
            missing.append(f"{short} of {counted(len(rows), noun)} {verb} not {done} in full")
    return f"incomplete: {'; '.join(missing)}" if missing else "complete"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
