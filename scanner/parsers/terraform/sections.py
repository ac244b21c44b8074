"""The top of a large JSON object, read part by part: of a plan less than half is needed, and it may be 100 MB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\r\n]*")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number that JSON knows")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def sections(text: str) -> Iterator[tuple[str, Any]]:
    """Return the keys of the object with their values, one after the other; raise `ValueError` if it is not JSON.

    What the caller does not keep is gone before the next value is read.
    """
    at = _expect(text, 0, "{")
    if _peek(text, at) == "}":
        _end(text, _expect(text, at, "}"))
        return
    while True:
        key, at = _value(text, at)
        if not isinstance(key, str):
            raise ValueError("a key is not text")
        value, at = _value(text, _expect(text, at, ":"))
        yield key, value
        del value
        if _peek(text, at) != ",":
            break
        at = _expect(text, at, ",")
    _end(text, _expect(text, at, "}"))


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, _skip(text, at))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _peek(text: str, at: int) -> str:
    at = _skip(text, at)
    return text[at : at + 1]


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"expected {mark!r} at character {at}")
    return at + 1


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise ValueError(f"there is more after the end, at character {at}")
