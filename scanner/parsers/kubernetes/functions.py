"""The functions of Helm templates that decide what a chart is called and which images it runs.

They are Go's own, Sprig's (https://masterminds.github.io/sprig/) and Helm's.  What is not here is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from scanner.guarded import InsufficientData

LONGEST = 1_000_000
"""A longer text is not made."""
_MAX_INDENT = 200
_EXPONENT = 1_000_000


OPEN, CLOSE = "\ue000", "\ue001"
TOKEN = re.compile(f"{OPEN}([0-9]+){CLOSE}")
"""Stands in rendered text for what is not known; the number says which of the unknowns."""


class Failed(Exception):
    """A template that Helm would refuse to render: `required`, `fail`, or what makes no sense."""


def truth(value: Any) -> bool:
    """Return whether Go takes a value for true; raise `InsufficientData` if that is not known."""
    if isinstance(value, str) and value and not TOKEN.sub("", value):
        raise InsufficientData("it may be empty")
    return bool(value)


def shown(value: Any) -> str:
    """Return a value as text, as Go prints it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) and abs(value) >= _EXPONENT:
        raise Failed("a number of seven digits or more is printed, of which Helm may make 1e+06; write it in quotes")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, (dict, list)):
        raise Failed("a list or an object is printed")
    return str(value)


def to_yaml(value: Any) -> str:
    """Return a value as YAML, as `toYaml` writes it."""
    if isinstance(value, str) and not any(c in value for c in "\n:#'\"{}[]&*!|>%@`,") and value == value.strip():
        return value if yaml.safe_load(value or "''") == value and value else json.dumps(value)
    text: str = yaml.dump(_plain(value), Dumper=_Dumper, default_flow_style=False, sort_keys=True, width=LONGEST)
    return text.removesuffix("\n").removesuffix("\n...")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, _: Any) -> bool:
        return True


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _printf(pattern: str, *arguments: Any) -> str:
    pieces = pattern.replace("%%", "\0").split("%")
    left = list(arguments)
    made = pieces[0]
    for piece in pieces[1:]:
        if not piece or piece[0] not in "sdvq" or not left:
            raise _unsupported(f"printf {pattern!r}")
        text = shown(left.pop(0))
        made += (json.dumps(text) if piece[0] == "q" else text) + piece[1:]
    return made.replace("\0", "%")


def _unsupported(what: str) -> InsufficientData:
    return InsufficientData(f"{what} is not evaluated")


def _indent(count: Any, text: Any) -> str:
    if not isinstance(count, int) or not 0 <= count <= _MAX_INDENT:
        raise _unsupported("so deep an indentation")
    blank = " " * count
    return blank + shown(text).replace("\n", f"\n{blank}")


def _trunc(length: int, text: Any) -> str:
    whole = shown(text)
    return whole[:length] if length >= 0 else whole[length:]


def _number(value: Any) -> int:
    try:
        return int(shown(value) or 0)
    except ValueError:
        return 0


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            raise Failed("index of what has none")
    return value


def _dict(*pairs: Any) -> dict[str, Any]:
    return {shown(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=False)}


def _default(other: Any, value: Any = None) -> Any:
    return value if truth(value) else other


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if truth(value)), None)


def _required(message: str, value: Any) -> Any:
    if value is None or value == "":
        raise Failed(message)
    return value


def _fail(message: Any) -> Any:
    raise Failed(shown(message))


def _kind(value: Any) -> str:
    kinds = {dict: "map", list: "slice", str: "string", bool: "bool", int: "int", float: "float64"}
    return next((name for type, name in kinds.items() if isinstance(value, type) and type is not int), "int")


def _equal(first: Any, *others: Any) -> bool:
    return any(type(first) is type(other) and first == other for other in others)


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "len": len,
    "index": _index,
    "print": lambda *values: "".join(map(shown, values)),
    "printf": _printf,
    "default": _default,
    "empty": lambda value: not truth(value),
    "coalesce": _coalesce,
    "ternary": lambda yes, no, test: yes if truth(test) else no,
    "required": _required,
    "fail": _fail,
    "quote": lambda *values: " ".join(json.dumps(shown(value), ensure_ascii=False) for value in values),
    "squote": lambda *values: " ".join(f"'{shown(value)}'" for value in values),
    "toString": shown,
    "int": _number,
    "int64": _number,
    "lower": lambda text: shown(text).lower(),
    "upper": lambda text: shown(text).upper(),
    "trim": lambda text: shown(text).strip(),
    "trimAll": lambda cut, text: shown(text).strip(cut),
    "trimSuffix": lambda end, text: shown(text).removesuffix(end),
    "trimPrefix": lambda begin, text: shown(text).removeprefix(begin),
    "trunc": _trunc,
    "replace": lambda old, new, text: shown(text).replace(old, new),
    "contains": lambda part, text: part in shown(text),
    "hasPrefix": lambda begin, text: shown(text).startswith(begin),
    "hasSuffix": lambda end, text: shown(text).endswith(end),
    "nospace": lambda text: "".join(shown(text).split()),
    "indent": _indent,
    "nindent": lambda count, text: "\n" + _indent(count, text),
    "join": lambda by, values: by.join(map(shown, values)),
    "splitList": lambda by, text: shown(text).split(by),
    "list": lambda *values: list(values),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "append": lambda values, one: [*values, one],
    "prepend": lambda values, one: [one, *values],
    "concat": lambda *lists: [each for values in lists for each in values],
    "has": lambda one, values: any(_equal(one, each) for each in values or ()),
    "dict": _dict,
    "get": lambda value, key: value.get(key, ""),
    "hasKey": lambda value, key: key in value,
    "keys": lambda value: list(value),
    "pick": lambda value, *keys: {key: each for key, each in value.items() if key in keys},
    "omit": lambda value, *keys: {key: each for key, each in value.items() if key not in keys},
    "kindOf": _kind,
    "kindIs": lambda kind, value: _kind(value) == kind,
    "typeIs": lambda kind, value: _kind(value) == kind,
    "toYaml": to_yaml,
    "toJson": lambda value: json.dumps(_plain(value), sort_keys=True),
    "add": lambda *values: sum(map(_number, values)),
    "add1": lambda value: _number(value) + 1,
    "sub": lambda a, b: _number(a) - _number(b),
}
TEXT = frozenset(
    ("toYaml", "toJson", "print", "printf", "quote", "squote", "indent", "nindent", "trim", "toString", "join")
)
"""Functions that put their arguments into a text, whatever these are."""
STRUCTURE = frozenset(
    (
        *("dict", "list", "get", "index", "hasKey", "pick", "omit", "keys", "first", "last", "len"),
        *("append", "prepend", "concat"),
        *("default", "coalesce", "ternary", "and", "or", "not", "empty", "required"),
    )
)
"""Functions that hand their arguments on, or ask whether they are there."""
MUTATING = frozenset(("set", "unset", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite"))
"""Functions that change what others read later."""
