"""The functions of Helm templates that decide what a chart is called and which images it runs.

They are Go's own, Sprig's (https://masterminds.github.io/sprig/) and Helm's, with the types that they ask for: a number
of the values is a float, one of a template an int.  What is not here is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scanner.guarded import InsufficientData, Unknown
from scanner.parsers.kubernetes.golang import (
    Failed,
    Int64,
    Made,
    from_yaml,
    is_a,
    quoted,
    sprint,
    sprintf,
    text_of,
    to_json,
    to_yaml,
    truth,
    unsupported,
)
from scanner.parsers.kubernetes.scopes import must_be_whole

_MAX_INDENT = 200
_MAX_LIST = 10_000
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_RELEASE = r"(-?[^a-z\d\-])+-?"
"""What Bitnami's library chart replaces in the name of a release."""


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        made = Made({key: _copy(each) for key, each in value.items()})
        made.open = getattr(value, "open", "")
        return made
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _indent(count: int, text: str) -> str:
    if not 0 <= count <= _MAX_INDENT:
        raise unsupported("so deep an indentation")
    blank = " " * count
    return blank + text.replace("\n", f"\n{blank}")


def _trunc(length: int, text: str) -> str:
    if not text.isascii():
        raise unsupported("a part of text that is not ASCII")
    return text[:length] if length >= 0 else text[length:]


