"""HTTP as AWS speaks it: from a request to a question, from an answer to a response.

botocore's service models say which request is which operation; nothing of AWS is written down twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from scanner.model import Place
from scanner.serve import sts
from scanner.serve.query import Query, Refused, normalized, not_recorded
from scanner.serve.replay import Replay

SERVICES = ("ecr", "ecs", "eks")
_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([A-Za-z0-9]{1,128})/\d{8}/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request\b"
)
_ASSUMED = re.compile(r"ASIA(\d{12})")
_PAGE_LIMIT = 100


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """One HTTP response.

    With `sent`, the connection ends after so many bytes of the body; with 0, it is reset before anything is said.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: int | None = None


class Question(NamedTuple):
    """What a request asks for, and where."""

    place: Place
    service: str
    operation: str


class Front:
    """Turns requests into responses."""

    def __init__(self, replay: Replay) -> None:
        from botocore.session import Session

        self._replay = replay
        session = Session()
        self._models = {service: session.get_service_model(service) for service in SERVICES}
        self._routes = sorted(_routes(self._models["eks"]), key=lambda route: route[1].groups)

    def respond(self, request: Request) -> Response:
        """Answer a request; whatever is wrong with it becomes an error in the form of its service."""
        service = ""
        try:
            key, region, service = _signed(request)
            assumed = _ASSUMED.fullmatch(key)
            account = assumed[1] if assumed else self._replay.home
            if service == "sts":
                return _xml(200, sts.answer(self._replay, request.body, account, region, assumed=assumed is not None))
            return _json(200, self._replay.answer(self._query(request, Place(account, region), service)))
        except Refused as refused:
            return refusal(refused, service)

    def question(self, request: Request) -> Question:
        """Return what a request asks for, without answering it; raise `Refused` if nobody can tell."""
        key, region, service = _signed(request)
        assumed = _ASSUMED.fullmatch(key)
        place = Place(assumed[1] if assumed else self._replay.home, region)
        if service == "sts":
            return Question(place, service, form_of(request.body.decode("latin-1")).get("Action", [""])[-1])
        return Question(place, service, self._query(request, place, service).operation)

    def _query(self, request: Request, place: Place, service: str) -> Query:
        if service not in self._models:
            raise not_recorded(place, service, "anything", "only ecr, ecs, eks and sts are served")
        if service == "eks":
            operation, parameters = self._routed(request)
        else:
            operation, parameters = self._targeted(request, service)
        return _checked(place, service, self._models[service].operation_model(operation), parameters)

    def _targeted(self, request: Request, service: str) -> tuple[str, Any]:
        """Read a request of the JSON 1.1 protocol."""
        prefix, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
        model = self._models[service]
        if (
            request.method != "POST"
            or _path(request) != "/"
            or prefix != model.metadata["targetPrefix"]
            or operation not in model.operation_names
        ):
            raise _unknown_operation(request)
        try:
            return operation, json.loads(request.body or b"{}", parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Refused("SerializationException", "The body is not JSON.") from None

    def _routed(self, request: Request) -> tuple[str, Any]:
        """Read a request of the REST-JSON protocol; what its body holds matters to writes only, which are refused."""
        path = _path(request)
        for method, pattern, operation in self._routes:
            if method == request.method and (match := pattern.fullmatch(path)):
                return operation.name, _rest_parameters(
                    operation, match.groupdict(), form_of(request.target.partition("?")[2])
                )
        raise _unknown_operation(request)


def refusal(refused: Refused, service: str = "") -> Response:
    """Return an error as the service gives it."""
    if service == "sts":
        return _xml(refused.status, sts.error(refused))
    body = {"__type": refused.code, "code": refused.code, "message": refused.message}
    response = _json(refused.status, body)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", refused.code):
        return response
    return Response(response.status, {**response.headers, "x-amzn-errortype": refused.code}, response.body)


def _signed(request: Request) -> tuple[str, str, str]:
    """Return access key id, Region and service of the signature, which nobody verifies: there is nothing to protect."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise Refused("MissingAuthenticationToken", "The request is not signed.", 403)
    scope = _SCOPE.match(authorization)
    if scope is None:
        raise Refused("IncompleteSignature", "The Authorization header is not a Signature Version 4.", 403)
    return scope[1], scope[2], scope[3]


def _unknown_operation(request: Request) -> Refused:
    what = request.headers.get("x-amz-target") or f"{request.method} {request.target}"
    return Refused("UnknownOperationException", f"{what[:200]} is no operation of this service.", 404)


def _checked(place: Place, service: str, operation: Any, parameters: Any) -> Query:
    """Return the question, its parameters as the service's model has them; raise `Refused` if they are not."""
    from botocore.validate import ParamValidator

    shape, output = operation.input_shape, operation.output_shape
    if not isinstance(parameters, dict):
        raise Refused("SerializationException", "The parameters are not an object.")
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise Refused("InvalidParameterException", report.generate_report()[:1000])
    token, size = parameters.get("nextToken"), parameters.get("maxResults")
    if size is not None:
        most = shape.members["maxResults"].metadata.get("max", _PAGE_LIMIT)
        if not 1 <= size <= most:
            raise Refused("InvalidParameterException", f"maxResults is between 1 and {most}.")
    lists = [name for name, member in output.members.items() if member.type_name == "list"] if output else []
    paged = output is not None and "nextToken" in output.members and len(lists) == 1
    kept = normalized(place, service, operation.name, parameters)
    return Query(place, service, operation.name, kept, token, size, lists[0] if paged else None)


def _routes(model: Any) -> Iterator[tuple[str, re.Pattern[str], Any]]:
    for name in model.operation_names:
        operation = model.operation_model(name)
        parts = re.split(r"\{(\w+)\+?\}", operation.http["requestUri"].partition("?")[0])
        pattern = "".join(f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
        yield operation.http["method"], re.compile(pattern), operation


def _path(request: Request) -> str:
    return request.target.partition("?")[0]


def form_of(text: str) -> dict[str, list[str]]:
    """Return the fields of a form or a query string; raise `Refused`."""
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Refused("InvalidParameterException", "The query string has too many fields.") from None


def _rest_parameters(operation: Any, labels: Mapping[str, str], form: Mapping[str, list[str]]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, shape in (operation.input_shape.members if operation.input_shape else {}).items():
        location, wire = shape.serialization.get("location"), shape.serialization.get("name", name)
        if location == "uri":
            parameters[name] = unquote(labels[wire])
        elif location == "querystring" and wire in form:
            parameters[name] = _typed(shape, form[wire])
    return parameters


def _typed(shape: Any, values: list[str]) -> Any:
    if shape.type_name == "list":
        return values
    if shape.type_name == "integer":
        return int(values[-1]) if re.fullmatch(r"-?\d{1,9}", values[-1]) else values[-1]
    return values[-1].lower() == "true" if shape.type_name == "boolean" else values[-1]


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())


def _xml(status: int, body: str) -> Response:
    return Response(status, {"Content-Type": "text/xml"}, body.encode())


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
