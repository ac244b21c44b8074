"""Text and data from accounts and files, made safe to write: names can hold anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from scanner.model import Items, Location, Properties, Unknown

_DEEPEST = 64
_STEERING = re.compile(
    "[\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_COMMAND = re.compile(r"^(\s*):(?=:)")


def printable(text: str) -> str:
    """Return one line of text in which controls, bidi marks and lone surrogates are visible escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else _escaped(c) for c in text)


def printable_lines(text: str) -> str:
    """Do as `printable` does, but keep the line breaks of a text that has lines."""
    return "\n".join(printable(line).rstrip() for line in text.strip().splitlines())


def ascii_only(text: str) -> str:
    """Return text in which every character outside ASCII is a visible escape."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, marked where it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 4].rstrip()} ..."


def sentence(text: str, limit: int) -> str:
    """Return one printable line of at most `limit` characters that ends with a period."""
    line = cut(printable(text[: limit + 1]).strip(), limit - 1)
    return line if line.endswith(".") else f"{line}."


def written_at(location: Location) -> str:
    """Return where something is written, and the calls of modules that lead to it, the nearest first."""
    return ", from ".join(map(str, (location, *reversed(location.through))))


def dumps(value: Any) -> str:
    """Return compact JSON that any reader takes: no lone surrogates, no NaN.

    Controls, bidi marks and what some readers take for the end of a line are escapes of JSON, so that nothing is lost.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if "##" in text:
        text = text.replace("##[", "#\\u0023[").replace("##vso[", "#\\u0023vso[")  # as in `inert`
    return _STEERING.sub(_in_json, text)


def inert(line: str) -> str:
    """Return a line of the same length that no build server takes for one of its commands.

    GitHub and Azure DevOps obey a line that begins with `::`, and `##[` and `##vso[` wherever they stand.
    """
    if "::" in line:
        line = _COMMAND.sub(r"\1\\", line)
    return line.replace("##[", "#\\[").replace("##vso[", "#\\vso[") if "##" in line else line


def jsonable(value: Any, depth: int = 0) -> Any:
    """Return data as plain JSON data with sorted keys.

    What is not seen becomes `{"unknown": reason}`; what JSON cannot say, and what is nested deeper than any real
    answer, becomes text.
    """
    if isinstance(value, Unknown):
        return {"unknown": value.reason}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if depth >= _DEEPEST:
        return "... (nested too deeply)"
    return _jsonable_container(value, depth + 1)


def timestamp(moment: datetime) -> str:
    """Return a time in RFC 3339; UTC is written `Z`."""
    return moment.isoformat().replace("+00:00", "Z")


def _jsonable_container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        items = value.raw() if isinstance(value, Properties) else value.items()
        return {str(k): jsonable(v, depth) for k, v in sorted(items, key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [jsonable(v, depth) for v in (value.raw() if isinstance(value, Items) else value)]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(v, depth) for v in value), key=str)
    return str(value)


def _in_json(found: re.Match[str]) -> str:
    lone = "\ud800" <= found[0] <= "\udfff"  # no JSON escape stands for one: readers differ in what they make of it
    return f"\\{_escaped(found[0])}" if lone else f"\\u{ord(found[0]):04x}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
