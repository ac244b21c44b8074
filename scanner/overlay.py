"""A change laid over what is live: the estate as it will be when infrastructure code has been applied.

What code declares stands for the live resource of the same ARN, or of the same type, name and place, property by
property.  What only a live resource shows stays as it was seen, unless it follows from what the code changes.  What
the code does not speak of stays live.  A task definition that differs is a new revision, as it is for AWS: whoever
names the old one keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scanner.documents import pointer
from scanner.gaps import Gap, GapIndex
from scanner.guarded import Items, Properties, Unknown
from scanner.model import Resource, guard
from scanner.vocabulary import complete, definition

REGISTRY, TASK_DEFINITION, REPOSITORY = "AWS::ECR::Registry", "AWS::ECS::TaskDefinition", "AWS::ECR::Repository"

_KEYS = {"RepositoryCreationTemplates": "Prefix", "PullThroughCacheRules": "EcrRepositoryPrefix"}
"""Lists of a registry that many declarations make together: code that declares one item leaves the others."""
_UNDECLARED = "is not declared in the scanned files"
_SHOWN_OF_IMAGES = ("ContainerImages", "ResolvedImageUri", "Deployments", "RunningCount")
_IMAGES_FROM = {
    "AWS::ECS::Service": "TaskDefinition",
    "AWS::ECS::Task": "TaskDefinition",
    "AWS::Lambda::Function": "Code",
}
"""The property that decides what a workload runs; that of a workload of Kubernetes is ContainerImages itself."""

_NAMES_DEFINITIONS = {
    "AWS::ECS::Service": (("TaskDefinition",),),
    "AWS::ECS::Task": (("TaskDefinition",),),
    "AWS::Events::Rule": (("Targets", "EcsParameters", "TaskDefinitionArn"),),
    "AWS::Scheduler::Schedule": (("Target", "EcsParameters", "TaskDefinitionArn"),),
    "AWS::StepFunctions::StateMachine": (("Definition",), ("DefinitionString",)),
}
"""Where resources name task definitions."""

_LINE = re.compile(r"(\.(?:tf|tfvars|hcl|json|ya?ml|template|tpl)):\d+(?::\d+)?\b(?!'|[.@-]\w)")

_Key = tuple[str, str]


def overlay(
    live: Sequence[Resource],
    code: Sequence[Resource],
    before: Sequence[Resource] | None = None,
    gaps: Iterable[Gap] = (),
) -> list[Resource]:
    """Return the estate after the change.

    `before` is what the code declared before it: what it no longer declares is taken away.  None means that nobody
    knows what that was, and nothing is taken away.  `gaps` are those of the code: part of a registry that they may
    still declare is unknown, and a resource that they may is looked for in vain, since they stand in the model.
    """
    hidden = GapIndex(gaps)
    matcher = _Matcher(live)
    code = [one for one in code if says_something(one) or matcher.match(one) is None]
    ids = matcher.ids(code)
    after = {(one.type, one.id): one for one in live}
    for key, names in _no_longer(matcher, code, before or ()).items():
        if names is None:
            after.pop(key, None)
        elif key in after:
            gap = hidden.hiding(REGISTRY, after[key].account, after[key].region)
            lost = Unknown(f"the code may declare it unseen: {gap}") if gap else None
            after[key] = _with(after[key], dict.fromkeys(names, lost))
    for one in code:
        renamed = _renamed(one, ids)
        was = after.get((renamed.type, renamed.id))
        after[renamed.type, renamed.id] = renamed if was is None else _laid(was, renamed)
    _supersede(after, code)
    seen = {(one.type, one.id): one for one in live}
    return [_settled(one, seen.get(key), after, seen) for key, one in after.items()]


def says_something(one: Resource) -> bool:
    """Tell a declared resource from what stands for a place of which code says nothing: a Region, a registry."""
    if one.type == REGISTRY:
        return any(name != "RegistryId" and not _is_not_declared(value, None) for name, value in one.properties.raw())
    return one.type != "AWS::Account::Region"


class _Matcher:
    """Finds the live resource that code speaks of."""

    def __init__(self, live: Iterable[Resource]) -> None:
        self._ids: dict[_Key, Resource] = {}
        self._names: dict[tuple[str, ...], Resource] = {}
        for one in live:
            self._ids[one.type, one.id] = one
            name = _name(one)
            if name is not None and (name not in self._names or _newer(one, self._names[name])):
                self._names[name] = one

    def match(self, declared: Resource) -> Resource | None:
        """Return the live resource of the same ARN, or of the same type, name, account and Region."""
        name = _name(declared)
        return self._ids.get((declared.type, declared.id)) or (self._names.get(name) if name else None)

    def ids(self, code: Sequence[Resource]) -> dict[str, str]:
        """Return the id of the live resource for each id of code that stands for one."""
        found = [(one, self.match(one)) for one in code]
        ids = {one.id: was.id for one, was in found if was is not None and one.type != TASK_DEFINITION}
        for one, was in found:
            if one.type == TASK_DEFINITION and was is not None and _same(_laid(was, _renamed(one, ids)), was):
                ids[one.id] = was.id
        return ids


def _newer(one: Resource, other: Resource) -> bool:
    return (len(one.id), one.id) > (len(other.id), other.id)  # of a family, the revision that is larger


def _name(one: Resource) -> tuple[str, ...] | None:
    if one.name is None or one.account is None or one.region is None:
        return None
    return one.type, one.name, one.account, one.region


def _renamed(one: Resource, ids: Mapping[str, str]) -> Resource:
    """Return a declared resource that is called, and that refers to others, by the ids of the live ones."""
    return replace(one, id=ids.get(one.id, one.id), properties=guard(_with_ids(one.properties, ids)))


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case str():
            return ids.get(value, value)
        case Properties():
            return {key: _with_ids(each, ids) for key, each in value.raw()}
        case Items():
            return [_with_ids(each, ids) for each in value.raw()]
    return value


def _with(one: Resource, properties: Mapping[str, Any]) -> Resource:
    return replace(one, properties=guard({**dict(one.properties.raw()), **properties}))


# One resource, before and after.


def _laid(was: Resource, declared: Resource) -> Resource:
    """Return a live resource as it will be when what code declares has been applied to it."""
    undeclared, described = complete(was.type, {}), definition(was.type)["properties"]
    given = declared.properties.raw()
    made = {name: value for name, value in given if not _is_not_declared(value, undeclared.get(name))}
    for name, value in was.properties.raw():
        if name not in made:
            made[name] = value
        elif was.type == REGISTRY and name in _KEYS:
            made[name] = _joined(value, made[name], _KEYS[name])
        elif isinstance(made[name], Properties) and isinstance(value, Properties):
            made[name] = _filled(made[name], value, described.get(name, {}))
    return replace(
        declared,
        name=was.name,
        properties=guard(made),
        tags={**dict(was.tags), **dict(declared.tags)},
        operations=was.operations,
        observed_at=was.observed_at,
    )


def _is_not_declared(value: Any, undeclared: Any) -> bool:
    """Tell whether a value only says that the code gives none, so that the live resource speaks."""
    if type(value) is not Unknown:
        return False
    return value.reason.endswith(_UNDECLARED) or (type(undeclared) is Unknown and undeclared.reason == value.reason)


def _filled(made: Properties, was: Properties, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object in which the parts that AWS chose, or only a live resource shows, are as they were seen."""
    filled, inner = dict(made.raw()), described.get("properties", {})
    for name, value in was.raw():
        of_aws = inner.get(name, {}).get("readOnly") or inner.get(name, {}).get("x-generated")
        if of_aws and type(filled.get(name)) is Unknown:
            filled[name] = value
    return filled


