"""Ids that other tools can hold on to: the same scan and the same finding always get the same one."""

from __future__ import annotations

from uuid import UUID, uuid5

from scanner.finding import Finding, Report
from scanner.reporters.text import timestamp

_NAMESPACE = UUID("6f0c3d1e-6d0b-5e0c-9a53-2f1f0f6f7a11")


def guid(*parts: str) -> str:
    """Return the UUID (version 5) of a name that consists of parts."""
    return str(uuid5(_NAMESPACE, "\0".join(parts).encode("utf-8", "backslashreplace").decode("utf-8")))


def scan_id(report: Report) -> str:
    """Return the id of a scan: what was scanned, with which configuration, as of when."""
    inputs = sorted(f"{each.kind}:{each.path}" for each in report.inputs)
    return guid("scan", report.tool_version, timestamp(report.as_of), report.config_sha256 or "", *inputs)


def finding_id(scan: str, finding: Finding) -> str:
    """Return the id of a finding in one scan; its fingerprint is what stays from scan to scan."""
    return guid("finding", scan, finding.fingerprint)
