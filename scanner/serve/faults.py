"""What an endpoint gets wrong on purpose: denials, throttling, broken answers and connections, by a fault file.

Which requests a fault hits follows from the file and from how many requests came before; nothing is random.
"""

from __future__ import annotations

import difflib
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scanner import conformity
from scanner.assets import schema
from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError, UsageError
from scanner.serve.messages import Request, Response
from scanner.serve.query import Refused
from scanner.serve.wire import Asked, Front, Question
from scanner.serve.writing import as_json, error

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
            asked = self._front.asked(request)
        except Refused:
            return self._front.respond(request)
        delay, fault = self._faults.due(asked.question)
        self._faults.wait(delay)
        if fault is None:
            return self._front.reply(asked)
        refused = _refused(fault, asked)
        return self._spoilt(fault.kind, asked) if refused is None else error(refused, asked.protocol)

    def _spoilt(self, kind: str, asked: Asked) -> Response:
        """Return what a fault makes of an answer."""
        if kind == "empty":
            return self._front.tell(asked, {})
        if kind == "loop":
            return self._looped(asked)
        if kind == "wrong-json":
            return self._of_another_kind(asked)
        response = self._front.reply(asked)
        half = len(response.body) // 2
        if kind == "truncate":
            return replace(response, body=response.body[:half])
        if kind == "not-json":
            return Response(200, {"Content-Type": "text/html"}, _HTML)
        return replace(response, sent=half if kind == "drop" else 0)

    def _looped(self, asked: Asked) -> Response:
        """Return the first page, which says that there is another one."""
        paging = asked.operation.paging
        if paging is None:
            return self._front.reply(asked)
        try:
            page = self._front.data(asked.first)
        except Refused as refused:
            return error(refused, asked.protocol)
        more = {paging.more: True} if paging.more else {}
        return self._front.tell(asked, {**page, **more, paging.following: TOKEN})

    def _of_another_kind(self, asked: Asked) -> Response:
        """Return an answer whose members are there, and none of them is what it should be.

        In XML such an answer cannot be told from an empty one, nor by every client in CBOR: there it is JSON.
        """
        try:
            data: Mapping[str, Any] = self._front.data(asked)
        except Refused as refused:
            data = {"__type": refused.code, "message": refused.message}
        wrong = {name: {} if isinstance(value, (str, list)) else [value] for name, value in data.items()}
        return as_json(wrong, asked.protocol)


_SAID = {
    "json": {
        "deny": ("AccessDeniedException", 400),
        "throttle": ("ThrottlingException", 400),
        "expired-token": ("ExpiredTokenException", 400),
    },
    "rest-json": {
        "deny": ("AccessDeniedException", 403),
        "throttle": ("ThrottlingException", 429),
        "expired-token": ("ExpiredTokenException", 403),
    },
    "query": {"deny": ("AccessDenied", 403), "throttle": ("Throttling", 400), "expired-token": ("ExpiredToken", 403)},
    "ec2": {
        "deny": ("UnauthorizedOperation", 403),
        "throttle": ("RequestLimitExceeded", 503),
        "expired-token": ("RequestExpired", 400),
    },
    "rest-xml": {"deny": ("AccessDenied", 403), "throttle": ("SlowDown", 503), "expired-token": ("ExpiredToken", 400)},
}
"""The code and status of each error, by protocol; what CBOR says is what JSON says."""


def _refused(fault: Fault, asked: Asked) -> Refused | None:
    """Return the error that a fault is, as the service says it; None if it is none."""
    if fault.kind == "5xx":
        code = "InternalFailure" if fault.status == 500 else "ServiceUnavailable"
        return Refused(code, "The service cannot answer now.", fault.status)
    said = _SAID.get(asked.protocol, _SAID["json"]).get(fault.kind)
    if said is None:
        return None
    question = asked.question
    message = {
        "deny": f"User: somebody is not authorized to perform: {question.service}:{question.operation}",
        "throttle": "Rate exceeded",
        "expired-token": "The security token included in the request is expired",
    }[fault.kind]
    return Refused(said[0], message, said[1])


def read(path: Path) -> Faults:
    """Read a fault file; raise `UsageError` with file:line for anything that cannot be meant."""
    try:
        document = load(path.read_bytes().decode("utf-8"), str(path))
    except OSError as problem:
        raise UsageError(
            f"{path}: cannot be read: {problem.strerror}", "Give an existing file with --faults."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None
    except DocumentError as problem:
        raise UsageError(str(problem), problem.hint) from None
    _validate(document, path)
    _must_exist(document, path)
    return Faults([Fault(**entry) for entry in document.value])


def _validate(document: Document, path: Path) -> None:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema("faults")).iter_errors(document.value)
    for found in sorted(errors, key=lambda found: list(map(str, found.absolute_path))):
        parts = list(found.absolute_path)
        message, hint = conformity.message(found), found.schema.get("description", "")
        if found.validator == "additionalProperties":
            known = list(found.schema["properties"])
            key = next(key for key in found.instance if key not in known)
            parts, message, hint = [*parts, key], f"unknown key '{key}'", _near(key, known)
        elif found.validator == "not":
            message = f"status {found.instance} with another kind"
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
