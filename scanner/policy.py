"""Does a resource policy let a principal do something?  Allowed, denied, or not decidable from what was seen.

The answer is about the policy alone: identity policies, service control policies and session policies can still deny.
Semantics: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from scanner.model import InsufficientData

_STATEMENT = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)


class Decision(StrEnum):
    """What a policy says, from narrow to wide."""

    DENIED = "denied"
    UNDECIDED = "undecided"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Answer:
    """A decision and the reasons for it, each a clause; UNDECIDED always has one."""

    decision: Decision
    reasons: tuple[str, ...]


class _Malformed(Exception):
    """The policy is not one that AWS would accept; the text says why."""


@dataclass(frozen=True)
class _Request:
    principal: str
    action: str
    resource: str
    context: Mapping[str, str]


@dataclass(frozen=True)
class _Match:
    """How one statement bears on a request: `applies` is None where that cannot be decided, for `reason`."""

    effects: tuple[str, ...]
    applies: bool | None
    reason: str


def decide(policy: Any, principal: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> Answer:
    """Return whether a resource policy lets `principal` perform `action` on `resource`.

    `policy` is the policy object, its JSON text, or None for no policy.  `principal` is an account id (any identity
    of the account), an IAM ARN, or a service name such as `lambda.amazonaws.com`; `resource` is an ARN; `context`
    holds the condition keys whose values are known (`aws:PrincipalAccount`).  A policy that AWS would not accept, and
    a question that hangs on something unseen, is UNDECIDED.
    """
    keys = {key.lower(): value for key, value in (context or {}).items()}
    request = _Request(principal, action, resource, keys)
    try:
        matches = [_match(statement, request) for statement in _statements(policy)]
    except (InsufficientData, _Malformed) as problem:
        return Answer(Decision.UNDECIDED, (str(problem),))
    return _combine(matches, request)


def _combine(matches: Sequence[_Match], request: _Request) -> Answer:
    def reasons(effect: str, applies: bool | None) -> tuple[str, ...]:
        return tuple(m.reason for m in matches if effect in m.effects and m.applies is applies)

    allows, may_allow = reasons("Allow", True), reasons("Allow", None)
    denies, may_deny = reasons("Deny", True), reasons("Deny", None)
    if denies:
        return Answer(Decision.DENIED, denies)
    if not allows and not may_allow:
        return Answer(Decision.DENIED, (f"no statement allows '{request.action}' to '{request.principal}'",))
    if may_deny:
        return Answer(Decision.UNDECIDED, may_deny)
    return Answer(Decision.ALLOWED, allows) if allows else Answer(Decision.UNDECIDED, may_allow)


def _statements(policy: Any) -> Iterator[Any]:
    """Return the statements, an `InsufficientData` in place of each that was not seen."""
    if isinstance(policy, str):
        policy = _json(policy)
    if policy is None:
        return
    if not isinstance(policy, dict) or not policy.keys() <= {"Version", "Id", "Statement"}:
        raise _Malformed("the policy is not an object of Version, Id and Statement")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _Malformed("the policy has no statements")
    for number in range(len(statements)):
        try:
            yield statements[number]
        except InsufficientData as gap:
            yield gap


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Malformed("the policy is not JSON") from error


def _match(statement: Any, request: _Request) -> _Match:
    if isinstance(statement, InsufficientData):
        return _Match(("Allow", "Deny"), None, str(statement))
    if not isinstance(statement, dict):
        raise _Malformed("a statement of the policy is not an object")
    if unknown := statement.keys() - _STATEMENT:
        raise _Malformed(f"a statement of the policy has the unknown element '{min(unknown)}'")
    try:
        effect = statement.get("Effect")
    except InsufficientData as gap:
        return _Match(("Allow", "Deny"), None, str(gap))
    if effect not in ("Allow", "Deny"):
        raise _Malformed(f"a statement of the policy has the effect '{effect}'")
    applies, reason = _applies(statement, request)
    return _Match((effect,), applies, reason)


def _applies(statement: Mapping[str, Any], request: _Request) -> tuple[bool | None, str]:
    """Return whether every element of a statement matches: one that certainly does not settles it."""
    results: list[bool | None] = []
    undecided = ""
    for name, test in (
        ("principal", _principal),
        ("action", _action),
        ("resource", _resource),
        ("condition", _condition),
    ):
        try:
            results.append(test(statement, request))
            reason = f"whether {_named(statement)} applies hangs on its {name}"
        except InsufficientData as gap:
            results.append(None)
            reason = str(gap)
        if results[-1] is None:
            undecided = undecided or reason
    return _all(results), undecided or f"{_named(statement)} applies"


def _named(statement: Mapping[str, Any]) -> str:
    try:
        return f"statement '{statement['Sid']}'" if statement.get("Sid") else "a statement"
    except InsufficientData:
        return "a statement"


def _either(statement: Mapping[str, Any], name: str) -> tuple[Any, bool]:
    """Return the value of element `name` or `Not<name>`, and whether it is the negated one."""
    if name in statement and f"Not{name}" in statement:
        raise _Malformed(f"a statement of the policy has both {name} and Not{name}")
    return (statement[f"Not{name}"], True) if f"Not{name}" in statement else (statement.get(name), False)


def _principal(statement: Mapping[str, Any], request: _Request) -> bool | None:
    value, negated = _either(statement, "Principal")
    if value is None:
        raise _Malformed("a statement of the policy names no principal")
    found = [_is_principal(kind, name, request.principal) for kind, name in _principals(value)]
    if not negated:
        return _any(found)
    if None not in found:
        return True not in found
    return None


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    if value == "*":
        yield "*", "*"
        return
    if not isinstance(value, dict) or not value:
        raise _Malformed("a principal of the policy is neither '*' nor an object")
    for kind, names in value.items():
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
            raise _Malformed(f"the policy has a principal of the unknown kind '{kind}'")
        for name in _strings(names, "Principal"):
            yield kind, name


def _is_principal(kind: str, name: str, asked: str) -> bool | None:
    if kind == "*":
        return True
    service = not (asked.startswith("arn:") or _is_account(asked))
    if kind == "Service":
        return service and name.lower() == asked.lower()
    if service:
        return None if name == "*" else False
    if kind != "AWS":
        return False if kind == "Federated" else None  # a canonical user id hides which account it is
    return True if name in ("*", asked) else _is_identity(name, asked)


def _is_identity(name: str, asked: str) -> bool | None:
    named = _account(name)
    if named and named != _account(asked):
        return False
    if _is_whole_account(name):
        return True  # the account stands for all its identities
    # An identity is only some of what an account may be; a session belongs to a role; a bare id is a deleted identity.
    unclear = _is_whole_account(asked) or not named or ":sts:" in name or "*" in name or "?" in name
    return None if unclear else False


def _is_account(text: str) -> bool:
    return len(text) == 12 and text.isdecimal()


def _is_whole_account(principal: str) -> bool:
    return _is_account(principal) or principal.endswith(":root")


def _account(principal: str) -> str:
    if _is_account(principal):
        return principal
    parts = principal.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" else ""


def _action(statement: Mapping[str, Any], request: _Request) -> bool:
    value, negated = _either(statement, "Action")
    if value is None:
        raise _Malformed("a statement of the policy names no action")
    found = any(_glob(pattern.lower(), request.action.lower()) for pattern in _strings(value, "Action"))
    return found is not negated


def _resource(statement: Mapping[str, Any], request: _Request) -> bool | None:
    value, negated = _either(statement, "Resource")
    if value is None:
        return True  # a repository policy names no resource: it is the repository
    found = _any(_is_resource(pattern, request.resource) for pattern in _strings(value, "Resource"))
    return None if found is None else found is not negated


def _is_resource(pattern: str, arn: str) -> bool | None:
    if pattern == "*":
        return True
    if "${" in pattern:
        return None
    whole = _glob(pattern, arn)
    parts, asked = pattern.split(":", 5), arn.split(":", 5)
    # AWS documents that a wildcard stays within its segment; where that makes a difference nobody should rely on it.
    apart = len(parts) == len(asked) and all(map(_glob, parts, asked))
    return whole if whole is apart else None


def _condition(statement: Mapping[str, Any], request: _Request) -> bool | None:
    operators = statement.get("Condition")
    if operators is None:
        return True
    if not isinstance(operators, dict):
        raise _Malformed("a condition of the policy is not an object")
    return _all(_operator(name, operators, request.context) for name in operators)


def _operator(name: str, operators: Mapping[str, Any], context: Mapping[str, str]) -> bool | None:
    test = _OPERATORS.get(name.lower())
    try:
        keys = operators[name]
        if not isinstance(keys, dict):
            raise _Malformed("a condition of the policy is not an object")
        return _all(_key(test, key, keys, context) for key in keys)
    except InsufficientData:
        return None


def _key(
    test: Callable[[str, str], bool | None] | None, key: str, keys: Mapping[str, Any], context: Mapping[str, str]
) -> bool | None:
    try:
        wanted = [keys[key]] if isinstance(keys[key], bool | int) else _strings(keys[key], "Condition")
    except InsufficientData:
        return None
    if test is None or key.lower() not in context:
        return None
    have = context[key.lower()]
    return _any(None if "${" in str(value) else test(str(value), have) for value in wanted)


def _strings(value: Any, element: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(item, str) for item in values):
        raise _Malformed(f"an element {element} of the policy is neither a text nor a list of texts")
    return list(values)


def _any(results: Iterable[bool | None]) -> bool | None:
    found = set(results)
    return True if True in found else None if None in found else False


def _all(results: Iterable[bool | None]) -> bool | None:
    found = set(results)
    return False if False in found else None if None in found else True


def _glob(pattern: str, text: str) -> bool:
    """Match `*` and `?`; unlike the shell's patterns, IAM's have no character classes."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


_OPERATORS: Mapping[str, Callable[[str, str], bool | None]] = {
    "stringequals": lambda wanted, have: wanted == have,
    "stringlike": _glob,
    "arnequals": _is_resource,
    "arnlike": _is_resource,
}

_ELEMENTS: Mapping[str, Callable[[Mapping[str, Any], _Request], bool | None]] = {
    "principal": _principal,
    "action": _action,
    "resource": _resource,
    "condition": _condition,
}
