"""Functions of maps, and of anything that has a length."""

from __future__ import annotations

from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.functions.texts import characters
from scanner.parsers.terraform.values import Mistake, agree_all, dict_of, kind, list_of, text_of


@function(holes=True)
def length(value: Any) -> int:
    if isinstance(value, (list, dict)):
        return len(value)
    if isinstance(value, str):
        return len(characters(value))
    raise Mistake(f"{kind(value)} has no length")


@function(raw=True, nulls=True)
def lookup(items: Any, key: Any, *default: Any) -> Any:
    """Return what a key stands for, else the default; that all possible results are equal is enough to know it."""
    if isinstance(items, Unknown):
        return Unknown(items.reason)
    if len(default) > 1:
        raise Mistake("'lookup' takes at most three arguments")
    found = dict_of(items)
    if isinstance(key, Unknown):
        possible = [*found.values(), *default]
        return agree_all(possible, key.reason) if possible and default else Unknown(key.reason)
    name = text_of(key)
    if name in found:
        return found[name]
    if not default:
        raise Mistake(f"the map has no key '{name}'")
    return default[0]


@function(holes=True, nulls=True)
def merge(*maps: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for each in maps:
        made.update({} if each is None else dict_of(each))
    return made


@function(holes=True)
def keys(items: dict[str, Any]) -> list[str]:
    return sorted(items)


@function(holes=True)
def values(items: dict[str, Any]) -> list[Any]:
    return [items[key] for key in sorted(items)]


@function(holes=True)
def zipmap(keys: list[Any], values: list[Any]) -> Any:
    reason = unknown_in(keys)
    if reason is not None:
        return Unknown(reason)
    if len(keys) != len(values):
        raise Mistake("'zipmap' takes as many values as keys")
    return dict(zip(map(text_of, keys), values, strict=True))


@function()
def transpose(items: dict[str, Any]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for key in sorted(items):
        for value in list_of(items[key]):
            made.setdefault(text_of(value), []).append(key)
    return made
