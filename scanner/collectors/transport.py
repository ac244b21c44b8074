"""One request, and its answer as it came.

One client for each service and Region serves every account.  botocore finds the endpoint, builds the request, signs it
and sends it; a hook just before sending (`before-call`) gives the signer the credentials of the account that is asked,
and takes the body before the parser would drop the members that this botocore does not know yet, and spend most of
its time on timestamps.  Trying again is the scheduler's.
"""

from __future__ import annotations

import gc
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from scanner.collectors.ask import MALFORMED, Ask, Rows, shallow
from scanner.collectors.scheduler import Outcome
from scanner.collectors.session import Sessions
from scanner.recorded import CallError, Target

_DEEPEST = 64
_LONGEST = 500
_TAG = re.compile(r"<[^<>]*>")
_AS_JSON = ("json", "rest-json")


class Failed(Exception):
    """A request that was not answered; `outcome` says whether it is worth another try."""

    def __init__(self, error: CallError, outcome: Outcome = Outcome.DONE) -> None:
        super().__init__(error.code)
        self.error, self.outcome = error, outcome


class _Unknown(Exception):
    """An operation that is newer than the SDK."""


@dataclass(frozen=True)
class Page:
    """One page of an answer: its body without the paging token, or its rows; and the token of the next page."""

    body: dict[str, Any] | None
    rows: Rows | None
    token: str | None