def _joined(was: Any, declared: Any, key: str) -> Any:
    """Return a list that many declarations make: what is declared, and the live items of another `key`."""
    if not isinstance(was, Items) or not isinstance(declared, Items):
        return declared
    given = list(declared.raw())
    names = [_member(each, key) for each in given]
    if any(type(name) is Unknown for name in names):
        return Unknown(f"which {key} the code declares is not known, so neither is which of the live ones stay")
    kept = [each for each in was.raw() if type(name := _member(each, key)) is Unknown or name not in names]
    return [*given, *kept]


def _member(item: Any, key: str) -> Any:
    """Return a property of an item of a list, `Unknown` where the item itself was not seen."""
    return dict(item.raw()).get(key) if isinstance(item, Properties) else Unknown("an item of the list was not seen")


def _same(one: Resource, was: Resource) -> bool:
    return bool(_comparable(one.properties) == _comparable(was.properties))


def differing(one: Any, was: Any, at: str = "") -> Iterator[str]:
    """Yield JSON Pointers to what two values differ in, as deep as both have it; what was not seen may be alike."""
    if isinstance(one, Properties) and isinstance(was, Properties):
        left, right = dict(one.raw()), dict(was.raw())
        for name in dict.fromkeys((*left, *right)):
            yield from differing(left.get(name), right.get(name), at + pointer(name))
    elif isinstance(one, Items) and isinstance(was, Items) and len(list(one.raw())) == len(list(was.raw())):
        for number, (each, other) in enumerate(zip(one.raw(), was.raw(), strict=True)):
            yield from differing(each, other, f"{at}/{number}")
    elif _comparable(one) != _comparable(was):
        yield at


