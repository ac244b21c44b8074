"""Do policies let a principal do something?  Allowed, denied, or not decidable from what was seen.

`decide` asks the policy of a resource, `permits` the policies of an identity.  The answer is about those alone:
service control policies, permissions boundaries, session policies, and the other kind, can still deny.
Semantics: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import prod
from typing import Any

from scanner.model import InsufficientData
from scanner.patterns import NEGATED, OPERATORS, all_of, any_of, compare, glob, is_pattern, matches_arn

_STATEMENT = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)


ANYONE = "*"
"""The principal of a statement that names nobody in particular."""

MAX_CONTEXTS = 1000
"""A condition that can be met in more ways than this is not taken apart."""


class Decision(StrEnum):
    """What a policy says, from narrow to wide."""

    DENIED = "denied"
    UNDECIDED = "undecided"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Answer:
    """A decision and the reasons for it, each a clause; UNDECIDED always has one.

    `explicit` tells a denial by a statement from one that follows from there being no permission.
    """

    decision: Decision
    reasons: tuple[str, ...]
    explicit: bool = False


@dataclass(frozen=True)
class Grant:
    """Somebody whom a policy lets do something, or may.

    `principal` is an account id, an IAM ARN, a service name or `ANYONE`.  `context` has one value for each condition
    key on which that hangs, as written: a pattern stands for what it matches.
    """

    principal: str
    context: Mapping[str, str]
    answer: Answer


class _Malformed(Exception):
    """The policy is not one that AWS would accept; the text says why."""


@dataclass(frozen=True)
class _Request:
    principal: str | None  # None: the policies are the principal's own
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
    of the account), an IAM ARN, a service name such as `lambda.amazonaws.com`, or `ANYONE`; `resource` is an ARN;
    `context` holds the condition keys whose values are known (`aws:PrincipalAccount`), where `*` and `?` in a value
    mean that the question is about everything it matches.  A policy that AWS would not accept, and a question that
    hangs on something unseen, is UNDECIDED.
    """
    keys = {key.lower(): value for key, value in (context or {}).items()}
    request = _Request(principal, action, resource, keys)
    try:
        matches = [_match(statement, request) for statement in _statements(policy)]
    except (InsufficientData, _Malformed) as problem:
        return Answer(Decision.UNDECIDED, (str(problem),))
    return _combine(matches, request)


def decide_all(
    policy: Any, principal: str, actions: Iterable[str], resource: str, context: Mapping[str, str] | None = None
) -> Answer:
    """Return whether a resource policy lets `principal` perform every one of `actions`: the narrowest answer."""
    answers = [decide(policy, principal, action, resource, context) for action in actions]
    return min(answers, key=lambda answer: list(Decision).index(answer.decision))


def grants(policy: Any, actions: Sequence[str], resource: str) -> list[Grant]:
    """Return to whom a resource policy allows all of `actions`, or may, each once for each condition it names.

    Only those that the policy itself names are found, `ANYONE` for all others.  Raises `InsufficientData` for a policy
    that AWS would not accept, and for one of which a part was not seen.
    """
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Grant] = {}
    probe = _Request(ANYONE, actions[0], resource, {})
    try:
        for statement in _statements(policy):
            _match(statement, probe)  # it may be malformed though it allows nothing
            for principal, context in _named_by(statement):
                answer = decide_all(policy, principal, actions, resource, context)
                if answer.decision is not Decision.DENIED:
                    found[principal, tuple(sorted(context.items()))] = Grant(principal, context, answer)
    except _Malformed as problem:
        raise InsufficientData(str(problem)) from problem
    return list(found.values())


