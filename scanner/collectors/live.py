"""Asks AWS, and records what it answers.  Whatever goes wrong with a call becomes part of the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scanner.collectors import ASSUME_ROLE, COLLECTORS, batches, eks, kubernetes_api, kubernetes_file, needs, since
from scanner.collectors.ask import MALFORMED, Answers, Ask, UnreadableError
from scanner.collectors.discovery import find
from scanner.collectors.mirror import Mirror
from scanner.collectors.organization import Account
from scanner.collectors.part import Count, Images, Part
from scanner.collectors.roles import Entry, Roles
from scanner.collectors.scheduler import Limits, Outcome, Scheduler
from scanner.collectors.session import Sessions
from scanner.collectors.stages import Asks, Choice, by_stage, rounds, stages_of
from scanner.collectors.targets import Plan
from scanner.collectors.transport import Failed, Transport, call_error
from scanner.collectors.wanted import Scope
from scanner.collectors.watch import Watch
from scanner.config import Organization
from scanner.errors import UsageError
from scanner.kubernetes_objects import SERVICE
from scanner.model import Pair, Place
from scanner.parts import TargetWriter, kept
from scanner.progress import Finished, Progress, Silent, State
from scanner.recorded import Call, CallError, Stage, Target, timestamp
from scanner.snapshot import Snapshot, SnapshotWriter

MAX_PAGES = 10_000
"""A list that is longer is taken for an endpoint that never ends it."""
_TARGETS = 48

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
    every file of the snapshot at s3://, too.
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
    )
    if not found.plan.targets:
        raise UsageError("none of the Regions is enabled in any of the accounts", "Name others, or none: --regions.")
    files = _from_files(kubernetes_files or {}, found.plan, clock)
    if mirror:
        mirror.begin(resume=resume)
    writer = SnapshotWriter(path, resume=resume, config_sha256=config_sha256, keep=mirror.keep if mirror else kept)
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
        progress=progress,
    )
    return Collected(snapshot, found.left_out)


@dataclass(frozen=True)
class Collected:
    """A snapshot, and why accounts of the organization were left out of it."""

    snapshot: Snapshot
    left_out: Mapping[Account, str]


def _from_files(files: Mapping[str, Sequence[Path]], plan: Plan, clock: Clock) -> dict[Place, list[Call]]:
    """Return what files say of clusters, by where those are; raise `UsageError` for one that is not collected."""
    found: dict[Place, list[Call]] = {}
    for arn, paths in files.items():
        calls = kubernetes_file.read_files(paths, arn, timestamp(clock())).calls
        place = Place(calls[0].account, calls[0].region)
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
    progress: Progress | None = None,
) -> Snapshot:
    """Ask every target that is not done yet, write each as it is finished, and finish the snapshot.

    `clock` gives aware times; `roles` are how targets with a role are entered; `known` are the calls that were made
    for a target before, `reusable` those that need not be made again; `needed` are the types to ask for, None all of
    a target's services; `max_rate` is the most requests a second; `not_enabled` are Regions that the snapshot tells
    of without asking them.  `OSError` leaves this function (a full disk), and so does `KeyboardInterrupt`, when the
    requests in flight have ended; what was finished then stays, for a `SnapshotWriter` with `resume`.
    """
    roles = roles or Roles(Entry(), sessions.client, home=targets[0].region, clock=clock)
    scope = scope or Scope()
    asks = by_stage({service: needs.asks(service, needed) for service in COLLECTORS})
    todo = {target: stages_of(target, asks, writer) for target in targets}
    scheduler = Scheduler(sessions.limits, max_rate=max_rate)
    transport = Transport(sessions, roles.credentials)
    choice = Choice(scope, pairs, writer, targets)
    run = _Run(roles, known, reusable, asks, choice, transport, scheduler, clock, sessions if ask_clusters else None)
    progress = progress or Silent()
    done = sum(not stages for stages in todo.values())
    state = State(len(targets), done, done)
    turns = {
        target.place: sum(not set(stages).isdisjoint(turn) for turn in rounds(scope)) for target, stages in todo.items()
    }
    watch = Watch(progress, state, turns, scheduler.counts, run.images)
    workers = ThreadPoolExecutor(_TARGETS, "target")
    try:
        progress.begin(state)
        for turn in rounds(scope):
            due = {target: [s for s in stages if s in turn] for target, stages in todo.items()}
            if any(due.values()):
                choice.begin(turn)
            watch.wait([workers.submit(_collect_target, run, writer, *each) for each in due.items() if each[1]])
    finally:
        scheduler.close()
        workers.shutdown(cancel_futures=True)
        transport.close()
        progress.end()
    return writer.finish(targets, botocore_version=sessions.botocore_version, not_enabled=not_enabled)


@dataclass(frozen=True)
class _Run:
    roles: Roles
    known: Callable[[Target], Sequence[Call]]
    reusable: since.Known
    asks: Asks
    choice: Choice
    transport: Transport
    scheduler: Scheduler
    clock: Clock
    clusters_of: Sessions | None
    images: Count = field(default_factory=Count)

    def now(self) -> str:
        return timestamp(self.clock())


def _collect_target(run: _Run, writer: SnapshotWriter, target: Target, stages: Sequence[Stage]) -> Finished:
    """Collect stages of a target, one after the other; each is on the disk before the next one begins."""
    deadline = run.scheduler.deadline()
    answers: dict[str, Answers] | None = None
    told = Finished(target.place, target.services, 0, 0, 0, 0.0)
    for stage in stages:
        started_at, begun = run.now(), time.monotonic()
        reuses = any(ask.immutable for asks in run.asks[stage].values() for ask in asks)
        part = Part(writer.begin(target, stage), run.reusable(target) if reuses else {})
        if stage is Stage.CALLS:
            answers = _first(run, part, target, deadline)
        else:
            before = _before(run, writer, target, stage) if answers is None else answers
            _ask(run, part, target, stage, before, deadline)
        part.writer.finish(started_at=started_at, finished_at=run.now(), left_out=part.left_out)
        told = told.and_then(part.told(target, time.monotonic() - begun))
    run.scheduler.forget(target.place)
    return told


def _first(run: _Run, part: Part, target: Target, deadline: float) -> dict[str, Answers]:
    """Enter an account, and ask what there is."""
    answers: dict[str, Answers] = {}
    part.add(run.known(target))
    try:
        run.roles.credentials(target)
    except Exception as error:  # noqa: BLE001 - whatever keeps us out of an account is coverage, not a crash
        parameters = {"RoleArn": target.role_arn} if target.role_arn else {}
        part.add([_call(target, *ASSUME_ROLE, parameters, run.now(), error=call_error(error))])
        return answers
    _ask(run, part, target, Stage.CALLS, answers, deadline)
    return answers


def _before(run: _Run, writer: SnapshotWriter, target: Target, stage: Stage) -> dict[str, Answers]:
    """Return what the services of a stage answered in the stages before."""
    calls: dict[str, list[Call]] = {service: [] for service in run.asks[stage]}
    for call in writer.calls_before(target, stage):
        if call.service in calls:
            calls[call.service].append(call)
    return {service: Answers(target, service, found) for service, found in calls.items()}


def _ask(run: _Run, part: Part, target: Target, stage: Stage, answers: dict[str, Answers], deadline: float) -> None:
    """Ask a target's services what there is to ask in a stage; their answers are added to those before."""
    for service in sorted(target.services, key=list(COLLECTORS).index):
        if stage is Stage.CALLS or (service in answers and service in run.asks[stage]):
            answers[service] = _collect_service(run, part, target, service, stage, answers, deadline)
        if stage is Stage.CALLS and service == "eks":
            answers["kubernetes"] = _in_clusters(run, part, target, answers["eks"])


