"""The open failures and the gaps as GitLab Code Quality issues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, TextIO

from scanner.finding import Finding, Report, Severity
from scanner.reporters.limits import unjudged
from scanner.reporters.paths import coverage_path, synthetic_path
from scanner.reporters.text import cut, dumps, printable, sentence
from scanner.reporters.verdicts import is_gap, is_open, verdicts

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
_MESSAGE, _NAME, _PATH = 2_000, 256, 1_000


def write(report: Report, out: TextIO) -> None:
    """Write the issues, one a line of one JSON array.

    A failure of something that runs is at a path that no file has, one for each resource, as in SARIF.  GitLab takes
    what is missing for fixed, so a failure of the baseline that could not be judged again is still one.
    """
    separator = "["
    for finding in _told(report):
        if is_open(finding) or is_gap(finding):
            out.write(f"{separator}\n{dumps(_issue(finding))}")
            separator = ","
    out.write("[]\n" if separator == "[" else "\n]\n")


def _told(report: Report) -> Iterator[Finding]:
    yield from verdicts(report)
    failing = {finding.fingerprint for finding in report.findings if is_open(finding)}
    for each in unjudged(report):
        if each.finding.fingerprint not in failing:
            yield replace(each.finding, message=f"Not judged again ({each.reason}) It was: {each.finding.message}")


def _issue(finding: Finding) -> dict[str, Any]:
    where, name = finding.location, finding.resource.name or finding.resource.id
    text = finding.message if is_gap(finding) else f"{cut(name, _NAME)}: {finding.message}"
    return {
        "description": sentence(text, _MESSAGE),
        "check_name": cut(printable(finding.rule_id), _NAME),
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": _path(where.path) if where else _synthetic(finding),
            "lines": {"begin": max(where.line, 1) if where else 1},
        },
    }


def _synthetic(finding: Finding) -> str:
    resource = finding.resource
    if is_gap(finding):
        return coverage_path(resource.account or "", resource.region or "", resource.name or "")
    return synthetic_path(resource.id, resource.type, resource.account, resource.region)


def _path(path: str) -> str:
    """Return a path as GitLab wants it: relative to the repository, and without a dot in front."""
    parts = PurePosixPath(printable(path[: 2 * _PATH]).replace("\\", "/")).parts
    return cut("/".join(part for part in parts if part not in ("/", "//", "..")), _PATH) or "_"
