"""What differs between two reports, as text for a terminal, as JSON (`schemas/diff.json`), or as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TextIO

from scanner import __version__
from scanner.comparison import Comparison, Difference, Kind
from scanner.finding import Coverage, Finding, Report, Severity
from scanner.reporters.json import coverage_data, finding_data
from scanner.reporters.layout import NARROWEST, Page
from scanner.reporters.text import dumps, printable, timestamp

SCHEMA = "https://regionproof.dev/schema/diff-1.json"
SCHEMA_VERSION = "1.0.0"
_MOST_ROWS, _MOST_NAMES = 50, 8
_TITLES = {
    Kind.NEW: ("New failures", "they were none before"),
    Kind.FIXED: ("Fixed", "judged again, and no failure now"),
    Kind.CHANGED: ("Changed", "not as they were"),
    Kind.UNDECIDED: ("Undecided", "what could not be decided this time; not fixed"),
    Kind.GONE: ("Gone", "what they were about is not there, or the rule is not about it any more"),
    Kind.NOT_SCANNED: ("Not looked at", "nobody knows; not fixed"),
}
_STYLES = {Kind.NEW: "red", Kind.FIXED: "green", Kind.UNDECIDED: "yellow", Kind.NOT_SCANNED: "yellow"}
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!|~])")


@dataclass(frozen=True)
class Side:
    """One of the two reports: where it was read from, the SHA-256 of the file, the id of its scan, and itself."""

    path: str
    sha256: str
    scan_id: str
    report: Report


def table(
    found: Comparison,
    sides: tuple[Side, Side],
    out: TextIO,
    *,
    width: int = 80,
    color: bool = False,
    unicode: bool = True,
) -> None:
    """Write what differs for a person: kind by kind, worst first, at most `_MOST_ROWS` of each."""
    page = Page(max(width, NARROWEST), color, unicode)
    for label, side in zip(("Before   ", "After    "), sides, strict=True):
        out.writelines(f"{line}\n" for line in page.wrapped(_about(side), label=label))
    for note in found.notes:
        out.writelines(f"{page.styled(line, 'yellow')}\n" for line in page.wrapped(note, label="Note     "))
    for kind, group in groupby(found.differences, key=lambda one: one.kind):
        ones = list(group)
        name, about = _TITLES[kind]
        out.write("\n")
        heading = page.wrapped(f"{name} ({len(ones):,}; {about})")
        out.writelines(f"{page.styled(line, _STYLES.get(kind, 'bold'))}\n" for line in heading)
        for one in ones[:_MOST_ROWS]:
            out.writelines(f"{line}\n" for line in _rows(one, page))
        if len(ones) > _MOST_ROWS:
            out.write(f"  and {len(ones) - _MOST_ROWS:,} more; --format json has them all\n")
    if changes := list(_coverage(found)):
        out.write(f"\n{page.styled('Coverage', 'bold')}\n")
        out.writelines(f"{line}\n" for text in changes for line in page.wrapped(text, 2))
    out.write("\n")
    out.writelines(f"{line}\n" for line in page.wrapped(_summary(found)))


def _rows(one: Difference, page: Page) -> Iterator[str]:
    finding = one.finding
    yield from page.wrapped(f"{finding.rule_id}: {_where(finding)}", 2, f"{finding.severity.value.upper():<8}  ")
    if one.kind in (Kind.NEW, Kind.CHANGED):
        yield from page.wrapped(finding.message, 12)
    elif one.before is not None:
        was = one.before.status.value.replace("_", " ")
        yield from page.wrapped(f"was {was}: {one.before.message}", 12)
    if one.reason != finding.message or one.kind not in (Kind.NEW, Kind.CHANGED):
        yield from page.wrapped(one.reason, 12)


def json(found: Comparison, sides: tuple[Side, Side], out: TextIO) -> None:
    """Write what differs as JSON, one difference a line."""
    old, new = sides
    head = {
        "$schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "regionproof", "version": __version__},
        "old": _side(old),
        "new": _side(new),
        "notes": list(found.notes),
        "summary": _counts(found),
        "coverage": {
            "rules_gone": list(found.rules_gone),
            "rules_new": list(found.rules_new),
            "places_gone": list(found.places_gone),
            "places_new": list(found.places_new),
            "worse": list(map(coverage_data, found.worse)),
            "better": list(map(coverage_data, found.better)),
        },
    }
    out.write("{\n")
    out.writelines(f"{dumps(key)}: {dumps(value)},\n" for key, value in head.items())
    out.write('"differences": [')
    separator = "\n"
    for one in found.differences:
        out.write(f"{separator}  {dumps(_difference(one, old.scan_id, new.scan_id))}")
        separator = ",\n"
    out.write("]\n}\n" if separator == "\n" else "\n]\n}\n")


def markdown(found: Comparison, sides: tuple[Side, Side], out: TextIO) -> None:
    """Write what differs as Markdown for a pull request or a ticket: at most `_MOST_ROWS` of a kind."""
    old, new = (_escaped(_about(side)) for side in sides)
    out.write(f"### regionproof: what changed\n\n{_escaped(_summary(found))}\n\nBefore: {old}<br>After: {new}\n")
    for note in found.notes:
        out.write(f"\n> {_escaped(note)}\n")
    for kind, group in groupby(found.differences, key=lambda one: one.kind):
        ones = list(group)
        name, about = _TITLES[kind]
        opened = " open" if kind is Kind.NEW else ""
        out.write(f"\n<details{opened}><summary>{name} ({len(ones):,}; {about})</summary>\n\n")
        out.write("| severity | rule | where | what |\n|---|---|---|---|\n")
        out.writelines(_markdown_row(one) for one in ones[:_MOST_ROWS])
        if len(ones) > _MOST_ROWS:
            out.write(f"\n{len(ones) - _MOST_ROWS:,} more are in the JSON form.\n")
        out.write("\n</details>\n")
    if changes := list(_coverage(found)):
        out.write("\n**Coverage**\n\n")
        out.writelines(f"- {_escaped(text)}\n" for text in changes)


def _markdown_row(one: Difference) -> str:
    finding = one.finding
    cells = (finding.severity.value, finding.rule_id, _where(finding), _what(one))
    return f"| {' | '.join(_escaped(cell[:1000]) for cell in cells)} |\n"


def _what(one: Difference) -> str:
    """Return what a finding says if it is there, else what it said, and why it is listed; nothing twice."""
    if one.kind in (Kind.NEW, Kind.CHANGED):
        return " ".join(dict.fromkeys((one.finding.message, one.reason)))
    was = f" Before: {one.before.message[:400]}" if one.before is not None else ""
    return f"{one.reason}{was}"


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no mention, no link."""
    inert = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return _MARKUP.sub(r"\\\1", inert).replace("://", ":&#47;&#47;")


