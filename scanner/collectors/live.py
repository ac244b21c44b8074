"""Asks AWS, and records what it answers.  Whatever goes wrong with a call becomes part of the record.

The body is recorded as it came: a hook decodes it before botocore's parser would drop the members that this botocore
does not know yet.  Signing, endpoints, time-outs and retries stay botocore's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from scanner.collectors import ASSUME_ROLE, COLLECTORS
from scanner.collectors.ask import MALFORMED, Answers, Ask, shallow
from scanner.collectors.session import Limits, Sessions, plan
from scanner.errors import UsageError
from scanner.images import Image, Listing
from scanner.recorded import IMAGES, Call, CallError, Target
from scanner.snapshot import Snapshot, SnapshotWriter

MAX_PAGES = 10_000
"""A list that is longer is taken for an endpoint that never ends it."""
_REQUESTS, _REQUESTS_PER_TARGET, _TARGETS = 16, 8, 4
_DEFAULT = ("ecr", "ecs", "eks")
_DEEPEST = 64
_LONGEST = 500
_TAG = re.compile(r"<[^<>]*>")
_BODY, _PROBLEM = "regionproof:body", "regionproof:problem"

Clock = Callable[[], datetime]


def collect(
    path: Path,
    *,
    regions: Sequence[str],
    clock: Clock,
    accounts: Sequence[str] = (),
    role_name: str | None = None,
    services: Sequence[str] = (),
    profile: str | None = None,
    endpoint_url: str | None = None,
    resume: bool = False,
    config_sha256: str | None = None,
    limits: Limits | None = None,
) -> Snapshot:
    """Collect a snapshot into the directory `path`; no accounts means one's own, no services means all.

    Raises `UsageError`, `CredentialsError` or `RegionproofError` before the first target is asked; after that, no
    error of AWS leaves this function: it stands in the snapshot.  See `collect_targets` for the rest.
    """
    unknown = sorted(set(services) - set(COLLECTORS))
    if unknown:
        raise UsageError(
            f"'{unknown[0]}' is not a service that is collected", f"Known are {', '.join(sorted(COLLECTORS))}."
        )
    if not regions:
        raise UsageError("no Regions to collect", "Name them: --regions us-east-1,us-west-2, or in regionproof.yaml.")
    writer = SnapshotWriter(path, resume=resume, config_sha256=config_sha256)
    sessions = Sessions(profile=profile, endpoint_url=endpoint_url, limits=limits)
    targets = plan(
        sessions, regions=regions, services=tuple(services) or _DEFAULT, accounts=accounts, role_name=role_name
    )
    return collect_targets(targets, writer, sessions, clock)


def collect_targets(targets: Sequence[Target], writer: SnapshotWriter, sessions: Sessions, clock: Clock) -> Snapshot:
    """Ask every target that is not done yet, write each as it is finished, and finish the snapshot.

    `clock` gives aware times.  `OSError` leaves this function (a full disk), and so does `KeyboardInterrupt`, when
    all threads have ended; what was finished then stays, for a `SnapshotWriter` with `resume`.
    """
    asked = [target for target in targets if not writer.done(target)]
    stop = threading.Event()
    requests = ThreadPoolExecutor(_REQUESTS, "request")
    workers = ThreadPoolExecutor(_TARGETS, "target")
    run = _Run(sessions, clock, requests, stop)
    try:
        for future in as_completed([workers.submit(_collect_target, run, writer, target) for target in asked]):
            future.result()
    finally:
        stop.set()
        workers.shutdown(cancel_futures=True)
        requests.shutdown(cancel_futures=True)
    return writer.finish(targets, botocore_version=sessions.botocore_version)


@dataclass(frozen=True)
class _Run:
    sessions: Sessions
    clock: Clock
    requests: ThreadPoolExecutor
    stop: threading.Event

    def now(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Stopped(Exception):
    """The run was interrupted; nobody waits for this target any more."""


def _collect_target(run: _Run, writer: SnapshotWriter, target: Target) -> None:
    if run.stop.is_set():
        return
    started_at = run.now()
    calls: list[Call] = []
    listings: dict[str, Listing] = {}
    try:
        client = run.sessions.enter(target)
    except Exception as error:  # noqa: BLE001 - whatever keeps us out of an account is coverage, not a crash
        parameters = {"RoleArn": target.role_arn} if target.role_arn else {}
        calls.append(_call(target, *ASSUME_ROLE, parameters, run.now(), error=_call_error(error, 1)))
    else:
        asked: dict[str, Answers] = {}
        for service in sorted(target.services, key=list(COLLECTORS).index):
            _collect_service(run, target, service, client(service), calls, listings, asked)
    writer.write(target, calls, listings, started_at=started_at, finished_at=run.now())


def _collect_service(
    run: _Run,
    target: Target,
    service: str,
    client: Any,
    calls: list[Call],
    listings: dict[str, Listing],
    others: dict[str, Answers],
) -> None:
    conversation = _Conversation(run, target, service, client)
    asked: list[Call] = []
    for ask in COLLECTORS[service].CALLS:
        answers = Answers(target, service, asked, others)
        parameters = [{**ask.parameters, **each} for each in ask.each(answers)]
        for pages, listing in _in_parallel(run, partial(conversation.ask, ask), parameters):
            asked += pages
            if listing is not None:
                listings[pages[0].parameters["repositoryName"]] = listing
    calls += asked
    others[service] = Answers(target, service, asked, dict(others))


def _in_parallel(
    run: _Run, ask: Callable[[dict[str, Any]], Any], parameters: Iterable[dict[str, Any]]
) -> list[tuple[list[Call], Listing | None]]:
    """Make the calls of one stage of one target, a bounded number at a time."""
    slots = threading.BoundedSemaphore(_REQUESTS_PER_TARGET)
    futures = []
    for given in parameters:
        slots.acquire()
        future = run.requests.submit(ask, given)
        future.add_done_callback(lambda _: slots.release())
        futures.append(future)
    return [future.result() for future in futures]


class _Conversation:
    """Asks one service of one target."""

    def __init__(self, run: _Run, target: Target, service: str, client: Any) -> None:
        self._run, self._target, self._service, self._client = run, target, service, client
        self._local = threading.local()
        events, name = client.meta.events, client.meta.service_model.service_id.hyphenize()
        if client.meta.service_model.resolved_protocol in ("json", "rest-json"):
            events.register(f"before-parse.{name}", _keep_body)
        events.register(f"before-send.{name}", self._count)

    def ask(self, ask: Ask, parameters: dict[str, Any]) -> tuple[list[Call], Listing | None]:
        """Return the pages of an answer; images go into a listing instead, with one call that counts them."""
        at = self._run.now()
        found: list[Any] = []
        pages: list[Call] = []
        for page in self._pages(ask, parameters):
            if ask.images and page.response is not None:
                found += page.response[ask.answer]
            else:
                pages.append(page)
        if ask.images is None:
            return pages, None
        images, problem = ask.images(found)
        return self._listed(parameters, at, images, problem, pages[0].error if pages else None)

    def _listed(
        self, parameters: dict[str, Any], at: str, images: list[Image], problem: str | None, error: CallError | None
    ) -> tuple[list[Call], Listing]:
        error = error or (CallError(MALFORMED, problem, 200) if problem else None)
        reason = f"{error.code}: {error.message}" if error else None
        call = _call(self._target, *IMAGES, parameters, at, error=error)
        return [replace(call, rows=len(images))], Listing(tuple(images), reason)

    def _pages(self, ask: Ask, parameters: dict[str, Any]) -> Iterable[Call]:
        token: str | None = None
        tokens: set[str] = set()
        for page in count():
            at = self._run.now()
            body, error = self._request(ask, parameters, token)
            yield _call(self._target, self._service, ask.operation, parameters, at, page, body, error)
            token = self._local.token
            if not token:
                return
            if token in tokens or page >= MAX_PAGES:
                message = "the paging token came back a second time" if token in tokens else "the list has no end"
                looped = CallError("PaginationLoop", message)
                yield _call(self._target, self._service, ask.operation, parameters, at, page + 1, None, looped)
                return
            tokens.add(token)

    def _request(
        self, ask: Ask, parameters: dict[str, Any], token: str | None
    ) -> tuple[dict[str, Any] | None, CallError | None]:
        """Make one request; leave the token of the next page in `self._local.token`."""
        from botocore import xform_name

        if self._run.stop.is_set():
            raise _Stopped
        self._local.attempts, self._local.token = 0, None
        given = {**parameters, ask.tokens[0]: token} if token else parameters
        method = getattr(self._client, xform_name(ask.operation), None)
        if method is None:
            version = self._run.sessions.botocore_version
            return None, CallError("UnknownOperation", f"botocore {version} does not know it; upgrade boto3", None, 0)
        try:
            answer = method(**given)
        except Exception as error:  # noqa: BLE001 - a call that fails in a way nobody thought of is coverage, too
            return None, _call_error(error, self._local.attempts)
        body = answer.get(_BODY) if _BODY in answer or _PROBLEM in answer else _parsed(answer)
        shape = self._client.meta.service_model.operation_model(ask.operation).output_shape
        problem = answer.get(_PROBLEM) or _wrong(body, ask, shape)
        if problem:
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            return None, CallError(MALFORMED, problem, status, max(1, self._local.attempts))
        following = body.pop(ask.tokens[1], None)
        self._local.token = following if ask.paged else None
        return body, None

    def _count(self, **_: Any) -> None:
        self._local.attempts = getattr(self._local, "attempts", 0) + 1


def _keep_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Keep the body of a good answer as it came, and give botocore's parser an empty one."""
    if response_dict["status_code"] >= 300:
        return
    try:
        body = json.loads(response_dict["body"], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        customized_response_dict[_PROBLEM] = f"the body is not JSON: {type(error).__name__}"
    else:
        if not isinstance(body, dict):
            customized_response_dict[_PROBLEM] = "the body is not a JSON object"
        elif not shallow(body, _DEEPEST):
            customized_response_dict[_PROBLEM] = "the body is nested too deeply"
        else:
            customized_response_dict[_BODY] = body
    response_dict["body"] = b"{}"


def _parsed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what botocore read of a body that is no JSON (XML, CBOR), as JSON data; times are RFC 3339."""
    read: dict[str, Any] = json.loads(
        json.dumps({key: value for key, value in answer.items() if key != "ResponseMetadata"}, default=_as_text)
    )
    return read


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no JSON data")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _wrong(body: Any, ask: Ask, shape: Any) -> str | None:
    """Return what is wrong with a body, None if it is what the operation answers."""
    if ask.answer and ask.answer not in body:
        return f"the answer has no '{ask.answer}'"
    if ask.answer and not _fits(body[ask.answer], shape.members[ask.answer]):
        return f"'{ask.answer}' is not a {shape.members[ask.answer].type_name}"
    if not isinstance(body.get(ask.tokens[1]), (str, type(None))):
        return f"'{ask.tokens[1]}' is not a string"
    return None


def _fits(value: Any, shape: Any) -> bool:
    if shape.type_name == "list":
        return isinstance(value, list) and all(_fits(item, shape.member) for item in value)
    return isinstance(value, dict if shape.type_name in ("structure", "map") else str)


def _call_error(error: Exception, attempts: int) -> CallError:
    if type(error).__name__ == "ResponseParserError":  # its text quotes the body, and a body may hold credentials
        return CallError(MALFORMED, "the answer could not be parsed", None, max(1, attempts))
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return CallError(type(error).__name__, _sentence(str(error)), None, max(1, attempts))
    said = response.get("Error") or {}
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    code = str(said.get("Code") or status or type(error).__name__)
    message = _sentence(str(said.get("Message") or error))
    return CallError(code, message, status if isinstance(status, int) else None, max(1, attempts))


def _sentence(text: str) -> str:
    """Return a message fit for a line of a report: a proxy may answer with a page of HTML."""
    text = " ".join(_TAG.sub(" ", text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


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
