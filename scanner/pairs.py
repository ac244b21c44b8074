"""Pairs of places: where something runs, and where it is to start when its Region is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from scanner.guarded import InsufficientData
from scanner.resource import Place, Resource


@dataclass(frozen=True, order=True)
class Pair:
    """A primary place and the standby that takes over.

    `rpo` and `rto` are objectives, None when not declared.  `image_distribution` says how images get to the standby:
    by the `replication` of ECR, which is also meant when nothing is declared, or by a `dual-push` of every pipeline.
    """

    primary: Place
    standby: Place
    dr_class: str | None = None
    rpo: timedelta | None = None
    rto: timedelta | None = None
    image_distribution: str | None = None

    def __str__(self) -> str:
        return f"{self.primary} -> {self.standby}"


class PairIndex:
    """Some pairs, in order, by the accounts they name: nobody looks at all of them for each question."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = tuple(pairs)
        self._numbers: dict[str | None, list[int]] = {}
        for number, pair in enumerate(self._pairs):
            named = {pair.primary.account, pair.standby.account} - {None} if pair.primary.account else {None}
            for account in named:
                self._numbers.setdefault(account, []).append(number)

    def about(self, account: str | None) -> list[Pair]:
        """Return the pairs that name an account, and those that are of every account; None: all."""
        if account is None:
            return list(self._pairs)
        numbers = {*self._numbers.get(account, ()), *self._numbers.get(None, ())}
        return [self._pairs[number] for number in sorted(numbers)]


def destinations(registry: Resource) -> Iterator[Place]:
    """Yield where a registry replicates to; raise `InsufficientData` if some of it was not seen or makes no sense."""
    try:
        for rule in (registry["ReplicationConfiguration"] or {}).get("Rules") or []:
            for destination in rule["Destinations"] or []:
                account, region = destination["RegistryId"], destination["Region"]
                yield Place(account + "", region + "")
    except (TypeError, AttributeError) as error:
        raise InsufficientData(f"a replication rule of '{registry.id}' names no registry") from error


def bind(pair: Pair, place: Place) -> Iterator[Pair]:
    """Yield the pair, in the direction in which `place` is its primary; active-active pairs have both."""
    primary = pair.primary
    standby = Place(pair.standby.account or primary.account, pair.standby.region)
    if _is_at(primary, place):
        yield replace(pair, primary=place, standby=Place(standby.account or place.account, standby.region))
    if pair.dr_class == "active-active" and _is_at(standby, place):
        yield replace(pair, primary=place, standby=Place(primary.account or place.account, primary.region))


def _is_at(declared: Place, place: Place) -> bool:
    return declared.region == place.region and declared.account in (None, place.account)
