"""The model: what exists, in AWS's own words, and what nobody has seen.

Every resource has a CloudFormation type name and CloudFormation-shaped properties, whether it was seen in a live
account or read from a template.  Three states are kept apart everywhere: a value, known not to exist (`None`), and
not seen.  Reading what was not seen raises `InsufficientData`, so that missing data can never become a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from scanner.guarded import InsufficientData, Items, Properties, Unknown, guard, plain

if TYPE_CHECKING:
    from scanner.images import ImageIndex

__all__ = [
    "Gap",
    "InsufficientData",
    "Items",
    "Location",
    "Model",
    "Pair",
    "Place",
    "Properties",
    "Resource",
    "Twin",
    "Unknown",
    "guard",
    "plain",
]


class Place(NamedTuple):
    """An account and a Region.  In a declared pair, account None means any account."""

    account: str | None
    region: str

    def __str__(self) -> str:
        return f"{self.account or '*'}/{self.region}"


@dataclass(frozen=True, order=True)
class Location:
    """A place in a file; `path` is relative to where the scan began, lines and columns count from 1."""

    path: str
    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None

    def holds(self, other: Location) -> bool:
        """Tell whether another place begins inside this one; one without an end holds nothing."""
        if self.end_line is None or self.end_column is None or self.path != other.path:
            return False
        return (self.line, self.column) <= (other.line, other.column) < (self.end_line, self.end_column)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource, as AWS would describe it.

    `id` is the ARN where there is one, `aws://<account>/<region>[/<service>]` for a Region or a registry, and the
    logical id for a template whose ARN cannot be known.  `name` is what a counterpart in another Region shares
    (schemas/resources say how it is made); None when it cannot be known.  `account` and `region` are None when
    nothing says where the resource lives.  `locations` maps JSON Pointers into `properties` to where they are
    written; it is empty for live resources.  `operations` are the AWS calls that told us (`ecr:DescribeRepositories`),
    `observed_at` when (RFC 3339, UTC).
    """

    type: str
    id: str
    name: str | None
    account: str | None
    region: str | None
    properties: Properties
    tags: Mapping[str, str] = field(default_factory=dict)
    locations: Mapping[str, Location] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    observed_at: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", Properties(self.tags))
        object.__setattr__(self, "locations", Properties(self.locations))

    def __getitem__(self, name: str) -> Any:
        """Return a property, None if it is known not to be set; raise `InsufficientData` if it was not seen."""
        return self.properties[name]

    @property
    def place(self) -> Place:
        """Return where the resource lives; raise `InsufficientData` when that is not known."""
        if self.account is None or self.region is None:
            unknown = {"account": self.account, "Region": self.region}
            missing = " and ".join(word for word, value in unknown.items() if value is None)
            source = next((location.path for location in self.locations.values()), self.id)
            raise InsufficientData(
                f"nothing says which {missing} '{source}' is for; say so under 'iac:' in regionproof.yaml"
            )
        return Place(self.account, self.region)

    def locate(self, pointer: str) -> Location | None:
        """Return where `pointer` is written, or its nearest parent that is."""
        while pointer and pointer not in self.locations:
            pointer = pointer.rpartition("/")[0]
        return self.locations.get(pointer)


@dataclass(frozen=True, order=True)
class Gap:
    """Something that was not seen.

    `reason` is the error code (`AccessDeniedException`, `ThrottlingException`, `ParseError`, ...), `message` a
    sentence.  `type` is the resource type that may be missing from the model, None for any; `account` and `region`
    say where, None for anywhere.  `operation` is the AWS call (`ecs:ListServices`), `path` the file.
    """

    reason: str
    message: str
    type: str | None = None
    account: str | None = None
    region: str | None = None
    operation: str | None = None
    path: str | None = None

    def hides(self, type: str, account: str | None, region: str | None) -> bool:
        """Tell whether a resource of this type and place may exist without our having seen it."""
        return (
            self.type in (None, type)
            and (None in (self.account, account) or self.account == account)
            and (None in (self.region, region) or self.region == region)
        )

    def __str__(self) -> str:
        where = "/".join(part for part in (self.account, self.region) if part)
        what = self.operation or self.path or self.type or "everything"
        return f"{what}{f' in {where}' if where else ''}: {self.reason}: {self.message}"


@dataclass(frozen=True, order=True)
class Pair:
    """A primary place and the standby that takes over.

    `rpo` and `rto` are objectives, None when not declared.  `image_distribution` says how images get to the standby:
    by the `replication` of ECR, which is also meant when nothing is declared, or by a `dual-push` of every pipeline.
    """

    primary: Place
    standby: Place
    dr_class: str | None = None
    rpo: timedelta | None = None
    rto: timedelta | None = None
    image_distribution: str | None = None

    def __str__(self) -> str:
        return f"{self.primary} -> {self.standby}"