def _in_clusters(run: _Run, part: Part, target: Target, clusters: Answers) -> Answers:
    """Return what files say of a target's clusters, and what their API answers if it may be asked."""
    asked: list[Call] = []
    if sessions := run.clusters_of:
        credentials = run.roles.credentials(target) or sessions.credentials
        where = (target.region, target.partition, run.now, sessions.limits)
        for page in (page for answer in clusters.of(eks.DESCRIBE_CLUSTER) for page in answer.pages):
            if isinstance(page["cluster"].get("arn"), str):
                asked += kubernetes_api.calls(page["cluster"], credentials, *where)
        part.add(asked)
    return Answers(target, SERVICE, [*run.known(target), *asked])


def _collect_service(
    run: _Run, part: Part, target: Target, service: str, stage: Stage, others: Mapping[str, Answers], deadline: float
) -> Answers:
    """Ask a service, write its calls, and return its answers for the services that are asked after it."""
    before = list(others[service].calls) if service in others else []
    calls: list[Call] = []
    for ask in run.asks[stage].get(service, ()):
        answers = Answers(target, service, [*before, *calls], others)
        try:
            chosen = run.choice.of(ask, answers)
        except UnreadableError as error:
            said = CallError(MALFORMED, str(error))
            calls.append(_call(target, service, ask.operation, ask.parameters, run.now(), error=said))
            continue
        if chosen.left_out:
            part.left_out.append(chosen.left_out)
        new: list[dict[str, Any]] = []
        for given in chosen.parameters:
            if ask.immutable and (reused := part.reusable.get(since.key(service, ask.operation, given))):
                calls += reused
            else:
                new.append(given)
        questions = batches.together(ask.batch, new) if ask.batch else new
        tasks = [_Task(run, part.writer, target, service, ask, given) for given in questions]
        run.scheduler.run(tasks, deadline)
        answered = [call for task in tasks for call in task.calls()]
        calls += [one for call in answered for one in batches.apart(ask.batch, call)] if ask.batch else answered
    part.add(calls)
    return Answers(target, service, [*before, *calls], dict(others))


