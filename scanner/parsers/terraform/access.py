"""What is taken of values, and what is put together from them, whether they are lazy or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.values import (
    MAX_ITEMS,
    MAX_TEXT,
    Encoded,
    Mistake,
    Pieces,
    Set,
    Undecided,
    integer_of,
    kind,
    text_of,
)

_MAX_DEPTH = 60
_PLAIN = {type(None), bool, int, float, str, list, dict, Set}


def opened(value: Any) -> Any:
    """Return a value that is not lazy itself, though what it holds may be."""
    return value if type(value) in _PLAIN or isinstance(value, Unknown) else value.whole()


def attribute(of: Any, name: str) -> Any:
    """Return an attribute; raise `Mistake` if there certainly is none."""
    if isinstance(of, Unknown):
        return Unknown(of.reason)
    if isinstance(of, dict):
        if name in of:
            return of[name]
        raise Mistake(f"there is no attribute '{name}'")
    if type(of) in _PLAIN:
        raise Mistake(f"{kind(of)} has no attribute '{name}'")
    try:
        return of.attribute(name)
    except KeyError:
        raise Mistake(f"there is no attribute '{name}'") from None


def element(of: Any, key: Any) -> Any:
    """Return what a known key stands for; raise `Mistake` if there certainly is nothing."""
    if isinstance(of, dict):
        return attribute(of, text_of(key))
    if isinstance(of, list) and not isinstance(of, Set):
        at = integer_of(key)
        if 0 <= at < len(of):
            return of[at]
        raise Mistake(f"there is no element {at}")
    if type(of) in _PLAIN:
        raise Mistake(f"{kind(of)} has no elements to choose by a key")
    try:
        return of.index(key)
    except KeyError:
        raise Mistake(f"there is no element '{text_of(key)}'") from None


def pairs(of: Any) -> Iterator[tuple[Any, Any]]:
    """Yield keys and values, of a map in the order of its keys."""
    if isinstance(of, dict):
        yield from sorted(of.items(), key=lambda item: item[0])
    elif isinstance(of, Set):
        yield from zip(of, of, strict=True)
    elif isinstance(of, list):
        yield from enumerate(of)
    else:
        raise Mistake(f"{kind(of)} has nothing to go through")


def joined(parts: list[str | Unknown]) -> str | Unknown:
    """Return text put together; `Pieces` if some of it is unknown, what is unknown itself if that is all."""
    if sum(len(part) for part in parts if isinstance(part, str)) > MAX_TEXT:
        raise Undecided("the text is too long")
    made: list[str | Unknown] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Pieces) else (part,):
            if isinstance(piece, str) and made and isinstance(made[-1], str):
                made[-1] += piece
            elif not isinstance(piece, str) or piece:
                made.append(piece)
    if len(made) == 1:
        return made[0]
    reason = next((part.reason for part in made if isinstance(part, Unknown)), None)
    return "".join(part for part in parts if isinstance(part, str)) if reason is None else Pieces(reason, tuple(made))


def unknown_in(value: Any) -> str | None:
    """Return why a part of a value is unknown, None if all of it is known."""
    if isinstance(value, Unknown):
        return value.reason
    if not isinstance(value, (list, dict)):
        return None
    parts = value.values() if isinstance(value, dict) else value
    return next((reason for part in parts if (reason := unknown_in(part)) is not None), None)


class Settling:
    """Makes what is lazy into values, and measures them: a few lines of references can stand for billions."""

    def __init__(self) -> None:
        self.items = self.characters = 0

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value with nothing lazy in it; raise `Undecided` if it is too large or nested too deeply."""
        self.items += 1
        if isinstance(value, str):
            self.characters += len(value)
        if self.items > MAX_ITEMS or self.characters > MAX_TEXT or depth > _MAX_DEPTH:
            raise Undecided("the value is too large")
        if isinstance(value, dict):
            return self._dict(value, depth + 1)
        if isinstance(value, list):
            return self._list(value, depth + 1)
        if isinstance(value, Unknown):
            return self._unknown(value, depth + 1)
        return value if type(value) in _PLAIN else self.value(value.whole(), depth + 1)

    def _dict(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        made = {key: self.value(each, depth) for key, each in value.items()}
        self.characters += sum(map(len, made))
        return made if any(made[key] is not value[key] for key in made) else value

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        made = [self.value(each, depth) for each in value]
        if all(one is other for one, other in zip(made, value, strict=True)):
            return value
        return Set(made) if isinstance(value, Set) else made

    def _unknown(self, value: Unknown, depth: int) -> Unknown:
        if isinstance(value, Encoded):
            self.value(value.value, depth)
        elif isinstance(value, Pieces):
            self.items += len(value.parts)
            self.characters += sum(len(part) for part in value.parts if isinstance(part, str))
        return value
