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
WIDTH, LEFT, RIGHT = 640, 176, 170
"""How wide a picture is, and its boxes on either side, in SVG units."""
_ROW, _TOP = 46, 8
_OK, _BROKEN, _UNKNOWN = "ok", "bad", "unk"
_OTHER, _TASKS, _ANEW = "Everything else", "ECS tasks", "started anew"
_KINDS = (
    ("Registry", ("AWS::ECR::Registry",)),
    ("Repositories", ("AWS::ECR::Repository",)),
    ("ECS clusters", ("AWS::ECS::Cluster",)),
    ("ECS services", ("AWS::ECS::Service",)),
    ("Task definitions", ("AWS::ECS::TaskDefinition",)),
    (_TASKS, ("AWS::ECS::Task",)),
    ("EKS clusters", ("AWS::EKS::Cluster",)),
    ("EKS settings", ("AWS::EKS::",)),
    ("Kubernetes", ("Kubernetes::",)),
    ("Lambda functions", ("AWS::Lambda::",)),
)
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
    judged = [finding for finding in findings if finding.status is not Status.NOT_APPLICABLE]
    sides = _Sides.of(kind, judged)
    css, label = _line(judged, sides)
    if kind == "Registry":
        right = kind if sides.there else "not seen" if all(map(_exists, judged)) else "not there"
        return Lane(y, css, kind, label, right)
    spare = len(sides.subjects - sides.there - sides.failing - sides.unknown - sides.exempted)
    right = f"{len(sides.there):,} there{f', {spare:,} not needed' if spare else ''}"
    return Lane(y, css, f"{kind} · {len(sides.subjects):,}", label, _ANEW if kind == _TASKS else right)


@dataclass(frozen=True)
class _Sides:
    """Which resources of one kind were judged, and of those which are there, fail, and so on, by their ids."""

    subjects: set[str]
    there: set[str]
    failing: set[str]
    gone: set[str]
    unknown: set[str]
    exempted: set[str]

    @classmethod
    def of(cls, kind: str, judged: Sequence[Finding]) -> _Sides:
        """Return those that findings tell of.  A task is never there before the failover, so that it is not missing."""
        failing = {f.resource.id for f in judged if _fails(f)}
        gone = {f.resource.id for f in judged if _fails(f) and f.counterpart is not None and not _exists(f)}
        return cls(
            subjects={f.resource.id for f in judged},
            there={f.resource.id for f in judged if f.counterpart is not None and f.counterpart.exists},
            failing=failing,
            gone=set() if kind == _TASKS else gone,
            unknown={f.resource.id for f in judged if f.status is Status.UNKNOWN} - failing,
            exempted={f.resource.id for f in judged if f.exemption} - failing,
        )


def _line(judged: Sequence[Finding], sides: _Sides) -> tuple[str, str]:
    """Return how a line is drawn, and what stands above it."""
    if len(sides.subjects) == 1 and not sides.gone:
        return _single(judged)
    parts = []
    if sides.gone:
        parts.append(f"{len(sides.gone):,} missing")
    if others := len(sides.failing - sides.gone):
        who = f"other{'' if others == 1 else 's'} " if sides.gone else ""
        parts.append(f"{others:,} {who}{'fails' if others == 1 else 'fail'}{'' if sides.gone else ' a check'}")
    if sides.unknown:
        parts.append(f"{len(sides.unknown):,} not known")
    if sides.exempted and not parts:
        parts.append(f"{len(sides.exempted):,} exempted")
    css = _BROKEN if sides.failing else _UNKNOWN if sides.unknown else _OK
    return css, ", ".join(parts) or f"all {len(sides.subjects):,} pass"


def _single(judged: Sequence[Finding]) -> tuple[str, str]:
    """Return the same for one subject, of which its verdicts are counted."""
    failing = sum(1 for finding in judged if _fails(finding))
    unknown = sum(1 for finding in judged if finding.status is Status.UNKNOWN)
    exempted = sum(1 for finding in judged if finding.status is Status.FAIL) - failing
    checks = "its check is" if len(judged) == 1 else f"{unknown} of {len(judged)} checks"
    parts = [f"{failing} of {count(len(judged), 'check')} {'fails' if failing == 1 else 'fail'}"] if failing else []
    if unknown:
        parts.append(f"{unknown if failing else checks} not known")
    parts += [f"{exempted} exempted"] if exempted else []
    css = _BROKEN if failing else _UNKNOWN if unknown else _OK
    return css, ", ".join(parts) or ("its check passes" if len(judged) == 1 else f"all its {len(judged)} checks pass")


def _exists(finding: Finding) -> bool:
    """Tell whether the counterpart may be there: nobody knows that it is not."""
    return finding.counterpart is not None and finding.counterpart.exists is not False
