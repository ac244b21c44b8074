"""What the drill says of an estate that people change on a game day.

It is judged as a snapshot is, by the same rules, and then the same loss takes it: so a repair holds at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from scanner.collectors import Told, read
from scanner.config import Config
from scanner.drill import simulate
from scanner.drill.subjects import STARTERS
from scanner.engine import assess
from scanner.estate import Estate, add_evidence, model_of
from scanner.images import Listing, RepositoryKey
from scanner.loss import Loss
from scanner.model import Gap, InsufficientData, Model, Place, Resource, Twin
from scanner.outcome import LinkState, Recovery
from scanner.recorded import Target
from scanner.references import FUNCTION
from scanner.rule import Rule
from scanner.starters import family, started


class Retold(Told, Protocol):
    """An estate as a collection would find it now."""

    def version(self, account: str) -> int:
        """Return a number that is another one once something was changed in an account."""

    def images(self) -> Mapping[RepositoryKey, Listing]:
        """Return the images of every repository."""


class Rehearsal:
    """Judges what stands in for the workloads that a loss takes; `as_of` is the time of the snapshot.

    What an account showed is kept until something is changed in it.
    """

    def __init__(self, rules: Sequence[Rule], config: Config, loss: Loss, as_of: datetime) -> None:
        self._rules, self._config, self._loss, self._as_of = tuple(rules), config, loss, as_of
        self._shown: dict[str, tuple[int, tuple[list[Resource], list[Gap]]]] = {}

    def __call__(
        self, estate: Retold, links: Collection[str] | None = None
    ) -> Mapping[tuple[Place, str], Sequence[LinkState]]:
        """Return the states of links (all, or these), by the place of a standby and its name there.

        That is the ARN of a service or of a function, or the family of tasks: one that something starts, or else one
        of services.
        """
        rules = [rule for rule in self._rules if links is None or rule.link in links]
        model = self._model(estate)
        assessed = assess(model, rules, self._config)
        drill = simulate(assessed.model, assessed.findings, rules, self._loss)
        named: dict[tuple[Place, str], list[LinkState]] = {}
        of_services: dict[tuple[Place, str], list[LinkState]] = {}
        for recovery in drill.recoveries:
            standby = _standby(recovery, assessed.model)
            if standby is None or recovery.standby is None:
                continue
            is_service = standby.type == "AWS::ECS::Service"
            if is_service or standby.type == FUNCTION:
                named.setdefault((recovery.standby, standby.id), []).extend(recovery.links)
            for name in _families(standby, assessed.model):
                found = of_services if is_service else named
                found.setdefault((recovery.standby, name), []).extend(recovery.links)
        return {**of_services, **named}

    def _model(self, told: Retold) -> Model:
        estate = Estate(as_of=self._as_of, listings=dict(told.images()))
        for resources, gaps in self._read(told):
            estate.resources += resources
            estate.gaps += gaps
        estate.asked = {target.place for target in told.targets}
        estate.scanned = set(estate.asked)
        add_evidence(estate, self._config)
        return model_of(estate, self._config, self._as_of)

    def _read(self, told: Retold) -> Iterator[tuple[list[Resource], list[Gap]]]:
        by_account: dict[str, list[Target]] = {}
        for target in told.targets:
            by_account.setdefault(target.account, []).append(target)
        for account, targets in by_account.items():
            version, shown = told.version(account), self._shown.get(account)
            if shown is None or shown[0] != version:
                shown = self._shown[account] = version, read(told, targets)
            yield shown[1]


def _standby(recovery: Recovery, model: Model) -> Resource | None:
    """Return what stands in for a workload, or may: it has one of its names; None if nothing does."""
    workload = recovery.workload
    with suppress(InsufficientData):
        for pair in model.pairs_of(workload.place):
            if pair.standby == recovery.standby and workload.name is not None:
                return _namesake(Twin(model, workload, pair), workload.type, workload.name)
    return None


def _namesake(twin: Twin, type: str, name: str) -> Resource | None:
    for each in twin.names(type, name):
        with suppress(InsufficientData):
            if (found := twin.named(type, each)) is not None:
                return found
    return None


def _families(standby: Resource, model: Model) -> Iterator[str]:
    with suppress(InsufficientData):
        if standby.type in ("AWS::ECS::Service", "AWS::ECS::Task"):
            yield family(model, str(standby["TaskDefinition"]))
        elif standby.type in STARTERS:
            for task in started(standby):
                if task.definition is not None:
                    yield family(model, task.definition)
