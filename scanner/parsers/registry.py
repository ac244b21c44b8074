"""The registry of a place, put together from the pieces that templates declare one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scanner.documents import pointer
from scanner.model import Location, Resource, Unknown, guard
from scanner.vocabulary import complete, definition, shaped

REGISTRY = "AWS::ECR::Registry"

CONFLICTS = "ConflictingDeclarations"
"""The property that says what code declares more than once; no account shows it."""

SINGLE = ("ReplicationConfiguration", "PolicyText", "ScanningConfiguration")
"""Properties that one declaration gives as a whole, and takes from any other."""

LISTS = {"RepositoryCreationTemplates": "Prefix", "PullThroughCacheRules": "EcrRepositoryPrefix"}
"""Properties that many declarations make together, and what tells their items apart."""


@dataclass(frozen=True)
class Piece:
    """One declaration: of `property` of the registry or, with property "", of the whole.

    `value` is `Unknown` when it may or may not be declared.  `declared` is where the resource is written, and
    `locations` where the parts of the value are, by JSON Pointers relative to it.
    """

    property: str
    value: Any
    id: str
    account: str | None
    region: str | None
    declared: Location
    locations: Mapping[str, Location]


def fold(pieces: Iterable[Piece]) -> list[Resource]:
    """Return one registry for each place; where the place is not known, one for each file and deployment of it."""
    groups: dict[tuple[str | None, ...], list[Piece]] = {}
    for piece in pieces:
        known = piece.account is not None and piece.region is not None
        _, _, deployment = piece.id.partition("@")
        key = (piece.account, piece.region, *(() if known else (piece.declared.path, deployment)))
        groups.setdefault(key, []).append(piece)
    return [_registry(group) for group in groups.values()]


def undeclared(region: Resource) -> Resource:
    """Return the registry of an AWS::Account::Region about which no scanned file says anything."""
    properties = guard(_unseen(region.account))
    return replace(region, type=REGISTRY, id=f"{region.id}/ecr", name="registry", properties=properties)


def _unseen(account: str | None) -> dict[str, Any]:
    names = (name for name in definition(REGISTRY)["properties"] if name != CONFLICTS)
    made = {name: Unknown(f"{name} is not declared in the scanned files") for name in names}
    return {**made, "RegistryId": account or Unknown("the account of the registry is not known")}


def _registry(pieces: Sequence[Piece]) -> Resource:
    first = pieces[0]
    account, region = first.account, first.region
    whole = [piece for piece in pieces if not piece.property]
    made = _whole(whole, account) if whole else _unseen(account)
    locations = {**(whole[0].locations if whole else {}), "": first.declared}
    for name in dict.fromkeys(piece.property for piece in pieces if piece.property):
        same = [piece for piece in pieces if piece.property == name]
        made[name] = shaped(REGISTRY, name, _list(same) if name in LISTS else _one(same))
        for number, piece in enumerate(same if name in LISTS else same[:1]):
            prefix = pointer(name, number) if name in LISTS else pointer(name)
            locations[prefix] = piece.declared
            locations |= {prefix + at: location for at, location in piece.locations.items()}
    if conflicts := list(_conflicts(pieces)):
        made[CONFLICTS] = conflicts
    id = f"aws://{account}/{region}/ecr" if account and region else first.id
    return Resource(REGISTRY, id, "registry", account, region, guard(made), locations=locations)


def _whole(pieces: Sequence[Piece], account: str | None) -> dict[str, Any]:
    """Return the properties of a registry that is declared as such, as examples of rules do."""
    value, unseen = _one(pieces), _unseen(account)
    if isinstance(value, dict):
        return complete(REGISTRY, {"RegistryId": unseen["RegistryId"], **value})
    return {**dict.fromkeys(unseen, value), "RegistryId": unseen["RegistryId"]}


def _one(pieces: Sequence[Piece]) -> Any:
    return pieces[0].value if len(pieces) == 1 else _twice(pieces)


def _conflicts(pieces: Iterable[Piece]) -> Iterator[dict[str, Any]]:
    """Yield each property that a registry has once and that is declared more than once, with the places."""
    declared: dict[str, list[Piece]] = {}
    for piece in pieces:
        if piece.property in SINGLE:
            declared.setdefault(piece.property, []).append(piece)
    for name, same in declared.items():
        if len(same) > 1:
            yield {"Property": name, "Places": _places(same), "Certain": _certain(same)}


def _certain(pieces: Sequence[Piece]) -> bool | Unknown:
    """Tell whether some two declarations of one property meet; `Unknown` says why it cannot be told.

    One template deployed twice, or one root module in two environments, may be meant for two accounts of which the
    configuration names one.  Their ids are the same but for the deployment, which stands after the first `@`.
    """
    if pieces[0].account is None or pieces[0].region is None:
        return Unknown("which account and Region they are for is not known")
    split = [piece.id.partition("@") for piece in pieces if not isinstance(piece.value, Unknown)]
    for number, (one, _, deployment) in enumerate(split):
        for other, _, another in split[:number]:
            if one != other and (deployment == another or not deployment or not another):
                return True
    vague = next((piece.value for piece in pieces if isinstance(piece.value, Unknown)), None)
    return Unknown("they may be for deployments of which no account has both") if vague is None else vague


def _list(pieces: Sequence[Piece]) -> Any:
    key = LISTS[pieces[0].property]
    seen: dict[str, Piece] = {}
    for piece in pieces:
        prefix = piece.value.get(key) if isinstance(piece.value, dict) else None
        if isinstance(prefix, str) and seen.setdefault(prefix, piece) is not piece:
            return _twice([seen[prefix], piece])
    return [piece.value for piece in pieces]


def _twice(pieces: Sequence[Piece]) -> Unknown:
    times = "twice" if len(pieces) == 2 else f"{len(pieces)} times"
    return Unknown(f"declared {times}: {' and '.join(_places(pieces))}")


def _places(pieces: Sequence[Piece]) -> list[str]:
    return sorted({f"{piece.declared.path}:{piece.declared.line}" for piece in pieces})
