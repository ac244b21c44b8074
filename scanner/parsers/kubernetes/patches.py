"""Patches of Kustomize: strategic merge and JSON 6902, on plain data with the places where it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scanner.documents import pointer
from scanner.guarded import InsufficientData, Unknown
from scanner.kubernetes_objects import KINDS
from scanner.model import Location
from scanner.parsers.kubernetes.objects import POD_LISTS, Object

_KEYS = {**dict.fromkeys((*POD_LISTS, "volumes", "imagePullSecrets"), "name")}
"""Lists whose items a strategic merge tells apart, and by which key; other lists are replaced."""
_DIRECTIVES = ("$retainKeys", "$deleteFromPrimitiveList", "$setElementOrder")
_RELEVANT = re.compile(
    r"/(metadata(/name(space)?|/annotations.*)?|kind|apiVersion"
    r"|spec/(provider|data|dataFrom|secretStoreRef)(/.*)?"
    r"|spec(/(replicas|suspend|parallelism|jobTemplate(/spec(/template.*)?)?|template(/spec(/.*)?)?))?)?"
)


class Unfit(ValueError):
    """A patch that does not fit what it is for, or says what is not understood.  The text is a clause."""


def is_relevant(at: str) -> bool:
    """Tell whether what is read of an object may change when the value at a JSON Pointer does."""
    return _RELEVANT.fullmatch(at) is not None


def merge(one: Object, patch: Mapping[str, Any], locations: Mapping[str, Location], *, renames: bool = False) -> bool:
    """Merge a strategic merge patch into an object; return whether the object is to be deleted.  Raise `Unfit`.

    A patch names what it is for; it `renames` that if it says so.
    """
    if patch.get("$patch") == "delete":
        return True
    if patch.get("$patch") not in (None, "merge"):
        raise Unfit(f"$patch: {patch['$patch']} of a whole object is not understood")
    identity = {"apiVersion", "kind", "$patch"}
    body = {key: value for key, value in patch.items() if key not in identity}
    metadata = body.get("metadata")
    if isinstance(metadata, dict):  # the patch names what it is for, under a name it may have had before
        kept = () if renames else ("name", "namespace")
        body["metadata"] = {key: value for key, value in metadata.items() if key not in kept}
    _Merge(one, locations).mapping(one.value, body, "", "")
    if _has_twins(one):
        raise Unfit("a merge with several containers of one name is not understood")
    return False


def _has_twins(one: Object) -> bool:
    spec = one.pod_spec()
    lists = [spec.get(group) for group in POD_LISTS] if isinstance(spec, dict) and one.kind in KINDS else []
    names = [
        [each.get("name") for each in listed if isinstance(each, dict)] for listed in lists if isinstance(listed, list)
    ]
    return any(isinstance(name, str) and each.count(name) > 1 for each in names for name in each)


class _Merge:
    def __init__(self, one: Object, locations: Mapping[str, Location]) -> None:
        self._one, self._locations = one, locations
        self._keys = _KEYS if one.kind in KINDS else {}  # of other kinds Kustomize knows no lists that merge

    def mapping(self, value: dict[str, Any], patch: Mapping[str, Any], at: str, source: str) -> None:
        for key, new in patch.items():
            here, there = at + pointer(key), source + pointer(key)
            if key.startswith(_DIRECTIVES):
                if is_relevant(at):
                    raise Unfit(f"{key} is not understood")
            elif key == "$patch":
                self._directive(value, new, at)
            elif new is None:
                value.pop(key, None)
                self._forget(here)
            elif isinstance(new, dict) and isinstance(value.get(key), dict):
                self.mapping(value[key], new, here, there)
            elif isinstance(new, list) and key in self._keys and isinstance(value.get(key), list):
                try:
                    value[key] = self._listed(value[key], new, self._keys[key], here, there)
                except InsufficientData as gap:
                    value[key] = Unknown(str(gap))
            else:
                value[key] = _without_directives(new)
                self._forget(here)
                self._moved(there, here)

    def _directive(self, value: dict[str, Any], word: Any, at: str) -> None:
        if word == "replace":
            value.clear()
            self._forget(at)
        elif word != "merge":
            raise Unfit(f"$patch: {word} is not understood")

    def _listed(self, old: list[Any], patch: list[Any], key: str, at: str, source: str) -> list[Any]:
        """Return a list with the items of a patch, merged with those of the same name, before the other old ones."""
        if any(not isinstance(each, dict) for each in (*old, *patch)):
            raise Unfit(f"{at} holds something else than objects")
        if any(each.get("$patch") == "replace" for each in patch):
            raise Unfit("$patch: replace of a list is not understood")
        for listed in (old, patch):
            named = [each.get(key) for each in listed]
            if any(named.count(each) > 1 for each in named):
                raise Unfit(f"several items of {at} have one name")
        items = [(each, self._taken(f"{at}/{number}")) for number, each in enumerate(old)]
        first = []
        for number, each in enumerate(patch):
            same = [item for item in items if item[0].get(key) == each.get(key)]
            there = f"{source}/{number}"
            if each.get(key) is None:
                raise Unfit(f"an item of {source} does not say which one it is for")
            items = [item for item in items if item[0].get(key) != each.get(key)]
            if each.get("$patch") == "delete":
                continue
            if same:
                item, places = same[0]
                inner = _Merge(Object({"kind": self._one.kind}, places, self._one.path), self._locations)
                inner.mapping(item, each, "", there)
                first.append((item, places))
            else:
                first.append((each, self._below(there)))
        self._forget(at, keep=True)
        for number, (_, places) in enumerate([*first, *items]):
            self._one.locations.update({f"{at}/{number}{inner}": where for inner, where in places.items()})
        return [item for item, _ in [*first, *items]]

    def _taken(self, at: str) -> dict[str, Location]:
        found = {key: where for key, where in self._one.locations.items() if key == at or key.startswith(f"{at}/")}
        return {key[len(at) :]: where for key, where in found.items()}

    def _below(self, source: str) -> dict[str, Location]:
        found = {k: where for k, where in self._locations.items() if k == source or k.startswith(f"{source}/")}
        return {key[len(source) :]: where for key, where in found.items()}

    def _forget(self, at: str, *, keep: bool = False) -> None:
        for key in [k for k in self._one.locations if (k == at and not keep) or k.startswith(f"{at}/")]:
            del self._one.locations[key]

    def _moved(self, source: str, at: str) -> None:
        self._one.locations.update({at + inner: where for inner, where in self._below(source).items()})


def _without_directives(value: Any) -> Any:
    """Return a value that is new in the object: of what is marked to be deleted or merged nothing is there."""
    if isinstance(value, list):
        return [_without_directives(v) for v in value if not (isinstance(v, dict) and v.get("$patch") == "delete")]
    if isinstance(value, dict):
        return {key: _without_directives(each) for key, each in value.items() if not key.startswith("$patch")}
    return value


def operate(one: Object, operations: Any, place: Location) -> None:
    """Apply the operations of a JSON 6902 patch to an object; raise `Unfit` when those that fit are done.

    Those that are not understood and concern nothing that is read of an object are passed over.
    """
    if not isinstance(operations, list):
        raise Unfit("it is no list of operations")
    problems = []
    for each in operations:
        try:
            _apply(one, each if isinstance(each, dict) else {}, place)
        except Unfit as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _apply(one: Object, each: Mapping[str, Any], place: Location) -> None:
    operation, at = each.get("op"), each.get("path")
    if not isinstance(at, str):
        raise Unfit("an operation names no path")
    if operation == "test":
        _test(one, at, each.get("value"))
    elif operation in ("add", "replace", "remove"):
        _operate(one, operation, at, each.get("value"), place)
    elif is_relevant(at):
        raise Unfit(f"the operation '{operation}' is not understood")


def _test(one: Object, at: str, value: Any) -> None:
    found: Any = one.value
    for part in _path(at):
        found = _step(found, part, at)
    try:
        holds = type(found) is type(value) and found == value
    except InsufficientData as gap:
        raise Unfit(f"whether the test of {at} holds is not known: {gap}") from None
    if not holds:
        raise Unfit(f"the test of {at} fails")


def _path(at: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]


def _operate(one: Object, operation: str, at: str, value: Any, place: Location) -> None:
    *path, last = _path(at)
    holder: Any = one.value
    for part in path:
        holder = _step(holder, part, at)
    merge = _Merge(one, {})
    if isinstance(holder, list):
        is_end = operation == "add" and last in ("-", str(len(holder)))
        here, number = at.rpartition("/")[0], len(holder) if is_end else _index(holder, last, at)
        places = [merge._taken(f"{here}/{index}") for index in range(len(holder))]
        new = [] if operation == "remove" else [(value, {"": place})]
        end = number if operation == "add" else number + 1
        items = [*zip(holder[:number], places[:number], strict=True), *new]
        items += zip(holder[end:], places[end:], strict=True)
        holder[:] = [item for item, _ in items]
        merge._forget(here, keep=True)
        for index, (_, inner) in enumerate(items):
            one.locations.update({f"{here}/{index}{rest}": where for rest, where in inner.items()})
    elif isinstance(holder, dict) and last != "":
        is_there = operation == "add" or last in holder
        if operation == "remove" and not is_there:
            raise Unfit(f"there is nothing at {at}")
        merge._forget(at)
        if operation == "remove":
            del holder[last]
        else:
            holder[last] = value
            one.locations[at] = place
        if not is_there and is_relevant(at):  # whether that is refused depends on the version
            raise Unfit(f"there is nothing at {at}")
    else:
        raise Unfit(f"there is nothing at {at}")


def _step(holder: Any, part: str, at: str) -> Any:
    if isinstance(holder, list):
        return holder[_index(holder, part, at)]
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    raise Unfit(f"there is nothing at {at}")


def _index(holder: list[Any], part: str, at: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]{0,5}", part) or int(part) >= len(holder):
        raise Unfit(f"there is nothing at {at}")
    return int(part)
