"""Workload by workload: would it start in the standby, as far as the rules judge, and what stands in the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from scanner.finding import Counterpart, Finding, Report, Severity, Status, Tier
from scanner.model import Pair, Resource
from scanner.references import WORKLOADS

_CLUSTERS = {"AWS::ECS::Cluster": ("AWS::ECS::Service",), "AWS::EKS::Cluster": ("Kubernetes::",)}
_GRAVE = (Severity.CRITICAL, Severity.HIGH)
_Key = tuple[str, str, str | None, str | None]


class Recovery(StrEnum):
    """What the findings about a workload come to, worst first."""

    FAILS = "does not recover"
    UNKNOWN = "cannot tell"
    DEGRADED = "degraded"
    RECOVERS = "recovers"


@dataclass(frozen=True)
class WorkloadVerdict:
    """What the rules say of one workload.

    `standbys` are the Regions it was compared with, `reason` is a sentence.  `finding` is the one that decided, None
    where none did.  `resource` is one of several where they share type, name and place, as the tasks of a family do.
    """

    resource: Resource
    standbys: tuple[str, ...]
    recovery: Recovery
    reason: str
    finding: Finding | None = None

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.resource.name or self.resource.id


def by_tier(report: Report) -> list[tuple[Tier | None, list[WorkloadVerdict]]]:
    """Return the verdicts by declared tier, in that order; those of no tier come last.  Tiers without any are kept."""
    tiers = {id: tier.name for tier in report.tiers for id in tier.workloads}
    members: dict[str | None, list[WorkloadVerdict]] = defaultdict(list)
    for verdict in by_workload(report):
        members[tiers.get(verdict.resource.id)].append(verdict)
    found: list[tuple[Tier | None, list[WorkloadVerdict]]] = [(tier, members[tier.name]) for tier in report.tiers]
    return [*found, (None, members[None])] if members[None] else found


def by_workload(report: Report) -> list[WorkloadVerdict]:
    """Return a verdict for each workload that is to be recovered, worst first.

    What waits in a standby is no workload of its own: what is found about it counts for what it stands in for.  A
    cluster that is missing from the standby fails whatever runs in it.
    """
    about: dict[_Key, list[Finding]] = defaultdict(list)
    missing: dict[_Key, list[Finding]] = defaultdict(list)
    stands_in: dict[str, set[_Key]] = defaultdict(set)
    for finding in report.findings:
        key = _key(finding.resource)
        if finding.resource.type in _CLUSTERS and _is_missing(finding):
            missing[key].append(finding)
        if finding.resource.type in WORKLOADS:
            about[key].append(finding)
            if finding.counterpart is not None and finding.counterpart.id not in (None, finding.resource.id):
                stands_in[str(finding.counterpart.id)].add(key)
    waiting = {key for key, found in about.items() if _waits(found, stands_in, report.pairs)}
    for key in waiting:
        for primary in stands_in[about[key][0].resource.id]:
            about[primary] += about[key]
    verdicts = [
        _verdict([*found, *_of_cluster(found[0].resource, missing)], report)
        for key, found in about.items()
        if key not in waiting
    ]
    order = list(Recovery)
    return sorted(verdicts, key=lambda one: (order.index(one.recovery), _gravity(one), one.name, one.resource.id))


def _key(resource: Resource) -> _Key:
    return resource.type, resource.name or resource.id, resource.account, resource.region


def _is_missing(finding: Finding) -> bool:
    gone = finding.counterpart is not None and finding.counterpart.exists is False
    return gone and finding.status is Status.FAIL and finding.exemption is None and finding.severity in _GRAVE


def _waits(findings: Iterable[Finding], stands_in: Mapping[str, set[_Key]], pairs: Iterable[Pair]) -> bool:
    """Tell whether a workload is there for another, or in the standby of a pair and the primary of none."""
    found = list(findings)
    if any(finding.counterpart is not None for finding in found):
        return False
    resource = found[0].resource
    if resource.id in stands_in:
        return True
    return any(
        pair.standby.region == resource.region
        and (pair.standby.account or pair.primary.account) in (None, resource.account)
        for pair in pairs
    )


def _of_cluster(workload: Resource, missing: Mapping[_Key, list[Finding]]) -> list[Finding]:
    """Return what was found missing of the cluster of a workload, which its name begins with."""
    name = (workload.name or "").partition("/")[0]
    types = (type for type, runs in _CLUSTERS.items() if workload.type.startswith(runs))
    return [f for type in types for f in missing.get((type, name, workload.account, workload.region), ())]


def _verdict(findings: list[Finding], report: Report) -> WorkloadVerdict:
    resource = findings[0].resource
    counterparts = (finding.counterpart for finding in findings)
    standbys = tuple(sorted({standby.region for standby in counterparts if standby is not None}))
    recovery, finding, reason = _judge(findings, report)
    return WorkloadVerdict(resource, standbys, recovery, reason, finding)


def _judge(findings: list[Finding], report: Report) -> tuple[Recovery, Finding | None, str]:
    ranked = sorted(findings, key=_rank)
    failures = [finding for finding in ranked if finding.status is Status.FAIL]
    grave = next((f for f in failures if f.exemption is None and f.severity in _GRAVE), None)
    if grave is not None:
        return Recovery.FAILS, grave, grave.message
    unknown = next((finding for finding in ranked if finding.status is Status.UNKNOWN), None)
    if unknown is not None:
        return Recovery.UNKNOWN, unknown, unknown.message
    if report.not_shown:
        return Recovery.UNKNOWN, None, "The report is narrowed to a part of the verdicts."
    if failures:
        accepted = failures[0].exemption
        note = f" Exempted until {accepted.expires}." if accepted else ""
        return Recovery.DEGRADED, failures[0], f"{failures[0].message}{note}"
    passed = sum(1 for finding in findings if finding.status is Status.PASS)
    if not passed:
        return Recovery.UNKNOWN, None, "No rule that ran applies to it."
    if all(finding.counterpart is None for finding in findings):
        return Recovery.UNKNOWN, None, "No pair says which Region is its standby."
    return Recovery.RECOVERS, None, f"{passed} verdict{'' if passed == 1 else 's'} passed, none failed."


def _rank(finding: Finding) -> tuple[bool, int, bool, str, str]:
    return finding.exemption is not None, finding.severity.rank, not _gone(finding), finding.rule_id, finding.message


def _gone(finding: Finding) -> bool:
    standby: Counterpart | None = finding.counterpart
    return standby is not None and standby.exists is False


def _gravity(verdict: WorkloadVerdict) -> int:
    return verdict.finding.severity.rank if verdict.finding else len(Severity)
