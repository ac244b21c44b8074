"""What a scan says: verdicts with their evidence, and how much of the estate they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from scanner.model import Location, Pair, Place, Resource
from scanner.outcome import Recovery


class Status(StrEnum):
    """A verdict, in SARIF's sense of `kind`: pass, fail, notApplicable, open."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How bad a failure is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Return 0 for critical to 4 for info."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The place in the standby that a finding compares with; `exists` is None when that could not be seen."""

    account: str | None
    region: str
    id: str | None
    exists: bool | None
    dr_class: str | None = None


@dataclass(frozen=True)
class Exemption:
    """A finding somebody decided to live with, until a day (UTC, end of day).

    `resource` is an anchored glob over ids.  With a `span`, the exemption stands in a file: then it covers what is
    written inside that part of it (the end exclusive), and `resource` is only what that part is called.
    """

    rule: str
    resource: str
    reason: str
    owner: str
    expires: date
    location: Location | None = None
    span: Location | None = None


class Origin(StrEnum):
    """Where a finding comes from when a change is laid over what is live."""

    CHANGE = "change"
    LIVE = "live"
    BOTH = "both"


class BaselineState(StrEnum):
    """How a finding compares with the report that a scan was given as its baseline, in SARIF's words.

    `new` is also a failure that was none before, that was exempted, or that was less severe.  `absent` are findings
    of the baseline only.
    """

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ABSENT = "absent"


class ExemptionState(StrEnum):
    """What became of an exemption in this scan."""

    ACTIVE = "active"
    UNUSED = "unused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from a workload to the copy of its image in the standby.

    `kind` is workload, definition, image or replica; `type` to `region` name the resource, which for the last two is
    a repository.  `image` is the digest that is pulled from it, or the tag where the digest was not seen; `exists`
    tells whether it holds the image, None when that was not seen.  `location` is where a file declares the resource.
    """

    kind: str
    type: str
    id: str
    name: str | None
    account: str | None
    region: str | None
    location: Location | None = None
    image: str = ""
    exists: bool | None = True


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one rule on one subject (and, in an `across` rule, one standby).

    `pointer` is a JSON Pointer into the resource's properties, `evidence` plain JSON data that supports the verdict,
    `fingerprint` 32 hex digits that stay the same from scan to scan while the finding does.  `origin` is None unless
    a change was laid over what is live: `change` for what would not be without it; else `both` where code declares
    the resource, and `live` where it does not.  `baseline_state` is None unless there was a baseline.
    `path` is the way of one container's image, from the workload to the standby, as far as it was seen; it is empty
    where the finding is not a failure about such an image.  `cause` is the place of the code without which it would not
    be, where that is not in the resource: what a change brings, or a file that could not be read.
    """

    rule_id: str
    status: Status
    severity: Severity
    resource: Resource
    message: str
    counterpart: Counterpart | None = None
    pointer: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    related: tuple[Resource, ...] = ()
    exemption: Exemption | None = None
    fingerprint: str = ""
    origin: Origin | None = None
    baseline_state: BaselineState | None = None
    path: tuple[Step, ...] = ()
    cause: Location | None = None

    @property
    def is_open_failure(self) -> bool:
        """Tell whether it is a failure that nobody decided to live with."""
        return self.status is Status.FAIL and self.exemption is None

    @property
    def location(self) -> Location | None:
        """Return where the resource's file says it; for a live resource the `cause`, None if there is none in code."""
        return self.resource.locate(self.pointer) or self.cause

    @property
    def source(self) -> str:
        """Return `iac` for what a file says, `live` for what an account showed."""
        return "iac" if self.resource.locations else "live"


NOT_ENABLED = "not enabled"
"""The status of a Region that an account has not opted in to: nothing can run there, and nothing was asked."""


@dataclass(frozen=True, order=True)
class Coverage:
    """How one AWS operation in one account and Region, or one file, was answered.

    `status` is `complete` or `partial` (some calls answered) or `failed` (none); or `NOT_ENABLED`, of a whole Region:
    then `message` is the opt-in status, and `service` is `account`.  `calls` counts answers, `not_configured` those of
    them that were "there is none", `errors` maps an error code to how often it came.  `operation` is
    `ecr:DescribeImages`; for a file it is the path, and `service` is `file`.  `reused` counts the answers that were
    taken from an earlier snapshot, `reused_from` is when the oldest of them was made (RFC 3339 in UTC).  `left_out`
    counts the questions that were not asked on purpose, `left_out_reason` says why: nothing is known of what they
    would have shown.
    """

    account: str
    region: str
    service: str
    operation: str
    status: str
    calls: int
    not_configured: int = 0
    errors: tuple[tuple[str, int], ...] = ()
    message: str = ""
    reused: int = 0
    reused_from: str = ""
    left_out: int = 0
    left_out_reason: str = ""

    @property
    def asked(self) -> bool:
        """Tell whether there was anything to answer."""
        return self.status != NOT_ENABLED

    @property
    def missed(self) -> bool:
        """Tell whether something was asked, and not answered in full."""
        return self.status not in ("complete", NOT_ENABLED)


