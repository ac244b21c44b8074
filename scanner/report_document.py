"""What a JSON report consists of, type by type, and how each becomes what the rest of the code knows.

Keys that came with a later minor version have defaults; keys that nobody reads are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from scanner.finding import (
    NOT_ENABLED,
    Baseline,
    BaselineState,
    BrokenRule,
    Checkout,
    Counterpart,
    Coverage,
    Exemption,
    ExemptionState,
    Fate,
    Finding,
    Former,
    Input,
    Origin,
    Report,
    RuleSummary,
    Severity,
    Status,
    Step,
    Tier,
)
from scanner.model import Location, Pair, Properties, Resource, Unknown
from scanner.report_recoveries import PlaceItem, RecoveryItem, seconds

_NOWHERE = "(not written anywhere)"
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Version(msgspec.Struct):
    """Just the version of the schema, which every version has."""

    schema_version: str


class _Tool(msgspec.Struct):
    name: Literal["regionproof"]
    version: str


class _Input(msgspec.Struct):
    kind: str
    path: str
    sha256: str


class _Pair(msgspec.Struct):
    primary: PlaceItem
    standby: PlaceItem
    dr_class: str | None
    rpo_seconds: int | None
    rto_seconds: int | None
    image_distribution: str | None = None

    def pair(self) -> Pair:
        rpo, rto = map(seconds, (self.rpo_seconds, self.rto_seconds))
        return Pair(self.primary.place(), self.standby.place(), self.dr_class, rpo, rto, self.image_distribution)


class _Tier(msgspec.Struct):
    name: str
    rpo_seconds: int | None
    rto_seconds: int | None
    owner: str | None
    dr_class: str | None
    workloads: tuple[str, ...]

    def tier(self) -> Tier:
        rpo, rto = map(seconds, (self.rpo_seconds, self.rto_seconds))
        return Tier(self.name, rpo, rto, self.owner, self.dr_class, self.workloads)


class _Rule(msgspec.Struct):
    title: str
    severity: Severity
    resource_types: tuple[str, ...]
    across: Literal["standby"] | None
    rationale: str
    remediation: str
    references: tuple[str, ...]
    controls: dict[str, tuple[str, ...]]
    parameters: dict[str, Any]

    def summary(self, id: str) -> RuleSummary:
        return RuleSummary(
            id=id,
            title=self.title,
            severity=self.severity,
            resource=self.resource_types,
            rationale=self.rationale,
            remediation=self.remediation,
            references=self.references,
            controls=self.controls,
            parameters=self.parameters,
            across=self.across is not None,
        )


class _Broken(msgspec.Struct):
    rule_id: str
    reason: str
    subjects: int


class _Coverage(msgspec.Struct):
    account_id: str | None
    region: str | None
    service: str
    operation: str
    status: Literal["complete", "partial", "failed", "not enabled"]
    calls: _Count
    not_configured: _Count
    errors: dict[str, int]
    message: str | None
    reused: _Count = 0
    reused_from: str | None = None
    left_out: _Count = 0
    left_out_reason: str | None = None

    def row(self) -> Coverage:
        return Coverage(
            self.account_id or "",
            self.region or "",
            self.service,
            self.operation,
            NOT_ENABLED if self.status == NOT_ENABLED else self.status,
            self.calls,
            self.not_configured,
            tuple(sorted(self.errors.items())),
            self.message or "",
            self.reused,
            self.reused_from or "",
            self.left_out,
            self.left_out_reason or "",
        )


class _Location(msgspec.Struct):
    path: str
    start_line: _Count
    start_column: _Count
    end_line: int | None
    end_column: int | None
    through: tuple[_Location, ...] = ()

    def location(self) -> Location:
        through = tuple(call.location() for call in self.through)
        return Location(self.path, self.start_line, self.start_column, self.end_line, self.end_column, through)


class _Exemption(msgspec.Struct):
    rule: str
    resource: str
    reason: str
    owner: str
    expires: date
    location: _Location | None
    state: ExemptionState = ExemptionState.ACTIVE

    def exemption(self) -> Exemption:
        where = self.location.location() if self.location else None
        return Exemption(self.rule, self.resource, self.reason, self.owner, self.expires, where)


class _Unseen(msgspec.Struct):
    unknown: str


class _Resource(msgspec.Struct):
    id: str
    type: str
    name: str | None
    account_id: str | None
    region: str | None
    tags: dict[str, str | _Unseen] = {}
    location: _Location | None = None

    def resource(
        self, locations: Mapping[str, Location] | None = None, operations: Sequence[str] = (), at: str | None = None
    ) -> Resource:
        where = dict(locations or {})
        if self.location:
            where[""] = self.location.location()
        return Resource(
            self.type,
            self.id,
            self.name,
            self.account_id,
            self.region,
            _NOTHING,
            tags=_tags(self.tags),
            locations=where,
            operations=tuple(operations),
            observed_at=at,
        )


_NOTHING = Properties()


def _tags(tags: Mapping[str, str | _Unseen]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else Unknown(value.unknown) for key, value in tags.items()}


class _Counterpart(msgspec.Struct):
    account_id: str | None
    region: str
    id: str | None
    exists: bool | None
    dr_class: str | None

    def counterpart(self) -> Counterpart:
        return Counterpart(self.account_id, self.region, self.id, self.exists, self.dr_class)


class _Step(msgspec.Struct):
    kind: Literal["workload", "definition", "image", "replica"]
    type: str
    id: str
    name: str | None
    account_id: str | None
    region: str | None
    location: _Location | None
    image: str | None
    exists: bool | None

    def step(self) -> Step:
        where = self.location.location() if self.location else None
        place = (self.account_id, self.region)
        return Step(self.kind, self.type, self.id, self.name, *place, where, self.image or "", self.exists)


class _Finding(msgspec.Struct):
    fingerprint: str
    id: str
    rule_id: str
    status: Status
    severity: Severity
    message: str
    source: Literal["live", "iac"]
    resource: _Resource
    counterpart: _Counterpart | None
    pointer: str
    location: _Location | None
    evidence: dict[str, Any]
    related: tuple[_Resource, ...]
    exemption: _Exemption | None
    origin: Origin | None = None
    baseline_state: BaselineState | None = None
    path: tuple[_Step, ...] = ()
    cause: _Location | None = None

    def finding(self) -> Finding:
        evidence = dict(self.evidence)
        operations, at = evidence.pop("operations", ()), evidence.pop("observed_at", None)
        where = {self.pointer: self.location.location()} if self.location and self.location != self.cause else {}
        if self.source == "iac" and not where:
            where = {_NOWHERE: Location("", 1)}  # a pointer begins with a slash, so nothing is found there
        return Finding(
            self.rule_id,
            self.status,
            self.severity,
            self.resource.resource(
                where, msgspec.convert(operations, tuple[str, ...]), msgspec.convert(at, str | None)
            ),
            self.message,
            self.counterpart.counterpart() if self.counterpart else None,
            self.pointer,
            evidence,
            tuple(one.resource() for one in self.related),
            self.exemption.exemption() if self.exemption else None,
            self.fingerprint,
            self.origin,
            self.baseline_state,
            tuple(each.step() for each in self.path),
            self.cause.location() if self.cause else None,
        )


class _Former(msgspec.Struct):
    fate: Fate
    reason: str
    finding: _Finding

    def former(self) -> Former:
        return Former(self.finding.finding(), self.fate, self.reason)


class _Baseline(msgspec.Struct):
    path: str
    sha256: _Sha256
    scan_id: str
    as_of: _Moment


class _Checkout(msgspec.Struct):
    base: str
    repository: str | None
    revision: str | None
    branch: str | None

    def checkout(self) -> Checkout:
        return Checkout(self.base, self.repository, self.revision, self.branch)


class _Summary(msgspec.Struct):
    not_shown: _Count = 0


class Document(msgspec.Struct):
    """A whole report."""

    schema_version: Annotated[str, msgspec.Meta(pattern=r"^1\.\d+\.\d+$")]
    tool: _Tool
    scan_id: str
    as_of: _Moment
    config_sha256: _Sha256 | None
    inputs: tuple[_Input, ...]
    pairs_derived: bool
    pairs: tuple[_Pair, ...]
    summary: _Summary
    rules: dict[str, _Rule]
    coverage: tuple[_Coverage, ...]
    exemptions: tuple[_Exemption, ...]
    findings: tuple[_Finding, ...]
    changed_since: str | None = None
    broken_rules: tuple[_Broken, ...] = ()
    unseen: tuple[PlaceItem, ...] = ()
    tiers: tuple[_Tier, ...] = ()
    baseline: _Baseline | None = None
    checkout: _Checkout | None = None
    former_failures: tuple[_Former, ...] = ()
    recoveries: tuple[RecoveryItem, ...] | None = None

    def report(self) -> Report:
        """Return the report; raise `ValueError` or `OverflowError` for values that cannot be meant."""
        return Report(
            tool_version=self.tool.version,
            as_of=self.as_of,
            inputs=tuple(Input(each.kind, each.path, each.sha256) for each in self.inputs),
            pairs=tuple(pair.pair() for pair in self.pairs),
            pairs_derived=self.pairs_derived,
            rules=tuple(rule.summary(id) for id, rule in self.rules.items()),
            findings=tuple(finding.finding() for finding in self.findings),
            coverage=tuple(row.row() for row in self.coverage),
            exemptions=tuple((each.exemption(), each.state) for each in self.exemptions),
            config_sha256=self.config_sha256,
            broken_rules=tuple(BrokenRule(each.rule_id, each.reason, each.subjects) for each in self.broken_rules),
            unseen=tuple(place.place() for place in self.unseen),
            changed_since=self.changed_since,
            not_shown=self.summary.not_shown,
            baseline=self._compared(),
            tiers=tuple(tier.tier() for tier in self.tiers),
            checkout=self.checkout.checkout() if self.checkout else None,
            recoveries=None if self.recoveries is None else tuple(one.recovery() for one in self.recoveries),
        )

    def _compared(self) -> Baseline | None:
        if self.baseline is None:
            return None
        former = tuple(each.former() for each in self.former_failures)
        return Baseline(self.baseline.path, self.baseline.sha256, self.baseline.scan_id, self.baseline.as_of, former)
