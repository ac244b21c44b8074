"""The code of a change that causes a finding: the changed line that says it, as far as that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from scanner.changes import Changes
from scanner.finding import Finding
from scanner.guarded import Items, Properties
from scanner.model import Location, Resource
from scanner.overlay import differing, says_something

Key = tuple[str, str]
"""The type and the id of a resource."""
_Placed = tuple[str, str | None, str | None]
_DECLARED = "Regionproof::"
_CODE = (".tf", ".tfvars", ".tf.json", ".tfvars.json", ".hcl", ".yaml", ".yml", ".json", ".template", ".tpl")
_RIGHT = re.compile(r"""[:=]\s*["']?([^"'#\s,;]+)""")
"""What a line says of a name."""


@dataclass(frozen=True)
class Changed:
    """A resource that a change is about, as it is after it, or was if it is `gone`, and the changed line that says so.

    `parts` are the properties that differ, by their JSON Pointers, each with its line.
    """

    resource: Resource
    at: Location
    parts: tuple[tuple[str, Location], ...] = ()
    gone: bool = False

    def of(self, pointer: str) -> Location:
        """Return the line that says what a finding points at."""
        for part, at in self.parts:
            if f"{pointer}/".startswith(f"{part}/") or f"{part}/".startswith(f"{pointer}/"):
                return at
        return self.at


def is_code(resource: Resource) -> bool:
    """Tell what infrastructure code declares; what regionproof.yaml does has a place in a file, too."""
    return bool(resource.locations) and not resource.type.startswith(_DECLARED)


def is_told(one: Resource) -> bool:
    """Tell what code says something of: a Region, or a registry of which it says nothing, only stands for a place."""
    return is_code(one) and says_something(one)


def changed(before: Iterable[Resource], after: Sequence[Resource], edits: Sequence[Changes]) -> list[Changed]:
    """Return what code declares otherwise than it was, then what it declared and does not any more.

    `before` is what was there, live or by code; `edits` tell changed lines, and those around what is gone.
    """
    lines = _Lines(edits)
    was: dict[Key, Resource] = {}
    for one in before:
        was.setdefault((one.type, one.id), one)
    now = {(one.type, one.id): one for one in after}
    found = [
        made for key, one in now.items() if is_told(one) and (made := _differing(one, was.get(key), lines)) is not None
    ]
    for key, one in was.items():
        if is_told(one) and not (key in now and is_told(now[key])):
            at = lines.gone(one.locate(""))
            found += [Changed(one, at, gone=True)] if at else []
    return found


def _differing(one: Resource, was: Resource | None, lines: _Lines) -> Changed | None:
    """Return a resource that says what it, or what was in its place, did not say before."""
    whole = one.locate("")
    if whole is None:
        return None
    if was is None or not is_told(was):
        is_new = was is None or any(differing(one.properties, was.properties))
        return Changed(one, lines.at(whole, tuple(_texts(one.properties)))) if is_new else None
    parts: list[tuple[str, Location]] = []
    for pointer in differing(one.properties, was.properties):
        place = one.locate(pointer)
        if place == whole and (old := was.locate(pointer)) != was.locate("") and (near := lines.gone(old)):
            parts.append((pointer, near))  # it is not written any more
        else:
            parts.append((pointer, lines.at(place or whole, _said(one, was, pointer))))
    if not parts:
        return None
    return Changed(one, next((at for _, at in parts if at != whole), parts[0][1]), tuple(parts))


def _said(one: Resource, was: Resource, pointer: str) -> tuple[str, ...]:
    """Return the texts that a property holds now and did not hold before."""
    old = set(_texts(_value(was, pointer)))
    return tuple(text for text in _texts(_value(one, pointer)) if text not in old)


def _value(one: Resource, pointer: str) -> Any:
    value: Any = one.properties
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Properties):
            value = dict(value.raw()).get(step)
        elif isinstance(value, Items):
            items = list(value.raw())
            value = items[int(step)] if step.isdecimal() and int(step) < len(items) else None
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Properties):
        for _, each in value.raw():
            yield from _texts(each)
    elif isinstance(value, Items):
        for each in value.raw():
            yield from _texts(each)
    elif isinstance(value, (str, int)):
        yield str(value)


