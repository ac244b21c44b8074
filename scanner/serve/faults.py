"""What an endpoint gets wrong on purpose: denials, throttling, broken answers and connections, by a fault file.

Which requests a fault hits follows from the file and from how many requests came before; nothing is random.
"""

from __future__ import annotations

import difflib
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scanner.assets import schema
from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError, UsageError
from scanner.serve.query import Refused
from scanner.serve.wire import Front, Question, Request, Response, form_of, refusal

TOKEN = "again"  # noqa: S105 - a paging token
"""The paging token of a `loop`."""
_HTML = b"<html><head><title>Sign in</title></head><body><p>Sign in to use this network.</p></body></html>"


@dataclass(frozen=True)
class Fault:
    """One fault of a fault file; None is any.

    It hits the requests after the first `after` of an operation in an account and Region, and no more than `times` of
    them.  `delay` is in seconds; `status` is that of a 5xx.
    """

    kind: str
    service: str | None = None
    operation: str | None = None
    account: str | None = None
    region: str | None = None
    after: int = 0
    times: int | None = None
    delay: float = 0
    status: int = 503

    def hits(self, question: Question, number: int) -> bool:
        """Tell whether this fault hits the request that is the `number`-th (from 1) of its question."""
        (account, region), service, operation = question
        wanted = (
            (self.account, account),
            (self.region, region),
            (self.service, service),
            (self.operation, operation),
        )
        if any(want not in (None, given) for want, given in wanted):
            return False
        return self.after < number and (self.times is None or number <= self.after + self.times)


class Faults:
    """The faults of an endpoint, and the count of requests they go by.  Any thread may ask."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = tuple(faults)
        self._counts: Counter[Question] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def due(self, question: Question) -> tuple[float, Fault | None]:
        """Count a request; return how long it waits, in seconds, and the fault that is its answer.

        The delays of all faults that hit it add up; of those that are more than a delay the first one counts.
        """
        with self._lock:
            self._counts[question] += 1
            number = self._counts[question]
        hits = [fault for fault in self._faults if fault.hits(question, number)]
        return sum(fault.delay for fault in hits), next((fault for fault in hits if fault.kind != "delay"), None)

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when the endpoint closes."""
        if seconds:
            self._closed.wait(seconds)

    def close(self) -> None:
        """End every wait."""
        self._closed.set()


class FaultyFront:
    """Answers as a front does, except for what its faults hit."""

    def __init__(self, front: Front, faults: Faults) -> None:
        self._front, self._faults = front, faults

    def respond(self, request: Request) -> Response:
        """Answer a request, or fail to; what asks for nothing that is known is answered as ever."""
        try:
            question = self._front.question(request)
        except Refused:
            return self._front.respond(request)
        delay, fault = self._faults.due(question)
        self._faults.wait(delay)
        if fault is None:
            return self._front.respond(request)
        refused = _refused(fault, question)
        if refused is not None:
            return refusal(refused, question.service)
        if fault.kind == "loop":
            return _looped(self._front.respond(_first_page(request)))
        return _spoilt(fault.kind, self._front.respond(request))


def _refused(fault: Fault, question: Question) -> Refused | None:
    """Return the error that a fault is, as the service says it; None if it is none."""
    sts, rest = question.service == "sts", question.service == "eks"
    if fault.kind == "deny":
        message = f"User: somebody is not authorized to perform: {question.service}:{question.operation}"
        return Refused("AccessDenied" if sts else "AccessDeniedException", message, 403 if sts or rest else 400)
    if fault.kind == "throttle":
        return Refused("Throttling" if sts else "ThrottlingException", "Rate exceeded", 429 if rest else 400)
    if fault.kind == "expired-token":
        message = "The security token included in the request is expired"
        return Refused("ExpiredToken" if sts else "ExpiredTokenException", message, 403 if sts or rest else 400)
    if fault.kind == "5xx":
        code = "InternalFailure" if fault.status == 500 else "ServiceUnavailable"
        return Refused(code, "The service cannot answer now.", fault.status)
    return None


def _spoilt(kind: str, response: Response) -> Response:
    """Return what a fault makes of an answer."""
    body, half = response.body, len(response.body) // 2
    if kind == "truncate":
        return replace(response, body=body[:half])
    if kind == "drop":
        return replace(response, sent=half)
    if kind == "reset":
        return replace(response, sent=0)
    if kind == "not-json":
        return Response(200, {"Content-Type": "text/html"}, _HTML)
    return _with_body(_of_another_kind(_read(body)) if kind == "wrong-json" else {})


def _of_another_kind(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer whose members are there, and none of them is what it should be."""
    return {name: {} if isinstance(value, (str, list)) else [value] for name, value in answer.items()}


def _looped(response: Response) -> Response:
    """Return a page that says there is another one."""
    if response.status != 200 or not (answer := _read(response.body)):
        return response
    return _with_body({**answer, "nextToken": TOKEN})


def _first_page(request: Request) -> Request:
    """Return the request without its paging token, which only a loop has given it."""
    path, _, query = request.target.partition("?")
    form = {name: values for name, values in form_of(query).items() if name != "nextToken"}
    target = f"{path}?{urlencode(form, doseq=True)}" if form else path
    body = _read(request.body)
    if "nextToken" not in body:
        return replace(request, target=target)
    kept = {name: value for name, value in body.items() if name != "nextToken"}
    return replace(request, target=target, body=json.dumps(kept).encode())


def _read(body: bytes) -> dict[str, Any]:
    """Return a JSON object, an empty one for any other body."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _with_body(answer: Mapping[str, Any]) -> Response:
    return Response(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode())


def read(path: Path) -> Faults:
    """Read a fault file; raise `UsageError` with file:line for anything that cannot be meant."""
    try:
        document = load(path.read_bytes().decode("utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", "Give an existing file with --faults.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None
    except DocumentError as error:
        raise UsageError(str(error), error.hint) from None
    _validate(document, path)
    _must_exist(document, path)
    return Faults([Fault(**entry) for entry in document.value])


def _validate(document: Document, path: Path) -> None:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema("faults")).iter_errors(document.value)
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
        parts = list(error.absolute_path)
        message, hint = error.message, error.schema.get("description", "")
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            key = next(key for key in error.instance if key not in known)
            parts, message, hint = [*parts, key], f"unknown key '{key}'", _near(key, known)
        elif error.validator == "not":
            message = f"status {error.instance} with another kind"
        raise UsageError(
            f"{_at(document, path, parts)}: {message}", hint or "`regionproof schema faults` describes the file."
        )


def _must_exist(document: Document, path: Path) -> None:
    """Raise `UsageError` for a service or an operation that AWS does not have: its fault would hit nothing."""
    from botocore.session import Session

    session = Session()
    for number, entry in enumerate(document.value):
        service, operation = entry.get("service"), entry.get("operation")
        if service is None:
            continue
        services = session.get_available_services()
        if service not in services:
            where = _at(document, path, [number, "service"])
            raise UsageError(f"{where}: AWS has no service '{service}'", _near(service, services))
        if operation is None:
            continue
        operations = session.get_service_model(service).operation_names
        if operation not in operations:
            where = _at(document, path, [number, "operation"])
            raise UsageError(f"{where}: {service} has no operation '{operation}'", _near(operation, operations))


def _at(document: Document, path: Path, parts: Sequence[str | int]) -> str:
    location = document.locations.get(pointer(*parts))
    return f"{path}:{location.line}" if location else str(path)


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known are {', '.join(sorted(known))}." if len(known) < 20 else ""
