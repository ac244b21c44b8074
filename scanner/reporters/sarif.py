"""The SARIF 2.1.0 report, in two profiles.

`github` holds what code scanning can use: failures nobody has waived, and one `coverage-gap` failure for each account,
Region and service that did not answer in full.  `full` holds every verdict, with suppressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TextIO
from urllib.parse import quote

import sarif_om as om

from scanner.finding import UNJUDGED, BaselineState, Exemption, Finding, Former, Report, RuleSummary, Status
from scanner.reporters import sarif_anchor as anchor
from scanner.reporters import sarif_encoder
from scanner.reporters.identity import finding_id, guid, scan_id
from scanner.reporters.sarif_coverage import Gap, gaps_of, invocation
from scanner.reporters.sarif_tool import COVERAGE_GAP, LEVEL, RANK, taxonomies_of, tool
from scanner.reporters.text import dumps, jsonable, printable, sentence, timestamp

Profile = Literal["github", "full"]
Source = Literal["live", "iac"]

_KIND = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.UNKNOWN: "open",
}
_LONGEST_REASON = 1000
_MOST_RELATED = 20
_MOST_EVIDENCE = 4096


def write(
    report: Report,
    out: TextIO,
    *,
    profile: Profile = "github",
    scope: str = "default",
    category: str | None = None,
) -> None:
    """Write a report as SARIF: a run for what accounts showed, a run for what files say, at least one.

    Args:
        report: What to write.
        out: Where to.
        profile: `github` or `full`, see above.
        scope: What was asked to be scanned.  An upload replaces the earlier one of the same scope, so a scan of a part
            must not have the scope of the whole.
        category: Takes the place of `regionproof/<live|iac>/<scope>`; `/live` or `/iac` is appended.
    """
    rules = (*sorted(report.rules, key=lambda rule: rule.id), COVERAGE_GAP)
    runs = [_Run(report, source, rules, profile) for source in _sources(report)]
    sarif_encoder.write(out, ((run.head(_category(run.source, scope, category)), run.results()) for run in runs))


def _sources(report: Report) -> list[Source]:
    live = any(finding.source == "live" for finding in report.findings)
    live = (
        live
        or any(row.service != "file" for row in report.coverage)
        or any(i.kind == "snapshot" for i in report.inputs)
    )
    iac = any(finding.source == "iac" for finding in report.findings)
    iac = iac or any(row.service == "file" for row in report.coverage) or any(i.kind == "iac" for i in report.inputs)
    sources: list[Source] = ["live"] if live or not iac else []
    return [*sources, "iac"] if iac else sources


def _category(source: Source, scope: str, category: str | None) -> str:
    return f"{category}/{source}" if category else f"regionproof/{source}/{quote(scope, safe='', errors='replace')}"


@dataclass(frozen=True)
class _Run:
    """One run to be: everything of one source in a report."""

    report: Report
    source: Source
    rules: Sequence[RuleSummary]
    profile: Profile

    def head(self, category: str) -> om.Run:
        """Return the run without its results."""
        taxonomies = taxonomies_of(self.rules)
        return om.Run(
            tool=tool(self.report.tool_version, self.rules, taxonomies),
            automation_details=om.RunAutomationDetails(
                id=f"{category}/{timestamp(self.report.as_of)}",
                guid=guid(scan_id(self.report), self.source),
                correlation_guid=guid("category", category),
                description=om.Message(text=_DESCRIPTION[self.source]),
            ),
            invocations=[invocation(self.report, self.source, len(self.rules) - 1)],
            taxonomies=taxonomies or None,
            baseline_guid=guid(self.report.baseline.scan_id, self.source) if self.report.baseline else None,
            original_uri_base_ids={
                name: om.ArtifactLocation(description=om.Message(text=text)) for name, text in _BASES.items()
            },
            column_kind="unicodeCodePoints",
            default_encoding="utf-8",
        )

    def results(self) -> Iterator[om.Result]:
        """Return the results, worst first as in the report, then the gaps in coverage."""
        scan = scan_id(self.report)
        index = {rule.id: at for at, rule in enumerate(self.rules)}
        for finding in self.report.findings:
            if finding.source == self.source and (self.profile == "full" or finding.is_open_failure):
                yield _result(finding, index[finding.rule_id], scan, self.profile)
        for former in self._former():
            yield _result(former.finding, index[former.finding.rule_id], scan, self.profile, carried=former)
        for gap in gaps_of(self.report, self.source):
            yield _gap_result(gap, index[COVERAGE_GAP.id], scan, self.profile)

    def _former(self) -> Iterator[Former]:
        """Return failures of the baseline: in `full` those that are absent, else those that were not judged again.

        Code scanning takes what is not there for fixed, so the latter are carried forward.
        """
        rules = {rule.id for rule in self.rules}
        there = {finding.fingerprint for finding in self.report.findings}
        for former in self.report.baseline.former if self.report.baseline else ():
            finding = former.finding
            if finding.source != self.source or finding.rule_id not in rules:
                continue
            if self.profile == "full" and finding.fingerprint not in there:
                yield former
            elif self.profile == "github" and finding.is_open_failure and former.fate in UNJUDGED:
                yield replace(former, finding=replace(finding, baseline_state=BaselineState.UNCHANGED))


_DESCRIPTION = {
    "live": "What the scanned accounts showed, judged by the rules of regionproof.",
    "iac": "What the scanned infrastructure code says, judged by the rules of regionproof.",
}
_BASES = {
    anchor.LIVE: "Not a file: a path made of account, Region, service and resource.",
    anchor.SRCROOT: "The directory in which the scan began.",
}


def _result(finding: Finding, rule_index: int, scan: str, profile: Profile, carried: Former | None = None) -> om.Result:
    failed = finding.status is Status.FAIL
    return om.Result(
        rule_id=finding.rule_id,
        rule_index=rule_index,
        kind=_KIND[finding.status],
        level=LEVEL[finding.severity] if failed else "none",
        rank=RANK[finding.severity] if failed else -1.0,
        message=anchor.message(finding.message or finding.status.value),
        locations=[anchor.location_of(finding)],
        guid=finding_id(scan, finding),
        correlation_guid=guid("finding", finding.fingerprint),
        partial_fingerprints=_fingerprints(finding.fingerprint, synthetic=finding.location is None),
        related_locations=list(_related(finding)) or None,
        suppressions=_suppressions(finding.exemption) if profile == "full" else None,
        baseline_state=finding.baseline_state.value if finding.baseline_state else None,
        properties=_properties(finding) | (_carried(carried) if carried else {}),
    )


def _fingerprints(fingerprint: str, *, synthetic: bool) -> dict[str, str]:
    prints = {"regionproofFinding/v1": fingerprint}
    if synthetic:  # GitHub computes it for real files, and complains about a different one
        prints["primaryLocationLineHash"] = f"{fingerprint[:16]}:1"
    return prints


def _related(finding: Finding) -> Iterator[om.Location]:
    if finding.counterpart:
        yield anchor.counterpart_location(finding, finding.counterpart)
    for id, resource in enumerate(finding.related[:_MOST_RELATED], start=2):
        yield anchor.related(resource, id)


def _suppressions(exemption: Exemption | None) -> list[om.Suppression]:
    """Return one suppression or none; SARIF wants the list in all results of a run or in none of them."""
    if exemption is None:
        return []
    where = exemption.location
    return [
        om.Suppression(
            kind="external",
            state="accepted",
            guid=guid("exemption", exemption.rule, exemption.resource, exemption.expires.isoformat()),
            justification=sentence(exemption.reason, _LONGEST_REASON),
            location=om.Location(physical_location=anchor.in_file(where)) if where else None,
            properties={
                "regionproof/owner": printable(exemption.owner),
                "regionproof/expires": exemption.expires.isoformat(),
            },
        )
    ]


def _properties(finding: Finding) -> dict[str, Any]:
    resource = finding.resource
    properties: dict[str, Any] = {
        "regionproof/account": resource.account,
        "regionproof/region": resource.region,
        "regionproof/resourceType": resource.type,
        "regionproof/status": finding.status.value,
        "regionproof/severity": finding.severity.value,
        "regionproof/origin": finding.origin.value if finding.origin else None,
        "regionproof/anchor": "iac" if finding.location else "synthetic",
        "regionproof/pointer": printable(finding.pointer) or None,
        "regionproof/operations": list(resource.operations) or None,
        "regionproof/observedAt": resource.observed_at,
        **_evidence(finding),
    }
    return {key: value for key, value in properties.items() if value is not None}


def _carried(former: Former) -> dict[str, Any]:
    fate = {"regionproof/fate": former.fate.value, "regionproof/fateReason": printable(former.reason)}
    return fate | ({"regionproof/carriedForward": True} if former.fate in UNJUDGED else {})


def _evidence(finding: Finding) -> dict[str, Any]:
    evidence = jsonable(finding.evidence)
    if len(dumps(evidence)) > _MOST_EVIDENCE:
        return {"regionproof/evidenceOmitted": "The evidence is long; the JSON report has it."}
    return {"regionproof/evidence": evidence} if evidence else {}


def _gap_result(gap: Gap, rule_index: int, scan: str, profile: Profile) -> om.Result:
    return om.Result(
        rule_id=COVERAGE_GAP.id,
        rule_index=rule_index,
        kind="fail",
        level=LEVEL[COVERAGE_GAP.severity],
        rank=RANK[COVERAGE_GAP.severity],
        message=anchor.message(gap.message),
        locations=[gap.location],
        guid=guid("finding", scan, gap.fingerprint),
        correlation_guid=guid("finding", gap.fingerprint),
        partial_fingerprints=_fingerprints(gap.fingerprint, synthetic=not gap.is_file),
        suppressions=[] if profile == "full" else None,
        properties=gap.properties,
    )