class _Lines:
    """The lines of a change: which of them say what stands somewhere."""

    def __init__(self, edits: Sequence[Changes]) -> None:
        self._edits = edits
        self._names = {was: name for each in edits for was, name in each.names.items()}
        self._files = sorted({path for each in edits for path in each.lines if path.endswith(_CODE)})

    def at(self, place: Location, said: Sequence[str] = ()) -> Location:
        """Return the changed line that says what is written at a place, or leads there; the place if none is known.

        That is a line of the place, or of a call on the way to it; else one that has a word of what is `said` now, as
        a file of variables has; else the nearest one in one of these files; else that of the only file of code.
        """
        way = (place, *reversed(place.through))
        for each in way:
            for edit in self._edits:
                if (found := edit.inside(each)) is not None:
                    return self._narrowed(each, found, said)
        return self._saying(said) or self._near(way) or self._only() or place

    def gone(self, was: Location | None) -> Location | None:
        """Return the changed line that is nearest to where something stood; None if the file is gone."""
        if was is None:
            return None
        way = (was, *reversed(was.through))
        deleted = any(self._names.get(each.path, each.path) is None for each in way)
        return self._near(way) or (None if deleted else self._only())

    def touch(self, place: Location | None) -> bool:
        """Tell whether a line of a place itself was changed."""
        return place is not None and any(each.inside(place) is not None for each in self._edits)

    def near(self, place: Location | None) -> Location | None:
        """Return the changed line nearest to a place in its file, or on the way to it; else that of the only file."""
        way = (place, *reversed(place.through)) if place is not None else ()
        return self._near(way) or self._only()

    def _narrowed(self, place: Location, lines: tuple[int, int], said: Sequence[str]) -> Location:
        first, last = lines
        end = place.end_line or place.line
        if end == place.line or (first, last) == (place.line, end):
            return place
        return self._saying(said, place.path, range(first, last + 1)) or Location(place.path, first)

    def _saying(self, said: Sequence[str], path: str = "", within: range | None = None) -> Location | None:
        """Return the first changed line, in a file if one is given, that has a word of what is said."""
        for place, word in self._words if said else ():
            inside = within is None or (place.path == path and place.line in within)
            if inside and any(word in one for one in said):
                return place
        return None

    @cached_property
    def _words(self) -> list[tuple[Location, str]]:
        lines = ((file, each.texts[file]) for file in self._files for each in self._edits if file in each.texts)
        words = ((Location(file, line), _RIGHT.search(text)) for file, texts in lines for line, text in texts.items())
        return [(place, word[1]) for place, word in words if word and len(word[1]) > 1]

    def _near(self, way: Iterable[Location]) -> Location | None:
        for each in way:
            path = self._names.get(each.path, each.path) or ""
            lines = [max(begin, 1) for edit in self._edits for begin, _ in edit.lines.get(path, ())]
            if lines:
                return Location(path, min(lines, key=lambda line: abs(line - each.line)))
        return None

    def _only(self) -> Location | None:
        if len(self._files) != 1:
            return None
        lines = [begin for each in self._edits for begin, _ in each.lines.get(self._files[0], ())]
        return Location(self._files[0], max(lines[0], 1)) if lines else None


class Causes:
    """Finds the code of a change that brings a finding; `needs` are the types that each rule reads.

    `differing` are the resources that the change says something else of.
    """

    def __init__(
        self, changes: Sequence[Changed], needs: Mapping[str, frozenset[str]], edits: Sequence[Changes] = ()
    ) -> None:
        self._needs, self._lines = needs, _Lines(edits)
        self._by_key = {(each.resource.type, each.resource.id): each for each in reversed(changes)}
        self.differing = frozenset(self._by_key)
        self._by_id = {each.resource.id: each for each in reversed(changes)}
        self._by_place: dict[_Placed, tuple[int, Changed]] = {}
        for number, each in enumerate(changes):
            one = each.resource
            self._by_place.setdefault((one.type, one.account, one.region), (number, each))
        places = {each.at for each in changes}
        self._only = places.pop() if len(places) == 1 else None

    def given(self, finding: Finding) -> Finding:
        """Return a finding that a change brings with the place of the code that causes it, as far as that is known.

        One that stands at changed lines itself has none.
        """
        own = self._by_key.get((finding.resource.type, finding.resource.id))
        if finding.cause is not None or (own and not own.gone and self._lines.touch(finding.location)):
            return finding
        at = own.of(finding.pointer) if own else self._named(finding) or self._read(finding) or self._only
        at = at or self._lines.near(finding.location)
        return replace(finding, cause=at) if at and at != finding.location else finding

    def _named(self, finding: Finding) -> Location | None:
        """Return the change of something that the finding names."""
        ids = [one.id for one in finding.related]
        ids += [step.id for step in finding.path]
        ids += [finding.counterpart.id] if finding.counterpart and finding.counterpart.id else []
        return next((self._by_id[id].at for id in ids if id in self._by_id), None)

    def _read(self, finding: Finding) -> Location | None:
        """Return the change of something that the rule reads, in the places that the finding is about."""
        types = self._needs.get(finding.rule_id, frozenset())
        own, standby = finding.resource, finding.counterpart
        places = [(own.account, own.region)]
        places += [(standby.account, standby.region)] if standby else []
        for account, region in places:
            keys = product(types, {account, None}, {region, None})
            found = [self._by_place[key] for key in keys if key in self._by_place]
            if found:
                return min(found, key=lambda each: each[0])[1].at
        return None