class Transport:
    """Makes requests, from any thread.

    `credentials` gives those of the role that a target is entered by (None: those of the run).
    """

    def __init__(self, sessions: Sessions, credentials: Callable[[Target], Any]) -> None:
        self._sessions, self._credentials = sessions, credentials
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._local = threading.local()
        self._verdicts = _verdicts()

    def close(self) -> None:
        """Let the garbage collector see again what was kept from it while clients were in use."""
        gc.unfreeze()

    def ask(self, target: Target, service: str, ask: Ask, parameters: Mapping[str, Any], token: str | None) -> Page:
        """Make one request; raise `Failed`."""
        from botocore import xform_name

        local = self._local
        local.body = local.rows = local.problem = None
        local.read = (lambda body: ask.rows(body, parameters)) if ask.rows else None
        try:
            client = self._client(service, target.region)
            if not hasattr(client, xform_name(ask.operation)):
                raise _Unknown(f"botocore {self._sessions.botocore_version} does not know it; upgrade boto3")
            local.credentials = self._credentials(target)
            given = {**parameters, ask.tokens[0]: token} if token else parameters
            answer = getattr(client, xform_name(ask.operation))(**given)
        except _Unknown as error:
            raise Failed(CallError("UnknownOperation", str(error))) from None
        except Exception as error:  # noqa: BLE001 - a call that fails in a way nobody thought of is coverage, too
            raise Failed(call_error(error), self._outcome(error)) from None
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        if local.rows is not None:
            if local.rows.error:
                raise Failed(CallError(MALFORMED, local.rows.error, status))
            return Page(None, local.rows, local.rows.token)
        operation = client.meta.service_model.operation_model(ask.operation)
        body = local.body if operation.service_model.resolved_protocol in _AS_JSON else _parsed(answer)
        problem = local.problem or _wrong(body, ask, operation.output_shape)
        if problem:
            raise Failed(CallError(MALFORMED, problem, status))
        following = body.pop(ask.tokens[1], None)
        return Page(body, None, following if ask.paged else None)

    def _client(self, service: str, region: str) -> Any:
        client = self._clients.get((service, region))
        if client is None:
            with self._lock:
                client = self._clients.get((service, region)) or self._made(service, region)
                self._clients[service, region] = client
        return client

    def _made(self, service: str, region: str) -> Any:
        from botocore.parsers import create_parser

        from scanner.collectors.signer import signed_by

        client = self._sessions.once(service, region)
        model = client.meta.service_model
        parser, as_json = create_parser(model.resolved_protocol), model.resolved_protocol in _AS_JSON
        send = partial(self._send, client._endpoint.http_session.send, parser, as_json)
        client.meta.events.register(f"before-call.{model.service_id.hyphenize()}", send)
        if as_json:  # those in XML are few, and S3 among them has a signer of its own
            client.meta.events.register_first(f"choose-signer.{model.service_id.hyphenize()}", signed_by)
        gc.freeze()  # clients stay to the end: the garbage collector need not walk through their models until then
        return client

    def _send(
        self, send: Any, parser: Any, as_json: bool, model: Any, params: Any, request_signer: Any, **_: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Sign a request as the account that is asked, send it, and return the answer as botocore's client has it."""
        from botocore.awsrequest import create_request_object
        from botocore.endpoint import convert_to_response_dict

        local = self._local
        request = create_request_object(params)
        if local.credentials is not None:
            request.context.setdefault("signing", {})["request_credentials"] = local.credentials
        request_signer.sign(model.name, request)
        response = _sent(send, request.prepare())
        if not as_json or response.status_code >= 300:
            local.problem = None if as_json else _foreign(response.content, model)
            return response, parser.parse(convert_to_response_dict(response, model), model.output_shape)
        if local.read is not None:
            local.rows = local.read(response.content)
        else:
            local.body, local.problem = _read(response.content)
        return response, {"ResponseMetadata": {"HTTPStatusCode": response.status_code}}

    def _outcome(self, error: Exception) -> Outcome:
        from botocore.retries.standard import RetryContext

        response = getattr(error, "response", None)
        parsed = response if isinstance(response, dict) else None
        status = (parsed or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        context = RetryContext(
            1,
            parsed_response=parsed,
            http_response=_Status(status) if parsed else None,
            caught_exception=None if parsed else error,
        )
        return next((outcome for check, outcome in self._verdicts if check(context)), Outcome.DONE)


def _sent(send: Any, request: Any) -> Any:
    """Send a request, and read the body of the answer in one go: chunk by chunk, threads wait for one another."""
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
    from urllib3.exceptions import HTTPError
    from urllib3.exceptions import ReadTimeoutError as TimedOut

    request.stream_output = True
    response = send(request)
    try:
        response._content = response.raw.read()
    except TimedOut as error:
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
    except (HTTPError, OSError) as error:
        raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from None
    return response


@dataclass(frozen=True)
class _Status:
    status_code: int


def _verdicts() -> list[tuple[Callable[[Any], bool], Outcome]]:
    """Return botocore's own words on what is throttled and what may pass; the waiting is the scheduler's."""
    from botocore.retries import standard

    return [
        (standard.ThrottledRetryableChecker().is_retryable, Outcome.THROTTLED),
        (standard.ThrottlingStatusCodeChecker().is_retryable, Outcome.THROTTLED),
        (standard.TransientRetryableChecker().is_retryable, Outcome.RETRY),
    ]


def _read(raw: bytes) -> tuple[Any, str | None]:
    """Return the object that a body holds, and what is wrong with it."""
    try:
        body = _loaded(raw)
    except (ValueError, RecursionError) as error:
        return None, f"the body is not JSON: {type(error).__name__}"
    if not isinstance(body, dict):
        return None, "the body is not a JSON object"
    return (body, None) if shallow(body, _DEEPEST) else (None, "the body is nested too deeply")


def _loaded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)  # reads what `json` reads, a few times faster, but for rarities
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(raw, parse_constant=_no_constant)


_ROOT = re.compile(rb"\s*(?:<\?xml[^>]*>)?\s*<([\w.-]+)([^>]*)>")


def _foreign(body: bytes, operation: Any) -> str | None:
    """Return what is wrong with the root of an answer in XML: the parser takes any page, and finds nothing in it."""
    protocol = operation.service_model.resolved_protocol
    root = _ROOT.match(body)
    if protocol in ("query", "ec2"):
        right = root is not None and root[1].decode() == f"{operation.name}Response"
    else:
        right = protocol != "rest-xml" or (root is not None and b"amazonaws.com/doc/" in root[2])
    return None if right else "the body is not an answer of AWS"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


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


def call_error(error: Exception) -> CallError:
    """Return what went wrong as it is kept: a line without markup, and nothing of a body."""
    if type(error).__name__ == "ResponseParserError":  # its text quotes the body, and a body may hold credentials
        return CallError(MALFORMED, "the answer could not be parsed")
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return CallError(type(error).__name__, _sentence(str(error)))
    said = response.get("Error") or {}
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    code = str(said.get("Code") or status or type(error).__name__)
    message = _sentence(str(said.get("Message") or error))
    return CallError(code, message, status if isinstance(status, int) else None)


def _sentence(text: str) -> str:
    """Return a message fit for a line of a report: a proxy may answer with a page of HTML."""
    text = " ".join(_TAG.sub(" ", text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
