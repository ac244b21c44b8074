"""What botocore's service models say of services, operations and pages; nothing of AWS is written down twice.

A model is read when its service is first asked for, and kept.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from scanner.collectors import COLLECTORS

CBOR = "smithy-rpc-v2-cbor"
_TOKENS = (("nextToken", "nextToken"), ("NextToken", "NextToken"))
_SIZES = ("maxResults", "MaxResults", "MaxItems", "Limit", "MaxBuckets", "limit")
_MOST, _MOST_OF = 1000, {"ecs": 100}  # where the model does not say

_HOMES = {
    ("aws", name): "us-west-2"
    for name in ("globalaccelerator", "route53-recovery-control-config", "route53-recovery-readiness")
}
"""What botocore's `endpoints.json` does not say: services of which it knows no one endpoint."""


@dataclass(frozen=True)
class Paging:
    """How an operation gives a list in pages, in the names of its members.

    `token` asks for the page that `following` of the one before names; `size` says how many items it has, up to
    `most`.  `member` is the list, None if it is no plain member of the answer; `more` tells whether there is more.
    """

    token: str
    following: str
    size: str | None
    most: int
    member: str | None
    more: str | None


@dataclass(frozen=True)
class Route:
    """The request of an operation of a REST protocol; `fixed` are fields that its query string must have."""

    method: str
    pattern: re.Pattern[str]
    fixed: Mapping[str, str]
    operation: str


class Operation:
    """One operation: the shapes (botocore's) of what it asks and answers, None for nothing, and its pages."""

    def __init__(self, service: Service, name: str, paginator: Mapping[str, Any]) -> None:
        self.service, self.name = service, name
        model = service.model.operation_model(name)
        self.input: Any = model.input_shape
        self.output: Any = model.output_shape
        self.paging = _paging(self, paginator)


class Service:
    """One service as botocore names it; `protocols` are those it speaks, botocore's choice first."""

    def __init__(self, name: str, model: Any, paginators: Mapping[str, Any]) -> None:
        self.name, self.model, self._paginators = name, model, paginators
        own: list[str] = [model.resolved_protocol, model.metadata["protocol"], *model.metadata.get("protocols", ())]
        self.protocols = tuple(dict.fromkeys(own))
        self._names = frozenset(model.operation_names)
        self._operations: dict[str, Operation] = {}

    def operation(self, name: str) -> Operation | None:
        """Return an operation, None if there is none of this name."""
        found = self._operations.get(name)
        if found is None and name in self._names:
            found = self._operations.setdefault(name, Operation(self, name, self._paginators.get(name, {})))
        return found

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Return the requests of a REST protocol, the narrower before the wider."""
        found = (_route(self.model.operation_model(name)) for name in sorted(self._names))
        return tuple(sorted(found, key=lambda route: (-len(route.fixed), route.pattern.groups)))


class Catalogue:
    """The services that can be asked for.  Any thread may ask."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are those of services that a request may be signed for under another name."""
        from botocore.session import Session

        self._session = Session()
        self._lock = threading.RLock()
        self._known = frozenset(self._session.get_available_services())
        self._names = sorted(self._known & {*names, *COLLECTORS})
        self._services: dict[str, Service] = {}
        self._by_scope: dict[str, Service | None] = {}

    def named(self, name: str) -> Service | None:
        """Return a service, None if botocore has none of this name."""
        with self._lock:
            if name not in self._services and name in self._known:
                self._services[name] = self._load(name)
            return self._services.get(name)

    def operation(self, service: str, name: str) -> Operation | None:
        """Return an operation by the names of its service and its own."""
        found = self.named(service)
        return found.operation(name) if found else None

    def signed(self, scope: str) -> Service | None:
        """Return the service that requests are signed for as `scope`, None if nobody knows it."""
        with self._lock:
            if scope in self._known:
                return self.named(scope)
            if scope not in self._by_scope and len(self._by_scope) < len(self._known):
                likely = sorted(self._names, key=lambda name: name.replace("-", "") != scope)
                found = (service for name in likely if (service := self.named(name)))
                self._by_scope[scope] = next((each for each in found if each.model.signing_name == scope), None)
            return self._by_scope.get(scope)

    def home(self, service: Service, partition: str) -> str | None:
        """Return the Region in which a service that a partition has but once is controlled, None for a Regional one.

        https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
        """
        if (partition, service.name) in _HOMES:
            return _HOMES[partition, service.name]
        endpoints = self._endpoints.get(partition, {}).get(service.model.endpoint_prefix, {})
        if endpoints.get("isRegionalized") is not False:
            return None
        one = endpoints["endpoints"].get(endpoints.get("partitionEndpoint"), {})
        region: str | None = one.get("credentialScope", {}).get("region")
        return region

    @cached_property
    def _endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        partitions = self._session.get_data("endpoints")["partitions"]
        return {partition["partition"]: partition["services"] for partition in partitions}

    def _load(self, name: str) -> Service:
        from botocore.exceptions import DataNotFoundError

        try:
            paginators = self._session.get_component("data_loader").load_service_model(name, "paginators-1")
        except DataNotFoundError:
            paginators = {}
        return Service(name, self._session.get_service_model(name), paginators.get("pagination", {}))


def _paging(operation: Operation, paginator: Mapping[str, Any]) -> Paging | None:
    """Return the pages of an operation: as its collector, as botocore, or as its shapes have them."""
    given, answered = operation.input, operation.output
    if given is None or answered is None:
        return None
    for token, following, member in _candidates(operation, paginator):
        if token in given.members and following in answered.members:
            size = paginator.get("limit_key") or next((name for name in _SIZES if name in given.members), None)
            if size is not None and (size not in given.members or given.members[size].type_name != "integer"):
                size = None
            most = given.members[size].metadata.get("max") if size else None
            more = paginator.get("more_results")
            return Paging(
                token,
                following,
                size,
                most or _MOST_OF.get(operation.service.name, _MOST),
                member if _is_list(answered, member) else _only_list(answered),
                more if more in answered.members else None,
            )
    return None


def _candidates(operation: Operation, paginator: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    collector = COLLECTORS.get(operation.service.name)
    for ask in collector.CALLS if collector else ():
        if ask.operation == operation.name and ask.paged:
            yield *ask.tokens, ask.answer
    names = [paginator.get(key) for key in ("input_token", "output_token", "result_key")]
    token, following, result = (name if isinstance(name, str) else None for name in names)
    if token and following:
        yield token, following, result
    for token, following in _TOKENS:
        yield token, following, None


def _is_list(shape: Any, member: str | None) -> bool:
    return member in shape.members and shape.members[member].type_name == "list"


def _only_list(shape: Any) -> str | None:
    lists = [name for name, member in shape.members.items() if member.type_name == "list"]
    return lists[0] if len(lists) == 1 else None


def _route(model: Any) -> Route:
    path, _, query = model.http["requestUri"].partition("?")
    parts = re.split(r"\{(\w+\+?)\}", path)
    pattern = "".join(_label(part) if number % 2 else re.escape(part) for number, part in enumerate(parts))
    fixed = {name: value for name, value in parse_qsl(query, keep_blank_values=True) if name != "x-id"}
    pattern = f"{pattern.rstrip('/')}/?"  # models of other years end a path otherwise
    return Route(model.http["method"], re.compile(pattern), fixed, model.name)


def _label(part: str) -> str:
    """Return the pattern of a label of a path; only a greedy one (`Key+`) spans slashes."""
    return f"(?P<{part[:-1]}>.+)" if part.endswith("+") else f"(?P<{part}>[^/]+)"
