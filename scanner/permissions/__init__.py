"""The least that collecting needs: IAM policies made of what is asked, and the roles to deploy with them.

Nothing here asks AWS.  A call is allowed because a rule that is enabled reads what it answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.collectors import COLLECTORS, needs, organization, targets
from scanner.errors import UsageError

ROLE_NAME = "RegionproofReadOnly"
MOST_CHARACTERS = 6144
"""The quota of a managed policy; IAM does not count white space."""

_REASONS = {"ecr:BatchGetImage": "ManifestsOfIndexesNoLayers"}
"""Statements of their own, for actions that somebody who reads the policy would stumble over."""
_ROLE_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9+=,.@:/_-]{2,1224}")
_PRINCIPAL = re.compile(r"[0-9]{12}|arn:aws(?:-[a-z]+)*:(?:iam|sts)::[0-9]{12}:[A-Za-z0-9+=,.@:/_-]+")


@dataclass(frozen=True)
class Role:
    """The role to deploy in each account.

    `principal` is the account or the ARN that may assume it, None if that is decided where it is deployed.  With
    `tagged`, whoever assumes it sends session tags.  Raises `UsageError` for what IAM would refuse.
    """

    name: str = ROLE_NAME
    principal: str | None = None
    external_id: str | None = None
    tagged: bool = False

    def __post_init__(self) -> None:
        for what, value, form in (
            ("a role's name", self.name, _ROLE_NAME),
            ("an account id or the ARN of a principal", self.principal, _PRINCIPAL),
            ("an external id", self.external_id, _EXTERNAL_ID),
        ):
            if value is not None and not form.fullmatch(value):
                raise UsageError(f"'{value}' is not {what}", "IAM's documentation says what it may hold.")

    @property
    def entering(self) -> list[str]:
        """Return the actions by which the role is entered."""
        return ["sts:AssumeRole", *(["sts:TagSession"] if self.tagged else [])]


def actions(needed: Collection[str] | None, services: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the IAM actions of what is asked for the types `needed`, of `services` only if there are any; sorted."""
    unknown = sorted(set(services) - set(COLLECTORS))
    if unknown:
        raise UsageError(
            f"'{unknown[0]}' is not a service that is collected", f"Known are {', '.join(sorted(COLLECTORS))}."
        )
    found = {
        action
        for service in services or needs.services(needed)
        for ask in needs.asks(service, needed)
        for action in ask.actions or (f"{service}:{ask.operation}",)
    }
    return tuple(sorted(found.union(targets.ACTIONS)))


def member(allowed: Iterable[str], limit: int = MOST_CHARACTERS) -> list[dict[str, Any]]:
    """Return the policy documents of the role in each account: one, or as many as keep below the quota."""
    documents: list[dict[str, Any]] = []
    group: list[str] = []
    for action in allowed:
        if group and len(_compact(_document([*group, action]))) > limit:
            documents.append(_document(group))
            group = []
        group.append(action)
    return [*documents, _document(group)]


def central(role: Role) -> dict[str, Any]:
    """Return the policy of who collects: to list the accounts of the organization, and to enter them."""
    entered = {"Sid": "Enter", "Effect": "Allow", "Action": role.entering}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "List", "Effect": "Allow", "Action": sorted(organization.ACTIONS), "Resource": "*"},
            {**entered, "Resource": f"arn:*:iam::*:role/{role.name}"},
        ],
    }


def _document(allowed: Sequence[str]) -> dict[str, Any]:
    # None of them takes a resource that is known before it is collected.
    sids: dict[str, list[str]] = {}
    for action in allowed:
        sids.setdefault(_REASONS.get(action, "Read"), []).append(action)
    statements = [
        {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*"} for sid, actions in sorted(sids.items())
    ]
    return {"Version": "2012-10-17", "Statement": sorted(statements, key=lambda statement: statement["Sid"] != "Read")}


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
