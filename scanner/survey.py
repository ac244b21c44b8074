"""One look at every target: what all parts of an estate have to know, and which accounts have to do with each other.

Accounts are connected by pairs, by replication, by an image that a workload of one pulls from the other, by what tells
of another account.  It need not be known here all that rules look at: `scanner.section` finds out the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from scanner.collectors import read
from scanner.config import Config
from scanner.executors import Executor, batched
from scanner.finding import Coverage
from scanner.guarded import Items, Properties
from scanner.images import ImageIndex
from scanner.model import Gap, Model, Resource
from scanner.recorded import service_of
from scanner.section import REST, Common, is_common, is_everywhere
from scanner.snapshot import Snapshot

_REGISTRY = "AWS::ECR::Registry"
_HOST = re.compile(rb"([0-9]{12})\.dkr[.-]ecr", re.IGNORECASE)
_ACCOUNT = re.compile(r"[0-9]{12}")

Group = frozenset[str]
"""Accounts, and `REST`, that are judged together."""


@dataclass
class Survey:
    """What one look at every target tells: what all groups share, the groups, and the coverage of every target."""

    common: Common
    groups: list[Group]
    coverage: list[Coverage]


def survey(
    snapshots: Sequence[Snapshot],
    declared: Sequence[Resource],
    unseen: Sequence[Gap],
    config: Config,
    executor: Executor,
) -> Survey:
    """Look once at every target of some snapshots.

    `declared` and `unseen` are the resources and gaps that no snapshot shows, but regionproof.yaml does.
    """
    places = frozenset(target.place for snapshot in snapshots for target in snapshot.targets)
    accounts = frozenset(str(place.account) for place in places)
    parts = [
        (len(targets), (number, account))
        for number, snapshot in enumerate(snapshots)
        for account, targets in snapshot.by_account.items()
    ]
    found: dict[tuple[int, str], _Seen] = {}
    for looks in executor.run(_look_at, (snapshots, accounts), batched(parts, executor.slots)):
        found |= looks
    seen = [found.pop(part) for _, part in parts]
    gaps = tuple(sorted({*unseen, *(gap for one in seen for gap in one.gaps)}, key=repr))
    as_of = min(snapshot.as_of for snapshot in snapshots)
    registries = Model(
        [registry for one in seen for registry in one.registries],
        gaps=gaps,
        pairs=config.pairs,
        images=ImageIndex(),
        scanned=places,
        asked=places,
        as_of=as_of,
    )
    union, owners = Union([*sorted(accounts), REST]), dict[tuple[str, str], str]()
    for (_, (_, account)), one in zip(parts, seen, strict=True):
        union.join([account, *one.named, *(owners.setdefault(name, account) for name in one.worldwide)])
    for pair in registries.pairs:
        union.join(_sides(pair.primary.account, pair.standby.account, accounts))
    texts = (text for resource in declared for text in _texts(resource.properties))
    union.join([REST, *(found for text in texts for found in _ACCOUNT.findall(text) if found in accounts)])
    common = Common(
        accounts,
        places,
        places,
        registries.pairs,
        registries.pairs_derived,
        registries.unseen_replication() if registries.pairs_derived else None,
        (*(resource for one in seen for resource in one.resources), *declared),
        gaps,
        owners,
        frozenset(type for type, _ in owners),
        as_of,
    )
    return Survey(common, union.groups(), [row for one in seen for row in one.coverage])


def _sides(primary: str | None, standby: str | None, accounts: Collection[str]) -> Collection[str]:
    """Return the accounts that a pair connects: all of them, if it leads from every account to another."""
    if primary is None and standby is not None:
        return accounts
    return [account for account in (primary, standby) if account and account in accounts]


@dataclass
class _Seen:
    """What the targets of an account tell: what is `Common` of it, and which other accounts it has to do with."""

    resources: list[Resource] = field(default_factory=list)
    registries: list[Resource] = field(default_factory=list)
    gaps: set[Gap] = field(default_factory=set)
    worldwide: list[tuple[str, str]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    coverage: list[Coverage] = field(default_factory=list)


def _look_at(
    shared: tuple[Sequence[Snapshot], frozenset[str]], parts: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], _Seen]:
    snapshots, accounts = shared
    return {(number, account): _look(snapshots[number], account, accounts) for number, account in parts}


def _look(snapshot: Snapshot, account: str, accounts: frozenset[str]) -> _Seen:
    targets = snapshot.by_account[account]
    resources, gaps = read(snapshot, targets)
    seen = _Seen(gaps={gap for gap in gaps if is_common(gap, accounts)}, coverage=snapshot.coverage_of(targets))
    for resource in resources:
        if is_everywhere(resource.type):
            seen.resources.append(resource)
        elif resource.type == _REGISTRY:
            seen.registries.append(_rules_alone(resource))
        if account not in resource.id:
            seen.worldwide.append((resource.type, resource.name or resource.id))
            seen.named.update(_ACCOUNT.findall(resource.id))
        seen.named.add(resource.account or account)
    for registry in seen.registries:
        seen.named.update(_texts(registry.properties))
    for line in (line for target in targets for line in snapshot.lines_of(target)):
        if service_of(line) != b"ecr" and b".dkr" in line.lower():
            seen.named.update(found.decode() for found in _HOST.findall(line))
    seen.named &= accounts
    return seen


def _rules_alone(registry: Resource) -> Resource:
    """Return a registry with what pairs are derived from, and nothing else."""
    rules = dict(registry.properties.raw()).get("ReplicationConfiguration")
    return replace(registry, properties=Properties({"ReplicationConfiguration": rules}))


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
