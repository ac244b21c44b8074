"""Functions that make one type of value into another, or only say something about it."""

from __future__ import annotations

from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.values import (
    Mistake,
    Set,
    dict_of,
    kind,
    list_of,
    make_set,
    number_of,
    text_of,
    truth_of,
    unified,
)


@function(raw=True, nulls=True)
def tostring(value: Any) -> Any:
    return value if value is None or isinstance(value, Unknown) else text_of(value)


@function(nulls=True)
def tonumber(value: Any) -> Any:
    return None if value is None else number_of(value)


@function(nulls=True)
def tobool(value: Any) -> Any:
    return None if value is None else truth_of(value)


@function(holes=True, nulls=True)
def tolist(value: Any) -> Any:
    return None if value is None else unified(list(list_of(value)))


@function(holes=True, nulls=True)
def toset(value: Any) -> Any:
    """Return a set; how many items it has is not known while one is unknown."""
    if value is None or isinstance(value, Set):
        return value
    reason = unknown_in(list_of(value))
    return make_set(value) if reason is None else Unknown(reason)


@function(holes=True, nulls=True)
def tomap(value: Any) -> Any:
    if value is None:
        return None
    items = dict_of(value)
    return dict(zip(items, unified(list(items.values())), strict=True))


def _same(value: Any) -> Any:
    """Return the value: that it is secret, or no longer, does not change it."""
    return value


for _name in ("sensitive", "nonsensitive", "ephemeralasnull"):
    function(name=_name, raw=True, nulls=True)(_same)


@function(raw=True, nulls=True)
def coalesce(*values: Any) -> Any:
    """Return the first value that is neither null nor empty text."""
    for value in values:
        if isinstance(value, Unknown):
            return Unknown(value.reason)
        if value not in (None, ""):
            return unified([value, *(v for v in values if v is not value and isinstance(v, str))])[0]
    raise Mistake("all values are null or empty")


@function(raw=True, nulls=True)
def coalescelist(*lists: Any) -> Any:
    """Return the first list that is not empty."""
    for value in lists:
        if isinstance(value, Unknown):
            return Unknown(value.reason)
        if isinstance(value, (list, dict)) and value:
            return value
        if not isinstance(value, (list, dict, type(None))):
            raise Mistake(f"{kind(value)} is not a list")
    raise Mistake("all lists are empty")
