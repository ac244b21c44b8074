"""The functions of Helm templates that decide what a chart is called and which images it runs.

They are Go's own, Sprig's (https://masterminds.github.io/sprig/) and Helm's, with the types that they ask for: a number
of the values is a float, one of a template an int.  What is not here is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from scanner.documents import load_value
from scanner.errors import DocumentError
from scanner.guarded import InsufficientData, Unknown
from scanner.scalars import KUBERNETES

LONGEST = 1_000_000
"""A longer text is not made."""
_MAX_INDENT = 200
_MAX_LIST = 10_000
_EXPONENT = 1_000_000
_SMALLEST = 0.0001
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_RELEASE = r"(-?[^a-z\d\-])+-?"
"""What Bitnami's library chart replaces in the name of a release."""


OPEN, CLOSE = "\ue000", "\ue001"
TOKEN = re.compile(f"{OPEN}([0-9]+){CLOSE}")
"""Stands in rendered text for what is not known; the number says which of the unknowns."""


class Made(dict[str, Any]):
    """An object that a template makes, and may change; `open` is why nobody can say what it has, empty if one can."""

    open = ""


class Failed(Exception):
    """A template that Helm refuses to render: `required`, `fail`, or an argument of the wrong type."""


def truth(value: Any) -> bool:
    """Return whether Go takes a value for true; raise `InsufficientData` if that is not known."""
    if isinstance(value, str) and value and not TOKEN.sub("", value):
        raise InsufficientData("it may be empty")
    if isinstance(value, dict) and not value and (why := getattr(value, "open", "")):
        raise InsufficientData(why)
    return bool(value)