@dataclass(frozen=True)
class RuleSummary:
    """What a report has to know of a rule: its header as written, and the severity in force."""

    id: str
    title: str
    severity: Severity
    resource: tuple[str, ...]
    rationale: str
    remediation: str
    references: tuple[str, ...]
    controls: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Any]
    across: bool = False


@dataclass(frozen=True, order=True)
class BrokenRule:
    """A rule that failed, so that its verdicts about `subjects` subjects are unknown; `reason` is a clause."""

    rule_id: str
    reason: str
    subjects: int


@dataclass(frozen=True)
class Input:
    """What was scanned: a `snapshot`, a file or folder (`iac`), or `evidence` files; `sha256` is of its content."""

    kind: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Checkout:
    """A working tree of a git repository.

    `base` is what leads from its root to where the paths of a report begin, with a `/` at its end, or empty.
    `repository` is its https address without user, password or query, None if it has none; `revision` the commit
    that is checked out, None before the first; `branch` None when none is.
    """

    base: str
    repository: str | None = None
    revision: str | None = None
    branch: str | None = None


class Fate(StrEnum):
    """What became of a failure that is none now.  Only `fixed` is good news.

    `gone`: what it was about is known not to be there any more, or the rule is no longer about it.  `not_scanned`:
    nobody looked.
    """

    FIXED = "fixed"
    UNDECIDED = "undecided"
    GONE = "gone"
    NOT_SCANNED = "not_scanned"


UNJUDGED = frozenset({Fate.UNDECIDED, Fate.NOT_SCANNED})
"""What became of failures that may well still be there."""


@dataclass(frozen=True)
class Former:
    """A failure of the baseline that is none now; `reason` is a sentence."""

    finding: Finding
    fate: Fate
    reason: str


@dataclass(frozen=True)
class Baseline:
    """The earlier report that a scan is compared with, and those of its failures that are none now.

    `sha256` is that of its file.
    """

    path: str
    sha256: str
    scan_id: str
    as_of: datetime
    former: tuple[Former, ...] = ()


@dataclass(frozen=True)
class Tier:
    """Workloads that recover together, as the configuration declares them: its objectives, and their ids, sorted.

    A workload that two tiers name equally well is in neither.
    """

    name: str
    rpo: timedelta | None = None
    rto: timedelta | None = None
    owner: str | None = None
    dr_class: str | None = None
    workloads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The result of a scan.

    `findings` are sorted: worst status and severity first, then rule and resource.  `as_of` is the time the data
    speaks of, never the time somebody looked.  `coverage` covers every operation asked and every file read.
    `broken_rules` are those that failed, whatever they would have said.  `unseen` are primaries of declared pairs of
    which nothing was scanned, so that no verdict is about them.  `changed_since` is the revision to which `findings`
    are narrowed, `not_shown` how many others there are.  `baseline` is what the findings were compared with,
    `checkout` the git repository that the code is in.  `tiers` are in the order in which they are declared.
    `recoveries` is what becomes of each workload if its primary is lost, worst first, of the whole estate whatever the
    findings are narrowed to; each is an outline.  It is None in reports of versions that did not drill.
    """

    tool_version: str
    as_of: datetime
    inputs: tuple[Input, ...]
    pairs: tuple[Pair, ...]
    pairs_derived: bool
    rules: tuple[RuleSummary, ...]
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    exemptions: tuple[tuple[Exemption, ExemptionState], ...] = ()
    config_sha256: str | None = None
    broken_rules: tuple[BrokenRule, ...] = ()
    unseen: tuple[Place, ...] = ()
    changed_since: str | None = None
    not_shown: int = 0
    baseline: Baseline | None = None
    tiers: tuple[Tier, ...] = ()
    checkout: Checkout | None = None
    recoveries: tuple[Recovery, ...] | None = None

    @property
    def complete(self) -> bool:
        """Tell whether everything that was asked was answered."""
        return not any(row.missed for row in self.coverage)
