"""One resource: what it is called, where it is, what it looks like, and where that is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scanner.guarded import InsufficientData, Properties


class Place(NamedTuple):
    """An account and a Region.  In a declared pair, account None means any account."""

    account: str | None
    region: str

    def __str__(self) -> str:
        return f"{self.account or '*'}/{self.region}"


@dataclass(frozen=True, order=True)
class Location:
    """A place in a file; `path` is relative to where the scan began, lines and columns count from 1.

    `through` are the calls of modules that lead to it, outermost first.
    """

    path: str
    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    through: tuple[Location, ...] = ()

    def holds(self, other: Location) -> bool:
        """Tell whether another place begins inside this one; one without an end holds nothing."""
        if self.end_line is None or self.end_column is None or self.path != other.path:
            return False
        return (self.line, self.column) <= (other.line, other.column) < (self.end_line, self.end_column)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
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