def shown(value: Any) -> str:
    """Return a value as text, as a template prints it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if abs(value) >= _EXPONENT or 0 < abs(value) < _SMALLEST:
            raise InsufficientData(
                "a number of seven digits or more is printed, of which Helm may make 1e+06; write it in quotes"
            )
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, (dict, list)):
        raise InsufficientData("a list or an object is printed")
    return str(value)


def to_yaml(value: Any) -> str:
    """Return a value as YAML, as `toYaml` writes it."""
    text: str = yaml.dump(
        _plain(value), Dumper=_Dumper, default_flow_style=False, sort_keys=True, width=LONGEST, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, _: Any) -> bool:
        return True

    def text(self, value: str) -> Any:
        is_plain = bool(value) and "\n" not in value and KUBERNETES.scalar(value) == value
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_plain else '"')


_Dumper.add_representer(str, _Dumper.text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**21:
        return int(value)
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _to_json(value: Any) -> str:
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _from_yaml(text: str) -> Any:
    try:
        value = load_value(text, "", KUBERNETES)
    except DocumentError:
        raise _unsupported("what is no YAML") from None
    if not isinstance(value, dict):
        raise _unsupported("YAML of something else than an object")
    return _floats(value)


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(value: Any) -> str:
    """Return a value as Sprig makes text of it."""
    return "<nil>" if value is None else shown(value)


def _print(*values: Any) -> str:
    made = ""
    for number, value in enumerate(values):
        before = values[number - 1] if number else ""
        made += ("" if isinstance(value, str) or isinstance(before, str) else " ") + _text(value)
    return made


def _printf(pattern: str, *arguments: Any) -> str:
    pieces = pattern.replace("%%", "\0").split("%")
    left = list(arguments)
    made = pieces[0]
    for piece in pieces[1:]:
        kinds = {"s": str, "d": int, "v": object, "q": str}.get(piece[:1])
        if kinds is None or not left or not isinstance(left[0], kinds) or (piece[0] == "d" and _is(left[0], bool)):
            raise _unsupported(f"printf {pattern!r}")
        value = left.pop(0)
        made += (_quoted(value) if piece[0] == "q" else _text(value)) + piece[1:]
    if left:
        raise _unsupported(f"printf {pattern!r}")
    return made.replace("\0", "%")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        made = Made({key: _copy(each) for key, each in value.items()})
        made.open = getattr(value, "open", "")
        return made
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _is(value: Any, kind: type) -> bool:
    return type(value) is kind


def _quoted(text: str) -> str:
    if not all(each.isprintable() or each in f"\n\t\r{OPEN}{CLOSE}" for each in text):
        raise _unsupported("what cannot be printed, in quotes,")
    return json.dumps(text, ensure_ascii=False)


def _unsupported(what: str) -> InsufficientData:
    return InsufficientData(f"{what} is not evaluated")


def _indent(count: int, text: str) -> str:
    if not 0 <= count <= _MAX_INDENT:
        raise _unsupported("so deep an indentation")
    blank = " " * count
    return blank + text.replace("\n", f"\n{blank}")


def _trunc(length: int, text: str) -> str:
    if not text.isascii():
        raise _unsupported("a part of text that is not ASCII")
    return text[:length] if length >= 0 else text[length:]


def _number(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise _unsupported("the number in other text")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(key, Unknown) or isinstance(value, Unknown):
            raise InsufficientData((key if isinstance(key, Unknown) else value).reason)
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and _is(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            raise Failed("index of what has none")
    return value


def _dict(*pairs: Any) -> Made:
    if len(pairs) % 2:
        raise _unsupported("a key without a value")
    return Made({_text(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)})


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
                raise _unsupported("a merge of objects in objects")
            if not truth(value.get(key)):
                value[key] = new
    return value


def _len(value: Any) -> int:
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


def _kind(value: Any) -> str:
    if value is None:
        return "invalid"
    return {list: "slice", str: "string", bool: "bool", int: "int", float: "float64"}.get(type(value), "map")


def _type(value: Any) -> str:
    kind = _kind(value)
    return {"map": "map[string]interface {}", "slice": "[]interface {}", "invalid": "<nil>"}.get(kind, kind)


def _same(first: Any, other: Any) -> bool:
    return bool(_kind(first) == _kind(other) and first == other)


def _equal(first: Any, *others: Any) -> bool:
    for other in others:
        if None not in (first, other) and (_kind(first) != _kind(other) or isinstance(first, (dict, list))):
            raise Failed("incompatible types for comparison")
        if _same(first, other):
            return True
    return False


def _less(first: Any, other: Any) -> bool:
    if _kind(first) != _kind(other) or not isinstance(first, (int, float, str)) or _is(first, bool):
        raise Failed("incompatible types for comparison")
    return bool(first < other)


def _join(by: str, values: Any) -> str:
    listed = values if isinstance(values, list) else [] if values is None else [values]
    return by.join(_text(each) for each in listed if each is not None)


def _keys(*values: dict[str, Any]) -> list[str]:
    found = [key for value in values for key in value]
    if len(found) > 1:
        raise _unsupported("the order of several keys")
    return found


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
        raise _unsupported("so long a list")
    return list(range(count))


def _regex_replace(pattern: str, text: str, _: str) -> str:
    if pattern == _RELEASE and re.fullmatch("[a-z0-9-]*", text):
        return text
    raise _unsupported("a regular expression")


def _taking(function: Callable[..., Any], *kinds: Any) -> Callable[..., Any]:
    """Return a function that refuses arguments of other types, as Go does; the last is the type of all that follow."""

    def checked(*arguments: Any) -> Any:
        for number, argument in enumerate(arguments):
            kind = kinds[min(number, len(kinds) - 1)]
            if isinstance(argument, Unknown):
                if kind is not object:
                    raise InsufficientData(argument.reason)
                continue
            if kind is not object and (not isinstance(argument, kind) or (kind is int and _is(argument, bool))):
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
    "print": _print,
    "printf": _taking(_printf, str, object),
    "default": _default,
    "empty": lambda value: not truth(value),
    "coalesce": _coalesce,
    "ternary": _taking(lambda yes, no, test: yes if test else no, object, object, bool),
    "required": _taking(_required, str, object),
    "fail": _taking(_fail, str),
    "quote": lambda *values: " ".join(_quoted(_text(value)) for value in values if value is not None),
    "squote": lambda *values: " ".join(f"'{_text(value)}'" for value in values if value is not None),
    "toString": _text,
    "int": _number,
    "int64": _number,
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
    "concat": _taking(lambda *lists: [each for values in lists for each in values], list),
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
    "typeOf": _type,
    "typeIs": lambda kind, value: _type(value) == kind,
    "toYaml": to_yaml,
    "fromYaml": _taking(_from_yaml, str),
    "toJson": _to_json,
    "add": lambda *values: sum(map(_number, values)),
    "add1": lambda value: _number(value) + 1,
    "sub": lambda a, b: _number(a) - _number(b),
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
