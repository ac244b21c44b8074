"""AWS Organizations: which accounts there are.

Organizations is a global service: botocore sends the calls of any Region of a partition to its one endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from scanner.errors import RegionproofError

ACTIONS = (
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
)
"""What the credentials that list accounts must be allowed; the last two only for organizational units."""
EXCLUDED = "excluded"
"""Why an account that `organization.exclude` names was left out."""
_PAGE = {"PageSize": 20}  # the most that Organizations gives


@dataclass(frozen=True, order=True)
class Account:
    """An account of the organization; `state` is AWS's word, empty if AWS did not say."""

    id: str
    name: str
    state: str


@dataclass(frozen=True)
class Members:
    """The accounts of an organization: those to collect from, and why each of the others is left out; by id."""

    accounts: tuple[Account, ...]
    left_out: Mapping[Account, str]


def members(client: Any, *, include_ous: Sequence[str] = (), exclude: Collection[str] = ()) -> Members:
    """Return the accounts of the organization, or of the organizational units (and roots) `include_ous`.

    Only accounts that are active are collected from, and none of `exclude`.  Raises `RegionproofError` if the list
    could not be read to its end: half a list would leave accounts out in silence.
    """
    found = sorted(set(_under(client, include_ous) if include_ous else _all(client)))
    left_out = {account: reason for account in found if (reason := _reason(account, exclude))}
    return Members(tuple(account for account in found if account not in left_out), left_out)


def _reason(account: Account, exclude: Collection[str]) -> str:
    if account.id in exclude:
        return EXCLUDED
    # An account of which AWS does not say the state is entered: then the report shows what came of it.
    return account.state if account.state != "ACTIVE" else ""


def _all(client: Any) -> Iterator[Account]:
    for entry in _list(client, "ListAccounts", "Accounts", {}):
        yield _account(entry, "ListAccounts")


def _under(client: Any, parents: Sequence[str]) -> Iterator[Account]:
    waiting, seen = list(parents), set()
    while waiting:
        parent = waiting.pop()
        if parent in seen:
            continue
        seen.add(parent)
        given = {"ParentId": parent}
        for entry in _list(client, "ListAccountsForParent", "Accounts", given):
            yield _account(entry, "ListAccountsForParent")
        operation = "ListOrganizationalUnitsForParent"
        waiting += [_text(unit, "Id", operation) for unit in _list(client, operation, "OrganizationalUnits", given)]


def _account(entry: Any, operation: str) -> Account:
    id = _text(entry, "Id", operation)
    if not (len(id) == 12 and id.isascii() and id.isdecimal()):
        raise _nonsense(operation, f"{id!r} is no account id")
    name, state = entry.get("Name"), entry.get("State") or entry.get("Status")  # State supersedes Status
    return Account(id, name if isinstance(name, str) else "", state if isinstance(state, str) else "")


def _text(entry: Any, member: str, operation: str) -> str:
    value = entry.get(member) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value:
        raise _nonsense(operation, f"an entry without {member}")
    return value


def _nonsense(operation: str, what: str) -> RegionproofError:
    return RegionproofError(f"organizations:{operation}: the answer makes no sense: {what}", "Check --endpoint-url.")


def _list(client: Any, operation: str, member: str, given: Mapping[str, str]) -> Iterator[Any]:
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    where = f"organizations:{operation}{''.join(f' of {parent}' for parent in given.values())}"
    try:
        for page in client.get_paginator(xform_name(operation)).paginate(**given, PaginationConfig=_PAGE):
            if not isinstance(page.get(member), list):
                raise _nonsense(operation, f"it has no {member}")
            yield from page[member]
    except ClientError as error:
        _refuse(where, error.response)
    except ResponseParserError:  # its text quotes the body
        raise RegionproofError(f"{where}: the answer could not be parsed", "Check --endpoint-url.") from None
    except BotoCoreError as error:
        hint = "Check the network, the proxy and --endpoint-url."
        raise RegionproofError(f"{where}: {type(error).__name__}: {error}", hint) from None


def _refuse(where: str, response: Mapping[str, Any]) -> NoReturn:
    said, metadata = response.get("Error") or {}, response.get("ResponseMetadata") or {}
    code, attempts = str(said.get("Code")), metadata.get("RetryAttempts", 0) + 1
    tried = f" (asked {attempts} times)" if attempts > 1 else ""
    hint = _HINTS.get(code, "Try again later, or name the accounts: --accounts A,B.")
    raise RegionproofError(f"{where}: {code}: {said.get('Message')}{tried}", hint) from None


_DELEGATE = (
    "Use credentials of the management account or of a delegated administrator that allow it, name a role there as "
    "organization.delegated_role, or name the accounts: --accounts A,B."
)
_HINTS = {
    "AccessDeniedException": _DELEGATE,
    "AccessDenied": _DELEGATE,
    "AWSOrganizationsNotInUseException": "This account is in no organization; name the accounts: --accounts A,B.",
    "ParentNotFoundException": "Check organization.include_ous in regionproof.yaml.",
    "InvalidInputException": "Check organization.include_ous in regionproof.yaml.",
}
