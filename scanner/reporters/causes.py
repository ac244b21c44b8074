"""Verdicts that could not be reached, by what they could not be reached for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scanner.finding import Finding, Status
from scanner.verdict import capitalized

_UNSCANNED = re.compile(r"was looked for in (\S+), which was not scanned")
_CODE = re.compile(r"[A-Z][A-Za-z0-9.]*[.]?")


def by_cause(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return (cause, the `unknown` findings that have it), the most frequent first.

    One denied call is the reason of many rules, each of which says in its own words what it wanted to know: what
    they share is the call, its error code and the service's own text.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.status is Status.UNKNOWN:
            groups.setdefault(cause(finding.message), []).append(finding)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def cause(message: str) -> str:
    """Return the part of a reason that begins with what was not answered, if it holds an error code, else all of it.

    What was looked for where nothing was scanned has that as its cause, whatever it is.
    `Whether it exists is not known: the roles were not listed: AccessDenied: no` is one of `The roles were not listed:
    AccessDenied: no`.
    """
    if unscanned := _UNSCANNED.search(message):
        return f"Nothing was scanned of {unscanned[1]}."
    clauses = message.split(": ")
    code = next((at for at, clause in enumerate(clauses) if at and _CODE.fullmatch(clause)), 0)
    return capitalized(": ".join(clauses[max(code - 1, 0) :]))
