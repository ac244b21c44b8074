"""Failures of the baseline that are none now, for formats that are lists of verdicts: as what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scanner.finding import UNJUDGED, Fate, Finding, Former, Report, Status

_STATUSES = {
    Fate.FIXED: Status.PASS,
    Fate.GONE: Status.NOT_APPLICABLE,
    Fate.UNDECIDED: Status.UNKNOWN,
    Fate.NOT_SCANNED: Status.UNKNOWN,
}


def absent(report: Report) -> Iterator[Former]:
    """Yield those of which no finding of now tells: one of the same fingerprint says what is so instead."""
    there = {finding.fingerprint for finding in report.findings}
    for former in report.baseline.former if report.baseline else ():
        if former.finding.fingerprint not in there:
            yield former


def closed(report: Report) -> frozenset[str]:
    """Return the fingerprints of those that are known to be no failures any more."""
    former = report.baseline.former if report.baseline else ()
    return frozenset(each.finding.fingerprint for each in former if each.fate not in UNJUDGED)


def verdict(former: Former) -> Finding:
    """Return a former failure as what is known of it now: fixed passes, gone does not apply, all else is unknown."""
    was, open = former.finding, former.fate in UNJUDGED
    return replace(
        was,
        status=_STATUSES[former.fate],
        message=f"It was a failure of the baseline. {former.reason}",
        exemption=was.exemption if open else None,
    )
