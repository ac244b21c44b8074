"""Resources of Terraform as resources of the model: the attribute maps in `schemas/terraform`, applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from scanner.documents import pointer
from scanner.model import Gap, Location, Resource, Unknown, guard
from scanner.parsers.registry import Piece
from scanner.parsers.terraform.computed import arn, names
from scanner.parsers.terraform.convert import Conversion
from scanner.parsers.terraform.declared import Attribute, Declared
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.satellites import Part, combined
from scanner.regions import partition_by_name
from scanner.vocabulary import complete, definition

_CLUSTER, _SERVICE = "AWS::ECS::Cluster", "AWS::ECS::Service"
_SETTINGS = "AccountSettings"


def resources(
    declared: Sequence[Declared], suffix: str, moved: Callable[[str], str] = str
) -> Iterator[Resource | Piece | Gap]:
    """Return what the instances of one environment are in the model, with the references between them.

    Satellites (`aws_ecr_lifecycle_policy`) become properties of the resource that they are about.  `suffix` tells
    environments apart in ids; `moved` gives the address that one has by now.
    """
    yield from _Environment(declared, suffix, moved).declarations()


class _Instance:
    """One declared instance of a type that has a map."""

    def __init__(self, one: Declared, described: Mapping[str, Any], environment: _Environment) -> None:
        self.declared, self.described, self.environment = one, described, environment
        self.type: str = described.get("type", "")
        self.is_main = bool(self.type) and not {"piece", "satellite"} & described.keys()

    @property
    def place(self) -> tuple[str | None, str | None]:
        return self.declared.account, self.declared.region

    @property
    def location(self) -> Location:
        return self.declared.locations.get("") or Location(self.declared.path, 1)

    @cached_property
    def conversion(self) -> Conversion:
        one = self.declared
        return Conversion(
            self.described, one.values, one.locations, lambda *given: self.environment.refer(self, *given)
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the texts by which others may refer to it; empty if none is known."""
        return frozenset(names(self.declared.type, self.declared.values.get, *self.place))

    @property
    def own_id(self) -> str:
        environment = self.environment
        return f"{self.declared.path}#{environment.moved(self.declared.address)}{environment.suffix}"

    @cached_property
    def id(self) -> str:
        account, region = self.place
        if self.type.startswith("Kubernetes::"):
            kind = self.type.rpartition(":")[2]
            parts = [self.declared.cluster_arn, self._part("Namespace"), kind, self._part("Name")]
            return "/".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else self.own_id
        known = arn(self.declared.type, self.declared.values.get, account, region)
        if known is None and self.type == _SERVICE and account and region and isinstance(self.name, str):
            known = f"arn:{partition_by_name(region)[0]}:ecs:{region}:{account}:service/{self.name}"
        return known or self.own_id

    @cached_property
    def name(self) -> Any:
        """Return what the counterpart of the resource shares with it; `Unknown` when the code does not say."""
        parts = []
        for key in definition(self.type)["x-name"]:
            part = self._part(key)
            if not isinstance(part, (str, int)):
                unsaid = Unknown(f"the {key} of '{self.declared.address}' is not declared")
                return part if isinstance(part, Unknown) else unsaid
            parts.append(str(part))
        return "/".join(parts)

    @property
    def unmatched(self) -> str:
        """Return why nobody knows which live object it is that is imported; empty where its ARN or name tells."""
        named = isinstance(self.name, str) or self.id.startswith("arn:")
        return "" if named else self.declared.stands_for

    def _part(self, key: str) -> Any:
        if key == "Cluster" and self.type.startswith("Kubernetes::"):
            cluster = self.declared.cluster_arn
            return cluster.rpartition("/")[2] if isinstance(cluster, str) else cluster
        if key == "Cluster" and self.type == _SERVICE:
            given = self.declared.values.get("cluster")
            unset = given is None or (isinstance(given, str) and not given)
            named = self.environment.refer(self, "default" if unset else given, _CLUSTER, True)
            return named.rpartition("/")[2] if isinstance(named, str) else named
        return self.conversion.value.get(key)

    def properties(self, parts: Iterable[Part]) -> tuple[dict[str, Any], dict[str, Location]]:
        """Return the properties that are declared, with those of its satellites, and where they are written."""
        given = dict(self.conversion.value)
        if self.type.startswith("Kubernetes::"):
            given["Cluster"] = self.declared.cluster_arn
        made, locations = combined(self.type, given, list(parts))
        return made, {**self.conversion.locations, **locations, "": self.location}

    def resource(self, parts: Iterable[Part]) -> Resource:
        properties, locations = self.properties(parts)
        account, region = self.place
        name = self.name
        return Resource(
            self.type,
            self.id,
            name if isinstance(name, str) else None,
            account,
            region,
            guard(complete(self.type, properties)),
            _tags(self.declared.values),
            locations,
        )

    def piece(self) -> Piece:
        account, region = self.place
        conversion, doubt = self.conversion, self.declared.doubt
        value = Unknown(doubt) if doubt else conversion.value
        if isinstance(value, dict) and not value and self.described["piece"] == "PolicyText":
            value = Unknown(f"'{self.declared.address}' does not set its policy")
        locations = {"": self.location} if isinstance(value, Unknown) else {"": self.location, **conversion.locations}
        return Piece(self.described["piece"], value, self.own_id, account, region, self.location, locations)

    def gap(self, reason: str, type: str | None) -> Gap:
        account, region = self.place
        message = f"{self.location.path}:{self.location.line}: '{self.declared.address}': {reason}"
        return Gap("Unresolved", message, type, account, region, path=self.declared.path)


