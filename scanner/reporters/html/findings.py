"""The table of findings: what failed by rule, what could not be decided by its cause, what somebody accepted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from markupsafe import escape

from scanner.finding import Finding, Origin, Report, RuleSummary, Severity, Status
from scanner.reporters.brief import short_digests
from scanner.reporters.causes import by_cause
from scanner.reporters.html.words import EXEMPTED, SEVERITY, STATUS, Sign, count, name, place_of
from scanner.reporters.kinds import type_word
from scanner.reporters.text import cut, dumps, jsonable, printable

MOST = 2000
"""How many findings are shown, worst first."""
_ROOM, _FOR_DETAILS = 840_000, 40_000  # bytes; with everything else a page stays under a megabyte
_RULE, _ROW, _DETAIL = 500, 80, 30  # bytes of markup, about
_LONGEST_MESSAGE, _LONGEST_VALUE, _MOST_VALUES, _LONGEST_ID = 420, 400, 16, 300
_ORIGINS = {Origin.CHANGE: "new with the change", Origin.LIVE: "live", Origin.BOTH: "live and in code"}


class Detail(NamedTuple):
    """One line below a finding."""

    term: str
    text: str
    code: bool = False


@dataclass(frozen=True)
class Row:
    """One finding; `rule` and `severity` are given where the rows of a group differ in them.

    `details` is empty where the page would become too long.
    """

    name: str
    type: str
    message: str
    account: str
    region: str
    notes: tuple[str, ...]
    details: tuple[Detail, ...] = ()
    rule: str = ""
    severity: str = ""

    @property
    def room(self) -> int:
        """Return about how many bytes the row takes without its details."""
        texts = (self.name, self.type, self.message, self.account, self.region, *self.notes, self.rule)
        return _ROW + sum(_size(text) for text in texts)


@dataclass(frozen=True)
class Group:
    """Rows of one rule and severity, or of one cause; `rule` is None for the latter."""

    sign: Sign
    status: str
    severity: str
    title: str
    count: str
    rule: RuleSummary | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Findings:
    """What is shown of the failures and the unknown: `shown` of `total`, `detailed` of them with their evidence."""

    groups: tuple[Group, ...]
    shown: int
    total: int
    detailed: int


def findings(report: Report) -> Findings:
    """Return the findings that somebody may have to do something about, the worst first, as many as a page takes."""
    wanted = [finding for finding in report.findings if finding.status in (Status.FAIL, Status.UNKNOWN)]
    prose = (text for rule in report.rules for text in (rule.rationale, rule.remediation, *rule.references))
    room = _ROOM - sum(map(_size, prose)) - _RULE * len(report.rules)
    chosen = _Chosen(sorted(wanted, key=_order), room)
    rules = {rule.id: rule for rule in report.rules}
    groups = (
        *_failures(chosen, rules, exempted=False),
        *_unknowns(chosen, rules),
        *_failures(chosen, rules, exempted=True),
    )
    return Findings(groups, len(chosen.rows), len(wanted), chosen.detailed)


class _Chosen:
    """The findings that fit, each with its row: first as many rows as a page takes, then details for the worst."""

    def __init__(self, ranked: Iterable[Finding], room: int) -> None:
        self.findings: list[Finding] = []
        self.rows: dict[int, Row] = {}
        self.detailed = 0
        used = 0
        for finding in islice(ranked, MOST):
            row = _row(finding)
            used += row.room
            if used > room:
                break
            self.findings.append(finding)
            self.rows[id(finding)] = row
        for finding in self.findings:
            details = tuple(_details(finding))
            used += sum(_DETAIL + _size(part.term) + _size(part.text) for part in details)
            if used > room + _FOR_DETAILS:
                break
            self.detailed += 1
            self.rows[id(finding)] = replace(self.rows[id(finding)], details=details)

    def row(self, finding: Finding) -> Row:
        return self.rows[id(finding)]


def _order(finding: Finding) -> tuple[bool, bool, int]:
    return finding.exemption is not None, finding.status is Status.UNKNOWN, finding.severity.rank


def _failures(chosen: _Chosen, rules: Mapping[str, RuleSummary], *, exempted: bool) -> Iterator[Group]:
    groups: dict[tuple[str, Severity], list[Finding]] = defaultdict(list)
    for finding in chosen.findings:
        if finding.status is Status.FAIL and (finding.exemption is not None) == exempted:
            groups[finding.rule_id, finding.severity].append(finding)
    for (id, severity), found in sorted(groups.items(), key=lambda item: (item[0][1].rank, -len(item[1]), item[0])):
        rule = rules.get(id)
        rows = tuple(chosen.row(finding) for finding in sorted(found, key=_where))
        sign, status = (EXEMPTED, "exempted") if exempted else (SEVERITY[severity], "fail")
        title = rule.title if rule else id
        yield Group(sign, status, severity.value, title, count(len(rows), "finding"), rule, rows)


def _unknowns(chosen: _Chosen, rules: Mapping[str, RuleSummary]) -> Iterator[Group]:
    for cause, found in by_cause(chosen.findings):
        rows = tuple(
            _of_cause(chosen.row(finding), finding, rules)
            for finding in sorted(found, key=lambda one: (one.severity.rank, one.rule_id, _where(one)))
        )
        title = cut(cause, _LONGEST_MESSAGE)
        yield Group(STATUS[Status.UNKNOWN], "unknown", "", title, count(len(rows), "verdict"), None, rows)


def _of_cause(row: Row, finding: Finding, rules: Mapping[str, RuleSummary]) -> Row:
    """Return the row of what could not be decided: below its cause, what was asked says more than the reason again."""
    rule = rules.get(finding.rule_id)
    details = (Detail("Reason", cut(finding.message, _LONGEST_MESSAGE)), *row.details) if row.details else ()
    message = rule.title if rule else finding.rule_id
    return replace(row, message=message, details=details, rule=finding.rule_id, severity=finding.severity.value)


def _where(finding: Finding) -> tuple[str, ...]:
    return (*place_of(finding), name(finding.resource), finding.resource.id, finding.message)


def _row(finding: Finding) -> Row:
    account, region = place_of(finding)
    baseline = finding.baseline_state
    notes = [f"{baseline} since the baseline" if baseline == "new" else str(baseline)] if baseline else []
    notes += [_ORIGINS[finding.origin]] if finding.origin else []
    message = cut(short_digests(finding.message[: 4 * _LONGEST_MESSAGE]), _LONGEST_MESSAGE)
    return Row(name(finding.resource), type_word(finding.resource.type), message, account, region, tuple(notes))


def _details(finding: Finding) -> Iterator[Detail]:
    resource, standby = finding.resource, finding.counterpart
    if finding.status is Status.FAIL and short_digests(finding.message) != finding.message:
        yield Detail("In full", cut(finding.message, _LONGEST_MESSAGE))
    yield Detail("ARN" if resource.id.startswith("arn:") else "Id", cut(resource.id, _LONGEST_ID), code=True)
    if standby is not None:
        yield Detail("Standby", _standby(finding), code=standby.id is not None)
    if finding.location is not None:
        yield Detail("Location", cut(str(finding.location), _LONGEST_ID), code=True)
    if finding.pointer:
        yield Detail("Property", cut(finding.pointer, _LONGEST_ID), code=True)
    if finding.exemption is not None:
        one = finding.exemption
        yield Detail("Exemption", f"until {one.expires}, {cut(one.owner, 100)}: {cut(one.reason, _LONGEST_VALUE)}")
    evidence = "\n".join(_evidence(finding.evidence))
    if evidence:
        yield Detail("Evidence", evidence, code=True)
    if resource.operations:
        seen = f", {resource.observed_at[:19]}Z" if resource.observed_at else ""
        yield Detail("Seen by", cut(f"{', '.join(resource.operations)}{seen}", _LONGEST_ID))
    if finding.related:
        ids = [one.id for one in finding.related[:3]]
        more = f" and {len(finding.related) - 3} more" if len(finding.related) > 3 else ""
        yield Detail("Related", cut(f"{', '.join(ids)}{more}", 2 * _LONGEST_ID), code=True)


def _standby(finding: Finding) -> str:
    standby = finding.counterpart
    if standby is None:
        return ""
    if standby.id is not None:
        return cut(standby.id, _LONGEST_ID)
    place = f"{standby.account or finding.resource.account or 'any account'}/{standby.region}"
    return cut(f"{'known not to exist' if standby.exists is False else 'not seen'} in {place}", _LONGEST_ID)


def _evidence(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each thing that supports the verdict, short enough to be read."""
    items: Sequence[tuple[str, Any]] = list(jsonable(evidence).items())
    for key, value in items[:_MOST_VALUES]:
        text = value if isinstance(value, str) else dumps(value)
        yield f"{printable(cut(key, 60))}: {cut(printable(text[: 2 * _LONGEST_VALUE]), _LONGEST_VALUE)}"
    if len(items) > _MOST_VALUES:
        yield f"and {len(items) - _MOST_VALUES} more"


def _size(text: str) -> int:
    return len(escape(text).encode("utf-8", "replace"))
