"""Evaluation group by group: the accounts that have to do with each other are judged together, one group at a time.

So memory follows the largest group, and the findings, and not the organization.  Accounts are connected by pairs, by
replication, by an image that a workload of one pulls from the other.  Nobody has to know all that rules look at: a
`Section` notes what it is asked and does not hold, then what was said is thrown away, and the groups that it concerns
are judged again as one.  The report is the same, byte for byte, as if all had been judged at once.

That is done where every path is a snapshot.  Infrastructure code is judged at once with all there is, since a file may
be for any account, and so is everything if a rule of a pack is code, which may look at the whole model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.collectors import read
from scanner.config import Config
from scanner.drill import chains
from scanner.engine import arranged, exempt, judge
from scanner.executors import Executor, batched
from scanner.finding import Finding
from scanner.guarded import Properties
from scanner.images import ImageIndex
from scanner.model import Gap, Model, Resource
from scanner.outcome import LinkState, Recovery
from scanner.pull_path import with_paths
from scanner.recovery import workloads_by_tier
from scanner.rule import Rule, forget
from scanner.section import EVERYTHING, REST, Common, Section, is_everywhere
from scanner.snapshot import Snapshot
from scanner.stored import put_away
from scanner.survey import Group, Union
from scanner.verdict import Failures

_NOTHING = Properties()


@dataclass
class Verdicts:
    """What was said of some groups: findings, how often rules failed, workloads of each tier, and what becomes of each.

    `beyond` is what each group was asked about and did not hold; of such a group nothing else counts, or is kept.
    """

    findings: list[Finding] = field(default_factory=list)
    failures: list[Failures] = field(default_factory=list)
    tiers: dict[str | None, set[str]] = field(default_factory=dict)
    recoveries: list[Recovery] = field(default_factory=list)
    beyond: dict[Group, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    snapshots: Sequence[Snapshot]
    common: Common
    rules: Sequence[Rule]
    config: Config


def judged(
    snapshots: Sequence[Snapshot],
    common: Common,
    groups: Collection[Group],
    rules: Sequence[Rule],
    config: Config,
    executor: Executor,
) -> Verdicts:
    """Judge all groups; raise `SnapshotError` for a snapshot that was damaged meanwhile."""
    work = _Work(snapshots, common, rules, config)
    sizes: dict[str, int] = {}
    for account, targets in (item for snapshot in snapshots for item in snapshot.by_account.items()):
        sizes[account] = sizes.get(account, 0) + len(targets)
    said: dict[Group, Verdicts] = {}
    todo = groups
    while todo:
        batches = batched([(sum(sizes.get(unit, 0) for unit in group) or 1, group) for group in todo], executor.slots)
        for found in executor.run(_judge_groups, work, batches):
            said |= found
        todo = _joined(said)
        said = {group: one for group, one in said.items() if not any(group <= joined for joined in todo)}
    if unfinished := [group for group, one in said.items() if one.beyond]:  # what is everything asks for nothing more
        raise AssertionError(f"{len(unfinished)} groups were not judged to the end")
    return _together(said[group] for group in sorted(said, key=min))


def _joined(said: Mapping[Group, Verdicts]) -> list[Group]:
    """Return the groups that have to be judged as one, joined."""
    asked = {group: one.beyond[group] for group, one in said.items() if group in one.beyond}
    if not asked:
        return []
    union = Union([unit for group in said for unit in group])
    for group in said:
        union.join(group)
    for group, beyond in asked.items():
        union.join([*group, *(union.units if EVERYTHING in beyond else beyond)])
    return [group for group in union.groups() if group not in said]


def _together(parts: Iterable[Verdicts]) -> Verdicts:
    whole = Verdicts()
    for part in parts:
        whole.findings += part.findings
        whole.failures += part.failures
        whole.recoveries += part.recoveries
        for name, workloads in part.tiers.items():
            whole.tiers.setdefault(name, set()).update(workloads)
    return whole


def _judge_groups(work: _Work, groups: Sequence[Group]) -> dict[Group, Verdicts]:
    return {group: _judge(work, group) for group in groups}


def _judge(work: _Work, group: Group) -> Verdicts:
    model = _model(work, group)
    findings, failures = judge(model, work.rules, work.config)
    findings = list(with_paths(findings, model))
    tiers = workloads_by_tier(model)
    told, _ = exempt(arranged(findings), work.config.exemptions, work.common.as_of)
    recoveries = [one.outline() for one in chains(model, told, work.rules).recoveries]
    forget()
    put_away()
    if isinstance(model, Section) and model.beyond:
        return Verdicts(beyond={group: model.beyond})
    bare = _Bare()
    return Verdicts(bare.findings(findings), [failures], tiers, bare.recoveries(recoveries))


def _model(work: _Work, group: Group) -> Model:
    """Return the section of a group; of a group that is everything, the whole model."""
    resources: list[Resource] = []
    gaps: list[Gap] = []
    listings: dict[Any, Any] = {}
    for snapshot in work.snapshots:
        targets = [target for account in sorted(group) for target in snapshot.by_account.get(account, ())]
        found, unseen = read(snapshot, targets)
        resources += found
        gaps += unseen
        for target in targets:
            listings |= snapshot.images_of(target)
    common, images = work.common, ImageIndex(listings)
    if group < {*common.accounts, REST}:
        return Section(common, group, resources, gaps, images)
    return Model(
        [*(one for one in resources if not is_everywhere(one.type)), *common.resources],
        gaps=[*gaps, *common.gaps],
        pairs=work.config.pairs,
        images=images,
        scanned=common.scanned,
        asked=common.asked,
        as_of=common.as_of,
    )


class _Bare:
    """Takes the properties from what verdicts are about, which no report shows: they are most of its memory."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Resource, Resource]] = {}

    def findings(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return findings about bare resources."""
        return [
            replace(finding, resource=self._of(finding.resource), related=tuple(map(self._of, finding.related)))
            for finding in findings
        ]

    def recoveries(self, recoveries: Iterable[Recovery]) -> list[Recovery]:
        """Return recoveries of bare resources."""
        return [
            replace(one, workload=self._of(one.workload), links=tuple(map(self._link, one.links))) for one in recoveries
        ]

    def _link(self, link: LinkState) -> LinkState:
        return link if link.subject is None else replace(link, subject=self._of(link.subject))

    def _of(self, resource: Resource) -> Resource:
        if id(resource) not in self._kept:
            self._kept[id(resource)] = resource, replace(resource, properties=_NOTHING)
        return self._kept[id(resource)][1]
