"""Workload by workload: would it start in the standby, as far as the rules judge, and what stands in the way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from scanner.chain import CHAIN
from scanner.finding import Report, Tier
from scanner.model import Resource
from scanner.outcome import Outcome, Recovery


@dataclass(frozen=True)
class WorkloadVerdict:
    """What the drill of a scan says of one workload in one standby; `outline` is all of it."""

    outline: Recovery

    @property
    def resource(self) -> Resource:
        """Return the workload; one of several where they share type, name and place, as the tasks of a family do."""
        return self.outline.workload

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.outline.name

    @property
    def standbys(self) -> tuple[str, ...]:
        """Return the Region where it is to start, none where no pair says it."""
        return (self.outline.standby.region,) if self.outline.standby else ()

    @property
    def recovery(self) -> Outcome:
        """Return the verdict."""
        return self.outline.outcome

    @property
    def reason(self) -> str:
        """Return why, as a sentence."""
        return self.outline.reason


def by_tier(report: Report) -> list[tuple[Tier | None, list[WorkloadVerdict]]]:
    """Return the verdicts by declared tier, in that order; those of no tier come last.  Tiers without any are kept."""
    known = {tier.name for tier in report.tiers}
    members: dict[str | None, list[WorkloadVerdict]] = defaultdict(list)
    for verdict in by_workload(report):
        tier = verdict.outline.tier
        members[tier if tier in known else None].append(verdict)
    found: list[tuple[Tier | None, list[WorkloadVerdict]]] = [(tier, members[tier.name]) for tier in report.tiers]
    return [*found, (None, members[None])] if members[None] else found


def by_workload(report: Report) -> list[WorkloadVerdict]:
    """Return a verdict for each workload that is to be recovered, in each of its standbys, worst first."""
    return [WorkloadVerdict(one) for one in report.recoveries or ()]


def judged(report: Report) -> int:
    """Return how many links of the chain the rules that ran have judged, for any workload."""
    seen = {link.link for one in report.recoveries or () for link in one.links}
    return sum(1 for link in CHAIN if link.id in seen)