def _about(side: Side) -> str:
    report = side.report
    return f"{side.path}, as of {report.as_of:%Y-%m-%d %H:%M} UTC, by regionproof {report.tool_version}"


def _side(side: Side) -> dict[str, Any]:
    report = side.report
    return {
        "path": side.path,
        "sha256": side.sha256,
        "scan_id": side.scan_id,
        "as_of": timestamp(report.as_of),
        "tool_version": report.tool_version,
    }


def _difference(one: Difference, old_scan: str, new_scan: str) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "reason": one.reason,
        "before": None if one.before is None else finding_data(one.before, old_scan),
        "after": None if one.after is None else finding_data(one.after, new_scan),
    }


def _counts(found: Comparison) -> dict[str, Any]:
    kinds = Counter(one.kind for one in found.differences)
    severities = Counter(one.finding.severity for one in found.differences if one.kind is Kind.NEW)
    return {
        **{kind.value: kinds[kind] for kind in Kind},
        "new_by_severity": {severity.value: severities[severity] for severity in Severity},
    }


def _summary(found: Comparison) -> str:
    kinds = Counter(one.kind for one in found.differences)
    titles = {kind: _TITLES[kind][0].lower() for kind in Kind}
    titles |= {Kind.NEW: "new failure"} if kinds[Kind.NEW] == 1 else {}
    counts = ", ".join(f"{kinds[kind]:,} {titles[kind]}" for kind in Kind)
    return counts if found.differences else f"No finding differs: {counts}"


def _coverage(found: Comparison) -> Iterator[str]:
    """Yield what was looked at in one of the scans only."""
    for what, names in (
        ("rules that did not run any more", found.rules_gone),
        ("rules that did not run before", found.rules_new),
        ("accounts and Regions that were not scanned any more", found.places_gone),
        ("accounts and Regions that were not scanned before", found.places_new),
        ("not answered in full any more", list(map(_operation, found.worse))),
        ("answered in full now, or not asked", list(map(_operation, found.better))),
    ):
        if names:
            yield f"{len(names):,} {what}: {_some(names)}"


def _operation(row: Coverage) -> str:
    return row.operation if row.service == "file" else f"{row.operation} in {row.account}/{row.region}"


def _where(finding: Finding) -> str:
    resource, standby = finding.resource, finding.counterpart
    place = f"{resource.account or '*'}/{resource.region or '*'}"
    against = f" against {standby.account or '*'}/{standby.region}" if standby else ""
    at = f", {finding.location}" if finding.location else ""
    return f"{resource.name or resource.id} in {place}{against}{at}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
