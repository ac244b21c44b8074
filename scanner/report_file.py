"""A report that was written as JSON, read again: the same `Report`, so that any format can be written from it.

The file may come from anywhere.  It is decoded into the types of `report_document`, which say no less than
`schemas/report.json` does of what is needed; only a report that does not fit is held against that schema, to say where
and why.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scanner.assets import schema
from scanner.errors import ReportError, UsageError
from scanner.finding import Report
from scanner.report_document import Document, Version
from scanner.sweeping import rarely_swept

_HINT = "Scan again with --format json; `regionproof schema report` describes the file."
_OURS = re.compile(rb'\s*\{\s*"\$schema"\s*:\s*"https://regionproof\.dev/schema/report-')


@dataclass(frozen=True)
class ReportFile:
    """A report as it was read: where from, the SHA-256 of the file, and the id of its scan."""

    path: str
    sha256: str
    scan_id: str
    report: Report


def read(path: str, data: bytes) -> ReportFile:
    """Return the report in `data`, of any minor version of the schema; `path` is what it is called in errors.

    Raises `UsageError` for what is no report of this tool or of a major version it does not read, and `ReportError`
    for a report that is cut short, damaged or contradicts itself.
    """
    _must_be_ours(path, data)
    try:
        with rarely_swept(100_000):
            document = msgspec.json.decode(data, type=Document)
            report = document.report()
    except msgspec.ValidationError as error:
        raise ReportError(f"{path}: {_explained(data) or error}", _HINT) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise ReportError(f"{path}: the report is damaged or was cut short: {error}", _HINT) from None
    _must_agree(path, report)
    return ReportFile(path, hashlib.sha256(data).hexdigest(), document.scan_id, report)


def load(path: Path) -> ReportFile:
    """Read a report's file; raise as `read` does, and `UsageError` for one that cannot be read."""
    try:
        return read(path.as_posix(), path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror or error}", "Give a report: regionproof scan --format json -o F."
        ) from None


def _must_be_ours(path: str, data: bytes) -> None:
    """Refuse other files.  Our reports begin with their schema; those that other tools rewrote hold it somewhere."""
    head: Any = None
    if not _OURS.match(data):
        try:
            head = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict) or "schema_version" not in head or "findings" not in head:
            raise UsageError(f"{path}: no JSON report of regionproof", _HINT)
    try:
        version = msgspec.json.decode(data, type=Version).schema_version
    except (ValueError, RecursionError):
        return  # what is wrong with it is said by who reads all of it
    if not re.match(r"1\.", version):
        raise UsageError(
            f"{path}: a report of schema version {version[:20]}; this regionproof reads 1.x", "Use a newer regionproof."
        )


def _explained(data: bytes) -> str:
    """Return what the schema finds wrong first, and where; "" if nothing."""
    from jsonschema import Draft202012Validator

    from scanner.conformity import message

    try:
        errors = Draft202012Validator(schema("report")).iter_errors(msgspec.json.decode(data))
        error = next(errors, None)
    except (ValueError, RecursionError) as unreadable:
        return f"the report is damaged or was cut short: {unreadable}"
    if error is None:
        return ""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {_short(message(error))}" if where else _short(message(error))


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:140]} ... {text[-140:]}"


def _must_agree(path: str, report: Report) -> None:
    """Refuse a report that names rules it does not have, or says two things of one finding."""
    rules = {rule.id for rule in report.rules}
    seen: set[str] = set()
    for finding in report.findings:
        if finding.rule_id not in rules:
            problem = f"finding '{finding.fingerprint}' is of rule '{finding.rule_id}', which is not among the rules"
            raise ReportError(f"{path}: {problem}", _HINT)
        if finding.fingerprint in seen:
            raise ReportError(f"{path}: two findings have the fingerprint '{finding.fingerprint}'", _HINT)
        seen.add(finding.fingerprint)
    for broken in report.broken_rules:
        if broken.rule_id not in rules:
            raise ReportError(f"{path}: broken rule '{broken.rule_id}' is not among the rules", _HINT)
