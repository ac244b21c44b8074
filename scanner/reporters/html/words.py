"""The words and signs of the page: each colour has one of either beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from scanner import duration
from scanner.finding import Finding, Severity, Status
from scanner.model import Resource
from scanner.outcome import Outcome
from scanner.recovery import DECLARED
from scanner.reporters.text import cut


class Sign(NamedTuple):
    """How a verdict looks: the class of its colours, a sign, and a word."""

    css: str
    sign: str
    word: str


RECOVERY: Mapping[Outcome, Sign] = {
    Outcome.FAILS: Sign("bad", "✕", "does not recover"),
    Outcome.UNKNOWN: Sign("unk", "?", "cannot tell"),
    Outcome.AFTER: Sign("warn", "!", "recovers after actions"),
    Outcome.RECOVERS: Sign("ok", "✓", "recovers"),
}
_PLURALS = {
    "does not recover": "do not recover",
    "recovers after actions": "recover after actions",
    "recovers": "recover",
}
SEVERITY: Mapping[Severity, Sign] = {
    Severity.CRITICAL: Sign("bad", "◆", "critical"),
    Severity.HIGH: Sign("bad", "▲", "high"),
    Severity.MEDIUM: Sign("warn", "■", "medium"),
    Severity.LOW: Sign("warn", "▼", "low"),
    Severity.INFO: Sign("mute", "●", "info"),
}
STATUS: Mapping[Status, Sign] = {
    Status.FAIL: Sign("bad", "✕", "fail"),
    Status.UNKNOWN: Sign("unk", "?", "unknown"),
    Status.PASS: Sign("ok", "✓", "pass"),
    Status.NOT_APPLICABLE: Sign("mute", "\N{EN DASH}", "not applicable"),
}
EXEMPTED = Sign("mute", "○", "exempted")


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where that is meant."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plural(sign: Sign, number: int) -> Sign:
    """Return the sign of a verdict on so many workloads."""
    return sign if number == 1 else sign._replace(word=_PLURALS.get(sign.word, sign.word))


def name(resource: Resource) -> str:
    """Return what a row calls a resource."""
    return cut(resource.name or resource.id, 120)


def place_of(finding: Finding) -> tuple[str, str]:
    """Return the account and the Region of a finding's row, with the standby's where it compares with one."""
    resource, standby = finding.resource, finding.counterpart
    if resource.type.startswith(DECLARED):
        return "", "declared"
    account, region = resource.account or "not known", resource.region or "not known"
    if standby is None:
        return cut(account, 40), cut(region, 40)
    there = standby.region if standby.account in (None, resource.account) else f"{standby.account}/{standby.region}"
    return cut(account, 40), f"{cut(region, 40)} → {cut(there, 40)}"


def objectives(rpo: timedelta | None, rto: timedelta | None) -> list[str]:
    """Return what was declared of a recovery point and a recovery time."""
    declared = (("RPO", rpo), ("RTO", rto))
    return [f"{label} {duration.words(value)}" for label, value in declared if value is not None]