class _Environment:
    """The instances of one environment, which may refer to each other."""

    def __init__(self, declared: Sequence[Declared], suffix: str, moved: Callable[[str], str]) -> None:
        self.suffix, self.moved = suffix, moved
        self.instances: dict[str, _Instance] = {}
        for one in declared:
            described = None if one.data else attribute_map(one.type)
            if described is not None:
                self.instances[one.address] = _Instance(one, described, self)
        self.mains: dict[str, list[_Instance]] = {}
        self._by_name: dict[str, dict[str, list[_Instance]]] = {}
        for each in self.instances.values():
            if each.is_main:
                self.mains.setdefault(each.type, []).append(each)

    def declarations(self) -> Iterator[Resource | Piece | Gap]:
        parts = self._parts()
        settings = []
        for one in self.instances.values():
            if gap := one.described.get("gap"):
                reason = ": ".join(filter(None, (gap["reason"], one.declared.doubt)))
                yield from (one.gap(reason, type) for type in gap.get("types", [None]))
            if one.described.get("piece") == _SETTINGS:
                settings.append(one.piece())
            elif "piece" in one.described:
                yield one.piece()
            elif one.is_main:
                if doubt := one.declared.doubt or one.unmatched:
                    yield one.gap(doubt, one.type)
                else:
                    yield one.resource(parts.get(one.declared.address, ()))
        yield from _settings(settings)

    # Which resource a value refers to.

    def refer(self, one: _Instance, value: Any, type: str, by_name: bool) -> Any:
        """Return the id, or the name, of the resource that a value of `one` refers to; else the value."""
        found = self._find(one, value, type)
        if found is not None:
            return found.name if by_name else found.id
        if by_name or type != _CLUSTER or not isinstance(value, str) or value.startswith("arn:"):
            return value
        account, region = one.place
        if account is None or region is None:
            return Unknown(f"the account and Region of cluster '{value}' are not known")
        return f"arn:{partition_by_name(region)[0]}:ecs:{region}:{account}:cluster/{value}"

    def _find(self, one: _Instance, value: Any, type: str) -> _Instance | None:
        if isinstance(value, Attribute):
            found = self.instances.get(value.address)
            return found if found is not None and found.is_main and found.type == type else None
        named = self._named(one, value, type)
        return named[0] if len(named) == 1 else None

    def _named(self, one: _Instance, value: Any, type: str) -> list[_Instance]:
        """Return the resources of a type, of the model or of Terraform, in the place of `one` that a text names."""
        if not isinstance(value, str):
            return []
        if type not in self._by_name:
            made: dict[str, list[_Instance]] = {}
            self._by_name[type] = made
            for each in self.instances.values():
                if (each.is_main and each.type == type) or each.declared.type == type:
                    for name in each.names:
                        made.setdefault(name, []).append(each)
        return [each for each in self._by_name[type].get(value, ()) if _are_near(one, each)]

    def _near(self, one: _Instance, type: str) -> list[_Instance]:
        """Return the resources of a type that may be in the place of `one`."""
        return [each for each in self.mains.get(type, ()) if _are_near(one, each)]

    # The satellites.

    def _parts(self) -> dict[str, list[Part]]:
        """Return the parts of each resource, by its address."""
        made: dict[str, list[Part]] = {}
        for one in self.instances.values():
            if "satellite" in one.described:
                for main, doubt in self._owners(one):
                    made.setdefault(main.declared.address, []).append(self._part(one, doubt or one.declared.doubt))
        return made

    def _owners(self, one: _Instance) -> Iterator[tuple[_Instance, str]]:
        """Return the resources that a satellite belongs to, and why it may not; "" where it does for certain."""
        given = one.declared.values.get(one.described["satellite"]["of"])
        for value in given if isinstance(given, list) else [given]:
            sure, maybe = self._named_by(one, value)
            if len(sure) > 1:  # of one name, and which of them is in its place is not known
                sure, maybe = [], sure
            yield from ((main, "") for main in sure)
            for main in maybe:
                about = f"'{one.declared.address}' belongs to '{main.declared.address}'"
                yield main, f"whether {about} is not known"

    def _named_by(self, one: _Instance, value: Any) -> tuple[list[_Instance], list[_Instance]]:
        """Return the resources that a satellite names, and those that it may name."""
        if isinstance(value, Attribute) and (found := self.instances.get(value.address)):
            return ([found] if found.is_main and found.type == one.type and _are_near(one, found) else []), []
        if isinstance(value, str):
            sure = [main for main in self._named(one, value, one.type) if main.is_main]
            return sure, [] if sure else [main for main in self._near(one, one.type) if not main.names]
        return [], self._near(one, one.type) if isinstance(value, Unknown) else []

    def _part(self, one: _Instance, doubt: str) -> Part:
        said = one.described["satellite"]
        through = said.get("through")
        if through is not None:
            value = one.declared.values.get(through["attribute"])
            if isinstance(value, Attribute):
                found = self.instances.get(value.address)
                others = [found] if found is not None and found.declared.type == through["type"] else []
            else:
                others = self._named(one, value, through["type"])
            if len(others) == 1 and not others[0].declared.doubt:
                other = others[0].conversion
                return Part(one.declared, other.value, through["into"], other.locations, doubt)
        return Part(one.declared, one.conversion.value, said.get("into"), one.conversion.locations, doubt)