def _named_by(statement: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield whom an Allow statement names, once for each choice of values that would meet its condition."""
    if isinstance(statement, InsufficientData):
        raise statement
    if statement["Effect"] == "Deny":
        return
    value, negated = _either(statement, "Principal")
    conditions = dict(_met(statement.get("Condition") or {}))
    if prod(map(len, conditions.values())) > MAX_CONTEXTS:
        raise InsufficientData(f"{_named(statement)} has too many values in its condition to be worked out")
    for kind, name in [("*", ANYONE)] if negated else _principals(value):
        principal = name.lower() if kind == "Service" else _account(name) if _is_whole_account(name) else name
        for values in product(*conditions.values()):
            yield principal, dict(zip(conditions, values, strict=True))


def _met(operators: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the keys of a condition, each with the values that meet it: any of them does."""
    for name, keys in operators.items():
        for key, wanted in keys.items():
            if name.lower() in OPERATORS and not isinstance(wanted, bool | int):
                yield key.lower(), _strings(wanted, "Condition")


def permits(policies: Iterable[Any], action: str, resource: str, context: Mapping[str, str] | None = None) -> Answer:
    """Return whether the policies of an identity let it perform `action` on `resource`, an ARN or `*`.

    Each policy is as in `decide`, or an `InsufficientData` in place of one that was not seen: it may allow anything,
    and deny it, and so may one that AWS would not accept.
    """
    request = _Request(None, action, resource, {key.lower(): value for key, value in (context or {}).items()})
    return _combine([match for policy in policies for match in _matches(policy, request)], request)


def _matches(policy: Any, request: _Request) -> list[_Match]:
    try:
        if isinstance(policy, InsufficientData):
            raise policy
        return [_match(statement, request) for statement in _statements(policy)]
    except (InsufficientData, _Malformed) as problem:
        return [_Match(("Allow", "Deny"), None, str(problem))]


def _combine(matches: Sequence[_Match], request: _Request) -> Answer:
    def reasons(effect: str, applies: bool | None) -> tuple[str, ...]:
        return tuple(m.reason for m in matches if effect in m.effects and m.applies is applies)

    allows, may_allow = reasons("Allow", True), reasons("Allow", None)
    denies, may_deny = reasons("Deny", True), reasons("Deny", None)
    if denies:
        return Answer(Decision.DENIED, denies, explicit=True)
    if not allows and not may_allow:
        to = f"to '{request.principal}'" if request.principal else f"on '{request.resource}'"
        return Answer(Decision.DENIED, (f"no statement allows '{request.action}' {to}",))
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
    return all_of(results), undecided or f"{_named(statement)} applies"


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
    if request.principal is None:
        if value is not None:
            raise _Malformed("a statement of an identity's policy names a principal")
        return True
    if value is None:
        raise _Malformed("a statement of the policy names no principal")
    found = [_is_principal(kind, name, request.principal) for kind, name in _principals(value)]
    if not negated:
        return any_of(found)
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
    if asked == ANYONE:
        return True if (kind, name) == ("AWS", ANYONE) else None  # the named are some of all
    if kind == "Federated" or ":oidc-provider/" in asked:
        return kind == "Federated" and name == asked
    service = not (asked.startswith("arn:") or _is_account(asked))
    if kind == "Service":
        return service and name.lower() == asked.lower()
    if service:
        return None if name == "*" else False
    if kind != "AWS":
        return None  # a canonical user id hides which account it is
    return True if name in ("*", asked) else _is_identity(name, asked)


def _is_identity(name: str, asked: str) -> bool | None:
    named = _account(name)
    if named and named != _account(asked):
        return False
    if _is_whole_account(name):
        return True  # the account stands for all its identities
    # An identity is only some of what an account may be; a session belongs to a role; a bare id is a deleted identity.
    unclear = _is_whole_account(asked) or not named or ":sts:" in name or is_pattern(name)
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
    found = any(glob(pattern.lower(), request.action.lower()) for pattern in _strings(value, "Action"))
    return found is not negated


def _resource(statement: Mapping[str, Any], request: _Request) -> bool | None:
    value, negated = _either(statement, "Resource")
    if value is None and request.principal is None:
        raise _Malformed("a statement of an identity's policy names no resource")
    if value is None:
        return True  # a repository policy names no resource: it is the repository
    found = any_of(matches_arn(pattern, request.resource) for pattern in _strings(value, "Resource"))
    return None if found is None else found is not negated


def _condition(statement: Mapping[str, Any], request: _Request) -> bool | None:
    operators = statement.get("Condition")
    if operators is None:
        return True
    if not isinstance(operators, dict):
        raise _Malformed("a condition of the policy is not an object")
    return all_of(_operator(name, operators, request.context) for name in operators)


def _operator(name: str, operators: Mapping[str, Any], context: Mapping[str, str]) -> bool | None:
    plain = NEGATED.get(name.lower(), name.lower())
    test, negated = OPERATORS.get(plain), plain != name.lower()
    try:
        keys = operators[name]
        if not isinstance(keys, dict):
            raise _Malformed("a condition of the policy is not an object")
        found = [_key(test, key, keys, context) for key in keys]
    except InsufficientData:
        return None
    return all_of(None if one is None else one is not negated for one in found)


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
    return any_of(None if "${" in str(value) else compare(test, str(value), have) for value in wanted)


def _strings(value: Any, element: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(item, str) for item in values):
        raise _Malformed(f"an element {element} of the policy is neither a text nor a list of texts")
    return list(values)
