"""A question to the endpoint, and why it may be refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model import Place
from scanner.recorded import CallError, canonical

_IN_CLUSTER = frozenset({"ListServices", "DescribeServices", "ListTasks", "DescribeTasks"})


class Refused(Exception):
    """An error the client gets: AWS's code, a message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Query:
    """One request for one operation, in the form that recorded calls have.

    `parameters` are without paging and normalized; `token` and `size` (items a page, None for the service's default)
    are the paging.  `member` is the list of the answer that is paged, None if none can be cut; `following` is the
    answer's name for the token of the next page, None for an operation without pages; `more` is its name for whether
    there is one.
    """

    place: Place
    service: str
    operation: str
    parameters: Mapping[str, Any]
    token: str | None = None
    size: int | None = None
    member: str | None = None
    following: str | None = "nextToken"
    more: str | None = None

    @property
    def key(self) -> str:
        """Return text that is the same for the same question, whatever the page."""
        return canonical(self.parameters)

    def not_recorded(self, why: str = "") -> Refused:
        """Return the refusal of a question that the snapshot cannot answer."""
        return not_recorded(self.place, self.service, self.operation, why)

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


def normalized(
    place: Place, service: str, operation: str, parameters: Mapping[str, Any], paging: Collection[str | None]
) -> dict[str, Any]:
    """Return parameters without those of `paging` and what only says the default, and with clusters by their name."""
    kept = {key: value for key, value in parameters.items() if key not in paging}
    if service == "ecr" and kept.get("registryId") == place.account:
        del kept["registryId"]
    if not kept.get("include", True):
        del kept["include"]
    if service == "ecs" and operation in _IN_CLUSTER:
        kept["cluster"] = cluster_name(place, kept.get("cluster") or "default")
        if kept.get("desiredStatus") == "RUNNING":
            del kept["desiredStatus"]
    return kept


def cluster_name(place: Place, cluster: Any) -> Any:
    """Return the name that the ARN of an ECS cluster of a place ends in; anything else as it is."""
    arn, _, name = str(cluster).partition(":cluster/")
    return name if name and arn.endswith(f":ecs:{place.region}:{place.account}") else cluster


def replayed(error: CallError) -> Refused:
    """Return a recorded error as AWS gave it; one that AWS never sent (a time-out, a malformed answer) has 501."""
    status = error.status if error.status is not None and 300 <= error.status <= 599 else 501
    return Refused(error.code, error.message, status)


def not_recorded(place: Place, service: str, operation: str, why: str = "") -> Refused:
    """Return the refusal of what nobody asked when the snapshot was made."""
    message = f"{service}:{operation} in {place} is not in this snapshot{': ' + why if why else ''}"
    return Refused("NotRecorded", message, 501)