class _Task:
    """One question: asked a page at a time, whenever the scheduler says.  What failed last stands, if it stays so."""

    def __init__(
        self, run: _Run, part: TargetWriter, target: Target, service: str, ask: Ask, parameters: dict[str, Any]
    ) -> None:
        self.place, self.lane = target.place, (service, ask.rate)
        self._run, self._target, self._service, self._ask, self._parameters = run, target, service, ask, parameters
        self._pages: list[Call] = []
        self._failure: CallError | None = None
        self._at, self._attempts = "", 0
        self._token: str | None = None
        self._tokens: set[str] = set()
        self._images = Images(part, run.images) if ask.rows else None

    def step(self) -> Outcome:
        """Ask for the next page."""
        at = self._run.now()
        self._at = self._at if self._images is not None and self._at else at
        self._attempts += 1
        try:
            page = self._run.transport.ask(self._target, self._service, self._ask, self._parameters, self._token)
        except Failed as failed:
            self._failure = replace(failed.error, attempts=self._attempts)
            return failed.outcome
        self._failure, self._attempts = None, 0
        if self._images is not None and page.rows is not None:
            self._images.add(page.rows)
        else:
            self._pages.append(self._call(at, page.body))
        return self._turn(page.token)

    def expire(self) -> None:
        """Take note that there was no time left."""
        self._at = self._at or self._run.now()
        message = "the time that this account and Region may take was over"
        self._failure = self._failure or CallError("DeadlineExceeded", message, attempts=self._attempts)

    def calls(self) -> list[Call]:
        """Return what was answered: a call for each page and for the error that ended them; one for all images."""
        if self._images is None:
            return self._pages + ([self._call(self._at, None)] if self._failure else [])
        problem = self._images.problem
        self._failure = self._failure or (CallError(MALFORMED, problem, 200) if problem else None)
        return [replace(self._call(self._at, None), rows=self._images.count())]

    def _turn(self, token: str | None) -> Outcome:
        """Go to the next page, if there is one."""
        if not token:
            return Outcome.DONE
        if token in self._tokens or len(self._tokens) >= MAX_PAGES:
            message = "the paging token came back a second time" if token in self._tokens else "the list has no end"
            self._failure = CallError("PaginationLoop", message)
            return Outcome.DONE
        self._tokens.add(token)
        self._token = token
        return Outcome.MORE

    def _call(self, at: str, body: dict[str, Any] | None) -> Call:
        error = self._failure if body is None else None
        return _call(
            self._target, self._service, self._ask.operation, self._parameters, at, len(self._pages), body, error
        )


def _call(
    target: Target,
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    at: str,
    page: int = 0,
    response: Mapping[str, Any] | None = None,
    error: CallError | None = None,
) -> Call:
    return Call(service, operation, parameters, target.account, target.region, page, response, error, None, at)
