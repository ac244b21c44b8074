"""The JSON report as JSON Lines, as `schemas/report-line.json` promises it; its last line says that it is whole."""

from __future__ import annotations

from collections import Counter
from typing import Any, TextIO

from scanner.finding import Report
from scanner.reporters.json import document
from scanner.reporters.text import dumps

SCHEMA = "https://regionproof.dev/schema/report-line-1.json"
_RECORDS = {
    "rules": "rule",
    "broken_rules": "broken_rule",
    "coverage": "coverage",
    "exemptions": "exemption",
    "recoveries": "recovery",
    "findings": "finding",
}
"""Which parts of the JSON report become lines of their own, and what those are called."""


def write(report: Report, out: TextIO) -> None:
    """Write a report as lines, none of which is kept: the header, what it consists of, and a trailer that counts."""
    parts = dict(document(report))
    parts["$schema"] = SCHEMA
    summary = parts.pop("summary")
    del parts["controls"]  # they count findings by the controls of the rules, and so can readers
    records = {name: parts.pop(name, ()) for name in _RECORDS}
    _line(out, "header", {key: list(value) if key == "pairs" else value for key, value in parts.items()})
    counts: Counter[str] = Counter(dict.fromkeys(_RECORDS.values(), 0))
    for name, record in _RECORDS.items():
        values = records[name]
        for value in ({"id": id, **rule} for id, rule in values.items()) if isinstance(values, dict) else values:
            _line(out, record, value)
            counts[record] += 1
    _line(out, "trailer", {"complete": True, "counts": dict(counts), "summary": summary})


def _line(out: TextIO, record: str, value: dict[str, Any]) -> None:
    out.write(f"{dumps({'record': record, **value})}\n")
