"""The report for a person at a terminal: what is broken, worst first, and what could not be seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TextIO

from scanner import controls as catalogue
from scanner import duration
from scanner.finding import (
    UNJUDGED,
    Baseline,
    BaselineState,
    Exemption,
    ExemptionState,
    Fate,
    Finding,
    Origin,
    Report,
    RuleSummary,
    Severity,
    Status,
)
from scanner.model import Pair
from scanner.recovery import DECLARED
from scanner.reporters.causes import by_cause
from scanner.reporters.coverage import left_out, not_enabled, reused_answers
from scanner.reporters.layout import NARROWEST, Page, wrap
from scanner.reporters.text import cut

_STYLE = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_KINDS = {"iac": "infrastructure code", "against": "snapshot that the code is laid over"}
_ORIGINS = {Origin.CHANGE: "new with the change", Origin.LIVE: "live", Origin.BOTH: "live and in code"}
_FATES = {
    Fate.FIXED: "fixed",
    Fate.UNDECIDED: "undecided now",
    Fate.GONE: "gone",
    Fate.NOT_SCANNED: "not looked at",
}
_STATES = {BaselineState.NEW: "new since the baseline", BaselineState.UPDATED: "changed since the baseline"}
_LONGEST_FIX = 280
_MOST_REASONS, _MOST_GAPS, _MOST_PAIRS = 20, 40, 8
_MOST_PLACES, _MOST_RULES, _MOST_NAMES = 4, 12, 3


def write(
    report: Report,
    out: TextIO,
    *,
    width: int = 80,
    color: bool = False,
    unicode: bool = True,
    controls: Sequence[str] = (),
) -> None:
    """Write a report as text.

    Args:
        report: What to write.
        out: Where to.
        width: Columns of the terminal; nothing is wider, unless the terminal is narrower than 48 columns.
        color: Whether to use ANSI colours.
        unicode: Whether `out` takes more than ASCII; if not, everything else is written as escapes.
        controls: Frameworks by whose controls the findings are counted, too.
    """
    page = Page(max(width, NARROWEST), color, unicode)
    sections = [
        section(report, page) for section in (_header, _failures, _former, _unknowns, _broken, _gaps, _exemptions)
    ]
    sections += [_controls(report, framework, page) for framework in controls]
    for at, section in enumerate([*sections, _summary(report, page)]):
        lines = list(section)
        if at and lines:
            out.write("\n")
        out.writelines(f"{line}\n" for line in lines)


def _header(report: Report, page: Page) -> Iterator[str]:
    as_of = f"{report.as_of:%Y-%m-%d %H:%M} UTC"
    yield page.styled(f"regionproof {report.tool_version}, as of {as_of}", "bold")
    for each in report.inputs:
        kind = _KINDS.get(each.kind, each.kind)
        yield from page.wrapped(f"{each.path} ({kind})", label="Scanned  ")
    yield from page.wrapped(_extent(report, page), label="Extent   ")
    if report.not_shown:
        about = f" that concern no line changed since {report.changed_since}" if report.changed_since else ""
        yield from page.wrapped(f"{_count(report.not_shown, 'verdict')}{about} not shown", label="Narrowed ")
    if report.baseline:
        yield from page.wrapped(_baseline(report, report.baseline), label="Baseline ")
    pairs = [_pair(pair, page) for pair in report.pairs[:_MOST_PAIRS]]
    if len(report.pairs) > _MOST_PAIRS:
        pairs.append(f"and {len(report.pairs) - _MOST_PAIRS} more")
    if report.pairs_derived and pairs:
        pairs.append("(derived from the registries' replication rules)")
    for at, line in enumerate(pairs or ["none, so nothing was compared with a standby"]):
        yield from page.wrapped(line, label=" " * 9 if at else "Pairs    ")
    if report.unseen:
        places = ", ".join(str(place) for place in report.unseen[:_MOST_PAIRS])
        what = "the primary of a pair: no verdict is about it"
        if len(report.unseen) > 1:
            what = f"which are {len(report.unseen)} primaries of pairs: no verdict is about them"
        text = f"Nothing was scanned of {places}, {what}."
        yield from (page.styled(line, "yellow") for line in page.wrapped(text, label=" " * 9))


def _baseline(report: Report, baseline: Baseline) -> str:
    states = Counter(f.baseline_state for f in report.findings if f.is_open_failure)
    fates = Counter(each.fate for each in baseline.former)
    counts = [f"{states[state]:,} {state.value}" for state in BaselineState if state is not BaselineState.ABSENT]
    counts += [f"{fates[fate]:,} {_FATES[fate]}" for fate in Fate if fates[fate] or fate is Fate.FIXED]
    return f"{baseline.path}, as of {baseline.as_of:%Y-%m-%d %H:%M} UTC; failures: {', '.join(counts)}"


def _extent(report: Report, page: Page) -> str:
    live = [row for row in report.coverage if row.service != "file" and row.asked]
    files = sum(1 for row in report.coverage if row.service == "file")
    parts = []
    if live:
        accounts = _count(len({row.account for row in live if row.account}), "account")
        regions = _count(len({row.region for row in live if row.region}), "Region")
        parts.append(f"{accounts} {_times(page)} {regions}, {_count(len(live), 'operation')} asked")
    if files or not live:
        parts.append(f"{_count(files, 'file')} read")
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
    return f"{pair.primary} {_arrow(page)} {pair.standby}{f' ({known})' if known else ''}"


def _failures(report: Report, page: Page) -> Iterator[str]:
    open_failures = [f for f in report.findings if f.status is Status.FAIL and f.exemption is None]
    yield _title("Failures", len(open_failures), page)
    if not open_failures:
        undecided = not report.complete or any(f.status is Status.UNKNOWN for f in report.findings)
        yield from page.wrapped("None in what was seen; below is what was not." if undecided else "None.", 2)
    rules = {rule.id: rule for rule in report.rules}
    groups: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in open_failures:
        groups.setdefault((finding.rule_id, finding.severity), []).append(finding)
    for (id, _), findings in sorted(groups.items(), key=lambda item: (item[0][1].rank, -len(item[1]), item[0])):
        yield ""
        yield from _rule_failures(id, rules.get(id), findings, page)


def _rule_failures(id: str, rule: RuleSummary | None, findings: Sequence[Finding], page: Page) -> Iterator[str]:
    """Return the failures of one rule that are of one severity."""
    severity = findings[0].severity
    title = f"{rule.title if rule else id} ({_count(len(findings), 'failure')})"
    heading = page.wrapped(title, label=f"{severity.value.upper():<8}  ")
    yield from (page.styled(line, _STYLE[severity]) for line in heading)
    for where, group in groupby(sorted(findings, key=lambda f: _where(f, page)), key=lambda f: _where(f, page)):
        yield from page.wrapped(where, 2)
        yield from _rows([(_name(finding), _what(finding)) for finding in group], page)
    if rule and rule.remediation:
        yield from page.wrapped(_first_sentence(rule.remediation), 2, "Fix   ")
    yield from page.wrapped(f"regionproof rules show {id}", 2, "More  ")


def _first_sentence(text: str) -> str:
    """Return the first sentence of a remedy; commands and the rest are a `rules show` away."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[.]) ", paragraph, maxsplit=1)[0].rstrip(":")
    return cut(sentence if sentence.endswith(".") else f"{sentence}.", _LONGEST_FIX)


