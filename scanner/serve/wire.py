"""From a request to a question, from an answer to a response."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from scanner.model import Place
from scanner.serve import reading, sts, writing
from scanner.serve.messages import Request, Response
from scanner.serve.models import Catalogue, Operation, Service
from scanner.serve.query import Query, Refused, normalized, not_recorded
from scanner.serve.replay import Recording, Replay

_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([A-Za-z0-9]{1,128})/\d{8}/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request\b"
)
_ASSUMED = re.compile(r"ASIA(\d{12})")


class Question(NamedTuple):
    """What a request asks for, and where; the service is named as botocore names it."""

    place: Place
    service: str
    operation: str


class Signed(NamedTuple):
    """Whose request it is: the account and Region, the service as signatures name it; `assumed` as for `Asked`."""

    place: Place
    scope: str
    assumed: bool


class Heard(NamedTuple):
    """A request that names an operation; whether its parameters are those of the operation is not known yet."""

    place: Place
    operation: Operation
    parameters: Any
    protocol: str
    assumed: bool


@dataclass(frozen=True)
class Asked:
    """A request that was understood, and the protocol it is answered in; `assumed` if its keys came from here."""

    query: Query
    operation: Operation
    protocol: str
    assumed: bool

    @property
    def question(self) -> Question:
        """Return what is asked."""
        return Question(self.query.place, self.query.service, self.query.operation)

    @property
    def first(self) -> Asked:
        """Return the same question for its first page."""
        return replace(self, query=replace(self.query, token=None))


class Front:
    """Turns requests into responses."""

    def __init__(self, recording: Recording) -> None:
        self.catalogue = Catalogue(service for target in recording.targets for service in target.services)
        self.replay = Replay(recording, self.catalogue)

    def respond(self, request: Request) -> Response:
        """Answer a request; whatever is wrong with it becomes an error in the form of its service."""
        try:
            asked = self.asked(request)
        except Refused as refused:
            return writing.error(refused, self.protocol(request))
        return self.reply(asked)

    def asked(self, request: Request) -> Asked:
        """Return what a request asks for, without answering it; raise `Refused` if nobody can tell."""
        return checked(self.heard(request))

    def heard(self, request: Request) -> Heard:
        """Return which operation a request is for; raise `Refused` if nobody can tell."""
        signed = self.signed(request)
        service = self.catalogue.signed(signed.scope)
        if service is None:
            raise not_recorded(signed.place, signed.scope, "anything", "no service of this name is known")
        protocol = reading.protocol_of(service, request)
        operation, parameters = reading.read(request, service, protocol)
        return Heard(signed.place, operation, parameters, protocol, signed.assumed)

    def signed(self, request: Request) -> Signed:
        """Return who signed a request, and for what; raise `Refused` if nobody did."""
        key, region, scope = _signed(request)
        assumed = _ASSUMED.fullmatch(key)
        return Signed(Place(assumed[1] if assumed else self.replay.home, region), scope, assumed is not None)

    def reply(self, asked: Asked) -> Response:
        """Answer what was understood."""
        try:
            return self.tell(asked, self.data(asked))
        except Refused as refused:
            return writing.error(refused, asked.protocol)

    def data(self, asked: Asked) -> dict[str, Any]:
        """Return the members of the answer; raise `Refused`."""
        if asked.query.service == "sts":
            return sts.answer(self.replay, asked.query, assumed=asked.assumed)
        return self.replay.answer(asked.query)

    def tell(self, asked: Asked, data: Mapping[str, Any]) -> Response:
        """Return these members as the answer."""
        return writing.answer(asked.protocol, asked.operation, data)

    def protocol(self, request: Request) -> str:
        """Return the protocol that errors of a request are told in."""
        try:
            service = self.catalogue.signed(_signed(request)[2])
        except Refused:
            service = None
        if service:
            return reading.protocol_of(service, request)
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return "query" if is_form else "json"


def _signed(request: Request) -> tuple[str, str, str]:
    """Return access key id, Region and service of the signature, which nobody verifies: there is nothing to protect."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise Refused("MissingAuthenticationToken", "The request is not signed.", 403)
    scope = _SCOPE.match(authorization)
    if scope is None:
        raise Refused("IncompleteSignature", "The Authorization header is not a Signature Version 4.", 403)
    return scope[1], scope[2], scope[3]


def checked(heard: Heard) -> Asked:
    """Return what is asked, its parameters as the service's model has them; raise `Refused` if they are not."""
    place, operation, parameters, protocol, assumed = heard
    return Asked(_checked(place, operation.service, operation, parameters), operation, protocol, assumed)


def _checked(place: Place, service: Service, operation: Operation, parameters: Any) -> Query:
    if not isinstance(parameters, dict):
        raise Refused("SerializationException", "The parameters are not an object.")
    if problem := _problem(operation, parameters):
        raise Refused("InvalidParameterException", problem[:1000])
    paging = operation.paging
    if paging is None:
        kept = normalized(place, service.name, operation.name, parameters, ())
        return Query(place, service.name, operation.name, kept, following=None)
    size = parameters.get(paging.size) if paging.size else None
    if size is not None and not 1 <= size <= paging.most:
        raise Refused("InvalidParameterException", f"{paging.size} is between 1 and {paging.most}.")
    kept = normalized(place, service.name, operation.name, parameters, (paging.token, paging.size))
    token = parameters.get(paging.token)
    return Query(
        place, service.name, operation.name, kept, token, size, paging.member, paging.following, paging.more
    )  # fmt: skip


def _problem(operation: Operation, parameters: dict[str, Any]) -> str:
    """Return what is wrong with parameters, nothing if they are what the model says."""
    if operation.input is None:
        return f"{operation.name} has no parameter '{next(iter(parameters))}'." if parameters else ""
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(parameters, operation.input)
    return str(report.generate_report()) if report.has_errors() else ""
