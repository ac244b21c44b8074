"""Evaluation group by group: the accounts that have to do with each other are judged together, one group at a time.

So memory follows the largest group, and the findings, and not the organization.  Accounts are connected by pairs, by
replication, by an image that a workload of one pulls from the other.  Nobody has to know all that rules look at: a
`Section` notes what it is asked and does not hold, then what was said is thrown away, and the groups that it concerns
are judged again as one.  The report is the same, byte for byte, as if all had been judged at once.

That is done where every path is a snapshot.  Infrastructure code is judged at once with all there is, since a file may
be for any account, and so is everything if a rule of a pack is code, which may look at the whole model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from scanner import rule as rules_module
from scanner.collectors import read
from scanner.config import Config
from scanner.engine import judge
from scanner.executors import Executor, batched
from scanner.finding import Finding
from scanner.guarded import Items, Properties
from scanner.images import ImageIndex
from scanner.model import Gap, Model, Resource
from scanner.pull_path import with_paths
from scanner.recorded import service_of
from scanner.recovery import workloads_by_tier
from scanner.rule import Rule
from scanner.section import EVERYTHING, REST, Common, Section, is_common, is_everywhere
from scanner.snapshot import Snapshot, Target
from scanner.verdict import Failures

_REGISTRY = "AWS::ECR::Registry"
_HOST = re.compile(rb"([0-9]{12})\.dkr[.-]ecr", re.IGNORECASE)
_ACCOUNT = re.compile(r"[0-9]{12}")
_NOTHING = Properties()

Group = frozenset[str]
"""Accounts, and `REST`, that are judged together."""


@dataclass
class Verdicts:
    """What was said of some groups: the findings, how often rules failed, and the workloads of each tier.

    `beyond` is what each group was asked about and did not hold; of such a group nothing else counts, or is kept.
    """

    findings: list[Finding] = field(default_factory=list)
    failures: list[Failures] = field(default_factory=list)
    tiers: dict[str | None, set[str]] = field(default_factory=dict)
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
        for name, workloads in part.tiers.items():
            whole.tiers.setdefault(name, set()).update(workloads)
    return whole


def _judge_groups(work: _Work, groups: Sequence[Group]) -> dict[Group, Verdicts]:
    return {group: _judge(work, group) for group in groups}


def _judge(work: _Work, group: Group) -> Verdicts:
    section = _section(work, group)
    findings, failures = judge(section, work.rules, work.config)
    findings = list(with_paths(findings, section))
    tiers = workloads_by_tier(section)
    rules_module.forget()
    if section.beyond:
        return Verdicts(beyond={group: section.beyond})
    return Verdicts(_compact(findings), [failures], tiers)


def _section(work: _Work, group: Group) -> Section:
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
    return Section(work.common, group, resources, gaps, ImageIndex(listings))


def _compact(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without the properties of what they are about, which no report shows."""
    kept: dict[int, Resource] = {}

    def bare(resource: Resource) -> Resource:
        if id(resource) not in kept:
            kept[id(resource)] = replace(resource, properties=_NOTHING)
        return kept[id(resource)]

    return [
        replace(finding, resource=bare(finding.resource), related=tuple(map(bare, finding.related)))
        for finding in findings
    ]


def survey(
    snapshots: Sequence[Snapshot], declared: Sequence[Resource], unseen: Sequence[Gap], config: Config
) -> tuple[Common, list[Group]]:
    """Look once at every target of some snapshots: return what all groups share, and the groups.

    `declared` and `unseen` are the resources and gaps that no snapshot shows, but regionproof.yaml does.
    """
    targets = [target for snapshot in snapshots for target in snapshot.targets]
    seen = _Seen(frozenset(target.account for target in targets))
    for snapshot in snapshots:
        for account, own in snapshot.by_account.items():
            seen.look(snapshot, account, own)
    places = frozenset(target.place for target in targets)
    gaps = tuple(sorted({*seen.gaps, *unseen}, key=repr))
    as_of = min(snapshot.as_of for snapshot in snapshots)
    seen.named_by(declared)
    registries = Model(
        seen.registries, gaps=gaps, pairs=config.pairs, images=ImageIndex(), scanned=places, asked=places, as_of=as_of
    )
    for pair in registries.pairs:
        seen.union.join(_sides(pair.primary.account, pair.standby.account, seen.accounts))
    common = Common(
        seen.accounts,
        places,
        places,
        registries.pairs,
        registries.pairs_derived,
        registries.unseen_replication() if registries.pairs_derived else None,
        (*seen.resources, *declared),
        gaps,
        seen.owners,
        frozenset(type for type, _ in seen.owners),
        as_of,
    )
    return common, seen.union.groups()