def _rows(rows: Iterable[tuple[str, str]], page: Page, indent: int = 4) -> Iterator[str]:
    """Return (name, message) rows beside each other where that needs no broken word, else below each other."""
    cleaned = [(page.clean(name), page.clean(message)) for name, message in rows]
    room = page.width - indent - 2 - max(len(name) for name, _ in cleaned)
    longest_word = max((len(word) for _, message in cleaned for word in message.split()), default=0)
    if all(len(message) <= room for _, message in cleaned) or room >= max(NARROWEST, longest_word):
        yield from page.columns(cleaned, indent)
        return
    for name, message in cleaned:
        yield from page.wrapped(name, indent)
        yield from page.wrapped(message, indent + 2)


def _former(report: Report, page: Page) -> Iterator[str]:
    """Return the failures of the baseline of which nobody knows what became."""
    former = report.baseline.former if report.baseline else ()
    unsure = [each for each in former if each.fate in UNJUDGED]
    if not unsure:
        return
    yield _title("Failures of the baseline", len(unsure), page, "could not be judged again, and may still be there")
    for each in unsure[:_MOST_GAPS]:
        finding = each.finding
        yield from page.wrapped(f"{finding.rule_id}: {_name(finding)}, {_where(finding, page)}", 2)
        yield from page.wrapped(f"{_FATES[each.fate]}: {each.reason}", 4)
    if len(unsure) > _MOST_GAPS:
        yield from page.wrapped(f"and {len(unsure) - _MOST_GAPS:,} more; the JSON report has them all", 2)


def _unknowns(report: Report, page: Page) -> Iterator[str]:
    causes = by_cause(report.findings)
    if not causes:
        return
    yield _title("Unknown", sum(len(findings) for _, findings in causes), page, "could not be decided")
    shown = causes[:_MOST_REASONS]
    margin = max(len(f"{len(findings)}") for _, findings in shown)
    for text, findings in shown:
        label = f"{len(findings):>{margin}}{_times(page)}  "
        yield from page.wrapped(text, 2, label)
        yield from _undecided(findings, 2 + len(label), page)
    if len(causes) > len(shown):
        more = _count(len(causes) - len(shown), "more reason")
        yield from page.wrapped(f"and {more}; the JSON report has them all", 2)


