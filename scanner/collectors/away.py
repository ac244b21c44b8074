"""Targets that the workers of an executor ask, and not this process.

The targets of an account are one piece of work: what AWS counts for an account is then counted in one place.  Each
worker has its own credentials, from its own environment, and enters accounts with them; none travel with the work.  It
writes the parts of its targets into the snapshot, whose path is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from scanner.collectors import since
from scanner.collectors.here import Clock, Here, asked
from scanner.collectors.part import Count
from scanner.collectors.roles import Entry, Roles
from scanner.collectors.scheduler import Counts, Limits
from scanner.collectors.session import Sessions
from scanner.collectors.stages import Choice
from scanner.collectors.watch import Watch
from scanner.executors import Executor, batched
from scanner.model import Place
from scanner.progress import Finished, Silent, State
from scanner.recorded import Call, Stage, Target, redacted
from scanner.snapshot import Snapshot, SnapshotWriter


@dataclass(frozen=True)
class Means:
    """How accounts are entered and asked; no credentials: `profile` is the name of one on the worker."""

    entry: Entry
    home: str
    profile: str | None
    endpoint_url: str | None
    limits: Limits
    earlier: Path | None
    ask_clusters: bool


@dataclass(frozen=True)
class Away:
    """Where targets are asked, and with what."""

    executor: Executor
    means: Means

    def crew(
        self,
        choice: Choice,
        writer: SnapshotWriter,
        clock: Clock,
        known: Callable[[Target], Sequence[Call]],
        needed: Collection[str] | None,
        max_rate: float | None,
    ) -> Workers:
        """Return who asks; all together make at most `max_rate` requests a second."""
        share = max_rate / self.executor.slots if max_rate else None
        return Workers(self.executor, _Job(self.means, choice, writer, clock, needed, share), known)


@dataclass(frozen=True)
class _Job:
    means: Means
    choice: Choice
    writer: SnapshotWriter
    clock: Callable[[], datetime]
    needed: Collection[str] | None
    max_rate: float | None


@dataclass(frozen=True)
class _Due:
    """Stages of a target that are due, and the calls that were made for it before, without secrets."""

    target: Target
    stages: Sequence[Stage]
    known: Sequence[Call]


@dataclass(frozen=True)
class _Told:
    finished: Sequence[Finished]
    counts: Counts
    images: int


class Workers:
    """Asks through the workers of an executor."""

    def __init__(self, executor: Executor, job: _Job, known: Callable[[Target], Sequence[Call]]) -> None:
        self._executor, self._job, self._known = executor, job, known
        self.counts, self.images = Counts(), Count()

    def ask(self, due: Mapping[Target, Sequence[Stage]], watch: Watch) -> None:
        """Collect stages of targets, account by account."""
        accounts: dict[str, list[_Due]] = {}
        for target, stages in due.items():
            known = tuple(map(redacted, self._known(target))) if Stage.CALLS in stages else ()
            accounts.setdefault(target.account, []).append(_Due(target, tuple(stages), known))
        batches = batched([(len(dues), dues) for dues in accounts.values()], self._executor.slots)
        for told in self._executor.run(_work, self._job, batches):
            self.counts.requests += told.counts.requests
            self.counts.throttled += told.counts.throttled
            self.images.add(told.images)
            for finished in told.finished:
                watch.take(finished)

    def close(self) -> None:
        """Do nothing: the executor belongs to somebody else."""


def _work(job: _Job, batch: Sequence[Sequence[_Due]]) -> _Told:
    """Collect what is due of some accounts, in a worker."""
    means = job.means
    dues = {due.target: due for account in batch for due in account}
    sessions = Sessions(profile=means.profile, endpoint_url=means.endpoint_url, limits=means.limits)
    roles = Roles(means.entry, sessions.client, home=means.home, clock=job.clock)
    here = Here(
        roles,
        job.choice,
        job.writer,
        sessions,
        job.clock,
        lambda target: dues[target].known,
        asked(job.needed),
        since.answers_of(_opened(means.earlier)) if means.earlier else since.nothing,
        job.max_rate,
        means.ask_clusters,
    )
    progress = _Kept()
    rounds: dict[Place, int] = {target.place: 1 for target in dues}
    try:
        here.ask(
            {target: due.stages for target, due in dues.items()},
            Watch(progress, State(len(dues), 0, 0), rounds, here.counts, here.images),
        )
    finally:
        here.close()
    return _Told(progress.finished_targets, replace(here.counts), here.images.value)


@lru_cache(maxsize=1)
def _opened(earlier: Path) -> Snapshot:
    """Return an earlier snapshot, which takes long to verify, once for all tasks of a worker."""
    return Snapshot.open(earlier)


class _Kept(Silent):
    """Keeps what was told, for who gave the work."""

    def __init__(self) -> None:
        self.finished_targets: list[Finished] = []

    def finished(self, target: Finished, state: State) -> None:  # noqa: ARG002 - the signature of `Progress`
        """Take note of a target."""
        self.finished_targets.append(target)
