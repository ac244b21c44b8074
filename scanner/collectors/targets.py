"""Targets: which Regions of which accounts are asked, and what each account says of its Regions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from scanner.collectors.account import FALLBACK, statuses
from scanner.collectors.ask import MALFORMED, Answers, Ask
from scanner.collectors.roles import ClientFor, Entry, Roles
from scanner.collectors.transport import call_error
from scanner.errors import UsageError
from scanner.model import Place, Unknown
from scanner.recorded import Call, CallError, Target, timestamp
from scanner.regions import ENABLED, Partition, check, partition_of, partitions

ACTIONS = ("account:ListRegions", "ec2:DescribeRegions")
"""What a role must be allowed, so that a Region that is not enabled is told from one that is empty."""
_ACCOUNTS_AT_ONCE = 16
_MOST_PAGES = 100  # of 50 Regions each


@dataclass(frozen=True)
class Plan:
    """What to collect.

    `not_enabled` are the Regions that are no targets because the account has not opted in to them, with the status
    that says so; `refused` are the accounts that could not be entered, which stay targets, so that every report shows
    it; `answers` are the calls about Regions, by account.
    """

    targets: tuple[Target, ...]
    not_enabled: Mapping[Place, str]
    refused: Mapping[str, CallError]
    answers: Mapping[str, tuple[Call, ...]]

    def calls_of(self, target: Target) -> list[Call]:
        """Return what the target's account said of its Regions, to be written with the calls of the target."""
        return [replace(call, region=target.region) for call in self.answers[target.account]]


@dataclass(frozen=True)
class Asker:
    """Who asks, and how: `account` and `partition` are those of the credentials the run began with.

    `home` is the Region in which questions about a whole account are asked.
    """

    account: str
    partition: str
    home: str
    client_for: ClientFor
    roles: Roles
    clock: Callable[[], datetime]

    def now(self) -> str:
        """Return the time as calls have it."""
        return timestamp(self.clock())


@cache
def known_partitions() -> tuple[Partition, ...]:
    """Return the partitions this botocore knows."""
    from botocore.loaders import Loader

    return partitions(Loader().load_data("partitions"))


def plan(
    asker: Asker, entry: Entry, accounts: Sequence[str], *, regions: Sequence[str] = (), services: Sequence[str]
) -> Plan:
    """Return what to collect: each of `regions` that is enabled in each account; no Regions means every enabled one.

    No accounts means the one the credentials are in, which is never entered by a role.  Where nobody can tell which
    Regions are enabled, all that are meant are targets: what AWS answers there is then the report's.  Raises
    `UsageError` for an account or a Region that is none, and for other accounts without a role; what an account
    answers never raises.
    """
    check(regions, asker.partition, known_partitions())
    clients = _Clients(asker)
    first = [
        _target(asker, entry, account, asker.home, services) for account in sorted(set(accounts) or {asker.account})
    ]
    with ThreadPoolExecutor(_ACCOUNTS_AT_ONCE, "account") as threads:
        seen = list(threads.map(lambda target: _ask_account(asker, clients, target), first))
    targets: list[Target] = []
    not_enabled: dict[Place, str] = {}
    for target, (calls, error) in zip(first, seen, strict=True):
        known = _known(target, calls)
        for region in sorted(set(regions) or _every(asker, known, calls, error)):
            if known.get(region, "ENABLED") in ENABLED:
                targets.append(replace(target, region=region))
            else:
                not_enabled[Place(target.account, region)] = known[region]
    refused = {target.account: error for target, (_, error) in zip(first, seen, strict=True) if error}
    return Plan(
        tuple(targets), not_enabled, refused, {t.account: calls for t, (calls, _) in zip(first, seen, strict=True)}
    )


def _target(asker: Asker, entry: Entry, account: str, region: str, services: Sequence[str]) -> Target:
    own = account == asker.account
    try:
        role_arn = None if own else entry.role_arn(account, asker.partition)
        return Target(account, region, asker.partition, role_arn, tuple(sorted(set(services))))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _every(asker: Asker, known: Mapping[str, str], calls: Sequence[Call], error: CallError | None) -> set[str]:
    """Return the Regions of an account when none were named."""
    if error:
        return {asker.home}  # one line in the report is enough to say that an account cannot be entered
    if known and calls[-1].error is None:
        return set(known)
    # A Region whose status nobody could tell is asked, since leaving it out would be silence.
    return {*known, *partition_of(asker.home, known_partitions()).regions}


