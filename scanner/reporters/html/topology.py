"""Replication as a picture: for each pair what is in the primary, what stands for it, and the line between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scanner.finding import Finding, Report, Status
from scanner.model import Pair, Place
from scanner.reporters.html.words import count, objectives
from scanner.reporters.text import cut

MOST = 12
"""How many pairs are drawn, worst first."""
WIDTH, LEFT, RIGHT = 580, 194, 104
"""How wide a picture is, and its boxes on either side, in SVG units."""
_ROW, _TOP = 46, 8
_OK, _BROKEN, _UNKNOWN = "ok", "bad", "unk"
_KINDS = (
    ("Registry", ("AWS::ECR::Registry",)),
    ("Repositories", ("AWS::ECR::Repository",)),
    ("ECS clusters", ("AWS::ECS::Cluster",)),
    ("ECS services", ("AWS::ECS::Service",)),
    ("Task definitions", ("AWS::ECS::TaskDefinition",)),
    ("ECS tasks", ("AWS::ECS::Task",)),
    ("EKS clusters", ("AWS::EKS::Cluster",)),
    ("EKS settings", ("AWS::EKS::",)),
    ("Kubernetes", ("Kubernetes::",)),
    ("Lambda functions", ("AWS::Lambda::",)),
)
_OTHER = "Everything else"
_Key = tuple[Place, Place]


class Lane(NamedTuple):
    """One line of a picture; `y` is where it is drawn, in SVG units."""

    y: int
    css: str
    left: str
    label: str
    right: str


@dataclass(frozen=True)
class Picture:
    """One pair: what it is called, what was declared of it, and its lanes."""

    primary: str
    standby: str
    accounts: tuple[str, str]
    facts: str
    lanes: tuple[Lane, ...]
    failing: int

    @property
    def height(self) -> int:
        """Return how high the picture is, in SVG units."""
        return len(self.lanes) * _ROW + _TOP

    @property
    def summary(self) -> str:
        """Return the picture in words."""
        lines = "; ".join(f"{lane.left}: {lane.label}" for lane in self.lanes)
        return f"{self.primary} to {self.standby}. {lines or 'nothing was compared'}."


def pictures(report: Report) -> list[Picture]:
    """Return a picture for each pair that findings compare, and each other that was declared; worst first."""
    found: dict[_Key, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        place, standby = finding.resource, finding.counterpart
        if standby is not None and place.region is not None:
            key = Place(place.account, place.region), Place(standby.account or place.account, standby.region)
            found[key].append(finding)
    for pair in report.pairs:
        if not any(_is_of(pair, key) for key in found):
            found[pair.primary, pair.standby] = []
    drawn = [_picture(key, findings, report.pairs) for key, findings in found.items()]
    return sorted(drawn, key=lambda one: (-one.failing, one.primary, one.accounts, one.standby))


def _is_of(pair: Pair, key: _Key) -> bool:
    """Tell whether a key is a declared pair, either way round if both of its places are active."""
    ways = [key] if pair.dr_class != "active-active" else [key, key[::-1]]
    return any(_fits(pair, way) for way in ways)


def _fits(pair: Pair, key: _Key) -> bool:
    declared = (pair.primary, Place(pair.standby.account or pair.primary.account, pair.standby.region))
    return all(d.region == k.region and d.account in (None, k.account) for d, k in zip(declared, key, strict=True))


def _picture(key: _Key, findings: Sequence[Finding], pairs: Iterable[Pair]) -> Picture:
    pair = next((pair for pair in pairs if _is_of(pair, key)), None)
    facts: list[str] = []
    if pair is not None:
        facts = [fact for fact in (pair.dr_class, pair.image_distribution) if fact]
        facts += objectives(pair.rpo, pair.rto)
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[_kind(finding.resource.type)].append(finding)
    shown = [(kind, groups[kind]) for kind in (*(kind for kind, _ in _KINDS), _OTHER) if _is_judged(groups[kind])]
    lanes = tuple(_lane(_TOP // 2 + at * _ROW, kind, group) for at, (kind, group) in enumerate(shown))
    (account, region), (other, standby) = key
    failing = sum(1 for finding in findings if _fails(finding))
    accounts = (cut(account or "any account", 30), cut(other or account or "any account", 30))
    return Picture(cut(region, 40), cut(standby, 40), accounts, ", ".join(facts), lanes, failing)


def _kind(type: str) -> str:
    return next((kind for kind, starts in _KINDS if type.startswith(starts)), _OTHER)


def _is_judged(findings: Iterable[Finding]) -> bool:
    return any(finding.status is not Status.NOT_APPLICABLE for finding in findings)


def _fails(finding: Finding) -> bool:
    return finding.status is Status.FAIL and finding.exemption is None


def _lane(y: int, kind: str, findings: Sequence[Finding]) -> Lane:
    subjects = {finding.resource.id for finding in findings}
    there = {f.resource.id for f in findings if f.counterpart is not None and f.counterpart.exists}
    css, label = _line(findings, subjects)
    if kind == "Registry":
        return Lane(y, css, kind, label, kind if there else "not seen" if all(map(_exists, findings)) else "not there")
    return Lane(y, css, f"{kind} · {len(subjects):,}", label, f"{len(there):,} there")


def _line(findings: Sequence[Finding], subjects: set[str]) -> tuple[str, str]:
    """Return how a line is drawn, and what stands above it."""
    failing = {f.resource.id for f in findings if _fails(f)}
    gone = {f.resource.id for f in findings if _fails(f) and f.counterpart is not None and not _exists(f)}
    unknown = {f.resource.id for f in findings if f.status is Status.UNKNOWN} - failing
    if len(subjects) == 1 and not gone:
        return _single(findings)
    parts = []
    if gone:
        parts.append(f"{len(gone):,} of {len(subjects):,} missing")
    if failing - gone:
        of = " more" if gone else f" of {len(subjects):,}"
        parts.append(f"{len(failing - gone):,}{of} {'fails' if len(failing - gone) == 1 else 'fail'}")
    if unknown:
        parts.append(f"{len(unknown):,} not known")
    css = _BROKEN if failing else _UNKNOWN if unknown else _OK
    return css, ", ".join(parts) or f"all {len(subjects):,} as needed"


def _single(findings: Sequence[Finding]) -> tuple[str, str]:
    """Return the same for one subject, of which its verdicts are counted."""
    judged = [finding for finding in findings if finding.status is not Status.NOT_APPLICABLE]
    failing = sum(1 for finding in judged if _fails(finding))
    unknown = sum(1 for finding in judged if finding.status is Status.UNKNOWN)
    if failing:
        more = f", {unknown} not known" if unknown else ""
        return _BROKEN, f"{failing} of {count(len(judged), 'check')} {'fails' if failing == 1 else 'fail'}{more}"
    if unknown:
        return _UNKNOWN, f"{unknown} of {count(len(judged), 'check')} not known"
    return _OK, "as needed"


def _exists(finding: Finding) -> bool:
    """Tell whether the counterpart may be there: nobody knows that it is not."""
    return finding.counterpart is not None and finding.counterpart.exists is not False
