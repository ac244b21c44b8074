"""What reading files left open, settled by what a tool made of them.

What was read stays as it is: a tool answers only where that is not known.  So with a tool there are fewer unknowns,
and never other verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.documents import load_all, pointer
from scanner.errors import DocumentError
from scanner.guarded import InsufficientData, Unknown
from scanner.kubernetes_objects import KINDS, reduced
from scanner.model import Location
from scanner.parsers.kubernetes.objects import Object, objects
from scanner.parsers.kubernetes.tools import ToolError
from scanner.scalars import KUBERNETES

OF_VERSION = "depends on its version"
"""How the reason of an unknown ends that no tool settles: who applies it may have another version of that tool."""
_NONE = object()


@dataclass
class Part:
    """What was read of a template, or of an overlay: its objects, and what it leaves open beside them.

    `open` are (reason, location, types) as `Source.gap` takes them.  `path` is empty for what no tool may settle.
    """

    path: str = ""
    objects: list[Object] = field(default_factory=list)
    open: list[tuple[str, Location | None, tuple[str, ...]]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Tell whether something of it is not known that a tool may tell."""
        return bool(self.path) and (bool(self.open) or any(map(is_open, self.objects)))

    def remarked(self, remark: str) -> Part:
        """Return the part with a remark behind each reason for which something is not known."""
        objects = [_remarked(one, remark) if is_open(one) else one for one in self.objects]
        return replace(self, objects=objects, open=[(f"{why} ({remark})", *rest) for why, *rest in self.open])  # type: ignore[misc]


def gap(message: str, where: Location | None) -> Part:
    """Return what is not known whatever a tool makes of it."""
    return Part(open=[(message, where, ())])


def printed(text: str, path: str, tool: str) -> Iterator[Object]:
    """Yield the objects in what a tool prints about a file; raise `ToolError` if that is not YAML."""
    for one in load_all(text, path, dialect=KUBERNETES):
        if isinstance(one, DocumentError):
            raise ToolError(f"{tool} prints what is not YAML: {one.problem}")
        for each in objects(one, path):
            yield replace(each, locations={"": Location(path, 1)})


def is_open(one: Object) -> bool:
    """Tell whether something of an object is not known that the model would take."""
    if isinstance(one.value.get("kind"), Unknown):
        return True
    if not one.matters:
        return False
    if _is_doubted(one) or isinstance(one.value.get("metadata"), Unknown):
        return True
    try:
        kept = [reduced(KINDS["Pod"], {"metadata": dict(one.metadata), "spec": one.pod_spec()})]
        kept += [reduced(KINDS[one.kind], one.value)] if one.kind in KINDS else []
    except InsufficientData:
        return True
    return _has_unknown(kept)


def settle(part: Part, made: list[Object]) -> Part:
    """Return a part with what a tool made of it: `made` are all the objects that come of it."""
    left = [*made]
    partners: dict[int, Object] = {}
    for sure in (True, False):
        for number, one in enumerate(part.objects):
            found = None if number in partners else _partner(one, left, part.objects, sure=sure)
            if found is not None:
                partners[number] = found
                left = [each for each in left if each is not found]
    objects = []
    more = bool(part.open)
    for number, one in enumerate(part.objects):
        if not is_open(one):
            objects.append(one)
        elif number in partners:
            objects.append(_filled(one, partners[number]))
        elif _is_vague(one):  # whatever it was to be, it is among the others
            more = True
        else:
            objects.append(one)
    return Part(part.path, [*objects, *(left if more else ())], [])


def _partner(one: Object, made: list[Object], others: list[Object], *, sure: bool) -> Object | None:
    """Return what a tool made of an object: what is called as it is, else the only one that it can be."""
    if sure:
        return next((each for each in made if _is(one, each)), None)
    if not is_open(one) or isinstance(one.metadata.get("name"), str):
        return None
    found = [each for each in made if _agrees(one.value, each.value, doubted=_is_doubted(one))]
    if len(found) != 1:
        return None
    rivals = [each for each in others if each is not one and is_open(each) and not each.named("name")]
    if any(_agrees(each.value, found[0].value, doubted=_is_doubted(each)) for each in rivals):
        return None
    return found[0]


def _is(one: Object, made: Object) -> bool:
    """Tell whether an object is surely the one that a tool made."""
    for key in ("name", "namespace"):
        if not _agrees(one.metadata.get(key), made.metadata.get(key), doubted=False):
            return False
    if one.group != made.group and not isinstance(one.value.get("apiVersion"), Unknown):
        return False
    named = [one.metadata.get(key) for key in ("name", "namespace")]
    is_known = isinstance(named[0], str) and not isinstance(named[1], Unknown)
    return one.kind == made.kind and (is_known or (not is_open(one) and _agrees(one.value, made.value, doubted=False)))


