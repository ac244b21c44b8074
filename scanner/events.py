"""Does an event pattern of EventBridge match an event?  Yes, no, or not decidable from what was seen.

Semantics: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from scanner.model import InsufficientData

ANY = object()
"""Stands in an event for a value of which only its being there is known: a text, such as the name of a repository."""


def matches(pattern: Any, event: Mapping[str, Any]) -> bool | None:
    """Return whether `pattern` matches `event`; None where that hangs on something unseen, or is not understood."""
    if not isinstance(pattern, dict) or not pattern:
        return None
    return _object(pattern, event)


def _object(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool | None:
    results: list[bool | None] = []
    for key in pattern:
        try:
            wanted = pattern[key]
        except InsufficientData:
            results.append(None)
            continue
        if key == "$or" and isinstance(wanted, list):
            results.append(_any([_object(one, event) if isinstance(one, dict) else None for one in wanted]))
        elif isinstance(wanted, dict):
            inner = event.get(key)
            results.append(_object(wanted, inner if isinstance(inner, dict) else {}))
        else:
            results.append(_field(wanted, event, key))
    return False if False in results else None if None in results else True


def _field(wanted: Any, event: Mapping[str, Any], key: str) -> bool | None:
    """Match the list of alternatives that a field of a pattern holds; a list in an event matches by any item."""
    if not isinstance(wanted, list) or not wanted:
        return None
    if key not in event:
        return _any([item.get("exists") is False if _is_operator(item, "exists") else False for item in _items(wanted)])
    values = event[key] if isinstance(event[key], list) else [event[key]]
    return _any([_item(item, value) for item in _items(wanted) for value in values])


def _items(wanted: list[Any]) -> list[Any]:
    found = []
    for number in range(len(wanted)):
        try:
            found.append(wanted[number])
        except InsufficientData:
            found.append(ANY)
    return found


def _is_operator(item: Any, name: str) -> bool:
    return isinstance(item, dict) and len(item) == 1 and name in item


def _item(item: Any, value: Any) -> bool | None:
    if item is ANY:
        return None
    if isinstance(item, dict):
        if len(item) != 1:
            return None
        ((name, given),) = item.items()
        if name == "exists":
            return given is True
        test = _OPERATORS.get(name)
        if test is None:
            return None
        if value is ANY:
            return True if given in ("", "*") and name in ("prefix", "wildcard", "suffix") else None
        return test(given, value)
    return None if value is ANY else bool(type(item) is type(value) and item == value)


def _any(results: list[bool | None]) -> bool | None:
    return True if True in results else None if None in results else False


def _prefix(given: Any, value: Any) -> bool | None:
    folded = given.get("equals-ignore-case") if isinstance(given, dict) else None
    if isinstance(folded, str):
        return str(value).lower().startswith(folded.lower())
    return str(value).startswith(given) if isinstance(given, str) else None


def _suffix(given: Any, value: Any) -> bool | None:
    folded = given.get("equals-ignore-case") if isinstance(given, dict) else None
    if isinstance(folded, str):
        return str(value).lower().endswith(folded.lower())
    return str(value).endswith(given) if isinstance(given, str) else None


def _folded(given: Any, value: Any) -> bool | None:
    return str(value).lower() == given.lower() if isinstance(given, str) else None


def _wildcard(given: Any, value: Any) -> bool | None:
    if not isinstance(given, str) or "\\" in given:
        return None
    return fnmatchcase(str(value), given.replace("[", "[[]").replace("?", "[?]"))


def _anything_but(given: Any, value: Any) -> bool | None:
    if isinstance(given, dict):
        inner = _item(given, value) if len(given) == 1 else None
        return None if inner is None else not inner
    excluded = given if isinstance(given, list) else [given]
    return value not in excluded


_OPERATORS: Mapping[str, Callable[[Any, Any], bool | None]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _folded,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
}