_NAMED_FREELY = ("AWS::ECS::", "AWS::EKS::", "AWS::Lambda::", "Kubernetes::")
"""Types of which people choose the names for each Region; a repository keeps its name when it is replicated."""


class Twin:
    """A resource of the primary, and what stands for it in the standby of one pair."""

    def __init__(self, model: Model, primary: Resource, pair: Pair) -> None:
        self._model, self.primary, self.pair = model, primary, pair

    @property
    def standby(self) -> Resource | None:
        """Return the counterpart, None if it is known not to exist; raise `InsufficientData` if nobody looked."""
        primary = self.primary
        if primary.name is None:
            raise InsufficientData(f"the name of '{primary.id}' is not known, so its counterpart is not either")
        return self.find(primary.type, primary.name)

    def find(self, type: str, name: str) -> Resource | None:
        """Return what has the name of something in the primary, None if it is known not to exist; else raise.

        What runs containers may be named after its Region, and is then found under the standby's too.
        """
        found = (self._find(type, each) for each in self.names(type, name))
        return next((one for one in found if one is not None), None)

    def names(self, type: str, name: str) -> tuple[str, ...]:
        """Return the names under which something of the primary may be in the standby."""
        other = name.replace(self.pair.primary.region, self.pair.standby.region)
        return (name, other) if type.startswith(_NAMED_FREELY) and other != name else (name,)

    def _find(self, type: str, name: str) -> Resource | None:
        return self._model.find(type, name, self.pair.standby, code=bool(self.primary.locations))


_Name = tuple[str, str, Place]


class Model:
    """Everything one scan knows.  Rules may read all of it and change none of it.

    `pairs` are the declared ones; None derives them from the registries' own replication rules.  `scanned` are the
    places that were looked at: about any other place nothing can be said.  `asked` are those where an account was
    asked, None means wherever its Region was seen.  `as_of` is the time the data speaks of.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        *,
        gaps: Iterable[Gap] = (),
        pairs: Sequence[Pair] | None = None,
        images: ImageIndex,
        scanned: Iterable[Place] = (),
        asked: Iterable[Place] | None = None,
        as_of: datetime,
    ) -> None:
        self._by_type: dict[str, dict[str, Resource]] = {}
        self._seen: dict[_Name, Resource] = {}
        self._declared: dict[_Name, Resource] = {}
        self._vague: dict[str, list[Resource]] = {}
        # What an account showed stands over what a file says of the same resource, so files come first.
        for resource in sorted(resources, key=lambda resource: not resource.locations):
            self._by_type.setdefault(resource.type, {})[resource.id] = resource
            if resource.name is None or resource.account is None or resource.region is None:
                self._vague.setdefault(resource.type, []).append(resource)
            else:
                named = self._declared if resource.locations else self._seen
                named[resource.type, resource.name, resource.place] = resource
        regions = frozenset(place for type, _, place in self._seen if type == "AWS::Account::Region")
        self.scanned = frozenset(scanned)
        self._live = regions if asked is None else frozenset(asked)
        self._listed = regions - self._live - self.scanned
        self.gaps = tuple(sorted(set(gaps), key=repr))
        self.images = images
        self.as_of = as_of
        self.pairs_derived = pairs is None
        self.pairs: tuple[Pair, ...] = tuple(sorted(set(self._derived_pairs() if pairs is None else pairs), key=repr))
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_complete", False):
            raise TypeError("the model cannot be changed")
        super().__setattr__(name, value)

    def of_type(self, type: str) -> Iterator[Resource]:
        """Return the resources of a type that were seen; `hidden` says whether there may be others.

        A resource that only a file shows is left out where an account was asked and did not say: it may exist, and
        differ.  So is a Region of an account in which nobody looked: it is there to be found, not to be judged.
        """
        for resource in self._by_type.get(type, {}).values():
            place = Place(resource.account, resource.region or "")
            if type == "AWS::Account::Region" and place in self._listed:
                continue
            if not (resource.locations and place in self._live and self._live_gap(type, place)):
                yield resource

    def get(self, type: str, id: str) -> Resource | None:
        """Return a resource, None if it is known not to exist; raise `InsufficientData` if it may exist unseen."""
        found = self._by_type.get(type, {}).get(id)
        if found is None:
            account, region = _place_in(id)
            if account is None or region is None:
                raise InsufficientData(f"'{id}' does not say where it is, so nobody can tell whether it exists")
            self._must_have_looked(type, account, region, id)
        return found

    def find(self, type: str, name: str, place: Place, *, code: bool = False) -> Resource | None:
        """Return the resource of that name in that place, None if it is known not to exist; else raise.

        Where an account was asked, its answer counts and not what files declare, unless `code` is set.
        """
        found = self._seen.get((type, name, place))
        if found is None and (code or place not in self._live):
            found = self._declared.get((type, name, place))
        if found is None:
            self._must_have_looked(type, place.account, place.region, name)
            if place not in self._live:
                self._must_be_clear(type, name, place)
        return found

    def declared(self, type: str, name: str, place: Place) -> Resource | None:
        """Return the resource that infrastructure code creates, None if none of the code that was scanned does.

        Raises `InsufficientData` if no code was scanned, or some of it could not be read or placed.
        """
        found = self._declared.get((type, name, place))
        if found is None:
            vague = (
                one for other, ones in self._vague.items() if not other.startswith("Regionproof::") for one in ones
            )
            if not self._declared and not any(resource.locations for resource in vague):
                raise InsufficientData("no infrastructure code was scanned; give its folder to `regionproof scan`")
            unread = (gap for gap in self.gaps if gap.path and gap.hides(type, place.account, place.region))
            if gap := next(unread, None):
                raise InsufficientData(f"'{name}' may be declared unseen: {gap}")
            self._must_be_clear(type, name, place)
        return found

    def hidden(self, type: str, place: Place | None = None) -> Gap | None:
        """Return a gap that may hide resources of this type (in this place), None if all of them were seen."""
        if place is not None and place in self._live:
            return self._live_gap(type, place)
        account, region = place or (None, None)
        return next((gap for gap in self.gaps if gap.hides(type, account, region)), None)

    def pairs_of(self, place: Place) -> tuple[Pair, ...]:
        """Return the pairs in which `place` is the primary, accounts filled in.

        Raises `InsufficientData` when pairs follow from replication rules and those of this place were not seen.
        """
        if self.pairs_derived:
            registry = self.find("AWS::ECR::Registry", "registry", place)
            if registry is not None:
                list(_destinations(registry))  # raises if one of them was not seen
        return tuple(dict.fromkeys(bound for pair in self.pairs for bound in _bind(pair, place)))

    def twins(self, resource: Resource) -> list[Twin]:
        """Return the resource's counterpart for each pair whose primary is its account and Region."""
        return [Twin(self, resource, pair) for pair in self.pairs_of(resource.place)]

    def _live_gap(self, type: str, place: Place) -> Gap | None:
        gaps = (gap for gap in self.gaps if gap.path is None and gap.hides(type, place.account, place.region))
        return next(gaps, None)

    def _must_be_clear(self, type: str, name: str, place: Place) -> None:
        for other in self._vague.get(type, ()):
            if other.name in (None, name) and _may_be_in(other, place):
                raise InsufficientData(f"'{other.id}' may be '{name}' in {place}: its name or place is not known")

    def _must_have_looked(self, type: str, account: str | None, region: str | None, what: str) -> None:
        place = Place(account, region) if account and region else None
        if gap := self.hidden(type, place):
            raise InsufficientData(f"'{what}' may exist unseen: {gap}")
        if place and place not in self.scanned:
            raise InsufficientData(f"'{what}' was looked for in {place}, which was not scanned")

    def _derived_pairs(self) -> Iterator[Pair]:
        for registry in self.of_type("AWS::ECR::Registry"):
            with suppress(InsufficientData):  # `pairs_of` raises for this place
                yield from [
                    Pair(registry.place, standby)
                    for standby in _destinations(registry)
                    if standby.region != registry.region
                ]


