"""What several workloads need and none of them has: the blast radius of one repair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scanner.chain import CHAIN
from scanner.model import Resource
from scanner.outcome import Recovery, State


@dataclass(frozen=True)
class Shared:
    """Something that several workloads need and that is broken: the blast radius of one repair."""

    link: str
    rule_id: str
    subject: Resource
    reason: str
    workloads: tuple[Recovery, ...]


def shared(recoveries: Iterable[Recovery]) -> tuple[Shared, ...]:
    """Return what is broken for more than one workload: that for the most first, then what would break first."""
    return tuple(_shared(recoveries))


def _shared(recoveries: Iterable[Recovery]) -> Iterator[Shared]:
    found: dict[tuple[str, str, str], tuple[Resource, str, list[Recovery]]] = {}
    for one in recoveries:
        for link in one.links:
            subject = link.subject
            if link.state is State.BROKEN and subject is not None and subject.id != one.workload.id:
                key = (link.link, link.rule_id, subject.id)
                found.setdefault(key, (subject, link.reason, []))[2].append(one)
    order = {link.id: at for at, link in enumerate(CHAIN)}
    ranked = sorted(found.items(), key=lambda item: (-len(item[1][2]), order.get(item[0][0], len(order)), item[0]))
    for (id, rule, _), (subject, reason, hit) in ranked:
        if len(hit) > 1:
            yield Shared(id, rule, subject, reason, tuple(hit))