def _are_near(one: _Instance, other: _Instance) -> bool:
    """Tell whether two resources may be in the same place."""
    return all(None in (left, right) or left == right for left, right in zip(one.place, other.place, strict=True))


def _settings(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Return the account settings of each place together; those that are not declared are not known."""
    groups: dict[tuple[Any, ...], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.account, piece.region), []).append(piece)
    known = definition("AWS::ECR::Registry")["properties"][_SETTINGS]["properties"]
    for group in groups.values():
        made: Any = {name: Unknown(f"{name} is not declared in the scanned files") for name in known}
        locations = {"": group[0].declared}
        for piece in group:
            name = piece.value.get("Name") if isinstance(piece.value, dict) else piece.value
            if isinstance(name, Unknown):
                made = name
            elif isinstance(name, str) and isinstance(made, dict):
                made[name] = piece.value.get("Value")
                locations[pointer(name)] = piece.declared
        first = group[0]
        yield Piece(_SETTINGS, made, first.id, first.account, first.region, first.declared, locations)


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags whose value is known, those of the provider among them where a plan shows them."""
    for name in ("tags_all", "tags"):
        given = values.get(name)
        if isinstance(given, dict) and given:
            return {str(key): str(value) for key, value in given.items() if isinstance(value, (str, int))}
    return {}
