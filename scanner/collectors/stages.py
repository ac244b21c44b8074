"""What is asked in which stage, and of what: the later ones ask only for what the answers of all targets make worth it.

Between two rounds everything is on the disk, and read from there: nothing but what `Mentioned` holds stays in memory,
however many targets there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any

from scanner.collectors.ask import Answers, Ask
from scanner.collectors.digests import Digests
from scanner.collectors.wanted import Mentioned, Scope
from scanner.model import Pair
from scanner.recorded import LeftOut, Stage, Target
from scanner.snapshot import SnapshotWriter

Asks = Mapping[Stage, Mapping[str, Sequence[Ask]]]
"""What to ask: by stage, by service."""


def by_stage(asks: Mapping[str, Sequence[Ask]]) -> Asks:
    """Return what to ask of services, by stage."""
    return {
        stage: {service: found for service, each in asks.items() if (found := [a for a in each if a.stage is stage])}
        for stage in Stage
    }


def stages_of(target: Target, asks: Asks, writer: SnapshotWriter) -> list[Stage]:
    """Return the stages of a target that are not done: the first that is not, and all after it."""
    stages = [s for s in Stage if s is Stage.CALLS or not asks[s].keys().isdisjoint(target.services)]
    return list(dropwhile(lambda stage: writer.done(target, stage), stages))


def rounds(scope: Scope) -> tuple[tuple[Stage, ...], ...]:
    """Return the stages by rounds: a round begins when the one before has ended in every target."""
    if scope.whole:
        return (Stage.CALLS, Stage.IMAGES), (Stage.DIGESTS,)
    return (Stage.CALLS,), (Stage.IMAGES,), (Stage.DIGESTS,)


@dataclass(frozen=True)
class Chosen:
    """The parameters an operation is asked with, and what is left out of them."""

    parameters: Sequence[dict[str, Any]]
    left_out: LeftOut | None = None


class Choice:
    """Chooses what is asked."""

    def __init__(
        self, scope: Scope, pairs: Sequence[Pair] | None, writer: SnapshotWriter, targets: Collection[Target]
    ) -> None:
        self._scope, self._pairs, self._writer, self._targets = scope, pairs, writer, targets
        self._mentioned: Mentioned | None = None
        self._digests: Digests | None = None

    def begin(self, stages: Collection[Stage]) -> None:
        """Make ready for a round; what was before it is done in every target.  Raises `OSError`."""
        if Stage.CALLS in stages:
            return
        if self._mentioned is None:
            self._mentioned = Mentioned()
            for target in self._targets:
                self._mentioned.read(self._writer.lines_of(target, Stage.CALLS))
        if Stage.DIGESTS in stages:
            self._digests = Digests(self._writer, self._targets, self._pairs, self._mentioned)

    def of(self, ask: Ask, answers: Answers) -> Chosen:
        """Return what to ask; raise `UnreadableError` and `OSError`.  Any thread may ask."""
        if self._digests is not None:
            return Chosen(*self._digests.of(ask, answers))
        parameters = ask.parameters_of(answers)
        if ask.stage is not Stage.IMAGES or self._mentioned is None:
            return Chosen(parameters)
        wanted = [each for each in parameters if self._wants(each["repositoryName"])]
        count = len(parameters) - len(wanted)
        return Chosen(wanted, LeftOut(answers.name(ask), count, self._scope.reason) if count else None)

    def _wants(self, repository: str) -> bool:
        return self._scope.includes(repository) or (
            self._mentioned is not None and repository in self._mentioned.repositories
        )
