"""From paths to a report: snapshots and infrastructure code become one model, and the rules judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import __version__
from scanner.before import as_it_was, differing, laid_over
from scanner.causes import Causes, changed, is_code
from scanner.changes import configured_before
from scanner.config import Config
from scanner.drill import Drill, settled, simulate
from scanner.engine import arranged, assess, exempt
from scanner.errors import UsageError
from scanner.estate import (
    Estate,
    add_evidence,
    add_facts,
    is_snapshot,
    model_of,
    must_hold_something,
    open_whole,
    read_paths,
)
from scanner.executors import Executor, Local
from scanner.finding import (
    Baseline,
    BaselineState,
    BrokenRule,
    Coverage,
    Finding,
    Origin,
    Report,
    Tier,
)
from scanner.loss import Loss
from scanner.model import Model, Pair, Place, Resource
from scanner.origins import brought, is_shown, traced
from scanner.pull_path import with_paths
from scanner.recovery import objective, workloads_by_tier
from scanner.rule import Rule
from scanner.snapshot import Snapshot
from scanner.uses import slips
from scanner.verdict import broken

if TYPE_CHECKING:
    from scanner.changes import Changes
    from scanner.report_file import ReportFile


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


AT_ONCE = 32
"""Up to so many targets are judged at once: to look at them twice takes longer, and their memory is small."""


def scan(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    config: Config,
    now: datetime,
    change: Change | None = None,
    executor: Executor | None = None,
    at_once: int = AT_ONCE,
) -> Report:
    """Scan as `examine` does, and return the report alone: of more targets than `at_once`, group by group.

    Where one of the paths is infrastructure code, or one of the rules is the code of a pack, `executor` has nothing to
    do: all is judged at once (see `scanner.groups`).
    """
    change = change or Change()
    if change.since or change.against or not all(map(is_snapshot, paths)) or any(rule.foreign for rule in rules):
        return examine(paths, rules, config, now, change)[0]
    opened = {path: open_whole(path) for path in paths}
    if executor is None and sum(len(snapshot.records) for snapshot in opened.values()) <= at_once:
        return _examined(paths, rules, config, now, change, opened, Exercise())[0]
    return _by_groups([opened[path] for path in paths], rules, config, change, executor or Local())


def _by_groups(
    snapshots: Sequence[Snapshot], rules: Sequence[Rule], config: Config, change: Change, executor: Executor
) -> Report:
    from scanner.groups import judged
    from scanner.survey import survey

    earlier = _baseline(change.baseline) if change.baseline else None
    estate = Estate()
    for snapshot in snapshots:
        add_facts(estate, snapshot)
    add_evidence(estate, config)
    seen = survey(snapshots, estate.resources, estate.gaps, config, executor)
    estate.coverage += seen.coverage
    must_hold_something(estate, [snapshot.path for snapshot in snapshots])
    common = seen.common
    found = judged(snapshots, common, seen.groups, rules, config, executor)
    outcome = _Outcome(
        common.as_of, common.pairs, common.pairs_derived, arranged(found.findings), broken(found.failures)
    )
    report = _report(estate, outcome, found.tiers, rules, config, change, earlier)
    report = replace(report, recoveries=settled(found.recoveries, found.tiers))
    return _narrowed(report, (each for each in report.findings if _is_shown(each, change)))


@dataclass(frozen=True)
class Exercise:
    """What a scan loses: a `loss`, or each primary; `fail_back` is that of `scanner.drill.simulate`.

    `amend` makes another model of what was found, which is judged instead.
    """

    loss: Loss | None = None
    fail_back: bool = False
    amend: Callable[[Model], Model] = lambda model: model


def examine(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    config: Config,
    now: datetime,
    change: Change | None = None,
    exercise: Exercise | None = None,
) -> tuple[Report, Model, Drill]:
    """Scan snapshots, templates and folders of templates, mixed freely; return the report and what it is about.

    `now` is the time of a scan that reads no snapshot; else the report speaks of the oldest snapshot's time.
    Raises `UsageError` for a path that is not there, `SnapshotError` for a snapshot that is damaged,
    `ReportError` for a baseline that is, and `RegionproofError` if the paths hold nothing that can be scanned.
    """
    return _examined(paths, rules, config, now, change or Change(), {}, exercise or Exercise())


def _examined(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    config: Config,
    now: datetime,
    change: Change,
    opened: Mapping[Path, Snapshot],
    exercise: Exercise,
) -> tuple[Report, Model, Drill]:
    earlier = _baseline(change.baseline) if change.baseline else None
    estate = read_paths(paths, config, opened)
    must_hold_something(estate, paths)
    estate.coverage += _slips(estate, paths, config)
    edits = differing(change.since, paths, config) if change.since else []
    before, was_config = None, configured_before(change.since, config) if change.since else config
    if change.against is not None:
        before, estate = laid_over(change.against, paths, estate, config, was_config, change.since)
    elif change.since is not None:
        before = as_it_was(paths, estate, was_config, change.since)
    add_evidence(estate, config)
    assessed = assess(exercise.amend(model_of(estate, config, now)), rules, config)
    model, findings = assessed.model, assessed.findings
    new, causes = frozenset[str](), Causes((), {})
    if before is not None:
        changes = changed(before.resources if change.since else before.live, estate.resources, edits)
        causes = Causes(changes, {rule.id: rule.needs for rule in rules}, edits)
        was = _without(before, rules, was_config, now, change)
        findings, _ = exempt(findings, (*config.exemptions, *estate.exemptions), model.as_of)
        new = brought(findings, was)
        findings = tuple(traced(findings, was)) if change.against else findings
    outcome = _Outcome(model.as_of, model.pairs, model.pairs_derived, findings, assessed.broken)
    report = _report(estate, outcome, workloads_by_tier(model), rules, config, change, earlier)
    drill = simulate(model, report.findings, rules, exercise.loss, fail_back=exercise.fail_back)
    report = replace(report, recoveries=tuple(one.outline() for one in drill.recoveries))
    shown = with_paths((each for each in report.findings if _is_shown(each, change, edits, new, causes)), model)
    placed = (causes.given(one) if one.origin is Origin.CHANGE or one.fingerprint in new else one for one in shown)
    return _narrowed(report, placed), model, drill


def _without(
    before: Estate, rules: Sequence[Rule], config: Config, now: datetime, change: Change
) -> tuple[Finding, ...]:
    """Return the findings as they would be without the change; where nobody knows the code before it, of no code."""
    add_evidence(before, config)
    assessed = assess(model_of(before, config, now), rules, config)
    exemptions = (*config.exemptions, *before.exemptions)
    was, _ = exempt(assessed.findings, exemptions, assessed.model.as_of)
    return tuple(one for one in was if change.since or not is_code(one.resource))


@dataclass(frozen=True)
class _Outcome:
    """What came of an evaluation, and which pairs and which time it is about."""

    as_of: datetime
    pairs: tuple[Pair, ...]
    pairs_derived: bool
    findings: tuple[Finding, ...]
    broken: tuple[BrokenRule, ...]


def _report(
    estate: Estate,
    outcome: _Outcome,
    workloads: Mapping[str | None, set[str]],
    rules: Sequence[Rule],
    config: Config,
    change: Change,
    earlier: ReportFile | None,
) -> Report:
    """Return the report of all findings."""
    findings, exemptions = exempt(outcome.findings, (*config.exemptions, *estate.exemptions), outcome.as_of)
    if earlier is not None:
        findings = tuple(_compared(findings, earlier.report))
    report = Report(
        tool_version=__version__,
        as_of=outcome.as_of,
        inputs=tuple(estate.inputs),
        pairs=outcome.pairs,
        pairs_derived=outcome.pairs_derived,
        rules=tuple(rule.summary() for rule in rules),
        findings=findings,
        coverage=tuple(sorted(estate.coverage)),
        exemptions=exemptions,
        config_sha256=config.sha256,
        broken_rules=outcome.broken,
        unseen=tuple(_unseen(estate, config)),
        changed_since=change.since,
        tiers=tuple(_tiers(workloads, config)),
    )
    return report if earlier is None else replace(report, baseline=_what_became(earlier, report))


def _narrowed(report: Report, shown: Iterable[Finding]) -> Report:
    """Return the report with those of its findings that are shown."""
    kept = tuple(shown)
    return replace(report, findings=kept, not_shown=len(report.findings) - len(kept))


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
    return read_paths(paths, config).resources


def _is_shown(
    finding: Finding,
    change: Change,
    edits: Sequence[Changes] = (),
    new: frozenset[str] = frozenset(),
    causes: Causes | None = None,
) -> bool:
    if change.new_only and not _is_new(finding, change):
        return False
    return not edits or is_shown(finding, edits, new, causes.differing if causes else ())


def _is_new(finding: Finding, change: Change) -> bool:
    """Tell whether a finding is new in every sense that was asked for."""
    brought = change.against is None or finding.origin is Origin.CHANGE
    return brought and (change.baseline is None or finding.baseline_state is BaselineState.NEW)


def _unseen(estate: Estate, config: Config) -> Iterator[Place]:
    """Yield the primaries of declared pairs of which nothing was scanned; that must not look well."""
    for primary in dict.fromkeys(pair.primary for pair in config.pairs or ()):
        if not any(primary.account in (None, at.account) and primary.region == at.region for at in estate.scanned):
            yield primary


def _slips(estate: Estate, paths: Sequence[Path], config: Config) -> list[Coverage]:
    """Return the configuration as a file that was not understood in full, where `iac` says what no code takes."""
    code = [path for path in paths if not is_snapshot(path)]
    said = "; ".join(slips(config, estate.uses, code)) if code else ""
    return [Coverage("", "", "file", config.path or "", "partial", 1, message=f"iac: {said}")] if said else []


def _tiers(workloads: Mapping[str | None, set[str]], config: Config) -> Iterator[Tier]:
    """Yield the declared tiers, each with the workloads that were seen of it."""
    for tier in config.tiers:
        yield Tier(
            str(tier.name),
            objective(tier, "Rpo"),
            objective(tier, "Rto"),
            tier["Owner"],
            tier["DrClass"],
            tuple(sorted(workloads.get(tier.name, ()))),
        )
