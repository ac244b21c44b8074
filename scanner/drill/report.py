"""What a drill is told with: its verdicts, what it took for granted, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scanner.drill.simulate import Drill
from scanner.finding import Coverage, Input, RuleSummary


@dataclass(frozen=True)
class DrillReport:
    """The result of a drill.

    `as_of` is the time the data speaks of.  `assumptions` are sentences about what is taken for granted and is not so.
    `rules` are those that were asked, by id; `not_judged` are links of the chain that none of them judges, because the
    configuration leaves the rules out.  `unmatched` are tiers and globs of theirs that name nothing that was seen.
    `missed` are the questions that were asked and not answered in full.
    """

    tool_version: str
    as_of: datetime
    inputs: tuple[Input, ...]
    drill: Drill
    rules: Mapping[str, RuleSummary]
    assumptions: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    missed: tuple[Coverage, ...] = ()
    config_sha256: str | None = None
    unmatched: tuple[tuple[str, str], ...] = ()