def _number(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise unsupported("the number in other text")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(key, Unknown) or isinstance(value, Unknown):
            raise InsufficientData((key if isinstance(key, Unknown) else value).reason)
        if isinstance(value, dict) and isinstance(key, str):
            if key not in value:
                must_be_whole(value)
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and not is_a(key, bool) and 0 <= key < len(value):
            value = value[key]
        else:
            raise Failed("index of what has none")
    return value


def _dict(*pairs: Any) -> Made:
    if len(pairs) % 2:
        raise unsupported("a key without a value")
    return Made({text_of(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)})


def _set(value: dict[str, Any], key: str, new: Any) -> dict[str, Any]:
    value[key] = new
    return value


def _unset(value: dict[str, Any], key: str) -> dict[str, Any]:
    value.pop(key, None)
    return value


def _merge(value: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """Give an object the members of others that it has not."""
    for other in others:
        for key, new in other.items():
            if isinstance(new, dict) and isinstance(value.get(key), dict):
                raise unsupported("a merge of objects in objects")
            if new is not None and not truth(value.get(key)):
                value[key] = new
    return value


def _len(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise Failed(f"{_type(value)} has no length")
    return len(value.encode() if isinstance(value, str) else value)


def _default(other: Any, value: Any = None) -> Any:
    return value if truth(value) else other


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if truth(value)), None)


def _required(message: str, value: Any) -> Any:
    if value is None or value == "":
        raise Failed(message)
    return value


def _fail(message: str) -> Any:
    raise Failed(message)


_KINDS = {list: "slice", str: "string", bool: "bool", int: "int", Int64: "int64", float: "float64"}


def _kind(value: Any) -> str:
    if value is None:
        return "invalid"
    return _KINDS.get(type(value), "map")


def _type(value: Any) -> str:
    kind = _kind(value)
    return {"map": "map[string]interface {}", "slice": "[]interface {}", "invalid": "<nil>"}.get(kind, kind)


def _type_of(value: Any) -> str:
    if isinstance(value, list):
        raise unsupported("the type of a list")
    return _type(value)


def _type_is(kind: str, value: Any) -> bool:
    return (not isinstance(value, list) or kind.startswith("[]")) and _type_of(value) == kind


def _same(first: Any, other: Any) -> bool:
    return bool(_kind(first) == _kind(other) and first == other)


def _basic(value: Any) -> str:
    return _kind(value).removesuffix("64")


def _equal(first: Any, *others: Any) -> bool:
    for other in others:
        if None not in (first, other) and (_basic(first) != _basic(other) or isinstance(first, (dict, list))):
            raise Failed("incompatible types for comparison")
        if first == other and _basic(first) == _basic(other):
            return True
    return False


def _less(first: Any, other: Any) -> bool:
    if _basic(first) != _basic(other) or not isinstance(first, (int, float, str)) or is_a(first, bool):
        raise Failed("incompatible types for comparison")
    return bool(first < other)


def _join(by: str, values: Any) -> str:
    listed = values if isinstance(values, list) else [] if values is None else [values]
    return by.join(text_of(each) for each in listed if each is not None)


def _keys(*values: dict[str, Any]) -> list[str]:
    found = [key for value in values for key in value]
    if len(found) > 1:
        raise unsupported("the order of several keys")
    return found


def _concat(*lists: list[Any]) -> list[Any]:
    if not any(lists):
        raise unsupported("a list that may be none")
    return [each for values in lists for each in values]


def _uniq(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(_same(value, each) for each in found):
            found.append(value)
    return found


def _has(one: Any, values: list[Any] | None) -> bool:
    return any(_same(one, each) for each in values or ())


def _until(count: int) -> list[int]:
    if not 0 <= count <= _MAX_LIST:
        raise unsupported("so long a list")
    return list(range(count))


def _regex_replace(pattern: str, text: str, _: str) -> str:
    if pattern == _RELEASE and re.fullmatch("[a-z0-9-]*", text):
        return text
    raise unsupported("a regular expression")


def _taking(function: Callable[..., Any], *kinds: Any) -> Callable[..., Any]:
    """Return a function that refuses arguments of other types, as Go does; the last is the type of all that follow."""

    def checked(*arguments: Any) -> Any:
        for number, argument in enumerate(arguments):
            kind = kinds[min(number, len(kinds) - 1)]
            if isinstance(argument, Unknown):
                if kind is not object:
                    raise InsufficientData(argument.reason)
                continue
            if kind is not object and (not isinstance(argument, kind) or (kind is int and not is_a(argument, int))):
                raise Failed(f"wrong type of value: expected {kind.__name__}; found {_type(argument)}")
        return function(*arguments)

    return checked


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    "lt": _less,
    "le": lambda a, b: not _less(b, a),
    "gt": lambda a, b: _less(b, a),
    "ge": lambda a, b: not _less(a, b),
    "len": _len,
    "index": _index,
    "print": sprint,
    "printf": _taking(sprintf, str, object),
    "default": _default,
    "empty": lambda value: not truth(value),
    "coalesce": _coalesce,
    "ternary": _taking(lambda yes, no, test: yes if test else no, object, object, bool),
    "required": _taking(_required, str, object),
    "fail": _taking(_fail, str),
    "quote": lambda *values: " ".join(quoted(text_of(value)) for value in values if value is not None),
    "squote": lambda *values: " ".join(f"'{text_of(value)}'" for value in values if value is not None),
    "toString": text_of,
    "int": _number,
    "int64": lambda value: Int64(_number(value)),
    "lower": _taking(str.lower, str),
    "upper": _taking(str.upper, str),
    "trim": _taking(str.strip, str),
    "trimAll": _taking(lambda cut, text: text.strip(cut) if cut else text, str),
    "trimSuffix": _taking(lambda end, text: text.removesuffix(end), str),
    "trimPrefix": _taking(lambda begin, text: text.removeprefix(begin), str),
    "trunc": _taking(_trunc, int, str),
    "replace": _taking(lambda old, new, text: text.replace(old, new), str),
    "contains": _taking(lambda part, text: part in text, str),
    "hasPrefix": _taking(lambda begin, text: text.startswith(begin), str),
    "hasSuffix": _taking(lambda end, text: text.endswith(end), str),
    "nospace": _taking(lambda text: "".join(text.split()), str),
    "regexReplaceAll": _taking(_regex_replace, str),
    "indent": _taking(_indent, int, str),
    "nindent": _taking(lambda count, text: "\n" + _indent(count, text), int, str),
    "join": _taking(_join, str, object),
    "splitList": _taking(lambda by, text: text.split(by), str),
    "list": lambda *values: list(values),
    "until": _taking(_until, int),
    "first": _taking(lambda values: values[0] if values else None, list),
    "last": _taking(lambda values: values[-1] if values else None, list),
    "append": _taking(lambda values, one: [*values, one], list, object),
    "prepend": _taking(lambda values, one: [one, *values], list, object),
    "concat": _taking(_concat, list),
    "uniq": _taking(_uniq, list),
    "has": _has,
    "dict": _dict,
    "get": _taking(lambda value, key: value.get(key, ""), dict, str),
    "set": _taking(_set, dict, str, object),
    "unset": _taking(_unset, dict, str),
    "merge": _taking(_merge, dict),
    "deepCopy": _copy,
    "hasKey": _taking(lambda value, key: key in value, dict, str),
    "keys": _taking(_keys, dict),
    "pick": _taking(lambda value, *keys: {key: each for key, each in value.items() if key in keys}, dict, str),
    "omit": _taking(lambda value, *keys: {key: each for key, each in value.items() if key not in keys}, dict, str),
    "kindOf": _kind,
    "kindIs": lambda kind, value: _kind(value) == kind,
    "typeOf": _type_of,
    "typeIs": _type_is,
    "toYaml": to_yaml,
    "fromYaml": _taking(from_yaml, str),
    "toJson": to_json,
    "add": lambda *values: Int64(sum(map(_number, values))),
    "add1": lambda value: Int64(_number(value) + 1),
    "sub": lambda a, b: Int64(_number(a) - _number(b)),
}
TEXT = frozenset(
    ("toYaml", "toJson", "print", "printf", "quote", "squote", "indent", "nindent", "trim", "toString", "join")
)
"""Functions that put their arguments into a text, whatever these are."""
CARRIERS = frozenset(
    (
        *("dict", "list", "append", "prepend", "concat", "first", "last", "set", "unset", "deepCopy"),
        *("default", "coalesce", "ternary", "not", "empty", "required"),
    )
)
"""Functions that hand their arguments on without a look into them, or ask only whether they are there."""
STRUCTURE = CARRIERS | {"get", "index", "hasKey", "pick", "omit", "keys", "len", "merge"}
"""Functions that look only at what their arguments are made of."""
MUTATING = frozenset(("set", "unset", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite"))
"""Functions that change what others read later."""
