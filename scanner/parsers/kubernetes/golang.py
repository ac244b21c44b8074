"""Values as Go has them in templates: what is true, and how they are printed and encoded."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from scanner.documents import load_value
from scanner.errors import DocumentError
from scanner.guarded import InsufficientData
from scanner.scalars import KUBERNETES

LONGEST = 1_000_000
"""A longer text is not made."""
_EXPONENT = 1_000_000
_SMALLEST = 0.0001
_LARGEST = 1e21

OPEN, CLOSE = "\ue000", "\ue001"
TOKEN = re.compile(f"{OPEN}([0-9]+){CLOSE}")
"""Stands in rendered text for what is not known; the number says which of the unknowns."""


class Made(dict[str, Any]):
    """An object that a template makes, and may change; `open` is why nobody can say what it has, empty if one can."""

    open = ""


class Int64(int):
    """What Sprig calculates, which Go tells from the `int` of a template."""


class Failed(Exception):
    """A template that Helm refuses to render: `required`, `fail`, or an argument of the wrong type."""


def truth(value: Any) -> bool:
    """Return whether Go takes a value for true; raise `InsufficientData` if that is not known."""
    if isinstance(value, str) and value and not TOKEN.sub("", value):
        raise InsufficientData("it may be empty")
    if isinstance(value, dict) and (why := getattr(value, "open", "")) and (not value or isinstance(value, Made)):
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
    if isinstance(value, float):
        if 0 < abs(value) < _SMALLEST or abs(value) >= _LARGEST:
            raise unsupported("so small or large a number")
        return int(value) if value.is_integer() else value
    if isinstance(value, Int64):
        return int(value)
    return [_plain(each) for each in value] if isinstance(value, list) else value


def to_json(value: Any) -> str:
    """Return a value as JSON, as `toJson` writes it."""
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def from_yaml(text: str) -> Any:
    """Return the object that a text of YAML says."""
    try:
        value = load_value(text, "", KUBERNETES)
    except DocumentError:
        raise unsupported("what is no YAML") from None
    if not isinstance(value, dict):
        raise unsupported("YAML of something else than an object")
    return _floats(value)


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def text_of(value: Any) -> str:
    """Return a value as Sprig makes text of it."""
    return "<nil>" if value is None else shown(value)


def sprint(*values: Any) -> str:
    """Return values one behind the other, with a blank between two that are no text."""
    made = ""
    for number, value in enumerate(values):
        before = values[number - 1] if number else ""
        made += ("" if isinstance(value, str) or isinstance(before, str) else " ") + text_of(value)
    return made


def sprintf(pattern: str, *arguments: Any) -> str:
    """Return a text with values put into it; what Go marks as wrong in it is not evaluated."""
    pieces = pattern.replace("%%", "\0").split("%")
    left = list(arguments)
    made = pieces[0]
    for piece in pieces[1:]:
        kinds = {"s": str, "d": int, "v": object, "q": str}.get(piece[:1])
        if kinds is None or not left or not isinstance(left[0], kinds) or (piece[0] == "d" and is_a(left[0], bool)):
            raise unsupported(f"printf {pattern!r}")
        value = left.pop(0)
        made += (quoted(value) if piece[0] == "q" else text_of(value)) + piece[1:]
    if left:
        raise unsupported(f"printf {pattern!r}")
    return made.replace("\0", "%")


def is_a(value: Any, kind: type) -> bool:
    """Tell whether a value is of a type itself: true is no number."""
    return type(value) is kind


def quoted(text: str) -> str:
    """Return a text in quotes."""
    if not all(each.isprintable() or each in f"\n\t\r{OPEN}{CLOSE}" for each in text):
        raise unsupported("what cannot be printed, in quotes,")
    return json.dumps(text, ensure_ascii=False)


def unsupported(what: str) -> InsufficientData:
    """Return the error of what is not evaluated."""
    return InsufficientData(f"{what} is not evaluated")
