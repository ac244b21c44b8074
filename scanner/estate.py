"""What the paths of a scan hold together: snapshots and infrastructure code, and what regionproof.yaml declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.config import Config
from scanner.errors import RegionproofError, UsageError
from scanner.finding import Coverage, Exemption, Input
from scanner.images import ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Model, Place, Resource
from scanner.snapshot import Snapshot
from scanner.uses import Uses

if TYPE_CHECKING:
    from scanner.parsers import Parsed
    from scanner.parsers.addresses import Addresses


@dataclass
class Estate:
    """What the paths hold together."""

    resources: list[Resource] = field(default_factory=list)
    live: list[Resource] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    listings: dict[RepositoryKey, Listing] = field(default_factory=dict)
    scanned: set[Place] = field(default_factory=set)
    asked: set[Place] = field(default_factory=set)
    coverage: list[Coverage] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    exemptions: list[Exemption] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses)
    addresses: dict[str, Addresses] = field(default_factory=dict)
    as_of: datetime | None = None
    planned: bool = False


def read_paths(paths: Sequence[Path], config: Config, opened: Mapping[Path, Snapshot] | None = None) -> Estate:
    """Read snapshots and infrastructure code; `opened` are snapshots that were opened before, by their path.

    Raises `UsageError` for a path that is not there, and `SnapshotError`.
    """
    estate = Estate()
    for path in paths:
        if not path.exists():
            raise UsageError(
                f"{path}: no such file or folder", "Give a snapshot, a template, or a folder of infrastructure code."
            )
        if is_snapshot(path):
            _add_snapshot(estate, (opened or {}).get(path) or open_whole(path))
        else:
            _add_code(estate, path, config)
    return estate


def open_whole(path: Path) -> Snapshot:
    """Open a snapshot; raise `SnapshotError`, and `UsageError` for a shard: its report would look like one on all."""
    snapshot = Snapshot.open(path)
    if snapshot.shard is not None:
        hint = "Merge all of them first: regionproof collect --merge SHARD... -o SNAPSHOT."
        raise UsageError(f"{path} is shard {snapshot.shard} of a snapshot", hint)
    return snapshot


def must_hold_something(estate: Estate, paths: Sequence[Path]) -> None:
    """Raise `RegionproofError` if the paths hold nothing that can be scanned."""
    if not estate.coverage:
        names = ", ".join(map(str, paths))
        raise RegionproofError(
            f"{names}: nothing to scan: no snapshot and no infrastructure code",
            "`regionproof collect -o snapshot` makes a snapshot; `regionproof demo` shows one.",
        )


def model_of(estate: Estate, config: Config, now: datetime) -> Model:
    """Return the model of all there is; `now` is its time if no snapshot has one."""
    return Model(
        estate.resources,
        gaps=estate.gaps,
        pairs=config.pairs,
        images=ImageIndex(estate.listings),
        scanned=estate.scanned,
        asked=estate.asked,
        as_of=estate.as_of or now,
        planned=estate.planned,
    )


def is_snapshot(path: Path) -> bool:
    """Tell whether a path is a snapshot, finished or not."""
    return path.is_dir() and ((path / "snapshot.json").exists() or (path / "targets").is_dir())


def _add_snapshot(estate: Estate, snapshot: Snapshot) -> None:
    from scanner.collectors import read

    add_facts(estate, snapshot)
    resources, gaps = read(snapshot)
    estate.resources += resources
    estate.gaps += gaps
    estate.listings.update(snapshot.images())
    estate.coverage += snapshot.coverage_of(snapshot.targets)


def add_facts(estate: Estate, snapshot: Snapshot) -> None:
    """Add what a report says of a snapshot beside what its targets tell; raise `UsageError` for a place twice."""
    if twice := estate.asked & {target.place for target in snapshot.targets}:
        raise UsageError(
            f"{snapshot.path}: '{min(twice)}' is in another snapshot that was given, too",
            "Give one snapshot of each place.",
        )
    estate.asked |= {target.place for target in snapshot.targets}
    estate.scanned |= estate.asked
    estate.coverage += snapshot.coverage_not_enabled()
    estate.inputs.append(Input("snapshot", snapshot.path.as_posix(), snapshot.sha256))
    estate.as_of = min(estate.as_of or snapshot.as_of, snapshot.as_of)


def _add_code(estate: Estate, path: Path, config: Config) -> None:
    from scanner.parsers import parse

    parsed = parse(path, config.places, deployments=config.deployments, tools=config.tools)
    add_parsed(estate, parsed)
    estate.coverage += [Coverage("", "", "file", name, status, 1, message=text) for name, status, text in parsed.files]
    estate.exemptions += parsed.exemptions
    estate.uses.add(parsed.uses)
    estate.addresses |= parsed.addresses
    estate.inputs.append(Input("iac", path.as_posix(), parsed.sha256))


def add_parsed(estate: Estate, parsed: Parsed) -> None:
    """Add what code declares."""
    estate.resources += parsed.resources
    estate.gaps += parsed.gaps
    estate.scanned |= {resource.place for resource in parsed.resources if resource.type == "AWS::Account::Region"}


def add_evidence(estate: Estate, config: Config) -> None:
    """Add the tiers and the evidence that a configuration declares."""
    from scanner.evidence import read

    evidence = read(config)
    estate.resources += [*config.tiers, *evidence.resources]
    estate.gaps += evidence.gaps
    estate.coverage += [
        Coverage("", "", "file", name, status, 1, message=text) for name, status, text in evidence.files
    ]
    if evidence.files:
        estate.inputs.append(Input("evidence", config.path or "", evidence.sha256))
