"""JSON text of which some is unknown: what depends on an unknown part is unknown, and the rest is read.

An unknown part inside quotes is taken for text without quotes, and one in the place of a value for a value: templates
that make JSON have no other use for them.  Where the text is no JSON then, nothing of it is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.values import Encoded, Pieces

_TEXT, _VALUE, _END = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"[{_TEXT}{_VALUE}]([0-9]+){_END}")
_RESERVED = re.compile(f"[{_TEXT}{_VALUE}{_END}]")


def marked(pieces: Pieces) -> str | None:
    """Return the text with a mark for each unknown part; None if that is no JSON, or holds such marks already."""
    made: list[str] = []
    inside = False
    for number, part in enumerate(pieces.parts):
        if isinstance(part, Unknown):
            made.append(f"{_TEXT}{number}{_END}" if inside else f'"{_VALUE}{number}{_END}"')
            continue
        if _RESERVED.search(part):
            return None
        state = _ends_inside(part, inside)
        if state is None:
            return None
        inside = state
        made.append(part)
    text = "".join(made)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return text


def _ends_inside(text: str, inside: bool) -> bool | None:
    """Tell whether text ends inside quotes, if it begins there or not; None if it ends inside an escape."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and inside:
            escaped = True
        elif character == '"':
            inside = not inside
    return None if escaped else inside


def restored(value: Any, pieces: Pieces) -> Any:
    """Return what marked text says, with what is unknown in the place of the marks."""
    return _restored(value, pieces.parts)


def _restored(value: Any, parts: Sequence[str | Unknown]) -> Any:
    if isinstance(value, str):
        return _unmarked(value, parts)
    if isinstance(value, list):
        return [_restored(each, parts) for each in value]
    if isinstance(value, dict):
        for key in value:
            if isinstance(name := _unmarked(str(key), parts), Unknown):
                return Unknown(name.reason)
        return {key: _restored(each, parts) for key, each in value.items()}
    return value


def _unmarked(text: str, parts: Sequence[str | Unknown]) -> Any:
    first = _MARK.search(text)
    if first is None:
        return text
    unknown = parts[int(first[1])]
    if first[0] == text:
        return unknown.value if isinstance(unknown, Encoded) and text[0] == _VALUE else unknown
    found: list[str | Unknown] = []
    end = 0
    for match in _MARK.finditer(text):
        found += [text[end : match.start()], parts[int(match[1])]]
        end = match.end()
    reason = next(each.reason for each in found if isinstance(each, Unknown))
    return Pieces(reason, tuple(each for each in (*found, text[end:]) if isinstance(each, Unknown) or each))
