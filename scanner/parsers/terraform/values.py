"""Values of Terraform expressions: known, unknown, or known in part.

A value is None (null), a bool, an int or a float, text, a list, a dict with text keys, or `Unknown` with the reason.
Lists and dicts may hold `Unknown` at any depth.  A whole number is always an int.

Lists and tuples are not told apart, nor maps and objects.  That is why a conversion that only Terraform's types ask
for is not made (`true ? [1] : ["a"]` is `["1"]` there), and why equal lists are not known to be equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from scanner.guarded import Unknown

MAX_TEXT = 4_000_000
"""More characters than this, in one value, are not put together."""

MAX_ITEMS = 100_000
"""More items than this, in one value and all that it holds, are not put together."""

_LONGEST_NUMBER = 200
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
_EXACT_DIGITS = 15  # a float holds no more for certain
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}

ARITHMETIC = Context(prec=160)
"""As precise as Terraform's numbers, which have 512 bits."""


class Mistake(Exception):
    """Terraform would refuse to evaluate this; `try` and `can` catch it."""


class Undecided(Exception):
    """A value that is not worked out, though Terraform would; the text is the reason."""


class Set(list[Any]):
    """A set: a list in Terraform's order, without doubles and with nothing unknown in it."""


class Encoded(Unknown):
    """Text that encodes a structure of which a part is unknown; `value` is that structure."""

    __slots__ = ("value",)
    value: Any

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason)
        object.__setattr__(self, "value", value)

    def __reduce__(self) -> Any:
        return Encoded, (self.reason, self.value)


class Pieces(Unknown):
    """Text of which some is unknown; `parts` are, in order, what is known and what is not."""

    __slots__ = ("parts",)
    parts: tuple[str | Unknown, ...]

    def __init__(self, reason: str, parts: tuple[str | Unknown, ...]) -> None:
        super().__init__(reason)
        object.__setattr__(self, "parts", parts)

    def __reduce__(self) -> Any:
        return Pieces, (self.reason, self.parts)


def kind(value: Any) -> str:
    """Return what Terraform calls a value of this kind."""
    if isinstance(value, bool):
        return "a bool"
    names = {int: "a number", float: "a number", str: "text", Set: "a set", list: "a list", dict: "an object"}
    return "null" if value is None else names[type(value)]


def text_of(value: Any) -> str:
    """Return a value as text; raise `Mistake` for one that is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        digits = Decimal(repr(value))
        if len(digits.as_tuple().digits) > _EXACT_DIGITS:
            raise Undecided("a fraction has more digits than are worked out")
        return format(digits, "f")
    raise Mistake(f"{kind(value)} is not text")


def number_of(value: Any) -> int | float:
    """Return a value as a number; raise `Mistake` for one that is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Mistake(f"{kind(value)} is not a number")
    if not _NUMBER.fullmatch(value):
        raise Mistake("the text is not a number")
    return number(Decimal(value[:_LONGEST_NUMBER]) if len(value) <= _LONGEST_NUMBER else Decimal("Infinity"))


def integer_of(value: Any) -> int:
    """Return a value as a whole number; raise `Mistake` for one that is none."""
    found = number_of(value)
    if not isinstance(found, int):
        raise Mistake("the number is not whole")
    return found


def truth_of(value: Any) -> bool:
    """Return a value as true or false; raise `Mistake` for one that is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTHS:
        return _TRUTHS[value]
    raise Mistake(f"{kind(value)} is neither true nor false")


def list_of(value: Any) -> list[Any]:
    """Return a list or a set; raise `Mistake` for anything else."""
    if isinstance(value, list):
        return value
    raise Mistake(f"{kind(value)} is not a list")


def dict_of(value: Any) -> dict[str, Any]:
    """Return a map or an object; raise `Mistake` for anything else."""
    if isinstance(value, dict):
        return value
    raise Mistake(f"{kind(value)} is not a map")


def number(value: Decimal) -> int | float:
    """Return a number: an int if it is whole; raise `Undecided` if it is too long."""
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise Undecided("the number is too long")
    try:
        return int(value) if value == value.to_integral_value(context=ARITHMETIC) else float(value)
    except InvalidOperation:
        raise Undecided("the number is too long") from None


def decimal(value: float) -> Decimal:
    """Return a number as it is written in decimal, so that 0.1 + 0.2 is 0.3."""
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def equal(one: Any, other: Any) -> bool | Unknown:
    """Tell whether two values are equal, as `==` does: without conversion, so 1 is not "1"."""
    for value in (one, other):
        if isinstance(value, Unknown):
            never = isinstance(value, (Encoded, Pieces)) and (one is None or other is None)
            return False if never else Unknown(value.reason)
    if isinstance(one, list) and isinstance(other, list):
        return _all_equal(zip(one, other, strict=True)) if len(one) == len(other) else False
    if isinstance(one, dict) and isinstance(other, dict):
        return _all_equal((one[key], other[key]) for key in one) if one.keys() == other.keys() else False
    same = isinstance(one, bool) is isinstance(other, bool)
    return bool(same and one == other)


def _all_equal(pairs: Iterable[tuple[Any, Any]]) -> bool | Unknown:
    """Tell whether the contents of two containers are equal; if they are, their types may still differ."""
    reason = "whether two lists or maps are equal hangs on their types, which are not followed"
    for one, other in pairs:
        same = equal(one, other)
        if isinstance(same, Unknown):
            reason = same.reason
        elif not same:
            return False
    return Unknown(reason)


def agree(one: Any, other: Any, reason: str) -> Any:
    """Return what is sure when a value is one of two: what they have in common, `Unknown` where they differ."""
    if one is other:
        return one
    if type(one) is list and type(other) is list and len(one) == len(other):
        return [agree(a, b, reason) for a, b in zip(one, other, strict=True)]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: agree(value, other[key], reason) for key, value in one.items()}
    comparable = type(one) is type(other) and not isinstance(one, (dict, Unknown)) and type(one) is not list
    return one if comparable and one == other else Unknown(reason)


def agree_all(values: Iterable[Any], reason: str) -> Any:
    """Return what is sure when a value is one of several."""
    first, *rest = values
    for value in rest:
        first = agree(first, value, reason)
    return first


def unified(values: list[Any]) -> list[Any]:
    """Return values as items of one list: if some are text, numbers and truth values become text."""
    kinds = {type(value) for value in values if value is not None}
    simple = all(issubclass(each, (str, bool, int, float, Encoded, Pieces)) for each in kinds)
    mixed = len({"number" if each in (int, float) else each for each in kinds}) > 1
    if not (simple and mixed):
        return values
    return [value if value is None or isinstance(value, Unknown) else text_of(value) for value in values]


def distinct(values: list[Any]) -> list[Any]:
    """Return values without doubles, the first of each; nothing may be unknown in them."""
    seen, kept = set(), []
    for value in values:
        mark = fingerprint(value)
        if mark not in seen:
            seen.add(mark)
            kept.append(value)
    return kept


def fingerprint(value: Any) -> Any:
    """Return something hashable that is equal for equal values."""
    if isinstance(value, list):
        return ("list", *map(fingerprint, value))
    if isinstance(value, dict):
        return ("dict", *((key, fingerprint(value[key])) for key in sorted(value)))
    return isinstance(value, bool), value


def make_set(values: list[Any]) -> Set:
    """Return a set of known values: of one type, without doubles, text and numbers in order."""
    values = distinct(unified(values))
    kinds = {type(value) for value in values}
    return Set(sorted(values) if len(kinds) == 1 and kinds <= {str, bool, int} else _sorted(values))


def _sorted(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values
