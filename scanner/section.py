"""A part of an estate that is judged by itself, and that knows what it does not hold.

A section holds everything of some accounts; of the others it holds what rules look for everywhere (`Common`).  A
question about another account cannot be answered from it.  So it is never silently answered: the section takes note of
the account (`beyond`), and what was said must then be thrown away, and said again with that account beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from scanner.gaps import GapIndex
from scanner.images import ImageIndex, RepositoryKey
from scanner.model import Gap, Model, Pair, Place, Resource, place_in
from scanner.pairs import PairIndex

EVERYWHERE = frozenset({"AWS::ARCRegionSwitch::Plan", "AWS::CodePipeline::Pipeline"})
"""Types of which there are few, and which rules look for in every account: every section holds all of them."""
_DECLARED = ("GitHub::", "GitLab::", "Regionproof::", "Terraform::")
_REGISTRY = "AWS::ECR::Registry"
REST = ""
"""The unit of what is in no account: what regionproof.yaml declares."""
EVERYTHING = "*"
"""What stands in `Section.beyond` for a question that no part of the estate can answer."""


def is_everywhere(type: str) -> bool:
    """Tell whether every section holds all resources of a type."""
    return type in EVERYWHERE or type.startswith(_DECLARED)


def is_common(gap: Gap, accounts: frozenset[str]) -> bool:
    """Tell whether every section knows of a gap, if these are the accounts that were asked."""
    unplaced = gap.account not in accounts or gap.region is None
    return unplaced or gap.type is None or gap.type == _REGISTRY or is_everywhere(gap.type)


@dataclass(frozen=True)
class Common:
    """What every section of an estate knows.

    `accounts` are those that were asked.  `pairs` are all pairs, `unseen_replication` is that of the whole model.
    `resources` are those of types that are `is_everywhere`, `gaps` those that may hide such, or registries, or that
    name no account that was asked.  `owners` says whose a bucket is, by its name, of which there is one in the world;
    `worldwide` are the types with ids that name no account.
    """

    accounts: frozenset[str]
    scanned: frozenset[Place]
    asked: frozenset[Place]
    pairs: tuple[Pair, ...]
    pairs_derived: bool
    unseen_replication: str | None
    resources: tuple[Resource, ...]
    gaps: tuple[Gap, ...]
    owners: Mapping[tuple[str, str], str]
    worldwide: frozenset[str]
    as_of: datetime
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is known, without what was only prepared from it."""
        return {**vars(self), "_known": {}}

    def unit(self, account: str | None) -> str:
        """Return the unit that an account is judged with."""
        return account if account in self.accounts else REST

    def index(self, name: str, keep: Callable[[Gap], bool]) -> GapIndex:
        """Return an index of the gaps that are to be kept; it is made once under its name."""
        return cast(GapIndex, self._once(f"index {name}", lambda: GapIndex(filter(keep, self.gaps))))

    def hiding(self, type: str) -> tuple[Gap, ...]:
        """Return the gaps that may hide resources of a type that is `is_everywhere`, wherever."""
        found = self._once(type, lambda: tuple(gap for gap in self.gaps if gap.hides(type, None, None)))
        return cast("tuple[Gap, ...]", found)

    def pairs_about(self, account: str | None) -> Sequence[Pair]:
        """Return the pairs that name an account, and those that are of every account; None: all."""
        return cast(PairIndex, self._once("pairs", lambda: PairIndex(self.pairs))).about(account)

    def of_units(self, units: frozenset[str]) -> list[Gap]:
        """Return the gaps of units."""
        return [gap for unit in units for gap in self._once("units", self._by_unit).get(unit, ())]

    def _by_unit(self) -> dict[str, list[Gap]]:
        found: dict[str, list[Gap]] = {}
        for gap in self.gaps:
            found.setdefault(self.unit(gap.account), []).append(gap)
        return found

    def _once(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


class Section(Model):
    """The model of some units (accounts, and `REST`) of an estate of which no file declares anything.

    `resources` and `gaps` are those of its accounts, in the order in which the whole model has them; those that are
    `Common` may be among them.  See `beyond`.
    """

    def __init__(
        self,
        common: Common,
        units: frozenset[str],
        resources: Iterable[Resource],
        gaps: Iterable[Gap],
        images: ImageIndex,
    ) -> None:
        self._common, self._units = common, units
        self._beyond: set[str] = set()
        self._blind_spots: tuple[Gap, ...] | None = None
        own = sorted({gap for gap in gaps if not is_common(gap, common.accounts)}, key=repr)
        super().__init__(
            [*(one for one in resources if not is_everywhere(one.type)), *common.resources],
            gaps=own,
            pairs=(),
            images=cast(ImageIndex, _Watched(images, self._reach, self._reach_all)),
            scanned=common.scanned,
            asked=common.asked,
            as_of=common.as_of,
        )
        object.__setattr__(self, "pairs", common.pairs)  # they are many, and sorted
        object.__setattr__(self, "pairs_derived", common.pairs_derived)
        for type, ones in self._by_type.items():
            for id in () if is_everywhere(type) else ones:  # of two resources of one id, the whole model has but one
                self._reach(place_in(id)[0])

    def _index(self) -> None:
        super()._index()
        both = self._gaps_of_all, self._gaps_of_accounts, self._gaps_of_files
        common = (
            self._common.index("all", lambda _: True),
            self._common.index("accounts", lambda gap: gap.path is None),
            self._common.index("files", lambda gap: bool(gap.path)),
        )
        self._gaps_of_all, self._gaps_of_accounts, self._gaps_of_files = (
            cast(GapIndex, _Both(*each)) for each in zip(both, common, strict=True)
        )

    @property
    def beyond(self) -> frozenset[str]:
        """Return the accounts that were asked about and are not held: if there are any, no verdict counts."""
        return frozenset(self._beyond)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what is known here of everything that was not seen."""
        self._reach_all()
        return tuple(sorted({*self._gaps, *self._common.gaps}, key=repr))

    def gaps_hiding(self, type: str) -> tuple[Gap, ...]:
        """Return the gaps that may hide resources of a type, wherever."""
        self._must_be_everywhere(type)
        return self._common.hiding(type)

    def subjects(self, type: str) -> Iterator[Resource]:
        """Return the resources of a type that are in the units of the section."""
        return (one for one in self._of_type(type) if self._common.unit(one.account) in self._units)

    def blind_spots(self) -> tuple[Gap, ...]:
        """Return the gaps of the units of the section."""
        if self._blind_spots is None:
            found = tuple(sorted({*self._gaps, *self._common.of_units(self._units)}, key=repr))
            object.__setattr__(self, "_blind_spots", found)
            return found
        return self._blind_spots

    def of_type(self, type: str) -> Iterator[Resource]:
        """Return the resources of a type; no section holds all of them, unless there are few."""
        self._must_be_everywhere(type)
        return super().of_type(type)

    def connected(self, type: str, place: Place) -> Iterator[Resource]:
        """Return those that can have to do with a place: the section's, since what is connected is in one section."""
        self._reach(place.account)
        return super().connected(type, place)

    def named(self, type: str, name: str) -> Iterator[Resource]:
        """Return those that have a name, wherever they are."""
        if type in self._common.worldwide:
            self._reach(self._common.owners.get((type, name)))
        else:
            self._must_be_everywhere(type)
        return super().named(type, name)

    def in_place(self, type: str, place: Place) -> Iterator[Resource]:
        """Return those that are in a place, or may be."""
        if not is_everywhere(type):
            self._reach(place.account)
        return super().in_place(type, place)

    def get(self, type: str, id: str) -> Resource | None:
        """Return a resource by its id."""
        account, _ = place_in(id)
        if account is not None:
            self._reach(account)
        elif type in self._common.worldwide:
            self._reach_all()
        return super().get(type, id)

    def find(self, type: str, name: str | None, place: Place, *, code: bool = False) -> Resource | None:
        """Return a resource by its name and place."""
        if not is_everywhere(type):
            self._reach(place.account)
        return super().find(type, name, place, code=code)

    def hidden(self, type: str, place: Place | None = None) -> Gap | None:
        """Return a gap that may hide resources of a type."""
        if place is not None:
            self._reach(None if is_everywhere(type) else place.account)
            return super().hidden(type, place)
        self._must_be_everywhere(type)
        return next(iter(self._common.hiding(type)), None)

    def pairs_about(self, account: str | None) -> Sequence[Pair]:
        """Return the pairs that name an account."""
        return self._common.pairs_about(account)

    def unseen_replication(self) -> str | None:
        """Return why a replication rule from which a pair follows may not have been seen, of all accounts."""
        return self._common.unseen_replication

    def _reach(self, account: str | None) -> None:
        if account in self._common.accounts and account not in self._units:
            self._beyond.add(account)

    def _reach_all(self) -> None:
        self._beyond.add(EVERYTHING)

    def _must_be_everywhere(self, type: str) -> None:
        if not is_everywhere(type):
            self._reach_all()


class _Both:
    """The gaps of a section and those that every section knows, as one index."""

    def __init__(self, own: GapIndex, common: GapIndex) -> None:
        self._indexes = own, common

    def hiding(self, type: str, account: str | None, region: str | None) -> Gap | None:
        """Return the first gap, in the order of a whole model, that hides resources of this type and place."""
        found = (index.hiding(type, account, region) for index in self._indexes)
        return min(filter(None, found), key=repr, default=None)


class _Watched:
    """The image index of a section, which tells of what it is asked about."""

    def __init__(self, index: ImageIndex, reach: Callable[[str | None], None], reach_all: Callable[[], None]) -> None:
        self._index, self._reach, self._reach_all = index, reach, reach_all

    def __contains__(self, key: RepositoryKey) -> bool:
        self._reach(key.account)
        return key in self._index

    def __iter__(self) -> Iterator[RepositoryKey]:
        self._reach_all()
        return iter(self._index)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._index, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            for argument in (*arguments, *named.values()):
                if isinstance(argument, RepositoryKey):
                    self._reach(argument.account)
            return method(*arguments, **named)

        return watched