def _sides(primary: str | None, standby: str | None, accounts: Collection[str]) -> Collection[str]:
    """Return the accounts that a pair connects: all of them, if it leads from every account to another."""
    if primary is None and standby is not None:
        return accounts
    return [account for account in (primary, standby) if account and account in accounts]


class _Seen:
    """What the targets seen so far tell."""

    def __init__(self, accounts: frozenset[str]) -> None:
        self.accounts = accounts
        self.union = Union([*sorted(accounts), REST])
        self.resources: list[Resource] = []
        self.registries: list[Resource] = []
        self.gaps: set[Gap] = set()
        self.owners: dict[tuple[str, str], str] = {}

    def look(self, snapshot: Snapshot, account: str, targets: Sequence[Target]) -> None:
        """Look at the targets of an account."""
        resources, gaps = read(snapshot, targets)
        self.gaps.update(gap for gap in gaps if is_common(gap, self.accounts))
        for resource in resources:
            if is_everywhere(resource.type):
                self.resources.append(resource)
            elif resource.type == _REGISTRY:
                self._registry(resource)
            if resource.account not in (None, account):
                self._connect(account, [str(resource.account)])
            if account not in resource.id:
                owner = self.owners.setdefault((resource.type, resource.name or resource.id), account)
                self._connect(account, [owner])
        for target in targets:
            for line in snapshot.lines_of(target):
                if service_of(line) != b"ecr" and b".dkr" in line.lower():
                    self._connect(account, {found.decode() for found in _HOST.findall(line)})

    def named_by(self, declared: Iterable[Resource]) -> None:
        """Connect what is declared, which is in no account, with the accounts that it names."""
        texts = (text for resource in declared for text in _texts(resource.properties))
        self._connect(REST, {found for text in texts for found in _ACCOUNT.findall(text)})

    def _registry(self, registry: Resource) -> None:
        """Keep of a registry what pairs are derived from, and connect it with where it replicates to."""
        rules = dict(registry.properties.raw()).get("ReplicationConfiguration")
        properties = Properties({"ReplicationConfiguration": rules})
        self.registries.append(replace(registry, properties=properties))
        self._connect(str(registry.account), _texts(rules))

    def _connect(self, account: str, others: Iterable[str]) -> None:
        self.union.join([account, *(other for other in others if other in self.accounts)])


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in guarded data, as far as they were seen."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Properties, Items)):
        for item in value.raw():
            yield from _texts(item[1] if isinstance(value, Properties) else item)


class Union:
    """Sets of units that grow together."""

    def __init__(self, units: Iterable[str]) -> None:
        self._above = {unit: unit for unit in units}

    @property
    def units(self) -> Iterable[str]:
        """Return all units."""
        return self._above

    def join(self, units: Iterable[str]) -> None:
        """Make one set of those that units are in."""
        reduce(self._link, units, None)

    def groups(self) -> list[Group]:
        """Return the sets, by the first unit of each."""
        found: dict[str, set[str]] = {}
        for unit in sorted(self._above):
            found.setdefault(self._top(unit), set()).add(unit)
        return [frozenset(group) for group in found.values()]

    def _link(self, before: str | None, unit: str) -> str:
        top = self._top(unit)
        if before is not None:
            self._above[top] = self._top(before)
        return unit

    def _top(self, unit: str) -> str:
        while (above := self._above[unit]) != unit:
            self._above[unit] = self._above[above]
            unit = above
        return unit