def _known(target: Target, calls: Sequence[Call]) -> dict[str, str]:
    """Return the opt-in status of each Region that the account's answers tell it of."""
    found: dict[str, str] = {}
    for service, ask in FALLBACK:
        for answer in Answers(target, service, calls).of(ask):
            told = {name: status for name, status in statuses(ask, answer).items() if type(status) is not Unknown}
            found = {**told, **found}
    return found


def _ask_account(asker: Asker, clients: _Clients, target: Target) -> tuple[tuple[Call, ...], CallError | None]:
    """Return the calls that tell an account's Regions, and why it could not be entered."""
    try:
        credentials = asker.roles.credentials(target)
    except Exception as error:  # noqa: BLE001 - whatever keeps us out of an account is coverage, not a crash
        return (), call_error(error)
    calls: list[Call] = []
    for service, ask in FALLBACK:
        calls += _pages(asker, clients, target, service, ask, credentials)
        if calls[-1].error is None:
            break
    return tuple(calls), None


class _Clients:
    """One client of each service, which signs for every account: to make one takes longer than to ask it."""

    def __init__(self, asker: Asker) -> None:
        self._asker, self._lock, self._made = asker, threading.Lock(), dict[str, Any]()
        self._thread = threading.local()

    def of(self, service: str, credentials: Any | None) -> Any:
        """Return the client, which signs what this thread asks next; None are the credentials of the run."""
        self._thread.credentials, self._thread.sent = credentials, 0
        with self._lock:
            if service not in self._made:
                self._made[service] = self._asker.client_for(service, self._asker.home, None)
                self._made[service].meta.events.register("before-sign", self._sign)
                self._made[service].meta.events.register("before-send", self._count)
            return self._made[service]

    def sent(self) -> int:
        """Return how many requests this thread has sent since it asked this, or for a client, last."""
        sent: int = self._thread.sent
        self._thread.sent = 0
        return sent

    def _sign(self, request: Any, **_: Any) -> None:
        if self._thread.credentials is not None:
            request.context.setdefault("signing", {})["request_credentials"] = self._thread.credentials

    def _count(self, **_: Any) -> None:
        self._thread.sent += 1


def _pages(
    asker: Asker, clients: _Clients, target: Target, service: str, ask: Ask, credentials: Any | None
) -> Iterator[Call]:
    """Yield the pages of an answer; an error is the last of them."""
    from botocore import xform_name

    token: str | None = None
    tokens: set[str | None] = {None}
    body: dict[str, Any] | None
    call = Call(
        service, ask.operation, dict(ask.parameters), target.account, target.region, 0, None, None, None, asker.now()
    )
    try:
        client = clients.of(service, credentials)
        for page in range(_MOST_PAGES):
            clients.sent()
            call = replace(call, page=page, at=asker.now())
            given = {**ask.parameters, **({ask.tokens[0]: token} if token else {})}
            body, token = _read(getattr(client, xform_name(ask.operation))(**given), ask)
            yield replace(call, response=body)
            if not token:
                return
            if token in tokens:
                break
            tokens.add(token)
    except Exception as error:  # noqa: BLE001 - a call that fails in a way nobody thought of is coverage, too
        yield replace(call, error=_failure(error, clients.sent()))
    else:
        yield replace(call, page=call.page + 1, error=CallError("PaginationLoop", "the list has no end"))


class _Malformed(Exception):
    """The answer is none that the operation gives."""


def _read(answer: Mapping[str, Any], ask: Ask) -> tuple[dict[str, Any], str | None]:
    """Return the body of an answer without its paging token, and the token."""
    body = {key: value for key, value in answer.items() if key not in ("ResponseMetadata", ask.tokens[1])}
    if not isinstance(body.get(ask.answer), list):
        raise _Malformed(f"the answer has no '{ask.answer}'")
    json.dumps(body)  # raises for what is no JSON data
    return body, answer.get(ask.tokens[1]) if ask.paged else None


def _failure(error: Exception, attempts: int) -> CallError:
    if isinstance(error, _Malformed):
        return CallError(MALFORMED, str(error), 200, max(1, attempts))
    return replace(call_error(error), attempts=max(1, attempts))
