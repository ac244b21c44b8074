"""How the patterns of IAM policies match: in actions, in ARNs, and in the values of conditions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html and, beside it,
reference_policies_elements_condition_operators.html.  None says that it cannot be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

_SOME = "\0"
"""Stands for what a wildcard of the question matches: only a `*` of the policy takes it."""


def is_pattern(text: str) -> bool:
    """Tell whether a text has wildcards."""
    return "*" in text or "?" in text


def glob(pattern: str, text: str) -> bool:
    """Match `*` and `?`; unlike the shell's patterns, IAM's have no character classes."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def matches_arn(pattern: str, arn: str) -> bool | None:
    """Match an ARN; None where that hangs on a policy variable, or on how far a wildcard reaches."""
    if pattern == "*":
        return True
    if "${" in pattern:
        return None
    whole = glob(pattern, arn)
    parts, asked = pattern.split(":", 5), arn.split(":", 5)
    # AWS documents that a wildcard stays within its segment; where that makes a difference nobody should rely on it.
    apart = len(parts) == len(asked) and all(map(glob, parts, asked))
    return whole if whole is apart else None


OPERATORS: Mapping[str, Callable[[str, str], bool | None]] = {
    "stringequals": lambda wanted, have: wanted == have,
    "stringlike": glob,
    "arnequals": matches_arn,
    "arnlike": matches_arn,
    "bool": lambda wanted, have: wanted.lower() == have.lower(),
}
"""The condition operators that are understood, by their names in lower case: what a policy wants, and what there is."""

NEGATED: Mapping[str, str] = {
    "stringnotequals": "stringequals",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}
"""The operators that hold where another one does not: of several values, none may match."""


def compare(test: Callable[[str, str], bool | None], wanted: str, have: str) -> bool | None:
    """Return what an operator says of a value; of one that is a pattern itself, None if only some of it is wanted."""
    if not is_pattern(have):
        return test(wanted, have)
    if "?" not in wanted and test(wanted, have.replace("*", _SOME).replace("?", _SOME)):
        return True
    apart = wanted.split(":", 5), have.split(":", 5)
    parts = zip(*apart, strict=True) if len(apart[0]) == len(apart[1]) else ()
    return False if any(not is_pattern(own) and not glob(part, own) for part, own in parts) else None


def any_of(results: Iterable[bool | None]) -> bool | None:
    """Return whether one of the results is true."""
    found = set(results)
    return True if True in found else None if None in found else False


def all_of(results: Iterable[bool | None]) -> bool | None:
    """Return whether all of the results are true."""
    found = set(results)
    return False if False in found else None if None in found else True
