"""What the sections of the table are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from scanner.finding import BaselineState, Coverage, Finding, Origin, Severity
from scanner.recovery import DECLARED
from scanner.reporters.layout import NARROWEST, Page, wrap
from scanner.reporters.text import cut, written_at

STYLES = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_ORIGINS = {Origin.CHANGE: "new with the change", Origin.LIVE: "live", Origin.BOTH: "live and in code"}
_STATES = {BaselineState.NEW: "new since the baseline", BaselineState.UPDATED: "changed since the baseline"}
_LONGEST_FIX = 280
MOST_GAPS = 40
"""How many gaps are told one by one."""


def heading(name: str, count: int, page: Page, about: str = "") -> str:
    """Return the heading of a section."""
    *lines, last = wrap(f"{name} ({count}{f' {about}' if about else ''})", page.width)
    rest = page.sign("─", "-") * (page.width - len(last) - 1)
    return page.styled("\n".join([*lines, f"{last} {rest}".rstrip()]), "bold")


def name_rows(rows: Iterable[tuple[str, str]], page: Page, indent: int = 4) -> Iterator[str]:
    """Return (name, message) rows beside each other where that needs no broken word, else below each other."""
    cleaned = [(page.clean(name), page.clean(message)) for name, message in rows]
    room = page.width - indent - 2 - max(len(name) for name, _ in cleaned)
    longest_word = max((len(word) for _, message in cleaned for word in message.split()), default=0)
    if all(len(message) <= room for _, message in cleaned) or room >= max(NARROWEST, longest_word):
        yield from page.columns(cleaned, indent)
        return
    for name, message in cleaned:
        yield from page.wrapped(name, indent)
        yield from page.wrapped(message, indent + 2) if message else ()


def place_of(finding: Finding, page: Page) -> str:
    """Return the account and Region of a subject, and of the standby it is compared with."""
    resource, standby = finding.resource, finding.counterpart
    if resource.type.startswith(DECLARED):
        return "declared"  # a tier, a drill, a runbook: in no account and no Region
    place = f"{resource.account or 'account unknown'}/{resource.region or 'Region unknown'}"
    if standby is None:
        return place
    there = standby.region if standby.account in (None, resource.account) else f"{standby.account}/{standby.region}"
    return f"{place} {arrow(page)} {there}"


def name_of(finding: Finding) -> str:
    """Return what a subject is called."""
    return finding.resource.name or finding.resource.id


def said_of(finding: Finding) -> str:
    """Return what a finding says; of the places that stand above it, the Region is enough."""
    text, standby = finding.message, finding.counterpart
    places = {(finding.resource.account, finding.resource.region)}
    if standby is not None:
        places.add((standby.account or finding.resource.account, standby.region))
    if len({region for _, region in places}) == len(places):
        for account, region in places:
            text = text.replace(f"'{account}/{region}'", f"'{region}'")
    notes = [written_at(finding.location)] if finding.location else []
    notes += [_ORIGINS[finding.origin]] if finding.origin else []
    notes += [_STATES[finding.baseline_state]] if finding.baseline_state in _STATES else []
    return f"{text} ({'; '.join(notes)})" if notes else text


def coverage_gaps(rows: Sequence[Coverage], page: Page) -> Iterator[str]:
    """Return what was asked and not answered in full, by where; nothing if there is none."""
    if not rows:
        return
    yield heading("Coverage gaps", len(rows), page, "not answered in full")
    shown = sorted(rows)[:MOST_GAPS]
    for where, group in groupby(shown, key=lambda row: f"{row.account or '*'}/{row.region or '*'}"):
        each = list(group)
        if each[0].service == "file":
            yield "  files"
            yield from name_rows([(row.operation, row.message or _errors(row.errors)) for row in each], page)
            continue
        yield from page.wrapped(where, 2)
        lines = [
            (row.operation, f"{code} ({count:,} of {counted(row.calls, 'call')})")
            for row in each
            for code, count in sorted(row.errors) or [(row.message or row.status, row.calls)]
        ]
        yield from name_rows(lines, page)
    if len(rows) > MOST_GAPS:
        yield from page.wrapped(f"and {len(rows) - MOST_GAPS} more; the JSON report has them all", 2)


def _errors(errors: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{code} ({counted(count, 'time')})" for code, count in sorted(errors)) or "not read"


def first_sentence(text: str) -> str:
    """Return the first sentence of a remedy; commands and the rest are a `rules show` away."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[.]) ", paragraph, maxsplit=1)[0].rstrip(":")
    return cut(sentence if sentence.endswith(".") else f"{sentence}.", _LONGEST_FIX)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def times(page: Page) -> str:
    """Return the sign for "so many times"."""
    return page.sign("\N{MULTIPLICATION SIGN}", "x")


def arrow(page: Page) -> str:
    """Return the sign for "to"."""
    return page.sign("→", "->")
