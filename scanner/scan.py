"""From paths to a report: snapshots and infrastructure code become one model, and the rules judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import __version__
from scanner.config import Config
from scanner.drill import Drill, simulate
from scanner.engine import assess, exempt
from scanner.errors import RegionproofError, UsageError
from scanner.finding import Baseline, BaselineState, Coverage, Exemption, Finding, Input, Origin, Report, Tier
from scanner.images import ImageIndex, Listing, RepositoryKey
from scanner.loss import Loss
from scanner.model import Gap, InsufficientData, Model, Place, Resource
from scanner.origins import Causes, brought, changed, is_code, is_shown, traced
from scanner.overlay import overlay
from scanner.pull_path import with_paths
from scanner.recovery import objective, tier_of
from scanner.references import WORKLOADS
from scanner.rule import Rule
from scanner.uses import Uses, slips

if TYPE_CHECKING:
    from scanner.changes import Changes
    from scanner.parsers import Parsed
    from scanner.parsers.addresses import Addresses
    from scanner.report_file import ReportFile


@dataclass
class _Estate:
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


@dataclass(frozen=True)
class Change:
    """How a scan looks at a change: laid over the snapshot `against`, narrowed to what differs from `since`.

    `baseline` is an earlier report to compare with.  `new_only` keeps what the change brings, or what is new since the
    baseline, and nothing that is so without it.
    """

    against: Path | None = None
    since: str | None = None
    new_only: bool = False
    baseline: Path | None = None


def scan(
    paths: Sequence[Path], rules: Sequence[Rule], config: Config, now: datetime, change: Change | None = None
) -> Report:
    """Scan as `examine` does, and return the report alone."""
    return examine(paths, rules, config, now, change)[0]


def examine(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    config: Config,
    now: datetime,
    change: Change | None = None,
    amend: Callable[[Model], Model] = lambda model: model,
    loss: Loss | None = None,
    *,
    fail_back: bool = False,
) -> tuple[Report, Model, Drill]:
    """Scan snapshots, templates and folders of templates, mixed freely; return the report and what it is about.

    The drill is of a loss, or of the loss of each primary; `fail_back` is that of `simulate`.
    `now` is the time of a scan that reads no snapshot; else the report speaks of the oldest snapshot's time.
    `amend` makes another model of what was found, which is judged instead.
    Raises `UsageError` for a path that is not there, `SnapshotError` for a snapshot that is damaged,
    `ReportError` for a baseline that is, and `RegionproofError` if the paths hold nothing that can be scanned.
    """
    change = change or Change()
    earlier = _baseline(change.baseline) if change.baseline else None
    estate = _read(paths, config)
    if not estate.coverage:
        names = ", ".join(map(str, paths))
        raise RegionproofError(
            f"{names}: nothing to scan: no snapshot and no infrastructure code",
            "`regionproof collect -o snapshot` makes a snapshot; `regionproof demo` shows one.",
        )
    estate.coverage += _slips(estate, paths, config)
    differing = [_differing(change.since, path) for path in paths] if change.since else []
    before = None
    if change.against is not None:
        before, estate = _laid_over(change.against, paths, estate, config, change.since)
    elif change.since is not None:
        before = _as_it_was(paths, estate, config, change.since)
    _add_evidence(estate, config)
    assessed = assess(amend(_model(estate, config, now)), rules, config)
    model, findings = assessed.model, assessed.findings
    new, causes = frozenset[str](), Causes((), {})
    if before is not None:
        changes = changed(before.resources if change.since else before.live, estate.resources, differing)
        causes = Causes(changes, {rule.id: rule.needs for rule in rules})
        was = _without(before, rules, config, now, change)
        new = brought(findings, was)
        findings = tuple(traced(findings, was)) if change.against else findings
    findings, exemptions = exempt(findings, (*config.exemptions, *estate.exemptions), model)
    if earlier is not None:
        findings = tuple(_compared(findings, earlier.report))
    report = Report(
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
        changed_since=change.since,
        tiers=tuple(_tiers(model, config)),
    )
    if earlier is not None:
        report = replace(report, baseline=_what_became(earlier, report))
    drill = simulate(model, findings, rules, loss, fail_back=fail_back)
    shown = with_paths((each for each in findings if _is_shown(each, change, differing, new)), model)
    placed = tuple(causes.given(one) if one.origin is Origin.CHANGE or one.fingerprint in new else one for one in shown)
    recoveries = tuple(one.outline() for one in drill.recoveries)
    report = replace(report, findings=placed, not_shown=len(findings) - len(placed), recoveries=recoveries)
    return report, model, drill


def _without(
    before: _Estate, rules: Sequence[Rule], config: Config, now: datetime, change: Change
) -> tuple[Finding, ...]:
    """Return the findings as they would be without the change; where nobody knows the code before it, of no code."""
    _add_evidence(before, config)
    was = assess(_model(before, config, now), rules, config).findings
    return tuple(one for one in was if change.since or not is_code(one.resource))


def _baseline(path: Path) -> ReportFile:
    from scanner.report_file import load

    found = load(path)
    if found.report.not_shown:
        raise UsageError(
            f"{path}: a report that leaves out {found.report.not_shown:,} verdicts, so what is new is not known",
            "Give the report of a whole scan, without --new-only and --changed-since.",
        )
    return found


def _compared(findings: Iterable[Finding], earlier: Report) -> Iterator[Finding]:
    from scanner.comparison import known, state

    before = known(earlier)
    return (replace(finding, baseline_state=state(before.get(finding.fingerprint), finding)) for finding in findings)


def _what_became(earlier: ReportFile, report: Report) -> Baseline:
    from scanner.comparison import differences, former

    found = (
        replace(one, finding=replace(one.finding, baseline_state=BaselineState.ABSENT, origin=None))
        for one in former(differences(earlier.report, report))
    )
    return Baseline(earlier.path, earlier.sha256, earlier.scan_id, earlier.report.as_of, tuple(found))


def resources(paths: Sequence[Path], config: Config) -> list[Resource]:
    """Return the resources of snapshots and of infrastructure code; raise as `scan` does."""
    return _read(paths, config).resources


def _read(paths: Sequence[Path], config: Config) -> _Estate:
    estate = _Estate()
    for path in paths:
        if not path.exists():
            raise UsageError(
                f"{path}: no such file or folder", "Give a snapshot, a template, or a folder of infrastructure code."
            )
        if is_snapshot(path):
            _add_snapshot(estate, path)
        else:
            _add_code(estate, path, config)
    return estate


def _model(estate: _Estate, config: Config, now: datetime) -> Model:
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


def _laid_over(
    against: Path, paths: Sequence[Path], code: _Estate, config: Config, since: str | None
) -> tuple[_Estate, _Estate]:
    """Return the estate without the change, and with it."""
    if not is_snapshot(against):
        raise UsageError(f"{against}: no snapshot", "--against takes a snapshot; `regionproof collect` makes one.")
    for path in paths:
        if is_snapshot(path):
            raise UsageError(f"{path}: a snapshot", "With --against, the paths are infrastructure code.")
    live = _read([against], config)
    live.live = live.resources
    was = [_before(path, since, config, code.addresses) for path in paths] if since else []
    declared = [one for parsed in was for one in parsed.resources] if since else None
    after = replace(live, resources=overlay(live.resources, code.resources, declared, code.gaps), planned=True)
    after.gaps = [*live.gaps, *code.gaps]
    after.scanned = live.scanned | code.scanned
    after.coverage = [*live.coverage, *code.coverage]
    after.inputs = [*code.inputs, *(replace(one, kind="against") for one in live.inputs)]
    after.exemptions = code.exemptions
    if declared is None:  # then the code is there, and changes nothing
        live.resources = [*live.resources, *code.resources]
        live.gaps = after.gaps
    else:
        live.resources = overlay(live.resources, declared)
        live.gaps = [*live.gaps, *(gap for parsed in was for gap in parsed.gaps)]
        live.planned = True
    live.scanned = after.scanned
    return live, after


def _as_it_was(paths: Sequence[Path], code: _Estate, config: Config, since: str) -> _Estate:
    """Return what the code declared at a revision."""
    estate = _Estate()
    for path in paths:
        _add_parsed(estate, _before(path, since, config, code.addresses))
    return estate


def _before(path: Path, since: str, config: Config, after: Mapping[str, Addresses]) -> Parsed:
    from scanner.changes import before
    from scanner.parsers import Parsed, parse

    with before(since, _folder(path)) as copy:
        at = copy if path.is_dir() else copy / path.name
        return parse(at, config.places, path, config.deployments, after) if at.exists() else Parsed([], [], [], "", [])


def _differing(since: str, path: Path) -> Changes:
    from scanner.changes import since as differing
    from scanner.parsers.tree import shown_prefix

    if is_snapshot(path):
        raise UsageError(f"{path}: a snapshot", "--changed-since is about infrastructure code in a git repository.")
    return differing(since, _folder(path), shown_prefix(path, folder=path.is_dir()))


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _is_shown(finding: Finding, change: Change, differing: Sequence[Changes], new: frozenset[str]) -> bool:
    if change.new_only and not _is_new(finding, change):
        return False
    return not differing or is_shown(finding, differing, new)


def _is_new(finding: Finding, change: Change) -> bool:
    """Tell whether a finding is new in every sense that was asked for."""
    brought = change.against is None or finding.origin is Origin.CHANGE
    return brought and (change.baseline is None or finding.baseline_state is BaselineState.NEW)


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
    if twice := estate.asked & {target.place for target in snapshot.targets}:
        raise UsageError(
            f"{path}: '{min(twice)}' is in another snapshot that was given, too", "Give one snapshot of each place."
        )
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

    parsed = parse(path, config.places, deployments=config.deployments)
    _add_parsed(estate, parsed)
    estate.coverage += [Coverage("", "", "file", name, status, 1, message=text) for name, status, text in parsed.files]
    estate.exemptions += parsed.exemptions
    estate.uses.add(parsed.uses)
    estate.addresses |= parsed.addresses
    estate.inputs.append(Input("iac", path.as_posix(), parsed.sha256))


def _add_parsed(estate: _Estate, parsed: Parsed) -> None:
    estate.resources += parsed.resources
    estate.gaps += parsed.gaps
    estate.scanned |= {resource.place for resource in parsed.resources if resource.type == "AWS::Account::Region"}


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


def _slips(estate: _Estate, paths: Sequence[Path], config: Config) -> list[Coverage]:
    """Return the configuration as a file that was not understood in full, where `iac` says what no code takes."""
    code = [path for path in paths if not is_snapshot(path)]
    said = "; ".join(slips(config, estate.uses, code)) if code else ""
    return [Coverage("", "", "file", config.path or "", "partial", 1, message=f"iac: {said}")] if said else []


def _tiers(model: Model, config: Config) -> Iterator[Tier]:
    """Yield the declared tiers, each with the workloads that were seen of it."""
    members: dict[str | None, set[str]] = {}
    for type in WORKLOADS if config.tiers else ():
        for workload in model.of_type(type):
            with suppress(InsufficientData):
                tier = tier_of(model, workload)
                members.setdefault(tier.name if tier else None, set()).add(workload.id)
    for tier in config.tiers:
        yield Tier(
            str(tier.name),
            objective(tier, "Rpo"),
            objective(tier, "Rto"),
            tier["Owner"],
            tier["DrClass"],
            tuple(sorted(members.get(tier.name, ()))),
        )
