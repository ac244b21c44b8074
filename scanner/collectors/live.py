"""Collects a snapshot: finds out what there is to ask, has it asked, and finishes the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.collectors import kubernetes_file, since
from scanner.collectors.discovery import find
from scanner.collectors.here import Here, asked
from scanner.collectors.mirror import Mirror
from scanner.collectors.organization import Account
from scanner.collectors.roles import Entry, Roles
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.collectors.stages import Choice, rounds, stages_of
from scanner.collectors.targets import Plan
from scanner.collectors.wanted import Scope
from scanner.collectors.watch import Crew, Watch
from scanner.config import Organization
from scanner.errors import UsageError
from scanner.executors import Executor
from scanner.model import Pair, Place
from scanner.parts import kept
from scanner.progress import Progress, Silent, State
from scanner.recorded import Call, Target, timestamp
from scanner.snapshot import Snapshot, SnapshotWriter
from scanner.split import Shard

if TYPE_CHECKING:
    from scanner.collectors.away import Away

Clock = Callable[[], datetime]


def collect(
    path: Path,
    *,
    clock: Clock,
    regions: Sequence[str] = (),
    accounts: Sequence[str] = (),
    organization: Organization | None = None,
    whole: bool = False,
    role_name: str | None = None,
    services: Sequence[str] = (),
    needed: Collection[str] | None = None,
    scope: Scope | None = None,
    pairs: Sequence[Pair] | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    resume: bool = False,
    config_sha256: str | None = None,
    max_rate: float | None = None,
    limits: Limits | None = None,
    earlier: Path | None = None,
    kubernetes_files: Mapping[str, Sequence[Path]] | None = None,
    ask_clusters: bool = False,
    executor: Executor | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    mirror: Mirror | None = None,
) -> Collected:
    """Collect a snapshot into the directory `path`.

    `needed` are the resource types that somebody will read: nothing else is asked; None means all types.  No services
    means those that tell of the types.  `scope` says whose images are listed although no workload names them, None:
    everybody's.  `pairs` are the declared ones, None derives them from the replication rules.
    No accounts means one's own, and no Regions every enabled one.  With `whole`, all accounts of the organization are
    asked; `organization` says how they, and other accounts, are entered.  Answers that can never change are taken
    from the snapshot `earlier`, if it has them.  What runs in EKS clusters is read from what kubectl wrote to
    `kubernetes_files` (by the cluster's ARN), and with `ask_clusters` the API of each cluster is asked.  `mirror` keeps
    every file of the snapshot at s3://, too.  With an `executor`, its workers ask (see `away`): they need `path` and
    `earlier` under the same names.  With a `shard`, only its accounts are asked, and the snapshot is that part of one.
    Raises `UsageError`, `CredentialsError` or `RegionproofError` before the first target is asked (`SnapshotError` for
    a damaged `earlier`); after that, no error of AWS leaves this function: it stands in the snapshot.  See
    `collect_targets` for the rest.
    """
    reusable = since.answers_of(Snapshot.open(earlier, only=since.PARTS)) if earlier else since.nothing
    sessions = Sessions(profile=profile, endpoint_url=endpoint_url, limits=limits)
    found = find(
        sessions,
        clock,
        regions=regions,
        accounts=accounts,
        organization=organization,
        role_name=role_name,
        whole=whole,
        services=services,
        needed=needed,
        shard=shard,
    )
    if not found.plan.targets and shard is None:
        raise UsageError("none of the Regions is enabled in any of the accounts", "Name others, or none: --regions.")
    files = _from_files(kubernetes_files or {}, found.plan, clock, shard)
    if mirror:
        mirror.begin(resume=resume)
    where = path.resolve() if executor else path
    writer = SnapshotWriter(where, resume=resume, config_sha256=config_sha256, keep=mirror.keep if mirror else kept)
    if not found.plan.targets:
        at, version = timestamp(clock()), sessions.botocore_version
        empty = writer.finish((), botocore_version=version, not_enabled=found.plan.not_enabled, shard=shard, at=at)
        return Collected(empty, found.left_out)
    away = None
    if executor is not None:
        from scanner.collectors.away import Away, Means

        means = Means(
            found.roles.entry, found.roles.home, profile, endpoint_url, sessions.limits, earlier, ask_clusters
        )
        away = Away(executor, means)
    snapshot = collect_targets(
        found.plan.targets,
        writer,
        sessions,
        clock,
        roles=found.roles,
        known=lambda target: [*found.plan.calls_of(target), *files.get(target.place, ())],
        ask_clusters=ask_clusters,
        needed=needed,
        scope=scope,
        pairs=pairs,
        max_rate=max_rate,
        reusable=reusable,
        not_enabled=found.plan.not_enabled,
        shard=shard,
        progress=progress,
        away=away,
    )
    return Collected(snapshot, found.left_out)


@dataclass(frozen=True)
class Collected:
    """A snapshot, and why accounts of the organization were left out of it."""

    snapshot: Snapshot
    left_out: Mapping[Account, str]


def _from_files(
    files: Mapping[str, Sequence[Path]], plan: Plan, clock: Clock, shard: Shard | None
) -> dict[Place, list[Call]]:
    """Return what files say of clusters, by where those are; raise `UsageError` for one that is not collected."""
    found: dict[Place, list[Call]] = {}
    for arn, paths in files.items():
        calls = kubernetes_file.read_files(paths, arn, timestamp(clock())).calls
        place = Place(calls[0].account, calls[0].region)
        if shard is not None and not shard.holds(calls[0].account):
            continue
        if place not in {target.place for target in plan.targets}:
            raise UsageError(f"the cluster {arn} is in {place}, which is not collected", "Add its account and Region.")
        found.setdefault(place, []).extend(calls)
    return found


def collect_targets(
    targets: Sequence[Target],
    writer: SnapshotWriter,
    sessions: Sessions,
    clock: Clock,
    *,
    roles: Roles | None = None,
    known: Callable[[Target], Sequence[Call]] = lambda _: (),
    needed: Collection[str] | None = None,
    scope: Scope | None = None,
    pairs: Sequence[Pair] | None = None,
    ask_clusters: bool = False,
    max_rate: float | None = None,
    reusable: since.Known = since.nothing,
    not_enabled: Mapping[Place, str] | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    away: Away | None = None,
) -> Snapshot:
    """Ask every target that is not done yet, write each as it is finished, and finish the snapshot.

    `clock` gives aware times; `roles` are how targets with a role are entered; `known` are the calls that were made
    for a target before, `reusable` those that need not be made again; `needed` are the types to ask for, None all of
    a target's services; `max_rate` is the most requests a second; `not_enabled` are Regions that the snapshot tells
    of without asking them; `shard` is the part of a collection that this is; with `away`, others ask.  `OSError`
    leaves this function (a full disk), and so does `KeyboardInterrupt`, when the requests in flight have ended; what
    was finished then stays, for a `SnapshotWriter` with `resume`.
    """
    roles = roles or Roles(Entry(), sessions.client, home=targets[0].region, clock=clock)
    scope = scope or Scope()
    asks = asked(needed)
    todo = {target: stages_of(target, asks, writer) for target in targets}
    choice = Choice(scope, pairs, writer, targets)
    crew: Crew
    if away is None:
        crew = Here(roles, choice, writer, sessions, clock, known, asks, reusable, max_rate, ask_clusters)
    else:
        crew = away.crew(choice, writer, clock, known, needed, max_rate)
    progress = progress or Silent()
    done = sum(not stages for stages in todo.values())
    state = State(len(targets), done, done)
    turns = {
        target.place: sum(not set(stages).isdisjoint(turn) for turn in rounds(scope)) for target, stages in todo.items()
    }
    watch = Watch(progress, state, turns, crew.counts, crew.images)
    try:
        progress.begin(state)
        for turn in rounds(scope):
            due = {target: [s for s in stages if s in turn] for target, stages in todo.items()}
            due = {target: stages for target, stages in due.items() if stages}
            if due:
                choice.begin(turn)
                crew.ask(due, watch)
    finally:
        crew.close()
        progress.end()
    return writer.finish(targets, botocore_version=sessions.botocore_version, not_enabled=not_enabled, shard=shard)
