"""Resources that are a part of another one, such as the lifecycle policy of a repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scanner.documents import pointer
from scanner.model import Location, Unknown
from scanner.parsers.terraform.declared import Declared
from scanner.vocabulary import definition


@dataclass(frozen=True)
class Part:
    """What one satellite adds to a resource.

    `value` is added to the list `into`, or its properties are set if that is None.  `doubt` says why it may not
    belong there; it is empty if it does.  `locations` are relative to `value`.
    """

    declared: Declared
    value: Any
    into: str | None
    locations: dict[str, Location]
    doubt: str


def combined(
    type: str, properties: dict[str, Any], parts: Iterable[Part]
) -> tuple[dict[str, Any], dict[str, Location]]:
    """Return the properties of a resource with its parts, and where these are written."""
    made = dict(properties)
    locations: dict[str, Location] = {}
    setters: dict[str, Part] = {}
    added: dict[str, list[Part]] = {}
    for part in parts:
        if part.into:
            added.setdefault(part.into, []).append(part)
        elif isinstance(part.value, dict):
            for name, value in part.value.items():
                made[name] = _set(name, value, made, part, setters.get(name))
                setters.setdefault(name, part)
            locations |= {pointer(name): _of(part) for name in part.value} | _moved(part, "")
    for name, several in added.items():
        only_live = definition(type)["properties"].get(name, {}).get("readOnly") and name not in properties
        unseen = Unknown(f"only a live resource shows all of its {name}") if only_live else None
        made[name], there = _added(name, made.get(name, unseen), several)
        locations |= there
    return made, locations


def _added(name: str, own: Any, parts: Iterable[Part]) -> tuple[list[Any], dict[str, Location]]:
    """Return a list with what parts add to it, what is certain first, and where that is written."""
    listed = list(own) if isinstance(own, list) else []
    open = [own] if isinstance(own, Unknown) else []
    locations: dict[str, Location] = {}
    for part in parts:
        if part.doubt:
            open.append(Unknown(part.doubt))
        elif not any(_same(part.value, other) for other in listed):
            locations |= _moved(part, pointer(name, len(listed)))
            listed.append(part.value)
    return [*listed, *open], locations


def _set(name: str, value: Any, made: dict[str, Any], part: Part, before: Part | None) -> Any:
    if part.doubt:
        return Unknown(part.doubt)
    if name not in made or _same(made[name], value):
        return value
    if before is None and isinstance(made[name], Unknown):  # a plan leaves open what the resource itself has
        return value
    if before is None:
        return Unknown(f"{name} is declared by the resource and, differently, by '{part.declared.address}'")
    places = sorted({f"{where.path}:{where.line}" for where in (_of(before), _of(part))})
    return Unknown(f"declared twice: {' and '.join(places)}")


def _moved(part: Part, prefix: str) -> dict[str, Location]:
    return {prefix: _of(part)} | {prefix + at: each for at, each in part.locations.items()}


def _of(part: Part) -> Location:
    return part.declared.locations.get("") or Location(part.declared.path, 1)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are known, and equal."""
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
