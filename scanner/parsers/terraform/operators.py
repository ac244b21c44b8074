"""HCL's operators: operands become what the operator works on, `==` alone takes them as they are."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.values import (
    ARITHMETIC,
    Mistake,
    Undecided,
    decimal,
    equal,
    kind,
    number,
    number_of,
    truth_of,
)

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": ARITHMETIC.add,
    "-": ARITHMETIC.subtract,
    "*": ARITHMETIC.multiply,
    "/": ARITHMETIC.divide,
    "%": ARITHMETIC.remainder,
}
_ABSORBING = {"&&": False, "||": True}


def decides(name: str, left: Any) -> bool:
    """Tell whether the left operand alone decides the result."""
    return name in _ABSORBING and not isinstance(left, Unknown) and truth_of(left) is _ABSORBING[name]


def binary(name: str, left: Any, right: Any) -> Any:
    """Return the result of an operator with two operands."""
    if name in _ABSORBING:
        return _logical(name, left, right)
    if name in ("==", "!="):
        same = equal(left, right)
        return same if isinstance(same, Unknown) else same is (name == "==")
    for operand in (left, right):
        if isinstance(operand, Unknown):
            return Unknown(operand.reason)
    one, other = number_of(left), number_of(right)
    return _COMPARISONS[name](one, other) if name in _COMPARISONS else _calculated(name, one, other)


def unary(name: str, of: Any) -> Any:
    """Return the result of `-` or `!`."""
    if isinstance(of, Unknown):
        return Unknown(of.reason)
    if of is None:
        raise Mistake(f"'{name}' needs a value, not {kind(of)}")
    return -number_of(of) if name == "-" else not truth_of(of)


def _logical(name: str, left: Any, right: Any) -> Any:
    known = [truth_of(operand) for operand in (left, right) if not isinstance(operand, Unknown)]
    if _ABSORBING[name] in known:
        return _ABSORBING[name]
    unknown = next((operand for operand in (left, right) if isinstance(operand, Unknown)), None)
    return not _ABSORBING[name] if unknown is None else Unknown(unknown.reason)


def _calculated(name: str, left: float, right: float) -> int | float:
    one, other = decimal(left), decimal(right)
    try:
        return number(_ARITHMETIC[name](one, other))
    except ArithmeticError:
        raise Undecided("the result is not a number of a sensible size") from None