def unnumbered(text: str) -> str:
    """Return a text without the lines of the files that it names: they move with what is written above them."""
    return _LINE.sub(r"\1", text)


def _comparable(value: Any) -> Any:
    """Return a value without what is known not to be set; an unknown one equals another of the same reason."""
    match value:
        case Unknown():
            return Unknown, unnumbered(value.reason)
        case Properties():
            return {key: _comparable(each) for key, each in value.raw() if each is not None}
        case Items():
            return [_comparable(each) for each in value.raw()]
    return value


# What goes, and what is out of date.


def _no_longer(matcher: _Matcher, code: Sequence[Resource], before: Sequence[Resource]) -> dict[_Key, list[str] | None]:
    """Return what code no longer declares: properties of a registry, or None for a whole resource."""
    declared = {_of(matcher, one): one for one in code}
    found: dict[_Key, list[str] | None] = {}
    for one in before:
        key = _of(matcher, one)
        if one.type == REGISTRY:
            now = dict(declared[key].properties.raw()) if key in declared else {}
            found[key] = [name for name, value in one.properties.raw() if _dropped(name, value, now)]
        elif key not in declared and one.type != "AWS::Account::Region":
            found[key] = None
    return found


def _of(matcher: _Matcher, one: Resource) -> _Key:
    found = matcher.match(one)
    return one.type, found.id if found else one.id


def _dropped(name: str, value: Any, now: Mapping[str, Any]) -> bool:
    declared = not _is_not_declared(value, None)
    return name != "RegistryId" and declared and (name not in now or _is_not_declared(now[name], None))


def _supersede(after: dict[_Key, Resource], code: Sequence[Resource]) -> None:
    """Take away the revisions of task definitions that nothing names any more, where the code makes another one.

    What names some revision, and nobody knows which, may name any.
    """
    made = {_name(one) for one in code if one.type == TASK_DEFINITION} - {None}
    old = [key for key, one in after.items() if key[0] == TASK_DEFINITION and not one.locations and _name(one) in made]
    if old:
        named = {text for key, one in after.items() if key[0] != TASK_DEFINITION for text in _texts(one.properties)}
        open = [one for one in after.values() if _names_unseen(one)]
        for key in old:
            if key[1] not in named and not any(_are_near(one, after[key]) for one in open):
                del after[key]


