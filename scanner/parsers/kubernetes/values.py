"""The values of Helm charts: what is laid over what, as Helm does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.documents import pointer
from scanner.guarded import Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.golang import OPEN
from scanner.parsers.kubernetes.rendered import Tree

GLOBAL = "global"


def located(value: Any, locations: Mapping[str, Location], at: str) -> Any:
    """Return plain data below a JSON Pointer as Helm has it: every number is a float, as those of JSON are in Go.

    Those of `set` are whole already.  Every object knows where its members are written.
    """
    if isinstance(value, dict):
        members = {key: located(each, locations, at + pointer(key)) for key, each in value.items()}
        where = {key: locations[at + pointer(key)] for key in value if at + pointer(key) in locations}
        return Tree(members, where)
    if isinstance(value, list):
        return [located(each, locations, f"{at}/{number}") for number, each in enumerate(value)]
    if type(value) is int:
        return float(value)
    return Unknown("a character for private use") if isinstance(value, str) and OPEN in value else value


def laid(base: Tree, over: Tree) -> Tree:
    """Return a values file laid over another: objects are merged, anything else, null too, replaces what was there."""
    made = Tree(base, base.where, base.open or over.open)
    for key, value in over.items():
        below = made.get(key)
        made[key] = laid(below, value) if isinstance(below, Tree) and isinstance(value, Tree) else value
        if key in over.where:
            made.where[key] = over.where[key]
    return made


def merged(base: Tree, over: Tree, keep: frozenset[str] | None = frozenset()) -> Tree:
    """Return values laid over the defaults of a chart: as `laid`, but null takes a default away.

    Below the members to `keep` it does not, below none of them if that is None.
    """
    made = Tree({}, {**base.where, **over.where}, base.open or over.open)
    for key in dict.fromkeys((*base, *over)):
        if key not in over:
            made[key] = base[key]
        elif over[key] is None and key in base and keep is not None:
            continue
        elif isinstance(over[key], Tree) and isinstance(base.get(key), Tree):
            inner = None if keep is None or key in keep else frozenset[str]()
            made[key] = merged(base[key], over[key], inner)
        else:
            made[key] = over[key]
    return made


def with_globals(values: Tree, above: Tree) -> Tree:
    """Return the values of a chart in another one with the globals of that, which come first."""
    own, given = values.get(GLOBAL, Tree({}, {})), above.get(GLOBAL, Tree({}, {}))
    if not isinstance(own, Tree) or not isinstance(given, Tree):
        return values
    made = Tree(own, own.where, own.open or given.open)
    for key, value in given.items():
        if key in own and isinstance(value, Tree) != isinstance(own[key], Tree):
            continue
        made[key] = merged(own[key], value, None) if key in own and isinstance(value, Tree) else value
        if key in given.where:
            made.where[key] = given.where[key]
    return laid(values, Tree({GLOBAL: made}, above.where if GLOBAL in above else {}))


def opened(values: Tree, reason: str) -> Tree:
    """Return values to which something that was not read may add."""
    return Tree(
        {key: opened(value, reason) if isinstance(value, Tree) else value for key, value in values.items()},
        values.where,
        values.open or reason,
    )


def member(values: Tree, name: str) -> Tree:
    """Return an object among values, an empty one if there is none of that name."""
    found = values.get(name)
    return found if isinstance(found, Tree) else Tree({}, {})


def at(values: Any, path: str) -> Any:
    """Return the value at a path of names with dots between them, None if there is none."""
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else values if isinstance(values, Unknown) else None
    return values