def _is_doubted(one: Object) -> bool:
    return bool(one.doubt) or isinstance(one.value.get("spec"), Unknown)


def _is_vague(one: Object) -> bool:
    return _is_doubted(one) or not all(isinstance(each, str) for each in (one.value.get("kind"), one.named("name")))


def _agrees(known: Any, made: Any, *, doubted: bool) -> bool:
    """Tell whether a value may be what a tool made of it; of an object in doubt only what it is called counts."""
    if doubted:
        return _agrees(_title(known), _title(made), doubted=False)
    if isinstance(known, Unknown):
        return True
    if isinstance(known, dict) and isinstance(made, dict):
        return all(_agrees(each, made.get(key), doubted=False) for key, each in known.items())
    if isinstance(known, list) and isinstance(made, list):
        pairs = zip(known, made, strict=False)
        return len(known) == len(made) and all(_agrees(a, b, doubted=False) for a, b in pairs)
    return type(known) is type(made) and bool(known == made)


def _title(value: dict[str, Any]) -> dict[str, Any]:
    """Return what an object is called."""
    metadata = value.get("metadata")
    within = metadata if isinstance(metadata, dict) else {}
    unseen = metadata if isinstance(metadata, Unknown) else None
    kinds = {key: value.get(key) for key in ("apiVersion", "kind")}
    return kinds | {key: within.get(key, unseen) for key in ("name", "namespace")}


def _filled(one: Object, made: Object) -> Object:
    """Return an object with what a tool made of it in the place of what is not known, written where it was read."""
    doubted = _is_doubted(one)
    value = _fill(one.value, made.value, doubted=doubted)
    written = one.value if one.written is None else one.written
    locations = {at: one.locations[at] for at in _shared(written, value, "") if at in one.locations}
    return replace(one, value=value, locations=locations, doubt="", written=None)


def _fill(known: Any, made: Any, *, doubted: bool) -> Any:
    if isinstance(known, Unknown):
        return known if known.reason.endswith(OF_VERSION) else made
    if isinstance(known, dict) and isinstance(made, dict):
        keys = dict.fromkeys((*known, *(made if doubted else ())))
        filled = {
            key: _fill(known.get(key, _NONE), made.get(key, _NONE), doubted=doubted)
            for key in keys
            if key in made or not doubted
        }
        return {key: each for key, each in filled.items() if each is not _NONE}
    if isinstance(known, list) and isinstance(made, list) and _are_alike(known, made):
        return [_fill(a, b, doubted=doubted) for a, b in zip(known, made, strict=True)]
    version = next(_of_version(known), None) if doubted else None
    if version is not None:
        return version
    return made if doubted or known is _NONE else known


def _of_version(value: Any) -> Iterator[Unknown]:
    """Yield what no tool settles, since another version of it would tell otherwise."""
    if isinstance(value, Unknown):
        if value.reason.endswith(OF_VERSION):
            yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _of_version(each)


def _are_alike(known: list[Any], made: list[Any]) -> bool:
    """Tell whether the items of two lists are about the same."""
    return len(known) == len(made) and all(map(_is_namesake, known, made))


def _is_namesake(known: Any, made: Any) -> bool:
    if isinstance(known, Unknown):
        return True
    names = [each.get("name") if isinstance(each, dict) else None for each in (known, made)]
    return isinstance(names[0], Unknown) or bool(names[0] == names[1])


def _shared(written: Any, value: Any, at: str) -> Iterator[str]:
    """Yield the JSON Pointers at which both say the same, or one of them does not know."""
    if isinstance(written, Unknown) or isinstance(value, Unknown):
        yield at
    elif isinstance(written, dict) and isinstance(value, dict):
        yield at
        for key in written:
            if key in value:
                yield from _shared(written[key], value[key], at + pointer(key))
    elif isinstance(written, list) and isinstance(value, list):
        yield at
        for number, (one, other) in enumerate(zip(written, value, strict=False)):
            if _is_namesake(one, other):
                yield from _shared(one, other, f"{at}/{number}")
    elif written == value:
        yield at


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Unknown):
        return not value.reason.endswith(OF_VERSION)
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    return isinstance(value, list) and any(map(_has_unknown, value))


def _remarked(one: Object, remark: str) -> Object:
    doubt = f"{one.doubt} ({remark})" if one.doubt else ""
    return replace(one, value=_with_remark(one.value, remark), doubt=doubt)


def _with_remark(value: Any, remark: str) -> Any:
    if isinstance(value, Unknown):
        return Unknown(f"{value.reason} ({remark})")
    if isinstance(value, dict):
        return {key: _with_remark(each, remark) for key, each in value.items()}
    return [_with_remark(each, remark) for each in value] if isinstance(value, list) else value
