"""The model: what exists, in AWS's own words, and what nobody has seen.

Every resource has a CloudFormation type name and CloudFormation-shaped properties, whether it was seen in a live
account or read from a template.  Three states are kept apart everywhere: a value, known not to exist (`None`), and
not seen.  Reading what was not seen raises `InsufficientData`, so that missing data can never become a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scanner.gaps import Gap, GapIndex
from scanner.guarded import InsufficientData, Items, Properties, Unknown, guard, plain
from scanner.pairs import Pair, PairIndex, bind, destinations
from scanner.resource import Location, Place, Resource

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

_NAMED_FREELY = ("AWS::ECS::", "AWS::EKS::", "AWS::Lambda::", "Kubernetes::")
"""Types of which people choose the names for each Region; a repository keeps its name when it is replicated."""

_NO_CODE = ("GitHub::", "GitLab::", "Regionproof::")
"""Types of what has a place in a file too and is no infrastructure code: CI, and what regionproof.yaml declares."""


@dataclass(frozen=True, eq=False, slots=True)
class Twin:
    """A resource of the primary, and what stands for it in the standby of one pair."""

    _model: Model
    primary: Resource
    pair: Pair

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
        found = (self.named(type, each) for each in self.names(type, name))
        return next((one for one in found if one is not None), None)

    def names(self, type: str, name: str) -> tuple[str, ...]:
        """Return the names under which something of the primary may be in the standby."""
        other = name.replace(self.pair.primary.region, self.pair.standby.region)
        return (name, other) if type.startswith(_NAMED_FREELY) and other != name else (name,)

    def named(self, type: str, name: str) -> Resource | None:
        """Return what has a name in the standby, None if it is known not to exist; else raise `InsufficientData`."""
        return self._model.find(type, name, self.pair.standby, code=bool(self.primary.locations))


_Name = tuple[str, str, Place]
_FACTS = frozenset(
    (
        *("_by_type", "_seen", "_declared", "_vague", "_has_code", "_live", "_listed", "_images"),
        *("scanned", "_gaps", "as_of", "pairs", "pairs_derived", "planned"),
    )
)


class Model:
    """Everything one scan knows.  Rules may read all of it and change none of it.

    `pairs` are the declared ones; None derives them from the registries' own replication rules.  `scanned` are the
    places that were looked at: about any other place nothing can be said.  `asked` are those where an account was
    asked, None means wherever its Region was seen.  `as_of` is the time the data speaks of.  With `planned` the
    resources of files are what will be there (`scanner.overlay`), and count as those that accounts showed.
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
        planned: bool = False,
    ) -> None:
        self.planned = planned
        self._by_type: dict[str, dict[str, Resource]] = {}
        self._seen: dict[_Name, Resource] = {}
        self._declared: dict[_Name, Resource] = {}
        self._vague: dict[tuple[str, str | None], list[Resource]] = {}
        # What comes later stands over what shares its name: accounts over files, and of revisions the newest.
        # With a plan it is the other way round.
        for resource in sorted(resources, key=lambda one: (bool(one.locations) is planned, _revision(one.id))):
            self._by_type.setdefault(resource.type, {})[resource.id] = resource
            if resource.name is None or resource.account is None or resource.region is None:
                self._vague.setdefault((resource.type, resource.name), []).append(resource)
            else:
                name = (resource.type, resource.name, resource.place)
                if resource.locations:
                    self._declared[name] = resource
                if planned or not resource.locations:
                    self._seen[name] = resource
        code = (ones for (type, _), ones in self._vague.items() if not type.startswith(_NO_CODE))
        self._has_code = bool(self._declared) or any(one.locations for ones in code for one in ones)
        regions = frozenset(place for type, _, place in self._seen if type == "AWS::Account::Region")
        self.scanned = frozenset(scanned)
        self._live = regions if asked is None else frozenset(asked)
        self._listed = regions - self._live - self.scanned
        self._gaps = tuple(sorted(set(gaps), key=repr))
        self._images = images
        self.as_of = as_of
        self.pairs_derived = pairs is None
        self._index()
        self.pairs: tuple[Pair, ...] = tuple(sorted(set(self._derived_pairs() if pairs is None else pairs), key=repr))
        self._complete = True

    def _index(self) -> None:
        """Prepare for the questions that rules ask again and again; what is found stays right: nothing changes."""
        self._gaps_of_all = GapIndex(self._gaps)
        self._gaps_of_accounts = GapIndex(gap for gap in self._gaps if gap.path is None)
        self._gaps_of_files = GapIndex(gap for gap in self._gaps if gap.path)
        self._judged: dict[str, tuple[Resource, ...]] = {}
        self._placed: dict[str, dict[Place | None, list[Resource]]] = {}
        self._pairs_at: dict[Place, tuple[Pair, ...]] = {}
        self._pair_index: list[PairIndex] = []
        self._unseen_replication: list[str | None] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_complete", False):
            raise TypeError("the model cannot be changed")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise TypeError("the model cannot be changed")

    def __getstate__(self) -> dict[str, Any]:
        """Return what is known, without what was only prepared from it."""
        return {name: value for name, value in vars(self).items() if name in _FACTS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._index()
        self._complete = True

    def amended(
        self,
        resources: Iterable[Resource] = (),
        *,
        pairs: Sequence[Pair] | None = None,
        images: ImageIndex | None = None,
    ) -> Model:
        """Return the model as it would be with these resources too, and with other pairs or images where given."""
        return Model(
            [*(one for ones in self._by_type.values() for one in ones.values()), *resources],
            gaps=self.gaps,
            pairs=(None if self.pairs_derived else self.pairs) if pairs is None else pairs,
            images=self._images if images is None else images,
            scanned=self.scanned,
            asked=self._live,
            as_of=self.as_of,
            planned=self.planned,
        )

    @property
    def images(self) -> ImageIndex:
        """Return the images of the repositories that were listed."""
        return self._images

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return everything that was not seen; `gaps_hiding` tells what hides a type without a look at all of it."""
        return self._gaps

    def gaps_hiding(self, type: str) -> tuple[Gap, ...]:
        """Return the gaps that may hide resources of a type, wherever."""
        return tuple(gap for gap in self._gaps if gap.hides(type, None, None))

    def subjects(self, type: str) -> Iterator[Resource]:
        """Return the resources of a type about which verdicts are given."""
        return iter(self._of_type(type))

    def blind_spots(self) -> tuple[Gap, ...]:
        """Return the gaps about which verdicts are given."""
        return self._gaps

    def of_type(self, type: str) -> Iterator[Resource]:
        """Return the resources of a type that were seen; `hidden` says whether there may be others.

        A resource that only a file shows is left out where an account was asked and did not say: it may exist, and
        differ.  So is a Region of an account in which nobody looked: it is there to be found, not to be judged.
        A rule that asks for all of a type needs all accounts in memory at once (`scanner.section`): ask `in_place`,
        `connected` or `named` where that is enough.
        """
        return iter(self._of_type(type))

    def connected(self, type: str, place: Place) -> Iterator[Resource]:  # noqa: ARG002 - a part of an estate asks
        """Return those `of_type` that can have to do with a place.

        All that are in its account or in one that is connected with that are among them: by a pair, by replication or
        by an image that either names.
        """
        return iter(self._of_type(type))

    def named(self, type: str, name: str) -> Iterator[Resource]:
        """Return those `of_type` that have a name, wherever they are."""
        return (resource for resource in self._of_type(type) if resource.name == name)

    def _of_type(self, type: str) -> tuple[Resource, ...]:
        if type not in self._judged:
            self._judged[type] = tuple(filter(self._is_judged, self._by_type.get(type, {}).values()))
        return self._judged[type]

    def _is_judged(self, resource: Resource) -> bool:
        place = Place(resource.account, resource.region or "")
        if resource.type == "AWS::Account::Region" and place in self._listed:
            return False
        if self.planned:
            return True
        return not (resource.locations and place in self._live and self._live_gap(resource.type, place))

    def in_place(self, type: str, place: Place) -> Iterator[Resource]:
        """Return those `of_type` that are in a place, then those that may be, since nothing says where they are.

        To read the `place` of the latter raises `InsufficientData`.
        """
        if type not in self._placed:
            placed = self._placed[type] = {}
            for resource in self._of_type(type):
                known = resource.account is not None and resource.region is not None
                placed.setdefault(resource.place if known else None, []).append(resource)
        found = self._placed[type]
        yield from found.get(place, ())
        yield from (resource for resource in found.get(None, ()) if _may_be_in(resource, place))

    def get(self, type: str, id: str) -> Resource | None:
        """Return a resource, None if it is known not to exist; raise `InsufficientData` if it may exist unseen."""
        found = self._by_type.get(type, {}).get(id)
        if found is None:
            account, region = place_in(id)
            if account is None or region is None:
                raise InsufficientData(f"'{id}' does not say where it is, so nobody can tell whether it exists")
            self._must_have_looked(type, account, region, id)
        return found

    def find(self, type: str, name: str | None, place: Place, *, code: bool = False) -> Resource | None:
        """Return the resource of that name in that place, None if it is known not to exist; else raise.

        Where an account was asked, its answer counts and not what files declare, unless `code` is set.  A name of None
        is one that is not known.
        """
        if name is None:
            raise InsufficientData(f"its name is not known, so its counterpart in {place} cannot be told")
        found = self._seen.get((type, name, place))
        if found is None and (code or place not in self._live):
            found = self._declared.get((type, name, place))
        if found is None:
            self._must_have_looked(type, place.account, place.region, name)
            if self.planned or place not in self._live:
                self._must_be_clear(type, name, place)
        return found

    def is_only_declared(self, place: Place) -> bool:
        """Tell whether code alone speaks of a place, so that what images are there nobody has asked."""
        return place not in self._live and ("AWS::Account::Region", "region", place) in self._declared

    @property
    def has_code(self) -> bool:
        """Tell whether infrastructure code was scanned, and declares something."""
        return self._has_code

    def declared(self, type: str, name: str, place: Place) -> Resource | None:
        """Return the resource that infrastructure code creates, None if none of the code that was scanned does.

        Raises `InsufficientData` if no code was scanned, or some of it could not be read or placed.
        """
        found = self._declared.get((type, name, place))
        if found is None:
            if not self._has_code:
                raise InsufficientData("no infrastructure code was scanned; give its folder to `regionproof scan`")
            if gap := self._gaps_of_files.hiding(type, place.account, place.region):
                raise InsufficientData(f"'{name}' may be declared unseen: {gap}")
            self._must_be_clear(type, name, place)
        return found

    def hidden(self, type: str, place: Place | None = None) -> Gap | None:
        """Return a gap that may hide resources of this type (in this place), None if all of them were seen."""
        if place is not None and place in self._live and not self.planned:
            return self._live_gap(type, place)
        account, region = place or (None, None)
        return self._gaps_of_all.hiding(type, account, region)

    def pairs_of(self, place: Place) -> tuple[Pair, ...]:
        """Return the pairs in which `place` is the primary, accounts filled in.

        Raises `InsufficientData` when pairs follow from replication rules and those of this place were not seen.
        """
        if place not in self._pairs_at:
            if self.pairs_derived:
                registry = self.find("AWS::ECR::Registry", "registry", place)
                if registry is not None:
                    list(destinations(registry))  # raises if one of them was not seen
            bound = (each for pair in self.pairs_about(place.account) for each in bind(pair, place))
            self._pairs_at[place] = tuple(dict.fromkeys(bound))
        return self._pairs_at[place]

    def pairs_about(self, account: str | None) -> Sequence[Pair]:
        """Return the pairs that name an account, and those that are of every account; None: all."""
        if not self._pair_index:
            self._pair_index.append(PairIndex(self.pairs))
        return self._pair_index[0].about(account)

    def unseen_replication(self) -> str | None:
        """Return why a replication rule from which a pair follows may not have been seen, None if all were."""
        if not self._unseen_replication:
            self._unseen_replication.append(self._find_unseen_replication())
        return self._unseen_replication[0]

    def _find_unseen_replication(self) -> str | None:
        if gap := self.hidden("AWS::ECR::Registry"):
            return str(gap)
        for registry in self._of_type("AWS::ECR::Registry"):
            try:
                self.pairs_of(registry.place)
            except InsufficientData as reason:
                return str(reason)
        return None

    def twins(self, resource: Resource) -> list[Twin]:
        """Return the resource's counterpart for each pair whose primary is its account and Region."""
        return [Twin(self, resource, pair) for pair in self.pairs_of(resource.place)]

    def _live_gap(self, type: str, place: Place) -> Gap | None:
        return self._gaps_of_accounts.hiding(type, place.account, place.region)

    def _must_be_clear(self, type: str, name: str, place: Place) -> None:
        for other in (*self._vague.get((type, None), ()), *self._vague.get((type, name), ())):
            if _may_be_in(other, place):
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
                    for standby in destinations(registry)
                    if standby.region != registry.region
                ]


def _may_be_in(resource: Resource, place: Place) -> bool:
    return resource.account in (None, place.account) and resource.region in (None, place.region)


def _revision(id: str) -> int:
    """Return the number at the end of the ARN of a task definition, 0 where there is none."""
    last = id.rpartition(":")[2]
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 20 else 0


def place_in(id: str) -> tuple[str | None, str | None]:
    """Return the account and Region an ARN or an `aws://` id names."""
    if id.startswith("arn:") and id.count(":") >= 5:
        _, _, _, region, account, _ = id.split(":", 5)
        return account or None, region or None
    if id.startswith("aws://"):
        account, region, *_ = [*id.removeprefix("aws://").split("/"), ""]
        return account or None, region or None
    return None, None
