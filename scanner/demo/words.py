"""The small change of the demo: digests, ids and times made of words, and calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scanner.model import Place
from scanner.recorded import Call, CallError


def sha256(words: str) -> str:
    """Return 64 hexadecimal digits that follow from words."""
    return hashlib.sha256(words.encode()).hexdigest()


def digest(repository: str, version: str) -> str:
    """Return the digest of a version of a repository."""
    return f"sha256:{sha256(f'{repository}:{version}')}"


def uuid(words: str) -> str:
    """Return a UUID that follows from words."""
    return str(UUID(sha256(words)[:32], version=4))


def place(text: str) -> Place:
    """Return the place that `<account>/<region>` names."""
    account, _, region = text.partition("/")
    return Place(account, region)


@dataclass(frozen=True)
class Recorder:
    """Makes the calls of one place; `at` is RFC 3339."""

    place: Place
    at: str

    @property
    def account(self) -> str:
        """Return the account, which every place of the demo has."""
        return str(self.place.account)

    def arn(self, service: str, name: str) -> str:
        """Return the ARN of something in this place."""
        return f"arn:aws:{service}:{self.place.region}:{self.account}:{name}"

    def role(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:aws:iam::{self.account}:role/{name}"

    def answered(self, service: str, operation: str, parameters: Mapping[str, Any], response: dict[str, Any]) -> Call:
        """Return a call that was answered on one page."""
        return self._call(service, operation, parameters, response=response)

    def refused(self, service: str, operation: str, parameters: Mapping[str, Any], code: str, message: str) -> Call:
        """Return a call that AWS refused, with status 400."""
        return self._call(service, operation, parameters, error=CallError(code, message, 400))

    def counted(self, service: str, operation: str, parameters: Mapping[str, Any], rows: int) -> Call:
        """Return a call whose answer is in the image index."""
        return self._call(service, operation, parameters, rows=rows)

    def _call(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        response: dict[str, Any] | None = None,
        error: CallError | None = None,
        rows: int | None = None,
    ) -> Call:
        return Call(
            service, operation, parameters, self.account, self.place.region, 0, response, error, rows, self.at
        )  # fmt: skip


def epoch(time: datetime) -> float:
    """Return seconds since 1970, as AWS's JSON has times."""
    return time.timestamp()


def rfc3339(time: datetime) -> str:
    """Return a time as AWS's XML has it."""
    return time.isoformat().replace("+00:00", "Z")
