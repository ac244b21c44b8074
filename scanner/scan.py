"""From paths to a report: snapshots and infrastructure code become one model, and the rules judge it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scanner import __version__
from scanner.config import Config
from scanner.engine import assess, exempt
from scanner.errors import RegionproofError, UsageError
from scanner.finding import Coverage, Exemption, Input, Report
from scanner.images import ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Model, Place, Resource
from scanner.rule import Rule


@dataclass
class _Estate:
    """What the paths hold together."""

    resources: list[Resource] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    listings: dict[RepositoryKey, Listing] = field(default_factory=dict)
    scanned: set[Place] = field(default_factory=set)
    asked: set[Place] = field(default_factory=set)
    coverage: list[Coverage] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    exemptions: list[Exemption] = field(default_factory=list)
    as_of: datetime | None = None


def scan(paths: Sequence[Path], rules: Sequence[Rule], config: Config, now: datetime) -> Report:
    """Scan snapshots, templates and folders of templates, mixed freely, and return the report.

    `now` is the time of a scan that reads no snapshot; else the report speaks of the oldest snapshot's time.
    Raises `UsageError` for a path that is not there, `SnapshotError` for a snapshot that is damaged, and
    `RegionproofError` if the paths hold nothing that can be scanned.
    """
    estate = _Estate()
    for path in paths:
        if not path.exists():
            raise UsageError(
                f"{path}: no such file or folder", "Give a snapshot, a template, or a folder of templates."
            )
        if is_snapshot(path):
            _add_snapshot(estate, path)
        else:
            _add_code(estate, path, config)
    if not estate.coverage:
        names = ", ".join(map(str, paths))
        raise RegionproofError(
            f"{names}: nothing to scan: no snapshot and no CloudFormation template",
            "`regionproof collect -o snapshot` makes a snapshot; `regionproof demo` shows one.",
        )
    _add_evidence(estate, config)
    model = Model(
        estate.resources,
        gaps=estate.gaps,
        pairs=config.pairs,
        images=ImageIndex(estate.listings),
        scanned=estate.scanned,
        asked=estate.asked,
        as_of=estate.as_of or now,
    )
    assessed = assess(model, rules, config)
    model = assessed.model
    declared = (*config.exemptions, *estate.exemptions)
    findings, exemptions = exempt(assessed.findings, declared, model)
    return Report(
        tool_version=__version__,
        as_of=model.as_of,
        inputs=tuple(estate.inputs),
        pairs=model.pairs,
        pairs_derived=model.pairs_derived,
        rules=tuple(rule.summary() for rule in rules),
        findings=findings,
        coverage=tuple(sorted(estate.coverage)),
        exemptions=exemptions,
        config_sha256=config.sha256,
        broken_rules=assessed.broken,
        unseen=tuple(_unseen(estate, config)),
    )


def _unseen(estate: _Estate, config: Config) -> Iterator[Place]:
    """Yield the primaries of declared pairs of which nothing was scanned; that must not look well."""
    for primary in dict.fromkeys(pair.primary for pair in config.pairs or ()):
        if not any(primary.account in (None, at.account) and primary.region == at.region for at in estate.scanned):
            yield primary


def is_snapshot(path: Path) -> bool:
    """Tell whether a path is a snapshot, finished or not."""
    return path.is_dir() and ((path / "snapshot.json").exists() or (path / "targets").is_dir())


def _add_snapshot(estate: _Estate, path: Path) -> None:
    from scanner.collectors import read
    from scanner.snapshot import Snapshot

    snapshot = Snapshot.open(path)
    resources, gaps = read(snapshot)
    estate.resources += resources
    estate.gaps += gaps
    estate.listings.update(snapshot.images())
    estate.asked |= {target.place for target in snapshot.targets}
    estate.scanned |= estate.asked
    estate.coverage += snapshot.coverage()
    estate.inputs.append(Input("snapshot", path.as_posix(), snapshot.sha256))
    estate.as_of = min(estate.as_of or snapshot.as_of, snapshot.as_of)


def _add_code(estate: _Estate, path: Path, config: Config) -> None:
    from scanner.parsers import parse

    parsed = parse(path, config.places, config.deployments)
    estate.resources += parsed.resources
    estate.gaps += parsed.gaps
    estate.scanned |= {resource.place for resource in parsed.resources if resource.type == "AWS::Account::Region"}
    estate.coverage += [Coverage("", "", "file", name, status, 1, message=text) for name, status, text in parsed.files]
    estate.exemptions += parsed.exemptions
    estate.inputs.append(Input("iac", path.as_posix(), parsed.sha256))


def _add_evidence(estate: _Estate, config: Config) -> None:
    from scanner.evidence import read

    evidence = read(config)
    estate.resources += [*config.tiers, *evidence.resources]
    estate.gaps += evidence.gaps
    estate.coverage += [
        Coverage("", "", "file", name, status, 1, message=text) for name, status, text in evidence.files
    ]
    if evidence.files:
        estate.inputs.append(Input("evidence", config.path or "", evidence.sha256))