def _destinations(registry: Resource) -> Iterator[Place]:
    """Yield where a registry replicates to; raise `InsufficientData` if some of it was not seen or makes no sense."""
    try:
        for rule in (registry["ReplicationConfiguration"] or {}).get("Rules") or []:
            for destination in rule["Destinations"] or []:
                account, region = destination["RegistryId"], destination["Region"]
                yield Place(account + "", region + "")
    except (TypeError, AttributeError) as error:
        raise InsufficientData(f"a replication rule of '{registry.id}' names no registry") from error


def _bind(pair: Pair, place: Place) -> Iterator[Pair]:
    """Yield the pair, in the direction in which `place` is its primary; active-active pairs have both."""
    primary = pair.primary
    standby = Place(pair.standby.account or primary.account, pair.standby.region)
    if _is_at(primary, place):
        yield replace(pair, primary=place, standby=Place(standby.account or place.account, standby.region))
    if pair.dr_class == "active-active" and _is_at(standby, place):
        yield replace(pair, primary=place, standby=Place(primary.account or place.account, primary.region))


def _is_at(declared: Place, place: Place) -> bool:
    return declared.region == place.region and declared.account in (None, place.account)


def _may_be_in(resource: Resource, place: Place) -> bool:
    return resource.account in (None, place.account) and resource.region in (None, place.region)


def _place_in(id: str) -> tuple[str | None, str | None]:
    """Return the account and Region an ARN or an `aws://` id names."""
    if id.startswith("arn:") and id.count(":") >= 5:
        _, _, _, region, account, _ = id.split(":", 5)
        return account or None, region or None
    if id.startswith("aws://"):
        account, region, *_ = [*id.removeprefix("aws://").split("/"), ""]
        return account or None, region or None
    return None, None
