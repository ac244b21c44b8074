"""Whom a resource policy lets in at all, and what it forbids outright, whoever asks.

`scanner.policy` answers what one principal may do; these questions are about the policy as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.model import InsufficientData
from scanner.patterns import any_of, is_pattern
from scanner.policy import (
    ANYONE,
    _action,
    _either,
    _Malformed,
    _match,
    _named,
    _principals,
    _Request,
    _statements,
    _strings,
)


def forbids(policy: Any, principal: str, action: str, resource: str) -> bool | None:
    """Return whether a statement of a policy denies this explicitly; None where that cannot be decided.

    Unlike `decide`, what no statement allows is not denied: within an account, identity policies may allow it.
    """
    return denial(policy, principal, action, resource)[0]


def denial(
    policy: Any, principal: str, action: str, resource: str, context: Mapping[str, str] | None = None
) -> tuple[bool | None, str]:
    """Return what `forbids` does, and the statement that denies this, or why that cannot be decided.

    The arguments are those of `decide`.
    """
    request = _Request(principal, action, resource, {key.lower(): value for key, value in (context or {}).items()})
    try:
        matches = [_match(statement, request) for statement in _statements(policy)]
    except (InsufficientData, _Malformed) as problem:
        return None, str(problem)
    denies = [match for match in matches if "Deny" in match.effects]
    answer = any_of(match.applies for match in denies)
    return answer, next((match.reason for match in denies if match.applies is answer), "")


def denies_some(policy: Any, actions: Sequence[str]) -> bool | None:
    """Return whether a statement of a policy denies one of the actions to somebody, on something; None if unseen."""
    try:
        return any_of(_denies(statement, actions) for statement in _statements(policy))
    except (InsufficientData, _Malformed):
        return None


def _denies(statement: Any, actions: Sequence[str]) -> bool | None:
    if not isinstance(statement, dict):
        return None
    try:
        if statement.get("Effect") == "Allow":
            return False
        if statement.get("Effect") != "Deny":
            return None
        return any(_action(statement, _Request(ANYONE, action, "*", {})) for action in actions)
    except InsufficientData:
        return None


RESTRICTING = frozenset(
    (
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpceaccount",
        "aws:vpceorgid",
    )
)
"""Condition keys that leave over only principals, or networks, that somebody chose."""
_POSITIVE = frozenset(("stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase"))


def public(policy: Any) -> tuple[bool | None, str]:
    """Return whether a resource policy lets everybody in, and which statement, or why that cannot be decided.

    A statement that allows all principals lets everybody in unless a condition leaves over some that were chosen. A
    denial beside it may do so too: then it is not decided.
    """
    try:
        statements = [_opening(statement) for statement in _statements(policy)]
    except (InsufficientData, _Malformed) as problem:
        return None, str(problem)
    opens = [named for effect, is_open, named in statements if effect == "Allow" and is_open]
    if opens and any(effect == "Deny" for effect, _, _ in statements):
        return None, f"{opens[0]} allows everybody, and another statement denies some of that"
    if opens:
        return True, opens[0]
    unclear = [named for effect, is_open, named in statements if effect == "Allow" and is_open is None]
    return (None, f"whether {unclear[0]} lets everybody in hangs on its condition") if unclear else (False, "")


def _opening(statement: Any) -> tuple[str, bool | None, str]:
    """Return the effect of a statement, whether it is about everybody, and what it is called."""
    if isinstance(statement, InsufficientData):
        raise statement
    if not isinstance(statement, dict):
        raise _Malformed("a statement of the policy is not an object")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _Malformed(f"a statement of the policy has the effect '{effect}'")
    value, negated = _either(statement, "Principal")
    if value is None:
        raise _Malformed("a statement of the policy names no principal")
    everybody = negated or any(name == "*" for _, name in _principals(value))
    return effect, _narrowed(statement.get("Condition")) if everybody else False, _named(statement)


def _narrowed(condition: Any) -> bool | None:
    """Return False if a condition leaves over chosen principals, True if it leaves everybody, None if nobody knows."""
    if condition is None:
        return True
    if not isinstance(condition, dict):
        raise _Malformed("a condition of the policy is not an object")
    for operator in condition:
        keys = condition[operator]
        if operator.lower().rpartition(":")[2] not in _POSITIVE or not isinstance(keys, dict):
            continue
        for key in keys:
            chosen = _strings(keys[key], "Condition")
            restricts = key.lower() in RESTRICTING and not operator.lower().startswith("forallvalues")
            if restricts and all(map(_is_chosen, chosen)):
                return False
    return None


def _is_chosen(value: str) -> bool:
    """Tell whether a value of a condition is what one owner has: an account, an organization, something of theirs.

    A wildcard may stand within an account or an organization, and not for which one it is.
    """
    if "${" in value:
        return False
    if value.startswith("arn:"):
        parts = value.split(":", 5)
        owner = parts[4] if len(parts) == 6 and parts[4] else value  # the ARN of a bucket names no account
    else:
        owner = value.partition("/")[0]  # the path of an organization begins with its id
    return not is_pattern(owner)


@dataclass(frozen=True)
class Grant:
    """What one Allow statement gives.

    `everybody` tells whether it lets all principals in, None where its condition decides.  `all_but_actions` tells
    that it gives all actions but some; then `actions` is empty.  No `resources` means those the policy belongs to.
    """

    name: str
    everybody: bool | None
    actions: tuple[str, ...]
    all_but_actions: bool
    resources: tuple[str, ...]


def grants(policy: Any) -> Iterator[Grant]:
    """Yield what the Allow statements of a policy give; raise `InsufficientData` for what nobody can read."""
    try:
        for statement in _statements(policy):
            effect, everybody, name = _opening(statement)
            actions, all_but = _either(statement, "Action")
            if actions is None:
                raise _Malformed("a statement of the policy names no action")
            resources, negated = _either(statement, "Resource")
            named = tuple(_strings(resources, "Resource")) if resources is not None else ()
            if effect == "Allow":
                listed = () if all_but else tuple(_strings(actions, "Action"))
                yield Grant(name, everybody, listed, all_but, ("*",) if negated else named)
    except _Malformed as problem:
        raise InsufficientData(str(problem)) from problem
