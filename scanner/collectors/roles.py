"""Roles: how accounts other than one's own are entered.

Each account is entered once, whatever the number of its Regions and of the threads that ask there.  When to refresh
is botocore's business: its refreshable credentials do it 10 to 15 minutes before they expire.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scanner.errors import UsageError
from scanner.recorded import Target

SESSION_NAME = "regionproof"
"""What CloudTrail shows in the accounts that are entered."""

ClientFor = Callable[[str, str, "dict[str, str] | None"], Any]
"""From service, Region and keys (boto3's names; None: those the run began with) to a botocore client."""


@dataclass(frozen=True)
class Entry:
    """What sts:AssumeRole is told.

    `role_name` is the role in each account, `session_policy` JSON text that narrows what the role may do.  With
    `delegated_role` (an ARN) that role is assumed first, and the accounts' roles from there.
    """

    role_name: str | None = None
    external_id: str | None = None
    session_tags: Mapping[str, str] = field(default_factory=dict)
    session_policy: str | None = None
    delegated_role: str | None = None

    def role_arn(self, account: str, partition: str) -> str:
        """Return the role by which an account is entered; raise `UsageError` if none is named."""
        if not self.role_name:
            raise UsageError(f"no role to enter account {account} with", "Name one: --role-name RegionproofReadOnly.")
        return f"arn:{partition}:iam::{account}:role/{self.role_name}"


class Roles:
    """The credentials of each account, shared by all threads.

    STS is asked in the Region `home`, at its regional endpoint: tokens of the global one are not valid in Regions
    that are opted in to.  `clock` gives aware times.
    """

    def __init__(self, entry: Entry, client_for: ClientFor, *, home: str, clock: Callable[[], datetime]) -> None:
        self.entry, self.home = entry, home
        self._client_for, self._clock = client_for, clock
        self._lock = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._sts: dict[Any, Any] = {}

    def credentials(self, target: Target) -> Any | None:
        """Return botocore credentials of the target's role, None if the target needs none.

        `get_frozen_credentials()` of what is returned is fresh whenever it is called, and raises what sts:AssumeRole
        raises.  If the role cannot be assumed, this raises the same error each time; STS was asked once.
        """
        if target.role_arn is None:
            return None
        entry = self.entry
        given = {
            "Policy": entry.session_policy,
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(entry.session_tags.items())],
        }
        return self._open(target.role_arn, given, self.delegated)

    def delegated(self) -> Any | None:
        """Return the credentials of the delegated role, None if there is none; raise as `credentials` does.

        It gets no session policy, which would have to allow sts:AssumeRole as well, and no tags.
        """
        arn = self.entry.delegated_role
        return self._open(arn, {}, lambda: None) if arn else None

    def _open(self, role_arn: str, given: Mapping[str, Any], source: Callable[[], Any | None]) -> Any:
        from botocore.credentials import DeferredRefreshableCredentials, create_assume_role_refresher
        from botocore.parsers import ResponseParserError

        said = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME, "ExternalId": self.entry.external_id, **given}
        parameters = {name: value for name, value in said.items() if value}

        def refresh() -> Any:
            try:
                return create_assume_role_refresher(self._client(source()), parameters)()
            except ResponseParserError:  # its text quotes the body, which holds credentials, and botocore logs it
                raise ResponseParserError("the answer of sts:AssumeRole could not be parsed") from None

        with self._lock:
            key = f"{role_arn} {bool(given)}"  # the delegated role may be a member's role, too
            if key not in self._doors:
                self._doors[key] = _Door(DeferredRefreshableCredentials(refresh, "assume-role", self._clock))
        return self._doors[key].open()

    def _client(self, source: Any | None) -> Any:
        """Return an STS client that signs with `source`, a new one only when those were refreshed."""
        credentials = keys(source)
        frozen = tuple(sorted(credentials.items())) if credentials else None
        with self._lock:
            if frozen not in self._sts:
                self._sts = {frozen: self._client_for("sts", self.home, credentials)}
            return self._sts[frozen]


class _Door:
    """The way into one account: whoever comes first opens it, or finds out why nobody can."""

    def __init__(self, credentials: Any) -> None:
        self._credentials, self._lock = credentials, threading.Lock()
        self._tried = False
        self._error: Exception | None = None

    def open(self) -> Any:
        with self._lock:
            if not self._tried:
                self._tried = True
                try:
                    self._credentials.get_frozen_credentials()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this account's and said for each Region
                    self._error = error
        if self._error is not None:
            raise self._error
        return self._credentials


def keys(credentials: Any | None) -> dict[str, str] | None:
    """Return credentials as `ClientFor` takes them, as they are now."""
    if credentials is None:
        return None
    frozen = credentials.get_frozen_credentials()
    return {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
    }
