"""Asks AWS, and records what it answers.  Whatever goes wrong with a call becomes part of the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from scanner import shards
from scanner.collectors import ASSUME_ROLE, COLLECTORS, eks, kubernetes_api, kubernetes_file, needs, since
from scanner.collectors.ask import MALFORMED, Answers, Ask, Rows
from scanner.collectors.discovery import find
from scanner.collectors.organization import Account
from scanner.collectors.part import Count, Part
from scanner.collectors.roles import Entry, Roles
from scanner.collectors.scheduler import Limits, Outcome, Scheduler
from scanner.collectors.session import Sessions
from scanner.collectors.targets import Plan
from scanner.collectors.transport import Failed, Transport, call_error
from scanner.config import Organization
from scanner.errors import UsageError
from scanner.model import Place
from scanner.progress import Finished, Progress, Silent, State
from scanner.recorded import Call, CallError, Target, timestamp
from scanner.snapshot import Snapshot, SnapshotWriter, TargetWriter

MAX_PAGES = 10_000
"""A list that is longer is taken for an endpoint that never ends it."""
_TARGETS = 48
_TICK = 0.4
"""Seconds between two looks at how far we are."""

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
) -> Collected:
    """Collect a snapshot into the directory `path`.

    `needed` are the resource types that somebody will read: nothing else is asked; None means all types.  No services
    means those that tell of the types.
    No accounts means one's own, and no Regions every enabled one.  With `whole`, all accounts of the organization are
    asked; `organization` says how they, and other accounts, are entered.  Answers that can never change are taken
    from the snapshot `earlier`, if it has them.  What runs in EKS clusters is read from what kubectl wrote to
    `kubernetes_files` (by the cluster's ARN), and with `ask_clusters` the API of each cluster is asked.
    Raises `UsageError`, `CredentialsError` or `RegionproofError` before the first target is asked (`SnapshotError` for
    a damaged `earlier`); after that, no error of AWS leaves this function: it stands in the snapshot.  See
    `collect_targets` for the rest.
    """
    reusable = since.answers_of(Snapshot.open(earlier)) if earlier else since.nothing
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
    writer = SnapshotWriter(path, resume=resume, config_sha256=config_sha256)
    snapshot = collect_targets(
        found.plan.targets,
        writer,
        sessions,
        clock,
        roles=found.roles,
        known=lambda target: [*found.plan.calls_of(target), *files.get(target.place, ())],
        ask_clusters=ask_clusters,
        needed=needed,
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
    asked = [target for target in targets if not writer.done(target)]
    scheduler = Scheduler(sessions.limits, max_rate=max_rate)
    asks = {service: needs.asks(service, needed) for service in COLLECTORS}
    transport = Transport(sessions, roles.credentials)
    clusters_of = sessions if ask_clusters else None
    run = _Run(roles, known, reusable, asks, transport, scheduler, clock, clusters_of)
    progress = progress or Silent()
    state = State(len(targets), len(targets) - len(asked), len(targets) - len(asked))
    workers = ThreadPoolExecutor(_TARGETS, "target")
    try:
        progress.begin(state)
        _watch(run, [workers.submit(_collect_target, run, writer, target) for target in asked], progress, state)
    finally:
        scheduler.close()
        workers.shutdown(cancel_futures=True)
        progress.end()
    return writer.finish(targets, botocore_version=sessions.botocore_version, not_enabled=not_enabled)


def _watch(run: _Run, pending: Sequence[Future[Finished]], progress: Progress, state: State) -> None:
    """Return when every target is done, and tell how far they are; raise what the first of them raises."""
    ended: Queue[Future[Finished]] = Queue()
    for future in pending:
        future.add_done_callback(ended.put)
    for _ in pending:
        while (done := _next(ended)) is None:
            progress.tick(_now(run, state))
        state = _now(run, replace(state, done=state.done + 1))
        progress.finished(done.result(), state)


def _next(ended: Queue[Future[Finished]]) -> Future[Finished] | None:
    try:
        return ended.get(timeout=_TICK)
    except Empty:
        return None


def _now(run: _Run, state: State) -> State:
    counts = run.scheduler.counts
    return replace(state, requests=counts.requests, throttled=counts.throttled, images=run.images.value)


@dataclass(frozen=True)
class _Run:
    roles: Roles
    known: Callable[[Target], Sequence[Call]]
    reusable: since.Known
    asks: Mapping[str, Sequence[Ask]]
    transport: Transport
    scheduler: Scheduler
    clock: Clock
    clusters_of: Sessions | None
    images: Count = field(default_factory=Count)

    def now(self) -> str:
        return timestamp(self.clock())


def _collect_target(run: _Run, writer: SnapshotWriter, target: Target) -> Finished:
    started_at, begun = run.now(), time.monotonic()
    deadline = run.scheduler.deadline()
    part = Part(writer.begin(target), run.reusable(target))
    part.add(run.known(target))
    try:
        run.roles.credentials(target)
    except Exception as error:  # noqa: BLE001 - whatever keeps us out of an account is coverage, not a crash
        parameters = {"RoleArn": target.role_arn} if target.role_arn else {}
        part.add([_call(target, *ASSUME_ROLE, parameters, run.now(), error=call_error(error))])
    else:
        asked: dict[str, Answers] = {}
        for service in sorted(target.services, key=list(COLLECTORS).index):
            asked[service] = _collect_service(run, part, target, service, asked, deadline)
        if run.clusters_of and "eks" in asked:
            part.add(_ask_clusters(run, run.clusters_of, target, asked["eks"]))
    run.scheduler.forget(target.place)
    part.writer.finish(started_at=started_at, finished_at=run.now())
    return Finished(
        target.place, target.services, part.calls, part.images, part.reused, time.monotonic() - begun, part.errors
    )


def _ask_clusters(run: _Run, sessions: Sessions, target: Target, clusters: Answers) -> list[Call]:
    """Ask the API of each EKS cluster what runs in it."""
    credentials = run.roles.credentials(target) or sessions.credentials
    described = [page["cluster"] for answer in clusters.of(eks.DESCRIBE_CLUSTER) for page in answer.pages]
    where = (target.region, target.partition, run.now, sessions.limits)
    return [
        call
        for cluster in described
        if isinstance(cluster.get("arn"), str)
        for call in kubernetes_api.calls(cluster, credentials, *where)
    ]


def _collect_service(
    run: _Run, part: Part, target: Target, service: str, others: Mapping[str, Answers], deadline: float
) -> Answers:
    """Ask a service, write its calls, and return its answers for the services that are asked after it."""
    calls: list[Call] = []
    for ask in run.asks[service]:
        answers = Answers(target, service, calls, others)
        tasks: list[_Task] = []
        for parameters in ask.each(answers):
            given = {**ask.parameters, **parameters}
            if ask.immutable and (reused := part.reusable.get(since.key(service, ask.operation, given))):
                calls += reused
            else:
                tasks.append(_Task(run, part.writer, target, service, ask, given))
        run.scheduler.run(tasks, deadline)
        calls += [call for task in tasks for call in task.calls()]
    part.add(calls)
    return Answers(target, service, calls, dict(others))


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
        self._images = _Images(part, run.images) if ask.rows else None

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
        return [replace(self._call(self._at, None), rows=len(self._images))]

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


class _Images:
    """The images of one repository, on their way to the shard: each once, however often a page names it."""

    def __init__(self, part: TargetWriter, total: Count) -> None:
        self._part, self._total = part, total
        self._digests: dict[str, None] = {}  # a set of a million would be walked through by the garbage collector
        self.problem: str | None = None

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, rows: Rows) -> None:
        self.problem = self.problem or rows.problem
        images = {image.imageDigest: image for image in rows.items if image.imageDigest not in self._digests}
        self._digests.update(dict.fromkeys(images))
        self._total.add(len(images))
        self._part.add_images(shards.lines(images.values()))


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