def _undecided(findings: Sequence[Finding], indent: int, page: Page) -> Iterator[str]:
    """Return the rules that could not decide, each with its subjects, under where these are."""
    places: dict[str, dict[str, dict[str, None]]] = {}
    for finding in findings:
        rules = places.setdefault(_where(finding, page), {})
        rules.setdefault(finding.rule_id, {})[_name(finding)] = None
    for where, rules in sorted(places.items())[:_MOST_PLACES]:
        yield from page.wrapped(where, indent)
        rows = [(id, _some(sorted(names))) for id, names in sorted(rules.items())]
        yield from _rows(rows[:_MOST_RULES], page, indent + 2)
        if len(rows) > _MOST_RULES:
            yield from page.wrapped(f"and {_count(len(rows) - _MOST_RULES, 'more rule')}", indent + 2)
    if len(places) > _MOST_PLACES:
        yield from page.wrapped(f"and in {_count(len(places) - _MOST_PLACES, 'more place')}", indent)


def _broken(report: Report, page: Page) -> Iterator[str]:
    if report.broken_rules:
        yield _title("Broken rules", len(report.broken_rules), page, "failed, so what they judge is unknown")
        rows = [
            (rule.rule_id, f"{rule.reason} ({_count(rule.subjects, 'subject')})")
            for rule in sorted(report.broken_rules)
        ]
        yield from _rows(rows, page)


def _gaps(report: Report, page: Page) -> Iterator[str]:
    rows = sorted(row for row in report.coverage if row.missed)
    if not rows:
        return
    yield _title("Coverage gaps", len(rows), page, "not answered in full")
    for where, group in groupby(rows[:_MOST_GAPS], key=lambda row: f"{row.account or '*'}/{row.region or '*'}"):
        each = list(group)
        if each[0].service == "file":
            yield "  files"
            yield from _rows([(row.operation, row.message or _errors(row.errors)) for row in each], page)
            continue
        yield from page.wrapped(where, 2)
        lines = [
            (row.operation, f"{code} ({count:,} of {_count(row.calls, 'call')})")
            for row in each
            for code, count in sorted(row.errors) or [(row.message or row.status, row.calls)]
        ]
        yield from _rows(lines, page)
    if len(rows) > _MOST_GAPS:
        yield from page.wrapped(f"and {len(rows) - _MOST_GAPS} more; the JSON report has them all", 2)


def _exemptions(report: Report, page: Page) -> Iterator[str]:
    if not report.exemptions:
        return
    used = Counter(finding.exemption for finding in report.findings if finding.exemption)
    yield _title("Exemptions", len(report.exemptions), page)
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
        ExemptionState.ACTIVE: f"{_count(used, 'finding')} until {exemption.expires}",
        ExemptionState.UNUSED: f"{'matches nothing' if ran else 'no rule of this name ran'}, until {exemption.expires}",
        ExemptionState.EXPIRED: f"suppresses nothing since {exemption.expires}",
    }[state]
    return f"{exemption.rule} for {exemption.resource}: {what} ({exemption.owner}: {exemption.reason})"


def _controls(report: Report, framework: str, page: Page) -> Iterator[str]:
    counted = catalogue.by_control(report, framework)
    known = catalogue.frameworks().get(framework)
    yield _title(
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
    text = f"{_count(len(report.rules), 'rule')}: {', '.join(parts)}; {_completeness(report)}"
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
            missing.append(f"{short} of {_count(len(rows), noun)} {verb} not {done} in full")
    return f"incomplete: {'; '.join(missing)}" if missing else "complete"


def _where(finding: Finding, page: Page) -> str:
    resource, standby = finding.resource, finding.counterpart
    if resource.type.startswith(DECLARED):
        return "declared"  # a tier, a drill, a runbook: in no account and no Region
    place = f"{resource.account or 'account unknown'}/{resource.region or 'Region unknown'}"
    if standby is None:
        return place
    there = standby.region if standby.account in (None, resource.account) else f"{standby.account}/{standby.region}"
    return f"{place} {_arrow(page)} {there}"


def _name(finding: Finding) -> str:
    return finding.resource.name or finding.resource.id


def _what(finding: Finding) -> str:
    """Return what a finding says; of the places that stand above it, the Region is enough."""
    text, standby = finding.message, finding.counterpart
    places = {(finding.resource.account, finding.resource.region)}
    if standby is not None:
        places.add((standby.account or finding.resource.account, standby.region))
    if len({region for _, region in places}) == len(places):
        for account, region in places:
            text = text.replace(f"'{account}/{region}'", f"'{region}'")
    notes = [str(finding.location)] if finding.location else []
    notes += [_ORIGINS[finding.origin]] if finding.origin else []
    notes += [_STATES[finding.baseline_state]] if finding.baseline_state in _STATES else []
    return f"{text} ({'; '.join(notes)})" if notes else text


def _errors(errors: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{code} ({_count(count, 'time')})" for code, count in sorted(errors)) or "not read"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"


def _title(name: str, count: int, page: Page, about: str = "") -> str:
    *lines, last = wrap(f"{name} ({count}{f' {about}' if about else ''})", page.width)
    rest = page.sign("─", "-") * (page.width - len(last) - 1)
    return page.styled("\n".join([*lines, f"{last} {rest}".rstrip()]), "bold")


def _times(page: Page) -> str:
    return page.sign("\N{MULTIPLICATION SIGN}", "x")


def _arrow(page: Page) -> str:
    return page.sign("→", "->")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
