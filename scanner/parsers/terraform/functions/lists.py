"""Functions of lists and sets."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.values import (
    MAX_ITEMS,
    Encoded,
    Mistake,
    Pieces,
    Set,
    Undecided,
    agree_all,
    equal,
    fingerprint,
    integer_of,
    list_of,
    make_set,
    text_of,
    truth_of,
    unified,
)
from scanner.parsers.terraform.values import distinct as without_doubles

_MOST_OF_A_RANGE = 1024  # Terraform's own limit


@function(holes=True)
def concat(*lists: list[Any]) -> list[Any]:
    return [item for each in lists for item in each]


@function(raw=True)
def contains(values: Any, wanted: Any) -> Any:
    """Tell whether a value is in a list; an empty one holds nothing, known or not."""
    if isinstance(values, Unknown):
        return Unknown(values.reason)
    reason = None
    for value in list_of(values):
        same = equal(value, wanted)
        if isinstance(same, Unknown):
            reason = same.reason
        elif same:
            return True
    return False if reason is None else Unknown(reason)


@function(raw=True)
def element(values: Any, at: Any) -> Any:
    """Return an item, counting on from the first after the last; that all are equal is enough to know it."""
    if isinstance(values, Unknown):
        return Unknown(values.reason)
    items = list_of(values)
    if not items:
        raise Mistake("an empty list has no element")
    if isinstance(at, Unknown):
        return agree_all(items, at.reason)
    if integer_of(at) < 0:
        raise Undecided("elements counted from the end depend on the version of Terraform")
    return items[integer_of(at) % len(items)]


@function(holes=True)
def flatten(values: list[Any]) -> Any:
    """Return a list in place of lists of lists; unknown where an item may be a list itself."""
    made: list[Any] = []
    for value in values:
        if isinstance(value, list):
            inner = flatten(value)
            if isinstance(inner, Unknown):
                return inner
            made += inner
        elif isinstance(value, Unknown) and not isinstance(value, (Encoded, Pieces)):
            return Unknown(value.reason)
        else:
            made.append(value)
    return made


@function()
def distinct(values: list[Any]) -> list[Any]:
    return without_doubles(unified(list(values)))


@function()
def compact(values: list[Any]) -> list[str]:
    return [text_of(value) for value in values if value not in (None, "")]


@function(holes=True)
def reverse(values: list[Any]) -> list[Any]:
    return list(values)[::-1]


@function()
def sort(values: list[Any]) -> list[str]:
    return sorted(text_of(value) for value in values)


@function(holes=True)
def slice(values: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(values):
        raise Mistake("the list has no such part")
    return list(values)[start:end]


@function(holes=True)
def chunklist(values: list[Any], size: int) -> list[list[Any]]:
    if size < 0:
        raise Mistake("the size of a part is negative")
    return [list(values)[n : n + size] for n in range(0, len(values), size)] if size else [list(values)]


@function(name="range")
def _range(*limits: float) -> list[Any]:
    """Return numbers from the first limit up to but not the second, by the third."""
    if not 1 <= len(limits) <= 3:
        raise Mistake("'range' takes one to three numbers")
    start, end = (0, limits[0]) if len(limits) == 1 else limits[:2]
    step = limits[2] if len(limits) > 2 else (1 if start <= end else -1)
    if not all(isinstance(each, int) for each in (start, end, step)):
        raise Undecided("ranges of fractions are not worked out")
    if step == 0 or ((step > 0) != (start <= end) and start != end):
        raise Mistake("the step of 'range' leads away from its end")
    made = range(int(start), int(end), int(step))
    if (made.stop - made.start) // made.step > _MOST_OF_A_RANGE:
        raise Mistake(f"'range' gives no more than {_MOST_OF_A_RANGE} numbers")
    return list(made)


@function(name="index")
def _index(values: list[Any], wanted: Any) -> int:
    for n, value in enumerate(values):
        if fingerprint(value) == fingerprint(wanted):
            return n
    raise Mistake("the item is not in the list")


@function(holes=True)
def one(values: list[Any]) -> Any:
    if len(values) > 1:
        raise Mistake("'one' takes a list of at most one item")
    return values[0] if values else None


@function(holes=True)
def alltrue(values: list[Any]) -> Any:
    return _decided(values, by=False)


@function(holes=True)
def anytrue(values: list[Any]) -> Any:
    return _decided(values, by=True)


def _decided(values: list[Any], *, by: bool) -> Any:
    """Return `by` if one of the values is that, unknown if one may be."""
    known = [value is not None and truth_of(value) for value in values if not isinstance(value, Unknown)]
    unknown = next((value for value in values if isinstance(value, Unknown)), None)
    if by in known:
        return by
    return not by if unknown is None else Unknown(unknown.reason)


@function()
def matchkeys(values: list[Any], keys: list[Any], wanted: list[Any]) -> list[Any]:
    if len(values) != len(keys):
        raise Mistake("'matchkeys' takes as many values as keys")
    marks = {fingerprint(each) for each in wanted}
    return [value for value, key in zip(values, keys, strict=True) if fingerprint(key) in marks]


@function()
def setunion(first: list[Any], *rest: list[Any]) -> Set:
    return make_set([item for each in (first, *rest) for item in each])


@function()
def setintersection(first: list[Any], *rest: list[Any]) -> Set:
    sets = [make_set(each) for each in (first, *rest)]
    marks = set.intersection(*({fingerprint(item) for item in each} for each in sets))
    return Set(item for item in sets[0] if fingerprint(item) in marks)


@function()
def setsubtract(first: list[Any], second: list[Any]) -> Set:
    marks = {fingerprint(item) for item in make_set(second)}
    return Set(item for item in make_set(first) if fingerprint(item) not in marks)


@function(holes=True)
def setproduct(*sets: list[Any]) -> Any:
    """Return every combination of one item of each; a list, for all that follows in order."""
    if len(sets) < 2:
        raise Mistake("'setproduct' takes at least two sets")
    if prod(map(len, sets)) * len(sets) > MAX_ITEMS:
        raise Undecided("the product of the sets is too large")
    made = [list(each) for each in product(*sets)]
    return make_set(made) if all(isinstance(each, Set) for each in sets) else made
