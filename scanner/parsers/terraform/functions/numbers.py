"""Functions of numbers."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.operators import binary
from scanner.parsers.terraform.values import Mistake, Undecided, number, number_of

_DIGITS = re.compile(r"[-+]?[0-9a-zA-Z]{1,200}")


@function(name="abs")
def _abs(value: float) -> float:
    return abs(value)


@function()
def ceil(value: float) -> int:
    return math.ceil(value)


@function()
def floor(value: float) -> int:
    return math.floor(value)


@function()
def signum(value: float) -> int:
    return (value > 0) - (value < 0)


@function(name="max")
def _max(first: float, *rest: float) -> float:
    return max((first, *rest))


@function(name="min")
def _min(first: float, *rest: float) -> float:
    return min((first, *rest))


@function(name="sum")
def _sum(values: list[Any]) -> Any:
    if not values:
        raise Mistake("'sum' needs at least one number")
    total: Any = 0
    for value in values:
        total = binary("+", total, number_of(value))
    return total


@function(name="pow")
def _pow(base: float, exponent: float) -> int | float:
    return _float(math.pow, base, exponent)


@function()
def log(value: float, base: float) -> int | float:
    return _float(lambda one, other: math.log(one) / math.log(other), value, base)


def _float(calculate: Any, one: float, other: float) -> int | float:
    """Return what Terraform, too, calculates in 64 bits."""
    try:
        return number(Decimal(repr(calculate(one, other))))
    except (ArithmeticError, ValueError):
        raise Undecided("the result is not a finite number") from None


@function()
def parseint(text: str, base: int) -> int:
    if not 2 <= base <= 62:
        raise Mistake("the base is not between 2 and 62")
    if base > 36:
        raise Undecided("numbers of a base over 36 are not worked out")
    if not _DIGITS.fullmatch(text):
        raise Mistake("the text is not a whole number")
    try:
        return int(text, base)
    except ValueError:
        raise Mistake(f"the text is not a number of base {base}") from None