def _names_unseen(one: Resource) -> bool:
    """Tell whether a resource names a task definition, or may, and nobody knows which."""
    return any(_is_unseen(one.properties, path) for path in _NAMES_DEFINITIONS.get(one.type, ()))


def _is_unseen(value: Any, path: Sequence[str]) -> bool:
    match value:
        case Unknown():
            return True
        case Items():
            return any(_is_unseen(each, path) for each in value.raw())
        case Properties() if path:
            return _is_unseen(dict(value.raw()).get(path[0]), path[1:])
    return False


def _are_near(one: Resource, other: Resource) -> bool:
    """Tell whether two resources may be in one place."""
    pairs = (one.account, other.account), (one.region, other.region)
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case Properties():
            for _, each in value.raw():
                yield from _texts(each)
        case Items():
            for each in value.raw():
                yield from _texts(each)


def _settled(
    one: Resource, was: Resource | None, after: Mapping[_Key, Resource], seen: Mapping[_Key, Resource]
) -> Resource:
    """Return a resource without what was seen of it before the change and follows from what the code changes."""
    if one is was:
        return one
    if one.type == REPOSITORY and was is not None and _scanned(one, after) != _scanned(was, seen):
        return _with(one, {"ScanFrequency": complete(one.type, {})["ScanFrequency"]})
    if one.type.startswith("Kubernetes::"):
        same = was is not None and _runs(one) == _runs(was)
        return (
            _with(one, {"ContainerImages": dict(was.properties.raw()).get("ContainerImages")}) if same and was else one
        )
    if one.type not in _IMAGES_FROM or (was is not None and _runs(one) == _runs(was)):
        return one
    undeclared = complete(one.type, {})
    stale = {name: undeclared[name] for name in _SHOWN_OF_IMAGES if name in undeclared}
    return _with(one, {**stale, "ContainerImages": _will_run(one, after)})


def _will_run(one: Resource, after: Mapping[_Key, Resource]) -> Any:
    """Return the images that a workload will run, as an account shows them before anything was started.

    No digest is established yet: it is what the reference names, or what its tag names when the first task starts.
    """
    properties = dict(one.properties.raw())
    source = properties.get(_IMAGES_FROM[one.type])
    if one.type == "AWS::Lambda::Function":
        image = dict(source.raw()).get("ImageUri") if isinstance(source, Properties) else source
        return [_image(one.name, image)] if properties.get("PackageType") == "Image" else []
    definition = after.get((TASK_DEFINITION, source)) if isinstance(source, str) else None
    listed = dict(definition.properties.raw()).get("ContainerDefinitions") if definition else None
    if not isinstance(listed, Items):
        return [_image(None, Unknown(f"what the task definition of '{one.id}' runs is not known"))]
    given = [dict(each.raw()) if isinstance(each, Properties) else {"Image": each} for each in listed.raw()]
    return [_image(each.get("Name"), each.get("Image")) for each in given]


def _image(name: Any, image: Any) -> dict[str, Any]:
    return {"ContainerName": name, "Image": image, "ImageDigest": None}


def _runs(one: Resource) -> Any:
    """Return what decides the images that a workload runs, digests apart."""
    properties = dict(one.properties.raw())
    if one.type.startswith("Kubernetes::"):
        images = properties.get("ContainerImages")
        if not isinstance(images, Items):
            return _comparable(images)
        return [_comparable(_member(each, "Image")) for each in images.raw()]
    return _comparable(properties.get(_IMAGES_FROM.get(one.type, "")))


def _scanned(repository: Resource, among: Mapping[_Key, Resource]) -> Any:
    """Return what decides how the images of a repository are scanned: its own setting, and its registry's."""
    registry = among.get((REGISTRY, f"aws://{repository.account}/{repository.region}/ecr"))
    shared = dict(registry.properties.raw()).get("ScanningConfiguration") if registry else None
    return _comparable(dict(repository.properties.raw()).get("ImageScanningConfiguration")), _comparable(shared)
