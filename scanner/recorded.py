"""What was asked of AWS and what came back: one record for each page of each answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from scanner.model import Place
from scanner.redaction import redact, scrub

NOT_CONFIGURED = frozenset(
    {
        "LifecyclePolicyNotFoundException",
        "RegistryPolicyNotFoundException",
        "ReplicationConfigurationNotFoundError",
        "RepositoryPolicyNotFoundException",
        "SigningConfigurationNotFoundException",
    }
)
"""Error codes that state a fact: there is none."""
NOT_FOUND = frozenset({("kms", "DescribeKey", "NotFoundException")})
"""Codes that state this fact of one operation only."""
IMAGES = ("ecr", "DescribeImages")
"""The call whose answers are kept as rows of the image shard."""

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}")


@dataclass(frozen=True)
class Target:
    """What is asked where: `services` (`ecr`, `ecs`, `eks`) of an account in a Region.

    `role_arn` is the role that was assumed for it, None for the credentials the run began with.  Raises `ValueError`
    for names that are no account id or Region.
    """

    account: str
    region: str
    partition: str
    role_arn: str | None
    services: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(f"'{self.account}' is not an account id of 12 digits")
        if not _REGION.fullmatch(self.region):
            raise ValueError(f"'{self.region}' is not the name of a Region")

    @property
    def place(self) -> Place:
        """Return the account and Region."""
        return Place(self.account, self.region)


class Stage(StrEnum):
    """When something is asked.  Each stage of a target is a part of the snapshot by itself, and none waits in memory.

    First what there is, in all targets; then the images of the repositories that matter; then what is asked of single
    digests, once it is known which are where.
    """

    CALLS = "calls"
    IMAGES = "images"
    DIGESTS = "digests"


@dataclass(frozen=True)
class LeftOut:
    """What was not asked on purpose: so many questions of an operation (`ecr:DescribeImages`), and why."""

    operation: str
    count: int
    reason: str


@dataclass(frozen=True)
class CallError:
    """Why a call was not answered: AWS's error code, or the name of what went wrong on the way; `attempts` made."""

    code: str
    message: str
    status: int | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Call:
    """One page of one answer.  `response` is the body as AWS sent it, after redaction and without its paging token.

    For ecr:DescribeImages there is one for each repository, all pages in one: `response` is None and `rows` counts
    its images in the shard; if `error` is set too, the list ended early.  `at` is RFC 3339 in UTC.  `reused` is the
    SHA-256 of the earlier snapshot (of its manifest) that the answer was taken from; `at` is then when it was made.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    account: str
    region: str
    page: int
    response: Mapping[str, Any] | None
    error: CallError | None
    rows: int | None
    at: str
    reused: str | None = None

    @property
    def not_configured(self) -> bool:
        """Tell whether AWS answered that there is none."""
        if self.error is None:
            return False
        return self.error.code in NOT_CONFIGURED or (self.service, self.operation, self.error.code) in NOT_FOUND


def timestamp(time: datetime) -> str:
    """Return an aware time as calls have it: RFC 3339 in UTC, to the microsecond."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(value: Any) -> str:
    """Return JSON text that is the same for equal data."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sort_key(call: Call) -> tuple[Any, ...]:
    """Return what calls are sorted by."""
    return call.account, call.region, call.service, call.operation, canonical(call.parameters), call.page


def redacted(call: Call) -> Call:
    """Return the call without secrets."""
    error = call.error
    return replace(
        call,
        parameters=redact(call.service, call.parameters),
        response=redact(call.service, call.response),
        error=replace(error, code=scrub(error.code), message=scrub(error.message)) if error else None,
    )


def to_line(call: Call) -> str:
    """Return the call as a line of JSON; account and Region are those of its shard."""
    line = {
        "service": call.service,
        "operation": call.operation,
        "parameters": call.parameters,
        "page": call.page,
        "response": call.response,
        "error": asdict(call.error) if call.error else None,
        "rows": call.rows,
        "at": call.at,
        "reused": call.reused,
    }
    return canonical({key: value for key, value in line.items() if value is not None})


def service_of(line: bytes) -> bytes:
    """Return the service of a call from its line of JSON, whose last member it is."""
    return line[line.rindex(b'"service":"') + 11 :].partition(b'"')[0]


def from_line(line: Mapping[str, Any], target: Target) -> Call:
    """Return the call a line of `target`'s shard holds; raise `KeyError` or `TypeError` if it holds none."""
    parameters, response, error = line["parameters"], line.get("response"), line.get("error")
    if not isinstance(parameters, dict) or not isinstance(response, (dict, type(None))):
        raise TypeError("the parameters or the response are no object")
    return Call(
        line["service"],
        line["operation"],
        parameters,
        target.account,
        target.region,
        line["page"],
        response,
        CallError(**error) if error else None,
        line.get("rows"),
        line["at"],
        line.get("reused"),
    )
