"""Asks AWS, and records what it answers.  Whatever goes wrong with a call becomes part of the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scanner.collectors import ASSUME_ROLE, COLLECTORS, batches, eks, kubernetes_api, needs, since
from scanner.collectors.ask import MALFORMED, Answers, Ask, UnreadableError
from scanner.collectors.part import Count, Images, Part
from scanner.collectors.roles import Roles
from scanner.collectors.scheduler import Outcome, Scheduler
from scanner.collectors.session import Sessions
from scanner.collectors.stages import Asks, Choice, by_stage
from scanner.collectors.transport import Failed, Transport, call_error
from scanner.collectors.watch import Watch
from scanner.kubernetes_objects import SERVICE
from scanner.parts import TargetWriter
from scanner.progress import Finished
from scanner.recorded import Call, CallError, Stage, Target, timestamp
from scanner.snapshot import SnapshotWriter

MAX_PAGES = 10_000
"""A list that is longer is taken for an endpoint that never ends it."""
_TARGETS = 48

Clock = Callable[[], datetime]


def asked(needed: Collection[str] | None) -> Asks:
    """Return what is asked for the types that are needed, None: all."""
    return by_stage({service: needs.asks(service, needed) for service in COLLECTORS})


class Here:
    """Asks in threads of this process."""

    def __init__(
        self,
        roles: Roles,
        choice: Choice,
        writer: SnapshotWriter,
        sessions: Sessions,
        clock: Clock,
        known: Callable[[Target], Sequence[Call]],
        asks: Asks,
        reusable: since.Known,
        max_rate: float | None,
        ask_clusters: bool,
    ) -> None:
        self._writer = writer
        scheduler = Scheduler(sessions.limits, max_rate=max_rate)
        transport = Transport(sessions, roles.credentials)
        clusters_of = sessions if ask_clusters else None
        self._run = _Run(roles, known, reusable, asks, choice, transport, scheduler, clock, clusters_of)
        self._workers = ThreadPoolExecutor(_TARGETS, "target")
        self.counts, self.images = scheduler.counts, self._run.images

    def ask(self, due: Mapping[Target, Sequence[Stage]], watch: Watch) -> None:
        """Collect stages of targets, each in a thread."""
        watch.wait([self._workers.submit(_collect_target, self._run, self._writer, *each) for each in due.items()])

    def close(self) -> None:
        """Return when the requests in flight have ended."""
        self._run.scheduler.close()
        self._workers.shutdown(cancel_futures=True)
        self._run.transport.close()


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
        self._images = Images(part, parameters["repositoryName"], run.images) if ask.rows else None

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
