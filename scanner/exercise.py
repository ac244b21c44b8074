"""From paths to a drill: what is there is judged by the rules that judge links, and then something is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scanner.chain import CHAIN
from scanner.config import Config
from scanner.drill import DrillReport
from scanner.drill.what_if import Assumption, assuming, failing_back
from scanner.errors import UsageError
from scanner.loss import Loss
from scanner.model import Model
from scanner.recovery import unmatched
from scanner.rule import Rule
from scanner.scan import Change, Exercise, examine


@dataclass(frozen=True)
class WhatIf:
    """What a drill takes for granted: code that is laid over the snapshot, images that are replicated, pairs turned."""

    code: tuple[Path, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    fail_back: bool = False

    def __iter__(self) -> Iterator[str]:
        """Yield a sentence for each thing that is taken for granted."""
        if self.fail_back:
            yield "Every pair is turned round: the standbys are what runs, and the primaries take over."
        for path in self.code:
            yield f"What '{path.as_posix()}' declares is in place."
        for one in self.assumptions:
            yield f"Images of repositories named '{one.glob}' are in every standby of theirs."


def exercise(
    paths: Sequence[Path], rules: Sequence[Rule], config: Config, now: datetime, loss: Loss, what_if: WhatIf
) -> DrillReport:
    """Lose something of what the paths hold, and return what becomes of its workloads.

    `rules` are those that judge links.  Raises as `scanner.scan.examine` does, and `UsageError` for a loss with which
    nothing goes that was seen.
    """

    def amend(model: Model) -> Model:
        turned = failing_back(model) if what_if.fail_back else model
        return assuming(turned, what_if.assumptions) if what_if.assumptions else turned

    if what_if.code and len(paths) != 1:
        raise UsageError("--with: lays code over one snapshot", "Give one snapshot, and the code with --with.")
    change = Change(against=paths[0]) if what_if.code else None
    lost = Exercise(loss, what_if.fail_back, amend)
    report, model, drill = examine(what_if.code or paths, rules, config, now, change, lost)
    if not (drill.recoveries or drill.waiting or drill.unseen):
        raise UsageError(f"--lose {loss}: no workload that was seen goes with it", _hint(model, loss))
    judged = {rule.link for rule in rules}
    return DrillReport(
        report.tool_version,
        report.as_of,
        report.inputs,
        drill,
        {rule.id: rule for rule in report.rules},
        tuple(what_if),
        tuple(link.id for link in CHAIN if link.id not in judged),
        tuple(row for row in report.coverage if row.missed),
        report.config_sha256,
        tuple(unmatched(model)),
    )


def _hint(model: Model, loss: Loss) -> str:
    regions = ", ".join(sorted({place.region for place in model.scanned}))
    if loss.kind == "region":
        return f"Regions that were seen: {regions or 'none'}."
    return f"Check how it is written, and that it was collected; {len(model.scanned)} places were."
