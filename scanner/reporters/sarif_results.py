"""The results of a SARIF run: one for each finding that its profile holds, then one for each gap in coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import sarif_om as om

from scanner.finding import UNJUDGED, BaselineState, Exemption, Finding, Former, Report, RuleSummary, Status
from scanner.reporters.gaps import COVERAGE_GAP, Gap, gaps_of
from scanner.reporters.identity import finding_id, guid, scan_id
from scanner.reporters.sarif_anchor import SRCROOT, Anchors, message
from scanner.reporters.sarif_coverage import location_of
from scanner.reporters.sarif_encoder import Plain, compact
from scanner.reporters.sarif_flows import Flows
from scanner.reporters.sarif_tool import LEVEL, RANK
from scanner.reporters.text import jsonable, printable, sentence

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


@dataclass(frozen=True)
class Results:
    """The results of one source in a report."""

    report: Report
    source: Source
    rules: Sequence[RuleSummary]
    profile: Profile
    anchors: Anchors
    flows: Flows

    def __iter__(self) -> Iterator[om.Result]:
        """Return them: the worst first as in the report, then the gaps in coverage."""
        index = {rule.id: at for at, rule in enumerate(self.rules)}
        for finding in self._findings():
            yield self._result(finding, index[finding.rule_id])
        for former in self._former():
            yield self._result(former.finding, index[former.finding.rule_id], former)
        for gap in gaps_of(self.report, self.source):
            yield self._gap(gap, index[COVERAGE_GAP.id])

    def _findings(self) -> Iterator[Finding]:
        for finding in self.report.findings:
            if finding.source == self.source and (self.profile == "full" or finding.is_open_failure):
                yield finding

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

    def _result(self, finding: Finding, rule_index: int, former: Former | None = None) -> om.Result:
        failed = finding.status is Status.FAIL
        related = _Related(finding, self.anchors)
        return om.Result(
            rule_id=finding.rule_id,
            rule_index=rule_index,
            kind=_KIND[finding.status],
            level=LEVEL[finding.severity] if failed else "none",
            rank=RANK[finding.severity] if failed else -1.0,
            message=message(finding.message or finding.status.value, related.links),
            locations=[self.anchors.location_of(finding)],
            guid=finding_id(self._scan, finding),
            correlation_guid=guid("finding", finding.fingerprint),
            partial_fingerprints=self._fingerprints(finding),
            related_locations=related.locations or None,
            code_flows=self.flows.of(finding),
            suppressions=_suppressions(finding, self.anchors) if self.profile == "full" else None,
            baseline_state=finding.baseline_state.value if finding.baseline_state else None,
            properties=Plain(_properties(finding, self.anchors.how(finding)) | _fate(former)),
        )

    @cached_property
    def _scan(self) -> str:
        return scan_id(self.report)

    @cached_property
    def _at_one_line(self) -> set[tuple[object, ...]]:
        """Return what several results of one rule have in common that point at one line: they would become one."""
        found = chain(self._findings(), (former.finding for former in self._former()))
        lines = Counter(line for finding in found if (line := self.anchors.line_of(finding)))
        return {line for line, count in lines.items() if count > 1}

    def _fingerprints(self, finding: Finding) -> Mapping[str, str]:
        """Return what identifies a finding from scan to scan.

        The hash of the line is left to GitHub, which complains about a different one, where there is a line.
        """
        line = self.anchors.line_of(finding)
        return _fingerprints(finding.fingerprint, own_line=line is None or line in self._at_one_line)

    def _gap(self, gap: Gap, rule_index: int) -> om.Result:
        return om.Result(
            rule_id=COVERAGE_GAP.id,
            rule_index=rule_index,
            kind="fail",
            level=LEVEL[COVERAGE_GAP.severity],
            rank=RANK[COVERAGE_GAP.severity],
            message=message(gap.message),
            locations=[location_of(gap, self.anchors)],
            guid=guid("finding", self._scan, gap.fingerprint),
            correlation_guid=guid("finding", gap.fingerprint),
            partial_fingerprints=_fingerprints(gap.fingerprint, own_line=not gap.is_file),
            suppressions=[] if self.profile == "full" else None,
            properties=Plain(gap.properties),
        )


def _fingerprints(fingerprint: str, *, own_line: bool) -> dict[str, str]:
    prints = {"regionproofFinding/v1": fingerprint}
    if own_line:
        prints["primaryLocationLineHash"] = f"{fingerprint[:16]}:1"
    return prints


class _Related:
    """What a finding is also about: its counterpart, other resources, and the calls that lead to its place.

    `links` is a sentence that leads to those that are in real files: code scanning shows no others.
    """

    def __init__(self, finding: Finding, anchors: Anchors) -> None:
        self.locations: list[om.Location] = []
        self._names: list[str] = []
        if finding.counterpart:
            self._add("counterpart", anchors.counterpart(finding, finding.counterpart))
        for at, resource in enumerate(finding.related[:_MOST_RELATED], start=2):
            self._add("related resource", anchors.related(resource, at))
        calls = finding.location.through if finding.location else ()
        for call in calls[:_MOST_RELATED]:
            self._add("call of the module", anchors.call(call, self._next))
        if finding.cause and finding.resource.locations:
            self._add("change that brings it", anchors.cause(finding.cause, self._next))
        elif finding.cause:
            self._add("resource", anchors.subject(finding.resource, self._next))
        self.links = f" See {', '.join(self._names)}." if self._names else ""

    @property
    def _next(self) -> int:
        return max((each.id for each in self.locations), default=1) + 1

    def _add(self, name: str, location: om.Location) -> None:
        self.locations.append(location)
        if location.physical_location.artifact_location.uri_base_id == SRCROOT:
            self._names.append(f"[{name}]({location.id})")


def _suppressions(finding: Finding, anchors: Anchors) -> list[om.Suppression]:
    """Return one suppression or none; SARIF wants the list in all results of a run or in none of them."""
    exemption = finding.exemption
    if exemption is None:
        return []
    where = anchors.in_tree(exemption.location)
    return [
        om.Suppression(
            kind="inSource" if _is_in_source(exemption, finding) else "external",
            state="accepted",
            guid=guid("exemption", exemption.rule, exemption.resource, exemption.expires.isoformat()),
            justification=sentence(exemption.reason, _LONGEST_REASON),
            location=om.Location(physical_location=where) if where else None,
            properties={
                "regionproof/owner": printable(exemption.owner),
                "regionproof/expires": exemption.expires.isoformat(),
            },
        )
    ]


def _is_in_source(exemption: Exemption, finding: Finding) -> bool:
    """Tell whether an exemption stands beside what it is about, and not in a list of exemptions."""
    here = finding.location
    return bool(here and exemption.location and here.path == exemption.location.path)


def _properties(finding: Finding, anchored: str) -> dict[str, Any]:
    resource = finding.resource
    properties: dict[str, Any] = {
        "regionproof/account": resource.account,
        "regionproof/region": resource.region,
        "regionproof/resourceType": resource.type,
        "regionproof/status": finding.status.value,
        "regionproof/severity": finding.severity.value,
        "regionproof/origin": finding.origin.value if finding.origin else None,
        "regionproof/anchor": anchored,
        "regionproof/pointer": printable(finding.pointer) or None,
        "regionproof/operations": list(resource.operations) or None,
        "regionproof/observedAt": resource.observed_at,
        **_evidence(finding),
    }
    return {key: value for key, value in properties.items() if value is not None}


def _fate(former: Former | None) -> dict[str, Any]:
    if former is None:
        return {}
    fate = {"regionproof/fate": former.fate.value, "regionproof/fateReason": printable(former.reason)}
    return fate | ({"regionproof/carriedForward": True} if former.fate in UNJUDGED else {})


def _evidence(finding: Finding) -> dict[str, Any]:
    evidence = jsonable(finding.evidence)
    if len(compact(evidence)) > _MOST_EVIDENCE:
        return {"regionproof/evidenceOmitted": "The evidence is long; the JSON report has it."}
    return {"regionproof/evidence": evidence} if evidence else {}
